"""Networks for real images, and weights for them from PyTorch and Hugging Face files.

All are modules of ``flax.linen``.  Their variables are plain nested dictionaries of
arrays, so K models are one dictionary whose leaves have an axis more, trained by
``jax.vmap`` over it; checkpoints and imported weights are dictionaries, too; and the
running statistics of batch norm are a collection of their own, which no optimiser sees.
(equinox and flax.nnx keep parameters and statistics in objects, to be taken apart and
put together again at each of these places.)

Images are (B, height, width, channels), floating point, normalised: see
:func:`normalise`.
"""

from ..optional import require

require("flax", "a network")

from .catalog import NETWORKS as NETWORKS  # noqa: E402 # flax may be missing
from .catalog import network as network  # noqa: E402
from .classifier import Classifier as Classifier  # noqa: E402
from .pixels import normalise as normalise  # noqa: E402
from .variables import abstract_variables as abstract_variables  # noqa: E402
from .variables import initialise as initialise  # noqa: E402
from .variables import parameter_count as parameter_count  # noqa: E402
from .weight_import import Imported as Imported  # noqa: E402
from .weight_import import import_weights as import_weights  # noqa: E402
