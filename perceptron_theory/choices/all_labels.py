r"""A student of the labels of all rounds: square loss, any number of rounds, exact.

Round s selects D_s, alpha_s examples per dimension of a fresh pool, by the margin of
w_{s-1}; w_t minimises the square loss with ridge over D_1, ..., D_t.  An earlier
selection is not that of a fresh probe: w_{s-1} is one of the students' own ancestors,
and the probe itself moves with the examples that all of them share.  The cavity method
closes nevertheless.

Of an example that no student has seen the fields u = T.x and h_t = w_t.x are Gaussian,
cov(u, h_t) = R_t, cov(h_t, h_r) = S_tr.  An example of D_s acts on every w_t, t >= s,
with the force e_t = g_t - y on its field g_t, and by way of earlier students,

    g_t = h_t - V_t e_t + sum_{s <= r < t} chi_tr e_r,        g_t = h_t for t < s,

V_t the response of w_t to a force on itself, chi_tr that to a force on w_r, which
changes what w_r, and all between them, select.  A force on w_r moves h_q by
m_q = -V_r (q = r), chi_qr (q > r), 0 (q < r).  With E_s the mean over D_s, s(.) its
keep-probability, the conditions lambda w_t + sum e_t x/N = 0 contracted with T, with
w_r, and with the force are

    lambda R_t   = -sum_{s <= t} alpha_s E_s[e_t u],
    lambda S_tr  = -sum_{s <= t} alpha_s E_s[e_t g_r],
    lambda V_t   = 1 - sum_{s <= t} alpha_s V_t/(1 + V_t),
    lambda chi_tr = -sum_{s <= t} alpha_s (sum_{q >= s} m_q E_s[d e_t/d h_q]
                                           + m_{s-1} E[s'(h_{s-1}) e_t]/f_s),

by Stein's lemma, which at the thresholds differentiates the selection too.  For the
square loss e = L (h - y), L = (1 + V - chi)^{-1} on the rows and columns from s on, all
means are moments of (u, h, y) given the probe's field, and round t is a linear system
in (R_t, S_tr, chi_tr), r < t; then S_tt follows.  S_tr can also be had from the
conditions of w_r: that both agree is a test (``asymmetry``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..convex.student import Convex
from ..errors import InputError
from ..kept.label_laws import Probit
from ..rules.agreeing import Agreeing
from ..rules.rule import Rule, check_rule
from ..solving.one_round import Round
from .selected_moments import Kept, kept_moments

LOSS = "square"


def rows_of_all_labels(every: list[Round], theta: float) -> list[dict[str, float]]:
    """Errors, loads and fractions of students of all labels so far, round by round.

    Args:
        every: the rounds, which share student, rule and margin.
        theta: angle of the first probe.

    Raises:
        InputError: a student, a rule or a margin for which this is not solved.
    """
    first = every[0]
    student, rule = first.student, first.rule
    ridge, noise, flips = _square_loss(student)
    if first.margin != "absolute" or isinstance(rule, Agreeing):
        raise InputError(
            "all_labels is solved for the absolute margin: leave margin out, and "
            "label-aware keeping"
        )
    if not rule.takes_fraction:
        raise InputError("all_labels needs a rule with a keep_fraction")
    student.check()
    fractions = np.array([one.keep_fraction or np.nan for one in every])
    check_rule(rule, fractions if np.isfinite(fractions).all() else None, "absolute")
    loads = np.array(
        [
            one.load["alpha_prune"]
            if "alpha_prune" in one.load
            else one.load["alpha_tot"] * f
            for one, f in zip(every, fractions, strict=True)
        ]
    )
    how = loads, fractions, rule, ridge, noise, flips
    errors = rounds_of_all_labels(*how, theta).error[1:]
    perfect = rounds_of_all_labels(*how, 0.0, first_selects_all=True).error[1:]
    columns = errors, perfect, loads, loads / fractions, fractions
    names = "error", "perfect_error", "alpha_prune", "alpha_tot", "keep_fraction"
    return [
        dict(zip(names, map(float, row), strict=True))
        for row in zip(*columns, strict=True)
    ]


def _square_loss(student: object) -> tuple[float, float, float]:
    """Ridge, strength of probit noise and flips of a student of the square loss.

    Raises:
        InputError: another student, or another law of noise.
    """
    if not isinstance(student, Convex) or student.loss.name != LOSS:
        name = getattr(student, "name", student)
        raise InputError(
            "all_labels is solved for the square loss: give student="
            f"Convex('square', ridge), got {name!r}"
        )
    if student.label_noise is not None and not isinstance(student.label_noise, Probit):
        raise InputError(
            "all_labels is solved for flips and probit noise, got "
            f"{student.label_noise.name!r}"
        )
    numbers = student.ridge, student.noise_strength, student.flip_probability
    ridge, noise, flips = (float(np.asarray(x).reshape(())) for x in numbers)
    return ridge, noise if student.label_noise is not None else 0.0, flips


class Rounds(NamedTuple):
    """Order parameters of the first probe (0) and the students of all rounds."""

    overlap: Float[np.ndarray, " n"]  # R
    product: Float[np.ndarray, "n n"]  # S
    response: Float[np.ndarray, " n"]  # V
    memory: Float[np.ndarray, "n n"]  # chi, below the diagonal
    asymmetry: float  # of S, from the conditions of either student

    @property
    def error(self) -> Float[np.ndarray, " n"]:
        """The error of each."""
        length = np.sqrt(np.diag(self.product))
        return np.arccos(np.clip(self.overlap / length, -1.0, 1.0)) / np.pi


def rounds_of_all_labels(
    loads: Float[np.ndarray, " rounds"],
    fractions: Float[np.ndarray, " rounds"],
    rule: Rule,
    ridge: float,
    noise: float,
    flips: float,
    first_theta: float,
    first_selects_all: bool = False,
) -> Rounds:
    """Students of the square loss on the kept examples of all rounds so far.

    Args:
        loads: alpha_prune of each round.
        fractions: f of each round.
        rule: of the absolute margin.
        ridge: lambda.
        noise: strength of probit noise.
        flips: part of the labels that is wrong besides.
        first_theta: angle of teacher and first probe.
        first_selects_all: the first probe selects in every round.
    """
    count = len(loads)
    found = Rounds(
        np.zeros(count + 1),
        np.zeros((count + 1, count + 1)),
        np.zeros(count + 1),
        np.zeros((count + 1, count + 1)),
        0.0,
    )
    found.overlap[0], found.product[0, 0] = np.cos(first_theta), 1.0
    pools: list[Kept] = []
    worst = 0.0
    for t in range(1, count + 1):
        probe = 0 if first_selects_all else t - 1
        length = np.sqrt(found.product[probe, probe])
        cosine = float(np.clip(found.overlap[probe] / length, -1.0, 1.0))
        f = float(fractions[t - 1])
        pools.append(kept_moments(probe, cosine, rule, f, noise, flips))
        load = loads[:t].sum()
        # lambda V^2 + (lambda + alpha - 1) V - 1 = 0
        middle = ridge + load - 1.0
        root = np.sqrt(middle**2 + 4.0 * ridge)
        found.response[t] = 2.0 / (middle + root)
        _solve_round(found, t, loads, pools, ridge)
        for r in range(1, t):
            other = -_contracted(found, r, t, loads, pools) / ridge
            scale = np.sqrt(found.product[t, t] * found.product[r, r])
            worst = max(worst, abs(other - found.product[t, r]) / scale)
    return found._replace(asymmetry=worst)


def _solve_round(
    found: Rounds, t: int, loads: np.ndarray, pools: list[Kept], ridge: float
) -> None:
    """Put R_t, S_t and chi_t in, by their linear equations."""

    def put(x: np.ndarray) -> None:
        found.overlap[t] = x[0]
        found.product[t, :t] = found.product[:t, t] = x[1 : t + 1]
        found.memory[t, 1:t] = x[t + 1 :]

    def gap(x: np.ndarray) -> np.ndarray:
        put(x)
        teacher = _contracted(found, t, None, loads, pools)
        students = [_contracted(found, t, r, loads, pools) for r in range(t)]
        memory = [_memory(found, t, r, loads, pools) for r in range(1, t)]
        return ridge * x + np.array([teacher, *students, *memory])

    size = 2 * t
    start = gap(np.zeros(size))
    matrix = np.stack([gap(one) - start for one in np.eye(size)], axis=1)
    put(np.linalg.solve(matrix, -start))
    # of the square of its own length only E[e_t h_t] remains
    found.product[t, t] = 0.0
    start = _contracted(found, t, t, loads, pools)
    found.product[t, t] = 1.0
    rise = _contracted(found, t, t, loads, pools) - start
    found.product[t, t] = -start / (ridge + rise)


def _actions(found: Rounds, s: int, t: int) -> Float[np.ndarray, "n n"]:
    """L of a set: the forces e_s, ..., e_t by the fields h_s - y, ..., h_t - y."""
    here = slice(s, t + 1)
    size = t + 1 - s
    return np.linalg.inv(
        np.eye(size) + np.diag(found.response[here]) - found.memory[here, here]
    )


def _contracted(
    found: Rounds, t: int, r: int | None, loads: np.ndarray, pools: list[Kept]
) -> float:
    """Sum of alpha_s E_s[e_t g_r], or E_s[e_t u] where r is None."""
    total = 0.0
    for s in range(1, t + 1):
        pool, last = pools[s - 1], max(t, r or 0)
        fields = np.arange(last + 1)  # h_0, ..., and y and u behind them
        moments = _moments(found, pool, fields)
        force = np.zeros((last + 1, len(moments)))
        rows = _actions(found, s, last)
        force[s:, s : last + 1] = rows
        force[s:, last + 1] = -rows.sum(axis=1)
        if r is None:
            other = np.eye(len(moments))[last + 2]
        elif r < s:
            other = np.eye(len(moments))[r]
        else:  # g = e + y
            other = force[r] + np.eye(len(moments))[last + 1]
        total += loads[s - 1] * float(force[t] @ moments @ other)
    return total


def _moments(found: Rounds, pool: Kept, fields: np.ndarray) -> Float[np.ndarray, "n n"]:
    """Second moments in a kept set of the fields h, of y and of u, in this order."""
    overlap = np.append(found.overlap[fields], 1.0)
    length = np.sqrt(found.product[pool.probe, pool.probe])
    along = np.append(found.product[fields, pool.probe] / length, pool.cosine)
    product = np.zeros((len(fields) + 1, len(fields) + 1))
    product[:-1, :-1] = found.product[np.ix_(fields, fields)]
    product[-1], product[:, -1] = overlap, overlap
    product += (pool.p_p - 1.0) * np.outer(along, along)
    # fields by their parts along u and along what p has beside u
    sine = np.sqrt(max(1.0 - pool.cosine**2, 0.0))
    beside = (along - overlap * pool.cosine) / sine if sine > 0 else 0.0 * along
    y_beside = (pool.y_p - pool.cosine * pool.y_u) / sine if sine > 0 else 0.0
    labels = overlap * pool.y_u + beside * y_beside
    every = np.zeros((len(fields) + 2, len(fields) + 2))
    order = [*range(len(fields)), len(fields) + 1]
    every[np.ix_(order, order)] = product
    every[len(fields), order] = every[order, len(fields)] = labels
    every[len(fields), len(fields)] = 1.0
    return every


def _memory(
    found: Rounds, t: int, r: int, loads: np.ndarray, pools: list[Kept]
) -> float:
    """Sum of alpha_s E_s[e_t p], p a fresh field of which a force on w_r has a part."""
    moved = found.memory[: t + 1, r].copy()
    moved[r] = -found.response[r]
    moved[:r] = 0.0
    total = 0.0
    for s in range(1, t + 1):
        pool = pools[s - 1]
        row = _actions(found, s, t)[-1]
        direct = row @ moved[s : t + 1]
        length = np.sqrt(found.product[pool.probe, pool.probe])
        along = found.product[s : t + 1, pool.probe] / length
        # E[s'(h) e]/f with h = length p
        edge = (row @ along * pool.edge_p - row.sum() * pool.edge_y) / length
        total += loads[s - 1] * (direct + moved[pool.probe] * edge)
    return total
