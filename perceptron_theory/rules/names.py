"""Rules by name, and the refusal of what is no rule."""

from __future__ import annotations

from ..errors import InputError, unknown_name
from ..numerics.parameters import lacks_dataclass
from .by_quantile import Easy, Hard, Random
from .rule import Rule

RULES: dict[str, Rule] = {"hard": Hard(), "easy": Easy(), "random": Random()}
WITH_PARAMETERS = {"window": "Window(lower=0.3)", "mixture": "Mixture(share=0.5)"}


def resolve_rule(rule: str | Rule) -> Rule:
    """The rule object behind a name; a rule object is returned as it is.

    Raises:
        InputError: unknown name (the nearest known one is suggested), or an object that
            is no rule, with the part of the contract that it lacks.
    """
    if isinstance(rule, Rule):
        missing = rule.takes_fraction and type(rule).cells is Rule.cells
        if missing:
            raise InputError(
                f"the rule {type(rule).__name__} lacks cells(keep_fraction): write "
                "that method, it returns perceptron_theory.Cells"
            )
        if lacks_dataclass(rule):
            raise InputError(
                f"the rule {type(rule).__name__} is no dataclass: decorate it with "
                "@dataclasses.dataclass(frozen=True)"
            )
        return rule.with_arrays()
    if isinstance(rule, type) and issubclass(rule, Rule):
        raise InputError(
            f"rule must be an object, got the class {rule.__name__}: call it, "
            f"{rule.__name__}(...)"
        )
    if not isinstance(rule, str):
        lacks = "" if hasattr(rule, "cells") else "; it lacks cells(keep_fraction)"
        raise InputError(
            f"rule must be one of {', '.join(map(repr, RULES))} or a rule object "
            "such as perceptron_theory.Window(lower=0.3), of a class derived from "
            f"perceptron_theory.Rule, got {rule!r}{lacks}"
        )
    if rule in WITH_PARAMETERS:
        raise InputError(
            f"rule {rule!r} has a parameter: give "
            f"perceptron_theory.{WITH_PARAMETERS[rule]}"
        )
    if rule not in RULES:
        raise unknown_name("rule", rule, RULES)
    return RULES[rule]
