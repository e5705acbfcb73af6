"""Oracle of the max-margin student: continuation in alpha, then Newton to 40 digits.

The saddle point is the stationary point of a convex problem, so any root of the three
equations is the root.  The curve of roots is followed by arclength from a small load,
where it is explicit; alpha only grows along it.  At each wanted load Newton's method
polishes the root, and one more step, taken with more digits and other quadrature nodes,
certifies it.
"""

from dataclasses import dataclass

from mpmath import mp, mpf

from .chart import Chart, along, places_of
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


LOAD = [mpf(0), mpf(0), mpf(0), mpf(1)]  # the row that fixes ln alpha


class Curve:
    """Roots at fixed (f, theta, rule); a point is (A, B, ln kappa, ln alpha)."""

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
        a, b, kappa, ratio = *point[:2], mp.exp(point[2]), 2 * mp.exp(point[3]) / f
        # the sums are of order 1/ratio, their terms of order |J|^2 + kappa^2; and where
        # A and B are large, a difference of them of order one may matter
        square = a * a + b * b + 1
        lost = mp.log10((square + kappa * kappa) * mp.sqrt(square) * (1 + ratio))
        with mp.workdps(10 * -(-(base + int(lost)) // 10)):
            total = sums(*self.geometry(f, theta), a, b, kappa)
        if a <= 0 or total.a <= 0 or total.g2 <= 0:
            raise Lost("negative average")
        root = mp.sqrt(1 + b * b)
        value = [
            mp.log(ratio * total.a / a),
            (b - ratio * total.b) / root,
            mp.log(ratio * total.g2),
        ]
        gradient = [
            [*(x / total.a for x in total.da), mpf(1)],
            [*(-ratio * x / root for x in total.db), -ratio * total.b / root],
            [*(x / total.g2 for x in total.dg2), mpf(1)],
        ]
        gradient[0][0] -= 1 / a
        gradient[1][1] += 1 / root
        for row in gradient:
            row[2] *= kappa
        return value, gradient

    def start(self):
        """The point at small load, where every kept example is a support vector."""
        alpha, large = mpf(10) ** -5, mpf(10) ** 5
        with mp.workdps(60):
            total = sums(*self.geometry(self.f, self.theta), mpf(0), mpf(0), large)
        unit = 2 * mp.sqrt(alpha) / (self.f * large)
        return [unit * total.a, unit * total.b, -mp.log(alpha) / 2, mp.log(alpha)]

    def newton(self, chart, start, row, base, digits, most=12):
        """Root on the plane row . (y - start) = 0 of a chart; and the iterations."""
        y = start
        for count in range(1, most + 1):
            value, gradient = self.equations(chart.point(y), base)
            gradient = chart.pull(gradient, y)
            shift = mp.fdot(row, [x - z for x, z in zip(y, start, strict=True)])
            try:
                matrix, right = mp.matrix([*gradient, row]), mp.matrix([*value, shift])
                step = mp.lu_solve(matrix, -right)
            except ZeroDivisionError:
                raise Lost("singular") from None
            size = max(abs(x) for x in step)
            if size > 3:
                raise Lost("step too long")
            y = [x + z for x, z in zip(y, step, strict=True)]
            if size < mpf(10) ** -digits:
                return y, count
        raise Lost("no convergence")

    def at(self, point, log_alpha, base, digits):
        """Root at a load, from a point near it."""
        chart = Chart(self.theta, point)
        start = chart.coordinates([*point[:3], log_alpha])
        y, _ = self.newton(chart, start, LOAD, base, digits, most=8)
        return chart.point(y)

    def tangent(self, chart, y):
        """Unit tangent of the curve, towards larger alpha."""
        _, gradient = self.equations(chart.point(y), ROUGH)
        gradient = chart.pull(gradient, y)
        found = mp.lu_solve(mp.matrix([*gradient, LOAD]), mp.matrix([0, 0, 0, 1]))
        return list(found / mp.norm(found))

    def roots(self, log_alphas):
        """Rough roots at increasing ln alpha, by continuation."""
        first = self.start()
        point = self.at(first, min(first[3], log_alphas[0]), ROUGH, 6)
        length, wanted, past = mpf(1) / 2, list(log_alphas), [point]
        while wanted:
            chart = Chart(self.theta, past[-1])
            track = [chart.coordinates(x) for x in past]
            low, places = track[-1], places_of(track)
            while True:
                if len(track) == 1:
                    slope = self.tangent(chart, low)
                    guess = [x + length * y for x, y in zip(low, slope, strict=True)]
                else:
                    guess = along(track, places, places[-1] + length)
                chord = [y - x for x, y in zip(low, guess, strict=True)]
                try:
                    high, count = self.newton(chart, guess, chord, ROUGH, 6, most=6)
                    moved = [y - x for x, y in zip(guess, high, strict=True)]
                    if high[3] > low[3] and mp.norm(moved) < length / 2:
                        break
                except Lost:
                    pass
                # nearer, and along the tangent: the polynomial may be what misled
                track, past, length = track[-1:], past[-1:], length / 2
                if length < mpf(10) ** -12:
                    raise Lost(f"stuck at {[mp.nstr(x, 9) for x in past[0]]}")
            while wanted and wanted[0] <= high[3]:
                yield self._between(chart, [*track, high], wanted.pop(0))
            past = [*past[-4:], chart.point(high)]
            length = min(length * 7 / (3 + count), 3)

    def _between(self, chart, track, log_alpha):
        """Root at ``log_alpha`` between the last two points of a track."""
        left = len(track) - 2
        for _ in range(100):
            places = places_of(track)
            low, high = places[left], places[left + 1]
            for _ in range(60):
                middle = (low + high) / 2
                guess = along(track, places, middle)
                low, high = (middle, high) if guess[3] < log_alpha else (low, middle)
            try:
                return self.at(chart.point(guess), log_alpha, ROUGH + 8, 6)
            except Lost:
                # halve the arc: one more point on it, and a better polynomial
                guess = along(track, places, (places[left] + places[left + 1]) / 2)
                chord = [y - x for x, y in zip(track[left], guess, strict=True)]
                found, _ = self.newton(chart, guess, chord, ROUGH + 8, 8)
                track = [*track[: left + 1], found, *track[left + 1 :]]
                left += found[3] < log_alpha
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
        a, b = point[:2]
        angle = _angle(point)
        scale = mp.sin(angle) * mp.cos(angle) / angle
        total = mpf(0)
        for column in columns:
            slope = mp.lu_solve(matrix, -mp.matrix(column))
            total += abs(scale * (slope[1] * b / (1 + b * b) - slope[0] / a))
        return total


def _angle(point):
    """Angle between student and teacher."""
    return mp.atan2(mp.sqrt(1 + point[1] ** 2), point[0])


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
    a, b, kappa = better[0], better[1], mp.exp(better[2])
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
