"""Pruning rules of the oracle: jumps of the keep-probability along the folded margin.

A rule is a step function of the probe margin z of an example folded to u = T.x > 0.
It is described by jumps (t, weight): the average over kept examples of a function
is (2/f) times the sum of weight * E[function; u > 0, z < t].
"""

from dataclasses import dataclass

from mpmath import mp, mpf

from .gaussian import density, lower, owen


@dataclass(frozen=True)
class Rule:
    """A pruning rule: name, and the parameter of "window" or "mixture".

    ``name``: "hard", "easy", "random", "window" (quantiles [lower, lower + f]),
    "mixture" (share * f kept by ``end``, (1 - share) * f drawn from the rest).
    ``margin``: "absolute" (|z|) or "signed" (z of the folded example).
    """

    name: str
    margin: str = "absolute"
    lower: float = 0.0
    share: float = 1.0
    end: str = "hard"

    def cells(self, f):
        """(quantile below, above, keep-probability) on the margin axis, exact in mp."""
        one = mpf(1)
        if self.name == "random":
            return [(mpf(0), one, f)]
        if self.name == "hard":
            return [(mpf(0), f, one)]
        if self.name == "easy":
            return [(1 - f, one, one)]
        if self.name == "window":
            low = mpf(self.lower)
            return [(low, min(low + f, one), one)]
        chosen = mpf(self.share) * f
        rest = (f - chosen) / (1 - chosen) if chosen < 1 else one
        if self.end == "hard":
            return [(mpf(0), chosen, one), (chosen, one, rest)]
        return [(mpf(0), 1 - chosen, rest), (1 - chosen, one, one)]

    def jumps(self, f, theta):
        """Jumps (t, weight) for kept fraction f (mpf); t may be mp.inf."""
        c, s = mp.cos(theta), mp.sin(theta)
        found = {}

        def add(t, weight):
            found[t] = found.get(t, mpf(0)) + weight

        signed = self.margin == "signed" and s > 0
        for below, above, level in self.cells(f):
            for mass, weight in ((above, level), (below, -level)):
                if signed:
                    if mass > 0:
                        # a tail of 1e-17 (K at f = 1) costs as many digits
                        with mp.extradps(30):
                            t = _signed_threshold(mass, c, s)
                        add(t, weight)
                elif mass > 0:
                    t = _absolute_threshold(mass)
                    add(t, weight)
                    if s > 0:
                        # the mirror cell, -t < z < 0, closes at -t
                        add(-t, -weight)
        finite = [(t, w) for t, w in found.items() if t != -mp.inf and w != 0]
        return sorted(finite)


def _absolute_threshold(mass):
    """t >= 0 with Prob(|z| < t) = mass."""
    if mass >= 1:
        return mp.inf
    if mass < mpf(1) / 2:
        return mp.sqrt(2) * mp.erfinv(mass)
    tail = (1 - mass) / 2
    # H(t) < exp(-t^2/2)/2, and ln H is concave: Newton comes down from this bound
    t = mp.sqrt(-2 * mp.log(2 * tail))
    for _ in range(100):
        step = mp.log(lower(-t) / tail) * lower(-t) / density(t)
        t += step
        if abs(step) < mpf(10) ** (5 - mp.dps):
            return t
    raise ArithmeticError(f"absolute threshold not found for mass {mass}")


def _signed_threshold(mass, c, s):
    """t with Prob(z < t | u > 0) = mass: 2 phi(z) Phi(z c/s) integrated up to t."""
    if mass >= 1:
        return mp.inf

    def below(t):
        return lower(t) - 2 * owen(t, c / s)

    def slope(t):
        return 2 * density(t) * lower(t * c / s)

    low, high = mpf(-12), mpf(12)
    while high - low > s / 1000:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < mass else (low, middle)
    t = (low + high) / 2
    for _ in range(100):
        step = (mass - below(t)) / slope(t)
        t += step
        if abs(step) < mpf(10) ** (30 - mp.dps) * (abs(t) + s):
            return t
    raise ArithmeticError(f"signed threshold not found for mass {mass}")
