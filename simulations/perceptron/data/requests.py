"""Checks of what is asked for, before anything is drawn: each raises an InputError."""

from __future__ import annotations

from perceptron_theory import InputError
from perceptron_theory.errors import suggestion

from ..hardware.memory import machine_memory
from ..naming import whole_number
from .ensemble import Ensemble

POOLS = ("drawn", "direct")
"""The whole pool is drawn and ranked, or its kept examples are drawn directly."""

# One example of a pool: (u, v), its margin, and what ranking these takes.
_BYTES_OF_AN_EXAMPLE = 72
# One number of a training set, its copies, and what training takes (measured at
# N = 4000: 9.4 times the 8 bytes of the number).
_BYTES_OF_A_NUMBER = 80


def check_request(size: int, draws: int, seed: int, first: int) -> None:
    """Refuse numbers that are not whole, or outside the range of any experiment."""
    numbers = {"size": size, "draws": draws, "first": first, "seed": seed}
    for name, value in numbers.items():
        whole_number(value, name)
    if size < 2 or draws < 1 or first < 0 or not 0 <= seed < 2**63:
        raise InputError(
            "need size >= 2, draws >= 1, first >= 0 and 0 <= seed < 2^63; got "
            f"{size}, {draws}, {first}, {seed}"
        )


def check_mode(pool: str) -> None:
    """Refuse a way of drawing pools that is none of :data:`POOLS`."""
    if pool not in POOLS:
        hint = suggestion(pool, POOLS)
        raise InputError(f"pool must be one of {', '.join(POOLS)}; got {pool!r}{hint}")


def check_memory(needed: float, share: float, taken: str, way_out: str) -> None:
    """Refuse what takes more than a share of the memory of this machine.

    Args:
        needed: bytes.
        share: how much of the memory may go into them.
        taken: what takes how much, "{}" in place of the number.
        way_out: what to ask for instead.
    """
    memory = machine_memory()
    if needed > share * memory:
        raise InputError(
            f"{taken.format(f'{needed / 2**30:.3g} GiB')}, and this machine has "
            f"{memory / 2**30:.3g}: {way_out}"
        )


def check_pool(pool: str, ensemble: Ensemble, total: int) -> None:
    """Refuse an unknown mode, or one that a rule has not, and too large a pool.

    A ``KeepProbability`` cannot be drawn directly; a pool of ``total`` examples may not
    take more than half of the memory.
    """
    check_mode(pool)
    if total > 2**53:
        raise InputError(
            f"a pool of {total:.3g} examples has more ranks than float64 has numbers: "
            f"raise keep_fraction (now {ensemble.keep_fraction}) or lower N"
        )
    if pool == "direct":
        if ensemble.by_chance:
            raise InputError(
                "pool='direct' knows rules of ranks, not a KeepProbability, which has "
                "to see every example: use pool='drawn'"
            )
        if ensemble.label_aware:
            raise InputError(
                "pool='direct' knows rules of ranks of the whole pool, not label-aware "
                "keeping: use pool='drawn'"
            )
        return
    way_out = "raise keep_fraction" if ensemble.by_chance else "use pool='direct'"
    check_memory(
        total * _BYTES_OF_AN_EXAMPLE,
        1 / 2,
        f"a pool of {total:.3g} examples takes {{}} to draw",
        f"{way_out}, or a smaller N",
    )


def check_training_set(ensemble: Ensemble, size: int, kept: int) -> None:
    """Refuse a training set of P x N numbers that this machine cannot hold."""
    check_memory(
        kept * size * _BYTES_OF_A_NUMBER,
        2 / 3,
        f"training on {kept} examples at N = {size} takes about {{}}",
        f"lower N or alpha_prune (now {ensemble.alpha_prune:g})",
    )
