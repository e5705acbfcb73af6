"""The perceptron on pruned data, simulated: pool, pruning, students, errors."""

from .data.point import Point as Point
from .running.experiment import simulate as simulate
from .running.machine import Machine as Machine
from .running.summary import Summary as Summary
from .running.summary import summarize as summarize
from .students.hard_margin import MaxMargin as MaxMargin
from .students.hard_margin import Status as Status
from .students.hard_margin import max_margin as max_margin
from .studies.scans import simulated_errors as simulated_errors
from .studies.scans import threshold_scan as threshold_scan
from .studies.suite import DEMO_POINTS as DEMO_POINTS
from .studies.suite import VALIDATION_POINTS as VALIDATION_POINTS
from .studies.trained_probe import TrainedProbe as TrainedProbe
from .studies.trained_probe import simulate_trained_probe as simulate_trained_probe
from .studies.validation import Report as Report
from .studies.validation import run_validation as run_validation
