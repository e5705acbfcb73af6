"""The perceptron on pruned data, simulated: pool, pruning, students, errors."""

from .experiment import simulate as simulate
from .machine import Machine as Machine
from .max_margin import MaxMargin as MaxMargin
from .max_margin import Status as Status
from .max_margin import max_margin as max_margin
from .point import Point as Point
from .scans import simulated_errors as simulated_errors
from .scans import threshold_scan as threshold_scan
from .suite import DEMO_POINTS as DEMO_POINTS
from .suite import VALIDATION_POINTS as VALIDATION_POINTS
from .summary import Summary as Summary
from .summary import summarize as summarize
from .trained_probe import TrainedProbe as TrainedProbe
from .trained_probe import simulate_trained_probe as simulate_trained_probe
from .validate import Report as Report
from .validate import run_validation as run_validation
