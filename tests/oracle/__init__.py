"""Slow independent oracle of the theory: mpmath, 40 digits and more.

It shares no code with :mod:`perceptron_theory`: own thresholds, own integrals (closed
forms in Owen's T and a one-dimensional integral for the trivariate normal
probability), own continuation from small loads.
"""

from .max_margin import Solution as Solution
from .max_margin import solve as solve
from .max_margin import solve_curve as solve_curve
from .rule import Rule as Rule
