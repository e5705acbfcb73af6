"""What an experiment is: one frozen record, read from a TOML file."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from perceptron_theory import InputError
from perceptron_theory.errors import out_of_percent, unknown_name

from ..files import read_toml, shipped_names
from ..vision.metrics.contract import check_metric

FOLDER = Path(__file__).parent / "configurations"
LEARNERS = ("logistic", "max_margin", "gibbs", "network")
TEACHERS = ("max_margin", "gibbs")  # who learn from a linear teacher
BALANCED = "_balanced"
SIDES = ("hard", "easy", "middle")
STRATEGIES = (*SIDES, *(f"{side}{BALANCED}" for side in SIDES))
SCALES = ("cpu", "gpu", "gpu20", "paper")
# metrics that a learner computes by itself: the name, and the range of its number
_OWN = {
    "logistic": ("probe", 20.0, 1e9),
    **dict.fromkeys(TEACHERS, ("theta", 0.0, 90.0)),
    "network": ("el2n", 0.01, 10.0),
}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Which learner is trained on which pruned parts of a data set.

    Random pruning and the unpruned set are always run.

    Raises:
        InputError: a value out of range; says which.
    """

    name: str
    """The name of the table, and of the file that the experiment is read from."""
    learner: str
    """"logistic": a linear head for the classes, on features that do not change.
    "max_margin": the theory's own student on whitened features, with labels by a linear
    teacher (:mod:`.teacher_head`).  "gibbs": students of the version space of the same
    examples, for the information of an example.  "network": all of a network, by a
    recipe."""
    sizes: tuple[int, ...]
    """Examples before pruning."""
    keep_fractions: tuple[float, ...]
    """f, each inside (0, 1); 1 is run as well."""
    metrics: tuple[str, ...]
    """Whose difficulty prunes: a name NAME is that of a score file, NAME.parquet; a
    metric that is given as an object stands for its name.  Also
    for "logistic" probe:N, a head trained on N examples of its own; for "max_margin"
    only theta:DEGREES, a probe at that angle of the teacher; for "network" el2n:SHARE,
    EL2N of networks that are trained on the pool for that share of its budget
    (:mod:`.pool_scores`)."""
    strategies: tuple[str, ...] = ("hard", "easy")
    """"hard", "easy", or "middle", as many of the hardest left out as of the easiest.
    With _balanced every class keeps at least half of an equal share, the "50 % class
    balance" of Sorscher et al. 2022."""
    seeds: int = 3
    """Independent repetitions: pools, probes and what is random of the choice."""
    positive: tuple[str, ...] = ()
    """"max_margin" and "gibbs": names of the classes on the teacher's positive side."""
    recipe: str = ""
    """"network": a shipped recipe, or a .toml file."""
    fixed_epochs: int | None = None
    fixed_steps: int | None = None
    """"network": the budget, in place of the recipe's.  In epochs a pruned set takes
    fewer steps, in steps as many."""
    pool_steps: int | None = None
    """"network": the budget of a pool of any size, in steps; a pruned set takes as many
    epochs as its pool, that is f times as many steps."""
    smaller_batches: bool = False
    """"network": whether a set of fewer examples than the recipe's batch is trained on
    in batches of all of it; else it is refused."""
    downstream_recipe: str = ""
    """"network": to fine-tune by on other data, after which errors are measured."""
    answers: bool = False
    """Whether each row says which test examples were wrong, so that two of them can be
    compared example by example (:func:`.answers.wrong_of`)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), str(field.type)
            if kind == "str" and not isinstance(value, str):
                raise InputError(f"{field.name} must be a string, got {value!r}")
            if kind.startswith("tuple") and not isinstance(value, list | tuple):
                raise InputError(f"{field.name} must be a list, got {value!r}")
        if self.learner not in LEARNERS:
            raise unknown_name("learner", self.learner, LEARNERS)
        named = tuple(_name_of(metric) for metric in self.metrics)
        object.__setattr__(self, "metrics", named)
        for field in ("sizes", "keep_fractions", "metrics", "strategies"):
            values = tuple(getattr(self, field))
            object.__setattr__(self, field, values)
            try:
                distinct = len(set(values))
            except TypeError:  # lists in the list, tables
                raise InputError(
                    f"{field} must be a list of single values, got {values}"
                ) from None
            if not values or distinct < len(values):
                raise InputError(f"{field} must be given, each once; got {values}")
        object.__setattr__(self, "positive", tuple(self.positive))
        for one in self.strategies:
            if one not in STRATEGIES:
                raise unknown_name("strategy", one, STRATEGIES)
        cut_twice = [one for one in self.strategies if one not in ("hard", "easy")]
        if self.learner == "gibbs" and cut_twice:
            raise InputError(
                "gibbs measures examples that the rule would keep, by its one cutoff: "
                f"{cut_twice[0]} has several, give hard or easy"
            )
        for field in ("answers", "smaller_batches"):
            value = getattr(self, field)
            if not isinstance(value, bool):
                raise InputError(f"{field} must be true or false, got {value!r}")
        for size in self.sizes:
            if not _whole(size) or size < 2:
                raise InputError(f"sizes must be whole numbers above 1, got {size!r}")
        for f in self.keep_fractions:
            if not isinstance(f, float) or not 0 < f < 1:
                number = isinstance(f, int | float)
                hint = out_of_percent(f) if number else ""
                raise InputError(
                    f"keep_fractions must be inside (0, 1), got {f!r}{hint}"
                )
        smallest, least = min(self.sizes), min(self.keep_fractions)
        if round(least * smallest) == 0:
            raise InputError(
                f"a keep fraction of {least:g} keeps none of {smallest} examples: "
                "raise the least size or fraction"
            )
        if not _whole(self.seeds) or self.seeds < 3:
            raise InputError(f"seeds must be at least 3, got {self.seeds!r}")
        for metric in self.metrics:
            self._check_metric(metric)
        for field, learners in (("positive", TEACHERS), ("recipe", ("network",))):
            if (self.learner in learners) != bool(getattr(self, field)):
                raise InputError(
                    f"{field} is for the learner {' or '.join(learners)}, which needs "
                    f"it; the learner is {self.learner}"
                )
        if self.downstream_recipe and self.learner != "network":
            raise InputError('downstream_recipe is for learner = "network"')
        self._check_budget()

    def _check_budget(self) -> None:
        budgets = (self.fixed_epochs, self.fixed_steps, self.pool_steps)
        for budget in budgets:
            if budget is not None and (not _whole(budget) or budget < 1):
                raise InputError(
                    "fixed_epochs, fixed_steps and pool_steps must be whole numbers "
                    f"of at least 1, got {budget!r}"
                )
        given = sum(budget is not None for budget in budgets)
        if (given and self.learner != "network") or given > 1:
            raise InputError(
                "give one of fixed_epochs, fixed_steps and pool_steps at most, and for "
                'learner = "network"'
            )
        if self.smaller_batches and self.learner != "network":
            raise InputError('smaller_batches is for learner = "network"')

    def _check_metric(self, metric: object) -> None:
        if metric == "none":
            raise InputError(
                "a metric cannot be called none, which stands for runs without a metric"
            )
        if self.learner not in TEACHERS and re.fullmatch(
            r"[A-Za-z][\w.-]*", str(metric)
        ):
            return
        self.metric_value(metric)

    def metric_value(self, metric: object) -> float:
        """The number in probe:N or theta:DEGREES.

        Raises:
            InputError: the metric is not of this form.
        """
        kind, low, high = _OWN.get(self.learner, ("", 1.0, 0.0))
        name, _, text = str(metric).partition(":")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if name != kind or not low <= value <= high:
            own = f"{kind}:NUMBER from {low:g} to {high:g}"
            files = "names of score files (letters, digits, _ . -)"
            allowed: dict[str, str] = dict.fromkeys(TEACHERS, own)
            raise InputError(
                f"metrics of {self.learner} are "
                f"{allowed.get(self.learner, f'{own}, or {files}')}, got {metric!r}"
            )
        return value

    @property
    def score_files(self) -> tuple[str, ...]:
        """The metrics that are read from score files."""
        return tuple(metric for metric in self.metrics if ":" not in metric)

    @property
    def largest_probe(self) -> int:
        """Examples that are set apart for the probes of "logistic"."""
        own = [metric for metric in self.metrics if ":" in metric]
        return int(max(map(self.metric_value, own), default=0))

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON and TOML."""
        return {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()
        }

    def hash(self, inputs: dict[str, str]) -> str:
        """The hash of everything that decides a row, but the number of seeds and cells.

        Args:
            inputs: fingerprints of what the learner reads and is.
        """
        shared: dict[str, Any] = {
            "learner": self.learner,
            "positive": list(self.positive),
        } | inputs
        text = json.dumps(shared, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def experiment_names() -> list[str]:
    """The experiments that are shipped."""
    return shipped_names(FOLDER)


def read_experiment(
    name: str | Path, scale: str | None = None, **changes: Any
) -> Experiment:
    """An experiment by the name of a shipped one or the path of a .toml file.

    Args:
        name: one of :func:`experiment_names`, or a path that ends in .toml.
        scale: of ``SCALES``: NAME_SCALE is read in place of NAME.
        **changes: fields to change.

    Raises:
        InputError: no such experiment, no TOML, unknown or missing keys, bad values.
    """
    if scale is not None:
        if scale not in SCALES:
            raise unknown_name("scale", scale, SCALES)
        name = f"{name}_{scale}"
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


def _name_of(metric: Any) -> Any:
    """The name by which a metric that is given as an object is known."""
    number = isinstance(metric, int | float)
    return metric if isinstance(metric, str) or number else check_metric(metric).name


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
