"""Saddle-point equations of the max-margin student, in closed form.

Units: r = 1, so J = A T + B T_perp + w and the margin is kappa; g = (kappa - A u
- B v - xi)_+.  With Gaussian integration by parts the three equations

    A (1 - alpha Pr) = alpha E[u g],  B (1 - alpha Pr) = alpha E[v g],
    1 = alpha E[g^2]

lose their Pr: the first two are averages over the edges u = 0 and z = t of the
region {u > 0, z < t}, that is bivariate probabilities; E[g^2] needs one trivariate.
"""

from dataclasses import dataclass

from mpmath import mp, mpf

from .gaussian import bivariate, density, lower, trivariate


@dataclass
class Sums:
    """Sums over the jumps of a rule: edge averages, moments of g and gradients."""

    a: mpf  # A/alpha = E[u g] + A Pr
    b: mpf  # B/alpha = E[v g] + B Pr
    g: mpf  # E[g]
    g2: mpf  # E[g^2]
    da: tuple  # gradient of a in (A, B, kappa)
    db: tuple
    dg2: tuple


def _truncated(kappa, b, stop):
    """E[(kappa - b v - xi)_+; v < stop], Prob of that region, E[v; region]."""
    length = mp.sqrt(1 + b * b)
    h = kappa / length
    if stop == mp.inf:
        inside, edge, share = lower(h), mpf(0), mpf(1)
    else:
        inside = bivariate(stop, h, b / length, 1 / length)
        edge = density(stop) * lower(kappa - b * stop)
        share = lower(stop * length - h * b)
    plane = density(h) * share
    mean = kappa * inside + b * edge + length * plane
    return mean, inside, -(edge + b / length * plane)


def _region(t, c, s, a, b, kappa):
    """Contribution of {u > 0, z < t} to every sum, s > 0."""
    length = mp.sqrt(a * a + b * b + 1)
    along, across = a * c + b * s, a * s - b * c
    h, phi0 = kappa / length, density(mpf(0))
    deviation_u = mp.sqrt(b * b + 1)
    g_u, inside_u, v_u = _truncated(kappa, b, t / s)
    if t == mp.inf:
        inside = lower(h) - bivariate(mpf(0), h, a / length, deviation_u / length)
        plane = lower(h * a / deviation_u)
        phi_t, g_z, inside_z, y_z = mpf(0), mpf(0), mpf(0), mpf(0)
    else:
        phi_t = density(t)
        # z = t: u = c t + s y, v = s t - c y, so y > -c t/s; y -> -y
        g_z, inside_z, y_z = _truncated(kappa - along * t, -across, c * t / s)
        y_z = -y_z
        inside = trivariate(t, c, s, a, b, kappa)
        deviation_z = mp.sqrt(across * across + 1)
        plane = bivariate(
            h * a / deviation_u,
            (t * length - h * along) / deviation_z,
            -(c * length**2 - a * along) / (deviation_u * deviation_z),
            s * length / (deviation_u * deviation_z),
        )
    edge_u, edge_z = phi0 * g_u, phi_t * g_z
    g = (
        kappa * inside
        + length * density(h) * plane
        - a * phi0 * inside_u
        + along * phi_t * inside_z
    )
    g2 = kappa * g + length**2 * inside - a * edge_u + along * edge_z
    sum_a, sum_b = edge_u - c * edge_z, -s * edge_z
    du = (mpf(0), -phi0 * v_u, phi0 * inside_u)
    t_inside = mpf(0) if t == mp.inf else t * inside_z
    dz = (
        phi_t * (-c * t_inside - s * y_z),
        phi_t * (-s * t_inside + c * y_z),
        phi_t * inside_z,
    )
    return (
        [sum_a, sum_b, g, g2]
        + [x - c * y for x, y in zip(du, dz, strict=True)]
        + [-s * y for y in dz]
        + [2 * (a * inside - sum_a), 2 * (b * inside - sum_b), 2 * g]
    )


def _region_aligned(t, a, kappa):
    """The same at theta = 0, where the region is 0 < u < t and B = 0."""
    if t <= 0:
        return [mpf(0)] * 13
    length = mp.sqrt(a * a + 1)
    h, phi0 = kappa / length, density(mpf(0))
    g_u, inside_u, _ = _truncated(kappa, mpf(0), mp.inf)
    below = bivariate(mpf(0), h, a / length, 1 / length)
    if t == mp.inf:
        phi_t, g_z, inside_z = mpf(0), mpf(0), mpf(0)
        inside, plane, slope_z = lower(h) - below, lower(h * a), mpf(0)
    else:
        phi_t = density(t)
        g_z, inside_z, _ = _truncated(kappa - a * t, mpf(0), mp.inf)
        inside = bivariate(t, h, a / length, 1 / length) - below
        plane = lower(t * length - h * a) - lower(-h * a)
        slope_z = -t * phi_t * inside_z
    edge_u, edge_z = phi0 * g_u, phi_t * g_z
    g = kappa * inside + length * density(h) * plane
    g += a * (phi_t * inside_z - phi0 * inside_u)
    g2 = kappa * g + length**2 * inside - a * (edge_u - edge_z)
    da = [-slope_z, mpf(0), phi0 * inside_u - phi_t * inside_z]
    dg2 = [2 * (a * inside - edge_u + edge_z), mpf(0), 2 * g]
    return [edge_u - edge_z, mpf(0), g, g2, *da, *[mpf(0)] * 3, *dg2]


def sums(jumps, c, s, a, b, kappa):
    """:class:`Sums` of a rule given by its jumps (see :mod:`.rule`)."""
    total = [mpf(0)] * 13
    for t, weight in jumps:
        if s == 0:
            part = _region_aligned(t, a, kappa)
        else:
            part = _region(t, c, s, a, b, kappa)
        total = [x + weight * y for x, y in zip(total, part, strict=True)]
    return Sums(*total[:4], tuple(total[4:7]), tuple(total[7:10]), tuple(total[10:]))
