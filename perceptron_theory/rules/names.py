"""Rules by name, and the refusal of what is no rule."""

from __future__ import annotations

from ..errors import InputError, unknown_name
from ..numerics.parameters import check_dataclass, check_fields, check_object
from .agreeing import Agreeing, AgreeingAt
from .by_quantile import Easy, Hard, Random
from .keep_probability import KeepProbability
from .rule import Rule

RULES: dict[str, Rule] = {"hard": Hard(), "easy": Easy(), "random": Random()}
WITH_PARAMETERS = {"window": "Window(lower=0.3)", "mixture": "Mixture(share=0.5)"}


def resolve_rule(rule: str | Rule) -> Rule:
    """The rule object behind a name; a rule object is returned as it is.

    Raises:
        InputError: unknown name (the nearest known one is suggested), or an object that
            is no rule, with the part of the contract that it lacks.
    """
    if isinstance(rule, Agreeing):
        return rule.replaced(rule=_within(rule.rule))
    if isinstance(rule, Rule):
        if rule.takes_fraction and type(rule).cells is Rule.cells:
            raise InputError(
                f"the rule {type(rule).__name__} lacks cells(keep_fraction): write "
                "that method, it returns perceptron_theory.Cells"
            )
        if not rule.takes_fraction and not isinstance(rule, KeepProbability):
            raise InputError(
                f"the rule {type(rule).__name__} has takes_fraction = False, which is "
                "for KeepProbability alone: leave it out, cells(keep_fraction) keeps "
                "the fraction f"
            )
        check_dataclass("rule", rule)
        rule = rule.with_arrays()
        check_fields("rule", rule)
        return rule
    check_object("rule", rule, Rule)
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


def _within(rule: str | Rule) -> Rule:
    """The rule that label-aware keeping follows.

    Raises:
        InputError: as :func:`resolve_rule`, or it is label-aware itself.
    """
    if isinstance(rule, Agreeing | AgreeingAt):
        raise InputError("Agreeing takes a rule that is not Agreeing itself: give that")
    return resolve_rule(rule)
