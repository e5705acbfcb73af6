"""The students that are drawn from the version space, and its centre."""

from .student import BayesPoint as BayesPoint
from .student import Gibbs as Gibbs
