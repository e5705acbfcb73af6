"""Replica theory of perceptrons trained on pruned data (arXiv 2206.14486)."""

from .datasets import load_dataset as load_dataset
from .datasets import save_dataset as save_dataset
from .errors import ConvergenceError as ConvergenceError
from .errors import InputError as InputError
from .errors import PrecisionError as PrecisionError
from .pareto import pareto_frontier as pareto_frontier
from .phase_diagram import phase_diagram as phase_diagram
from .rules import Cells as Cells
from .rules import Easy as Easy
from .rules import Hard as Hard
from .rules import KeepProbability as KeepProbability
from .rules import Mixture as Mixture
from .rules import Random as Random
from .rules import Rule as Rule
from .rules import Window as Window
from .rules import resolve_rule as resolve_rule
from .solution import Solution as Solution
from .solution import Status as Status
from .solve import solve as solve
from .solve import threshold as threshold
