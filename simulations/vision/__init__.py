"""Pruning real data: metrics, selection, score files and data sets.

``__init__.pyi`` lists the public modules; each is imported when it is first used.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
