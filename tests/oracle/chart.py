"""Coordinates on the curve of roots, and polynomials through points on it."""

from itertools import combinations, pairwise

from mpmath import mp, mpf


class Chart:
    """Coordinates (asinh X, asinh Y, ln kappa, ln alpha) around a point.

    X, Y are those two of the components of J along T, T_perp, P, P_perp in which the
    other two suffer least from cancellation: a student may be almost orthogonal or
    almost parallel to the teacher or the probe, themselves almost parallel.
    """

    def __init__(self, theta, point):
        c, s = mp.cos(theta), mp.sin(theta)
        rows = [(mpf(1), mpf(0)), (mpf(0), mpf(1))]
        if s > 0:
            rows += [(c, s), (s, -c)]
        best = mp.inf
        for first, second in combinations(rows, 2):
            det = first[0] * second[1] - first[1] * second[0]
            if det == 0:
                continue
            inverse = (
                (second[1] / det, -first[1] / det),
                (-second[0] / det, first[0] / det),
            )
            sizes = [1 + abs(_dot(row, point)) for row in (first, second)]
            loss = max(
                sum(
                    abs(_dot(row, column)) * size
                    for column, size in zip(
                        zip(*inverse, strict=True), sizes, strict=True
                    )
                )
                / (1 + abs(_dot(row, point)))
                for row in rows
            )
            if loss < best:
                best, self.rows, self.inverse = loss, (first, second), inverse

    def coordinates(self, point):
        """(A, B, ln kappa, ln alpha) to coordinates."""
        return [*(mp.asinh(_dot(row, point)) for row in self.rows), *point[2:]]

    def point(self, y):
        """Coordinates to (A, B, ln kappa, ln alpha)."""
        components = [mp.sinh(x) for x in y[:2]]
        return [*(_dot(row, components) for row in self.inverse), *y[2:]]

    def pull(self, gradient, y):
        """Gradients in the point to gradients in the coordinates."""
        scale = [mp.cosh(x) for x in y[:2]]
        columns = list(zip(*self.inverse, strict=True))
        return [
            [*(_dot(row, x) * z for x, z in zip(columns, scale, strict=True)), *row[2:]]
            for row in gradient
        ]


def _dot(first, second):
    return first[0] * second[0] + first[1] * second[1]


def places_of(track):
    """Length of the chords up to each point of a track."""
    places = [mpf(0)]
    for first, second in pairwise(track):
        step = [y - x for x, y in zip(first, second, strict=True)]
        places.append(places[-1] + mp.norm(step))
    return places


def along(track, places, target):
    """Polynomial through the points of a track, at a place."""
    result = [mpf(0)] * 4
    for i, point in enumerate(track):
        weight = mpf(1)
        for j, place in enumerate(places):
            if j != i:
                weight *= (target - place) / (places[i] - place)
        result = [x + weight * y for x, y in zip(result, point, strict=True)]
    return result
