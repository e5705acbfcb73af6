"""Data sets: images, labels, stable ids, and a fingerprint of all three."""

from .catalog import load as load
from .images import Images as Images
