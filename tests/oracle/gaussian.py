"""Normal probabilities in one, two and three dimensions, to the working precision.

All results are absolute to about 10^-mp.dps.  Bivariate probabilities are Owen's T
functions (Owen 1956); the trivariate one is an integral along a path of correlation
matrices (Plackett 1954, Genz 2004).
"""

from functools import cache

from mpmath import mp, mpf

# Nodes of the Gauss-Legendre rules, in units of the digits asked for; the certifying
# evaluation runs with another factor, hence other nodes everywhere.
NODES = {"factor": 1.0}


@cache
def _legendre(n, digits):
    """Nodes, weights and the last two rows of the discrete Legendre transform."""
    with mp.workdps(digits + 10):
        nodes = []
        for i in range(n):
            x = mp.cos(mp.pi * (i + mpf(3) / 4) / (n + mpf(1) / 2))
            while True:
                low, high = mpf(1), x
                for k in range(2, n + 1):
                    low, high = high, ((2 * k - 1) * x * high - (k - 1) * low) / k
                slope = n * (x * high - low) / (x * x - 1)
                step = high / slope
                x -= step
                if abs(step) < mpf(10) ** (-digits - 5):
                    break
            # `low` is P_(n-1) at the last iterate; one more step changes no digit
            weight = 2 / ((1 - x * x) * slope**2)
            row = [weight * _polynomial(k, x) * (2 * k + 1) / 2 for k in (n - 1, n - 2)]
            nodes.append((x, weight, row[0], row[1]))
        return nodes


def _polynomial(n, x):
    low, high = mpf(1), x
    for k in range(2, n + 1):
        low, high = high, ((2 * k - 1) * x * high - (k - 1) * low) / k
    return high


def legendre(ratio):
    """Gauss-Legendre rule with about ratio * mp.dps nodes (rounded up to tens)."""
    digits = 10 * -(-mp.dps // 10)
    n = 4 * -(-int(ratio * NODES["factor"] * digits) // 4)
    return _legendre(max(n, 16), digits)


def integrate(function, start, stop, width, depth=0):
    """Integral of ``function`` to 10^-mp.dps absolute, by adaptive panels.

    The last two Legendre coefficients c of the sampled function tell the decay: the
    error of the n-point rule goes like their square.
    """
    panels = max(1, int(mp.ceil((stop - start) / width)))
    tolerance = mpf(10) ** (-mp.dps - 2)
    rule = legendre(1.0)
    total = mpf(0)
    for i in range(panels):
        left = start + (stop - start) * i / panels
        right = start + (stop - start) * (i + 1) / panels
        half, middle = (right - left) / 2, (right + left) / 2
        values = [function(middle + half * x) for x, *_ in rule]
        largest = max(abs(v) for v in values)
        if largest * half < tolerance:
            continue
        last = max(
            abs(mp.fdot((row[k], v) for row, v in zip(rule, values, strict=True)))
            for k in (2, 3)
        )
        if half * last * last / largest > tolerance and depth < 400:
            total += integrate(function, left, middle, half, depth + 1)
            total += integrate(function, middle, right, half, depth + 1)
        else:
            total += half * mp.fdot(
                (row[1], v) for row, v in zip(rule, values, strict=True)
            )
    return total


def density(x):
    """phi(x); zero at infinity."""
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def lower(x):
    """Phi(x)."""
    cut = mp.sqrt(2 * mp.dps * mp.ln(10)) + 1
    if x > cut:
        return mpf(1)
    if x < -cut:
        return mpf(0)
    return mp.erfc(-x / mp.sqrt(2)) / 2


def owen(h, a):
    """Owen's T(h, a) = (1/2 pi) int_0^a exp(-h^2 (1 + x^2)/2)/(1 + x^2) dx."""
    h = abs(h)
    if a < 0:
        return -owen(h, -a)
    if a > 1:
        upper, upper_a = lower(-h), lower(-a * h)
        return (upper + upper_a) / 2 - upper * upper_a - owen(a * h, 1 / a)
    reach = 2 * (mp.dps + 5) * mp.ln(10)
    if a == 0 or h * h > reach:
        return mpf(0)
    end = min(a, mp.sqrt(reach) / h) if h > 0 else a
    if h == 0:
        return mp.atan(a) / (2 * mp.pi)
    rate, half = -h * h / 2, end / 2
    terms = []
    for x, weight, *_ in legendre(1.8):
        square = 1 + (half * (1 + x)) ** 2
        terms.append((weight, mp.exp(rate * square) / square))
    return half * mp.fdot(terms) / (2 * mp.pi)


def bivariate(h, k, rho, sigma):
    """Prob(X < h, Y < k), correlation rho; sigma = sqrt(1 - rho^2) given exactly."""

    def term(x, other):
        if x == 0:
            return mp.sign(other) / 4
        return owen(x, (other - rho * x) / (x * sigma))

    if h == 0 and k == 0:
        return mpf(1) / 4 + mp.atan2(rho, sigma) / (2 * mp.pi)
    opposite = h * k < 0 or (h * k == 0 and h + k < 0)
    half = (lower(h) + lower(k)) / 2 - (mpf(1) / 2 if opposite else 0)
    return half - term(h, k) - term(k, h)


def trivariate(t, c, s, a, b, kappa):
    """Prob(u > 0, c u + s v < t, a u + b v + xi < kappa), u, v, xi independent.

    Path: (a, b) -> x (a, b)/|(a, b)| with the distance of the third plane from the
    origin kept, x from 0 (independent) to |(a, b)|; x = sinh(y) makes the integrand
    smooth on the scale 1 in y however large |(a, b)|.
    """
    length = mp.hypot(a, b)
    h = kappa / mp.sqrt(1 + length * length)
    start = bivariate(mpf(0), t, -c, s) * lower(h)
    if length == 0:
        return start
    a, b = a / length, b / length
    along, across = a * c + b * s, a * s - b * c
    edge, edge_z = t / s, c * t / s
    bound = (mp.dps + 5) * mp.ln(10)

    def slope(y):
        x, root = mp.sinh(y), mp.cosh(y)
        far = h * root
        total = mpf(0)
        # plane u = 0: v is left free
        spread = 1 + (b * x) ** 2
        power = far * far / (2 * spread)
        if power < bound:
            deviation = mp.sqrt(spread)
            side = lower((edge - x * b * far / spread) * deviation)
            total -= a * mp.exp(-power) * side / deviation
        # plane z = t: the coordinate orthogonal to the probe is left free
        spread = 1 + (across * x) ** 2
        rest = far - x * along * t
        power = (rest * rest / spread + t * t) / 2
        if power < bound:
            deviation = mp.sqrt(spread)
            side = lower((edge_z + x * across * rest / spread) * deviation)
            total += along * mp.exp(-power) * side / deviation
        return total / root

    return start + integrate(slope, mpf(0), mp.asinh(length), 2) / (2 * mp.pi)
