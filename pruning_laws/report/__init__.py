"""Any folder of results as one HTML page that needs nothing else."""

from .page import render as render
from .reading import Section as Section
from .reading import read as read
