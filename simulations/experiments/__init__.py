"""Experiments on real data: scaling with pruning, cell by cell, into one table."""

from __future__ import annotations

from .cells import Cell as Cell
from .cells import cells_of as cells_of
from .configuration import Experiment as Experiment
from .configuration import experiment_names as experiment_names
from .configuration import read_experiment as read_experiment
from .runner import forecast as forecast
from .runner import run_experiment as run_experiment
from .sources import Source as Source
from .table import read_table as read_table
