"""The perceptron on pruned data, simulated: pool, pruning, students, errors.

Imports between the sub-packages point one way: ``hardware`` -> ``data`` -> ``students``
-> ``running`` -> ``studies``, where each may import those to its left, and all of them
``naming``.  ``__init__.pyi`` lists the public names; each is imported when it is first
used, as those of :mod:`perceptron_theory` are.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
