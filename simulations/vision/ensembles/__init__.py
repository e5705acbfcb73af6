"""Ensembles: K models of one recipe on one data set, or on random subsets of it.

:func:`train_ensemble` trains an :class:`Ensemble` into a folder, by the fastest of
three ways on these devices (:mod:`.ways`), and leaves what metrics of several models
read.
"""

from .ensemble import Ensemble as Ensemble
from .run import train_ensemble as train_ensemble
from .subsets import balanced_subsets as balanced_subsets
from .ways import WAYS as WAYS
