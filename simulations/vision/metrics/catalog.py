"""The metrics that come with the package, by name; others by object or by their class.

To add one of ours: its file, and its line here.  Metrics of users need neither.
"""

from __future__ import annotations

from typing import Any

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..contracts import imported, options_from, with_options
from .class_means import SupervisedPrototypes
from .cluster_distance import Prototypes
from .contract import Metric, check_metric, text_of
from .dichotomous_difficulty import DDD
from .ensemble_uncertainty import ActiveLearning
from .error_norm import EL2N
from .forgetting_counts import Forgetting
from .gradient_norm import GraND
from .random_baseline import RandomScores
from .subset_influence import Influence
from .subset_memorization import Memorization

METRICS: dict[str, type[Metric]] = {
    kind.name: kind
    for kind in (
        Prototypes,
        SupervisedPrototypes,
        EL2N,
        GraND,
        DDD,
        Influence,
        Memorization,
        ActiveLearning,
        Forgetting,
        RandomScores,
    )
}


def metric_of(metric: str | Metric, **options: Any) -> Metric:
    """A metric from its text or from an object, with some options set.

    The text is a name of ``METRICS`` or ``package.module:Name``, and may end with
    options: ``prototypes:n_clusters=20,distance=euclidean``.

    Args:
        metric: The text, or the object itself.
        **options: Options to set, of a metric that is given as text.

    Raises:
        InputError: An unknown name or option, an object that lacks a part of the
            contract, which is named, or options beside an object.
    """
    if not isinstance(metric, str):
        check_metric(metric)
        if options:
            raise InputError(
                f"{next(iter(options))} is an option of the metric: give it to "
                f"{type(metric).__name__}(...), which is an object already"
            )
        return metric
    name, _, rest = metric.partition(":")
    if name in METRICS:
        kind = METRICS[name]
        return with_options(kind, options_from(rest) | options, f"option of {name}")
    found = imported(metric)
    if found is None:
        raise unknown_name("metric", metric, METRICS)
    thing, rest = found
    options = options_from(rest) | options
    if isinstance(thing, type):
        return check_metric(with_options(thing, options, f"option of {metric}"))
    if options:
        raise InputError(f"{metric} is an object already: it takes no options")
    return check_metric(thing)


def metric_text(metric: str | Metric) -> str:
    """The text that :func:`metric_of` reads back as the same metric.

    Raises:
        InputError: As :func:`metric_of`.
    """
    found = metric_of(metric)
    return text_of(found, ours=type(found) is METRICS.get(found.name))
