"""Training of networks on real images by optax, into a folder, resumable.

:func:`train` runs a :class:`Plan`; a :class:`Recipe` says how, from a file by
:func:`read_recipe`.  Steps are pure functions (:mod:`.step`), the same on one device,
many, and many hosts (:mod:`simulations.vision.device_placement`).
"""

from ..optional import require

require("flax", "training a network")

from ..device_placement import placement as placement  # noqa: E402
from .evaluation import Evaluation as Evaluation  # noqa: E402 # flax may be missing
from .evaluation import evaluate as evaluate  # noqa: E402
from .initial import Initial as Initial  # noqa: E402
from .plan import Plan as Plan  # noqa: E402
from .recipe import Recipe as Recipe  # noqa: E402
from .recipe_files import read_recipe as read_recipe  # noqa: E402
from .recipe_files import recipe_names as recipe_names  # noqa: E402
from .recipe_files import write_recipe as write_recipe  # noqa: E402
from .restored import initial_from as initial_from  # noqa: E402
from .restored import initial_of_run as initial_of_run  # noqa: E402
from .run import Trained as Trained  # noqa: E402
from .run import train as train  # noqa: E402
