"""The sub-packages; ``__init__.py`` imports each on first use."""

from . import experiments as experiments
from . import perceptron as perceptron
from . import vision as vision
