"""The public names of the package; ``__init__.py`` imports each on first use."""

from . import data as data
from . import hardware as hardware
from . import naming as naming
from . import running as running
from . import students as students
from . import studies as studies
from .running.experiment import simulate as simulate
from .running.machine import Machine as Machine
from .running.point import Point as Point
from .running.summary import Summary as Summary
from .running.summary import averages as averages
from .running.summary import summarize as summarize
from .students.contract import Student as Student
from .students.contract import Trained as Trained
from .students.convex import ConvexRidge as ConvexRidge
from .students.gibbs import BayesPoint as BayesPoint
from .students.gibbs import Gibbs as Gibbs
from .students.gradient_training import Gradient as Gradient
from .students.hard_margin import MaxMargin as MaxMargin
from .students.hard_margin import MaxMarginStudent as MaxMarginStudent
from .students.hard_margin import Status as Status
from .students.hard_margin import max_margin as max_margin
from .students.perceptron_rule import MinOver as MinOver
from .students.perceptron_rule import Perceptron as Perceptron
from .studies.scans import simulated_errors as simulated_errors
from .studies.scans import threshold_scan as threshold_scan
from .studies.self_training import simulate_self_training as simulate_self_training
from .studies.student_probes import (
    simulate_selection_rounds as simulate_selection_rounds,
)
from .studies.suite import DEMO_POINTS as DEMO_POINTS
from .studies.suite import VALIDATION_POINTS as VALIDATION_POINTS
from .studies.trained_probe import TrainedProbe as TrainedProbe
from .studies.trained_probe import simulate_trained_probe as simulate_trained_probe
from .studies.validation import Report as Report
from .studies.validation import run_validation as run_validation
