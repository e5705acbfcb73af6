"""The student of largest margin."""

from .student import MaxMargin as MaxMargin
