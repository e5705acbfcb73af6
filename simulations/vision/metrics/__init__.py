"""The pruning metrics: functions of plain arrays, one score an example, high = keep.

The authors of the paper released scores of ten metrics for ImageNet (Sorscher et al.
2022, arXiv 2206.14486; github.com/rgeirhos/dataset-pruning-metrics).  Arguments are
arrays of NumPy or JAX, results arrays of NumPy; none needs a data loader.

Each is also an object of the class :class:`Metric`, which scores whole data sets and
says what it needs; see :mod:`.contract` for how to add one.
"""

from .catalog import METRICS as METRICS
from .catalog import metric_of as metric_of
from .catalog import metric_text as metric_text
from .class_means import SupervisedPrototypes as SupervisedPrototypes
from .class_means import supervised_prototypes as supervised_prototypes
from .cluster_distance import Prototypes as Prototypes
from .cluster_distance import prototypes as prototypes
from .contract import CORRECT as CORRECT
from .contract import EMBEDDINGS as EMBEDDINGS
from .contract import LOGITS as LOGITS
from .contract import MEMBER as MEMBER
from .contract import PIXELS as PIXELS
from .contract import RUN as RUN
from .contract import TEST_CORRECT as TEST_CORRECT
from .contract import Given as Given
from .contract import Metric as Metric
from .contract import Needed as Needed
from .contract import Scored as Scored
from .dichotomous_difficulty import DDD as DDD
from .dichotomous_difficulty import ddd as ddd
from .ensemble_uncertainty import ActiveLearning as ActiveLearning
from .ensemble_uncertainty import active_learning as active_learning
from .error_norm import EL2N as EL2N
from .error_norm import el2n as el2n
from .forgetting_counts import Forgetting as Forgetting
from .forgetting_counts import forgetting as forgetting
from .gradient_norm import GraND as GraND
from .gradient_norm import grand as grand
from .random_baseline import RandomScores as RandomScores
from .random_baseline import random_scores as random_scores
from .reliability import models_for_correlation as models_for_correlation
from .reliability import models_for_precision as models_for_precision
from .reliability import models_for_standard_error as models_for_standard_error
from .reliability import spearman_brown as spearman_brown
from .reliability import split_half_correlation as split_half_correlation
from .subset_influence import Influence as Influence
from .subset_influence import influence as influence
from .subset_influence import influence_standard_error as influence_standard_error
from .subset_memorization import Memorization as Memorization
from .subset_memorization import memorization as memorization
from .subset_memorization import (
    memorization_standard_error as memorization_standard_error,
)
