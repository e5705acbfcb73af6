"""Data sets: images or feature vectors, labels, stable ids, and a fingerprint.

A :class:`DataSource` says where one lies; see :mod:`.contract` for how to add one.
"""

from .catalog import SOURCES as SOURCES
from .catalog import load as load
from .catalog import source_of as source_of
from .catalog import source_text as source_text
from .catalog import with_labels as with_labels
from .contract import DataSource as DataSource
from .contract import NoSuchSplit as NoSuchSplit
from .encoded import DataSet as DataSet
from .encoded import EncodedImages as EncodedImages
from .images import Images as Images
from .points import Points as Points
