"""What an experiment is: one frozen record, read from a TOML file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..files import read_toml, shipped_names

FOLDER = Path(__file__).parent / "configurations"
LEARNERS = ("logistic", "max_margin")
STRATEGIES = ("hard", "easy")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Which learner is trained on which pruned parts of a data set.

    Random pruning and the unpruned set are always run.

    Raises:
        InputError: a value out of range; says which.
    """

    name: str
    """Of the table, and of the file it is read from."""
    learner: str
    """"logistic": a linear head for the classes, on features that do not change.
    "max_margin": the theory's own student on whitened features, with labels by a linear
    teacher (:mod:`.teacher_head`)."""
    sizes: tuple[int, ...]
    """Examples before pruning."""
    keep_fractions: tuple[float, ...]
    """f, each inside (0, 1); 1 is run as well."""
    metrics: tuple[str, ...]
    """Whose difficulty prunes: for "logistic" probe:N, a head trained on N examples of
    its own; for "max_margin" theta:DEGREES, a probe at that angle of the teacher."""
    strategies: tuple[str, ...] = STRATEGIES
    seeds: int = 3
    """Independent repetitions: pools, probes and what is random of the choice."""
    positive: tuple[str, ...] = ()
    """"max_margin": names of the classes on the teacher's positive side."""

    def __post_init__(self) -> None:
        if self.learner not in LEARNERS:
            raise unknown_name("learner", self.learner, LEARNERS)
        for field in ("sizes", "keep_fractions", "metrics", "strategies"):
            values = tuple(getattr(self, field))
            object.__setattr__(self, field, values)
            if not values or len(set(values)) < len(values):
                raise InputError(f"{field} must be given, each once; got {values}")
        object.__setattr__(self, "positive", tuple(self.positive))
        for one in self.strategies:
            if one not in STRATEGIES:
                raise unknown_name("strategy", one, STRATEGIES)
        for size in self.sizes:
            if not _whole(size) or size < 2:
                raise InputError(f"sizes must be whole numbers above 1, got {size!r}")
        for f in self.keep_fractions:
            if not isinstance(f, float) or not 0 < f < 1:
                raise InputError(f"keep_fractions must be inside (0, 1), got {f!r}")
        if not _whole(self.seeds) or self.seeds < 3:
            raise InputError(f"seeds must be at least 3, got {self.seeds!r}")
        for metric in self.metrics:
            self.metric_value(metric)
        if (self.learner == "max_margin") != bool(self.positive):
            raise InputError(
                "positive names the classes on the teacher's positive side: it is for "
                'learner = "max_margin", which needs it'
            )

    def metric_value(self, metric: str) -> float:
        """The number in probe:N or theta:DEGREES.

        Raises:
            InputError: the metric is not of this form.
        """
        kind = {"logistic": "probe", "max_margin": "theta"}[self.learner]
        name, _, text = str(metric).partition(":")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        low, high = {"probe": (20.0, 1e9), "theta": (0.0, 90.0)}[kind]
        if name != kind or not low <= value <= high:
            raise InputError(
                f"metrics of {self.learner} are {kind}:NUMBER from {low:g} to "
                f"{high:g}, got {metric!r}"
            )
        return value

    @property
    def largest_probe(self) -> int:
        """Examples that are set apart for the probes of "logistic"."""
        return int(max(map(self.metric_value, self.metrics)))

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON and TOML."""
        return {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()
        }

    def hash(self, inputs: dict[str, str]) -> str:
        """Of everything that decides a row, but for the number of seeds and cells.

        Args:
            inputs: fingerprints of what the experiment reads.
        """
        shared: dict[str, Any] = {
            "learner": self.learner,
            "positive": list(self.positive),
        } | inputs
        if self.learner == "logistic":  # the pool begins behind the largest probe
            shared["largest_probe"] = self.largest_probe
        text = json.dumps(shared, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def experiment_names() -> list[str]:
    """The experiments that are shipped."""
    return shipped_names(FOLDER)


def read_experiment(name: str | Path, **changes: Any) -> Experiment:
    """An experiment by the name of a shipped one or the path of a .toml file.

    Args:
        name: one of :func:`experiment_names`, or a path that ends in .toml.
        **changes: fields to change.

    Raises:
        InputError: no such experiment, no TOML, unknown or missing keys, bad values.
    """
    path, found = read_toml(name, FOLDER, "experiment")
    values: dict[str, Any] = found | {"name": path.stem} | changes
    allowed = [field.name for field in fields(Experiment)]
    for key in values:
        if key not in allowed:
            raise InputError(f"{path}: {unknown_name('key', key, allowed)}")
    try:
        return Experiment(**values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except TypeError as error:
        raise InputError(
            f"{path}: {error}".replace("Experiment.__init__()", "")
        ) from None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
