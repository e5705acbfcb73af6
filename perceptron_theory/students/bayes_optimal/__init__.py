"""The best student there is."""

from .student import BayesOptimal as BayesOptimal
