"""``pruning-laws optimal-rule``: the keep-probability of the least error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perceptron_theory.choices.attributes import text

from .. import option_groups, options, output
from .solve import about

if TYPE_CHECKING:
    import xarray as xr

    from perceptron_theory.choices.best_rule import OptimalRule


def optimal_rule(
    keep_fraction: options.OneFraction = None,
    alpha_prune: options.OneLoad = None,
    alpha_tot: options.OnePool = None,
    *,
    angle: option_groups.Angle,
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    to: output.Destination,
) -> None:
    """Find the pruning rule with the least error of all rules.

    A rule says with which probability an example of each margin is kept. This searches
    for the best of all rules that keep the same fraction, at one point: give two of
    --alpha-prune, --alpha-tot and --keep-fraction. Printed are the intervals of the
    margin that are kept, the errors of simpler rules, and the gap: to first order, no
    change of the rule lowers ln(error) by more than this.

    \b
    Examples:
      pruning-laws optimal-rule --alpha-prune 2 -f 0.5
      pruning-laws optimal-rule --alpha-tot 10 -f 0.3 --theta-degrees 20 --json
    """
    theta = angle.one()
    how = learner.given()

    from perceptron_theory.choices.best_rule import optimal_rule as search

    with output.working("searching the best rule"):
        best = search(
            alpha_prune=alpha_prune,
            alpha_tot=alpha_tot,
            keep_fraction=keep_fraction,
            theta=theta,
            margin=margin,
            **how,
        )
    to.emit(_dataset(best), title=f"best rule of the {learner.title}, {margin} margin")


# what is printed besides the rule itself, and what it means
_FIELDS = {
    "alpha_prune": "kept examples per dimension",
    "alpha_tot": "examples per dimension before pruning",
    "keep_fraction": "f",
    "theta": "angle of teacher and probe, radians",
    "error": "error of the best rule",
    "window_error": "error of the best window",
    "mixture_error": "error of the best mixture",
    "hard_error": "error of the hard rule",
    "easy_error": "error of the easy rule",
    "random_error": "error of a random part",
    "multiplier": "multiplier: d error/d keep_fraction at fixed alpha_prune",
    "violation": "violation: largest of stationarity, in units of the error",
    "gap": "gap: the most that any other rule lowers ln(error) to first order",
}


def _dataset(best: OptimalRule) -> xr.Dataset:
    import xarray as xr

    ends = {
        "margin_from": (best.intervals[:, 0], "least kept margin"),
        "margin_to": (best.intervals[:, 1], "largest kept margin"),
        "quantile_from": (best.quantiles[:, 0], "its quantile in the pool"),
        "quantile_to": (best.quantiles[:, 1], "its quantile in the pool"),
    }
    points = {k: ((), getattr(best, k), about(k, _FIELDS)) for k in _FIELDS}
    kept = {k: ("kept", v, text(name)) for k, (v, name) in ends.items()}
    attrs = {
        "margin": best.margin,
        "student": best.student,
        "window": f"window:{best.window.lower:.17g}",
        "mixture": f"mixture:{best.mixture.share:.17g}:{best.mixture.rule}",
    }
    return xr.Dataset({**points, **kept}, attrs=attrs)
