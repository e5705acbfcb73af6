"""The public names of the theory; ``__init__.py`` imports each on first use."""

from . import choices as choices
from . import convex as convex
from . import datasets as datasets
from . import errors as errors
from . import kept as kept
from . import limits as limits
from . import numerics as numerics
from . import own_probe as own_probe
from . import plotting as plotting
from . import real_data as real_data
from . import rules as rules
from . import solving as solving
from . import students as students
from .choices.advice import Advice as Advice
from .choices.advice import advise as advise
from .choices.best_ridge import OptimalRidge as OptimalRidge
from .choices.best_ridge import Optimum as Optimum
from .choices.best_ridge import optimal_ridge as optimal_ridge
from .choices.best_rule import OptimalRule as OptimalRule
from .choices.best_rule import optimal_rule as optimal_rule
from .choices.diagram import phase_diagram as phase_diagram
from .choices.exponents import crossover as crossover
from .choices.exponents import exponent_along as exponent_along
from .choices.exponents import local_exponent as local_exponent
from .choices.label_noise import chance_fraction as chance_fraction
from .choices.label_noise import noise_diagram as noise_diagram
from .choices.margin_derivative import functional_derivative as functional_derivative
from .choices.noisy_teacher_diagram import (
    noise_strength_diagram as noise_strength_diagram,
)
from .choices.pareto import pareto_frontier as pareto_frontier
from .choices.student_probes import selection_fixed_points as selection_fixed_points
from .choices.student_probes import selection_rounds as selection_rounds
from .convex.hard_margin import HardMargin as HardMargin
from .convex.loss import Loss as Loss
from .convex.losses import resolve_loss as resolve_loss
from .convex.margin_solution import HardMarginSolution as HardMarginSolution
from .convex.solution import ConvexSolution as ConvexSolution
from .convex.structured import Inputs as Inputs
from .convex.student import Convex as Convex
from .datasets import load_dataset as load_dataset
from .datasets import save_dataset as save_dataset
from .errors import ConvergenceError as ConvergenceError
from .errors import InputError as InputError
from .errors import PrecisionError as PrecisionError
from .kept.averages import average as average
from .kept.label_laws import Flips as Flips
from .kept.label_laws import LabelNoise as LabelNoise
from .kept.label_laws import Logistic as Logistic
from .kept.label_laws import NoiseShape as NoiseShape
from .kept.label_laws import Probit as Probit
from .limits.aligned import AlignedLimit as AlignedLimit
from .limits.aligned import aligned_limit as aligned_limit
from .limits.aligned import threshold_error as threshold_error
from .limits.large_loads import LargeLoad as LargeLoad
from .limits.large_loads import crossover_load as crossover_load
from .limits.large_loads import large_load as large_load
from .limits.large_loads import noisy_chance_fraction as noisy_chance_fraction
from .limits.power_law import f_min as f_min
from .limits.power_law import power_law_coefficient as power_law_coefficient
from .limits.small_angle import BestFraction as BestFraction
from .limits.small_angle import SmallAngle as SmallAngle
from .limits.small_angle import best_fraction_scaling as best_fraction_scaling
from .limits.small_angle import small_angle_scaling as small_angle_scaling
from .limits.small_angle import small_angle_threshold as small_angle_threshold
from .limits.small_noise import SmallNoise as SmallNoise
from .limits.small_noise import small_noise_limit as small_noise_limit
from .numerics.kept_programs import keep_compiled as keep_compiled
from .own_probe.solution import OwnProbeSolution as OwnProbeSolution
from .plotting import plot as plot
from .real_data.field_law import FieldLaw as FieldLaw
from .real_data.prediction import Prediction as Prediction
from .real_data.prediction import predict as predict
from .rules.agreeing import Agreeing as Agreeing
from .rules.by_quantile import Easy as Easy
from .rules.by_quantile import Hard as Hard
from .rules.by_quantile import Mixture as Mixture
from .rules.by_quantile import Random as Random
from .rules.by_quantile import Window as Window
from .rules.intervals import Intervals as Intervals
from .rules.intervals import keep_between as keep_between
from .rules.keep_probability import KeepProbability as KeepProbability
from .rules.names import resolve_rule as resolve_rule
from .rules.rule import Cells as Cells
from .rules.rule import Rule as Rule
from .rules.rule import cells_of as cells_of
from .solving.convex_students import solve_convex as solve_convex
from .solving.front_door import solve as solve
from .solving.label_rounds import self_training as self_training
from .solving.label_rounds import (
    self_training_fixed_points as self_training_fixed_points,
)
from .solving.margins import threshold as threshold
from .solving.own_probes import solve_own_probe as solve_own_probe
from .solving.problems import load_problem as load_problem
from .solving.problems import save_problem as save_problem
from .solving.separability import separability_threshold as separability_threshold
from .students.names import resolve_student as resolve_student
from .students.solution import Solution as Solution
from .students.solution import Status as Status
from .students.state import Direction as Direction
from .students.student import Student as Student
from .students.three_directions import ThreeDirections as ThreeDirections
from .students.version_space.paper_information import (
    paper_information_gain as paper_information_gain,
)
from .students.version_space.paper_information import paper_overlap as paper_overlap
from .students.version_space.solution import VersionSpace as VersionSpace
