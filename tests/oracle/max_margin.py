"""Oracle of the max-margin student: continuation in alpha, then Newton to 40 digits.

The saddle point is the stationary point of a convex problem, so any root of the three
equations is the root.  The curve of roots is followed by arclength in (ln A,
asinh B, ln kappa, ln alpha) from a small load, where it is explicit; alpha only grows
along it.  At each wanted load Newton's method polishes the root, and one more step,
taken with more digits and other quadrature nodes, certifies it.
"""

from dataclasses import dataclass

from mpmath import mp, mpf

from .equations import sums
from .gaussian import NODES
from .rule import Rule

ROUGH, FINE, CERTIFYING = 15, 36, 50  # digits of the equations
OUTER = 90  # digits of the unknowns


@dataclass(frozen=True)
class Solution:
    """A certified saddle point; all fields but the inputs are mpf.

    ``certified`` is the relative change of ``error`` under the last Newton step, which
    was taken with more digits and other nodes than all steps before it; ``condition``
    is K = sum |d ln error/d ln input| over alpha_prune, keep_fraction and theta.
    """

    alpha_prune: float
    keep_fraction: float
    theta: float
    rule: Rule
    error: mpf
    overlap: mpf
    probe_overlap: mpf
    margin: mpf
    certified: mpf
    condition: mpf


class Lost(ArithmeticError):
    """Newton's method left its basin; the caller takes a smaller step."""


class Curve:
    """Roots at fixed (f, theta, rule) as (ln A, asinh B, ln kappa, ln alpha)."""

    def __init__(self, rule, keep_fraction, theta):
        self.rule = rule
        self.f, self.theta = mpf(keep_fraction), mpf(theta)
        self.geometries = {}

    def geometry(self, f, theta):
        """Jumps of the rule, cos and sin, to the working precision."""
        key = (mp.prec, f, theta)
        if key not in self.geometries:
            jumps = self.rule.jumps(f, theta)
            self.geometries[key] = jumps, mp.cos(theta), mp.sin(theta)
        return self.geometries[key]

    def equations(self, point, base, f=None, theta=None):
        """Residuals (3), their gradients in the point (3 x 4), to ``base`` digits."""
        f = self.f if f is None else f
        theta = self.theta if theta is None else theta
        a, b, kappa = mp.exp(point[0]), mp.sinh(point[1]), mp.exp(point[2])
        root, ratio = mp.cosh(point[1]), 2 * mp.exp(point[3]) / f
        # the sums are of order 1/ratio, their terms of order |J|^2 + kappa^2
        lost = mp.log10((a * a + root * root + kappa * kappa) * (1 + ratio))
        with mp.workdps(10 * -(-(base + int(lost)) // 10)):
            total = sums(*self.geometry(f, theta), a, b, kappa)
        if total.a <= 0 or total.g2 <= 0:
            raise Lost("negative average")
        scale = (a, root, kappa)
        value = [
            mp.log(ratio * total.a / a),
            (b - ratio * total.b) / root,
            mp.log(ratio * total.g2),
        ]
        gradient = [
            [x * y / total.a for x, y in zip(total.da, scale, strict=True)] + [mpf(1)],
            [-ratio * x * y / root for x, y in zip(total.db, scale, strict=True)],
            [x * y / total.g2 for x, y in zip(total.dg2, scale, strict=True)]
            + [mpf(1)],
        ]
        gradient[0][0] -= 1
        gradient[1][1] += 1
        gradient[1].append(-ratio * total.b / root)
        return value, gradient

    def start(self):
        """The point at small load, where every kept example is a support vector."""
        alpha, large = mpf(10) ** -5, mpf(10) ** 5
        with mp.workdps(60):
            total = sums(*self.geometry(self.f, self.theta), mpf(0), mpf(0), large)
        unit = 2 * mp.sqrt(alpha) / (self.f * large)
        return [
            mp.log(unit * total.a),
            mp.asinh(unit * total.b),
            -mp.log(alpha) / 2,
            mp.log(alpha),
        ]

    def newton(self, point, row, base, digits, most=12):
        """Root on the plane row . (Y - point) = 0; returns it and the iterations."""
        anchor = point
        for count in range(1, most + 1):
            value, gradient = self.equations(point, base)
            shift = mp.fdot(row, [x - y for x, y in zip(point, anchor, strict=True)])
            step = mp.lu_solve(mp.matrix([*gradient, row]), -mp.matrix([*value, shift]))
            size = max(abs(x) for x in step)
            if size > 3:
                raise Lost("step too long")
            point = [x + y for x, y in zip(point, step, strict=True)]
            if size < mpf(10) ** -digits:
                return point, count
        raise Lost("no convergence")

    def at(self, point, log_alpha, base, digits):
        """Root at a load, from a point near it."""
        row = [mpf(0), mpf(0), mpf(0), mpf(1)]
        return self.newton([*point[:3], log_alpha], row, base, digits, most=8)[0]

    def tangent(self, point):
        """Unit tangent of the curve, towards larger alpha."""
        _, gradient = self.equations(point, ROUGH)
        row = [mpf(0), mpf(0), mpf(0), mpf(1)]
        found = list(mp.lu_solve(mp.matrix([*gradient, row]), mp.matrix([0, 0, 0, 1])))
        norm = mp.norm(found)
        return [x / norm for x in found]

    def roots(self, log_alphas):
        """Rough roots at increasing ln alpha, by continuation."""
        first = self.start()
        low = self.at(first, min(first[3], log_alphas[0]), ROUGH, 6)
        length, wanted = mpf(1) / 2, list(log_alphas)
        while wanted:
            direction = self.tangent(low)
            try:
                guess = [x + length * y for x, y in zip(low, direction, strict=True)]
                high, count = self.newton(guess, direction, ROUGH, 5, most=6)
                if high[3] <= low[3]:
                    raise Lost("alpha fell")
            except Lost:
                length /= 2
                if length < mpf(10) ** -12:
                    raise
                continue
            while wanted and wanted[0] <= high[3]:
                yield self._between(low, high, wanted.pop(0))
            low = high
            if count <= 3:
                length = min(length * 3 / 2, 3)
            elif count > 4:
                length /= 2

    def _between(self, low, high, log_alpha):
        """Root at ``log_alpha`` on the arc from ``low`` to ``high``, by bisection."""
        for _ in range(200):
            part = (log_alpha - low[3]) / (high[3] - low[3])
            guess = [x + part * (y - x) for x, y in zip(low, high, strict=True)]
            try:
                return self.at(guess, log_alpha, ROUGH + 8, 6)
            except Lost:
                chord = [y - x for x, y in zip(low, high, strict=True)]
                chord = [x / mp.norm(chord) for x in chord]
                guess = [(x + y) / 2 for x, y in zip(low, high, strict=True)]
                middle, _ = self.newton(guess, chord, ROUGH + 8, 8)
                if middle[3] < log_alpha:
                    low = middle
                else:
                    high = middle
        raise Lost("no root in the bracket")

    def condition(self, point, gradient):
        """K at a root, with the gradients of the equations there."""
        small = mpf(10) ** -17
        columns = [[row[3] for row in gradient]]
        changes = [{"f": self.f}]
        if self.theta > 0 and self.rule.name != "random":
            changes.append({"theta": self.theta})
        for change in changes:
            ((name, value),) = change.items()
            # one-sided at f = 1
            above = mpf(0) if name == "f" and value == 1 else small
            ends = [
                self.equations(point, FINE, **{name: value * (1 + shift)})[0]
                for shift in (above, -small)
            ]
            columns.append(
                [(x - y) / (above + small) for x, y in zip(*ends, strict=True)]
            )
        if self.rule.name == "random":
            columns = columns[:1]
        matrix = mp.matrix([row[:3] for row in gradient])
        tangent = mp.tanh(point[1])
        angle = _angle(point)
        scale = mp.sin(angle) * mp.cos(angle) / angle
        total = mpf(0)
        for column in columns:
            slope = mp.lu_solve(matrix, -mp.matrix(column))
            total += abs(scale * (tangent * slope[1] - slope[0]))
        return total


def _angle(point):
    """Angle between student and teacher."""
    return mp.atan2(mp.cosh(point[1]), mp.exp(point[0]))


def _finish(curve, rough, alpha):
    """Polish a rough root, certify it, and put it in the usual variables."""
    point = curve.at(rough, mp.log(mpf(alpha)), FINE, 22)
    factor = NODES["factor"]
    NODES["factor"] = factor * 5 / 4
    try:
        value, gradient = curve.equations(point, CERTIFYING)
    finally:
        NODES["factor"] = factor
    matrix = mp.matrix([row[:3] for row in gradient])
    step = mp.lu_solve(matrix, -mp.matrix(value))
    better = [x + y for x, y in zip(point, [*step, mpf(0)], strict=True)]
    a, b, kappa = mp.exp(better[0]), mp.sinh(better[1]), mp.exp(better[2])
    length = mp.sqrt(a * a + b * b + 1)
    return Solution(
        alpha,
        float(curve.f),
        float(curve.theta),
        curve.rule,
        error=_angle(better) / mp.pi,
        overlap=a / length,
        probe_overlap=(a * mp.cos(curve.theta) + b * mp.sin(curve.theta)) / length,
        margin=kappa / length,
        certified=abs(_angle(better) / _angle(point) - 1),
        condition=curve.condition(better, gradient),
    )


def solve_curve(alphas, keep_fraction, theta, rule):
    """Solutions at increasing loads ``alphas`` (floats), one :class:`Solution` each."""
    with mp.workdps(OUTER):
        curve = Curve(rule, keep_fraction, theta)
        roots = curve.roots([mp.log(mpf(x)) for x in alphas])
        for alpha, rough in zip(alphas, roots, strict=True):
            yield _finish(curve, rough, alpha)


def solve(alpha_prune, keep_fraction, theta, rule="hard", margin="absolute"):
    """The saddle point at one (alpha_prune, f, theta); ``rule`` a name or a Rule."""
    rule = rule if isinstance(rule, Rule) else Rule(rule, margin)
    return next(solve_curve([alpha_prune], keep_fraction, theta, rule))
