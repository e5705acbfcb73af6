"""Simulations that check the theory: the real procedure at finite size.

``__init__.pyi`` lists the sub-packages; each is imported when it is first used.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
