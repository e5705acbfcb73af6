"""The pruning metrics: functions of plain arrays, one score an example, high = keep.

The authors of the paper released scores of ten metrics for ImageNet (Sorscher et al.
2022, arXiv 2206.14486; github.com/rgeirhos/dataset-pruning-metrics).  Arguments are
arrays of NumPy or JAX, results arrays of NumPy; none needs a data loader.
"""

from .active_learning import active_learning as active_learning
from .ddd import ddd as ddd
from .el2n import el2n as el2n
from .forgetting import forgetting as forgetting
from .grand import grand as grand
from .influence import influence as influence
from .influence import influence_standard_error as influence_standard_error
from .memorization import memorization as memorization
from .memorization import memorization_standard_error as memorization_standard_error
from .prototypes import prototypes as prototypes
from .random_scores import random_scores as random_scores
from .reliability import models_for_correlation as models_for_correlation
from .reliability import models_for_precision as models_for_precision
from .reliability import models_for_standard_error as models_for_standard_error
from .reliability import spearman_brown as spearman_brown
from .reliability import split_half_correlation as split_half_correlation
from .supervised_prototypes import supervised_prototypes as supervised_prototypes
