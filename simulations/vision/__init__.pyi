"""The public modules; ``__init__.py`` imports each on first use."""

from . import balance as balance
from . import class_extremes as class_extremes
from . import cluster_sensitivity as cluster_sensitivity
from . import clustering as clustering
from . import correlation as correlation
from . import data as data
from . import embedding as embedding
from . import embedding_files as embedding_files
from . import ensembles as ensembles
from . import metrics as metrics
from . import networks as networks
from . import own_scores as own_scores
from . import probe as probe
from . import published_scores as published_scores
from . import run_networks as run_networks
from . import score_files as score_files
from . import scoring as scoring
from . import selection as selection
from . import selection_rules as selection_rules
from . import training as training
