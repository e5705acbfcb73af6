"""Replica theory of perceptrons trained on pruned data (arXiv 2206.14486).

``__init__.pyi`` lists the public names; each is imported when it is first used, so that
a program pays for what it asks for and not for the whole theory.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
