"""Components: what an algorithm can choose. Each choice is a small frozen model, and each slot has one file.

The `kind` of a component says which choice it is. `None` or a component `No…` switches something off; there are no
magic numbers. The file of the same name in `pgbench/training/meaning/` says what each choice means in training.
"""

from pgbench.methods.components.advantages import GAE as GAE
from pgbench.methods.components.advantages import ActionValue as ActionValue
from pgbench.methods.components.advantages import Advantage as Advantage
from pgbench.methods.components.advantages import NStep as NStep
from pgbench.methods.components.advantages import RewardToGo as RewardToGo
from pgbench.methods.components.advantages import TotalReturn as TotalReturn
from pgbench.methods.components.advantages import UniformWeight as UniformWeight
from pgbench.methods.components.advantages import VTrace as VTrace
from pgbench.methods.components.baselines import AverageReturn as AverageReturn
from pgbench.methods.components.baselines import Baseline as Baseline
from pgbench.methods.components.baselines import LearnedActionValue as LearnedActionValue
from pgbench.methods.components.baselines import LearnedValue as LearnedValue
from pgbench.methods.components.baselines import LeaveOneOut as LeaveOneOut
from pgbench.methods.components.baselines import NoBaseline as NoBaseline
from pgbench.methods.components.baselines import OptimalComponents as OptimalComponents
from pgbench.methods.components.baselines import OptimalConstant as OptimalConstant
from pgbench.methods.components.baselines import TimestepAverage as TimestepAverage
from pgbench.methods.components.critics import CriticFit as CriticFit
from pgbench.methods.components.critics import CriticTarget as CriticTarget
from pgbench.methods.components.critics import JointFit as JointFit
from pgbench.methods.components.critics import LambdaTarget as LambdaTarget
from pgbench.methods.components.critics import MonteCarloTarget as MonteCarloTarget
from pgbench.methods.components.critics import NStepTarget as NStepTarget
from pgbench.methods.components.critics import SeparateFit as SeparateFit
from pgbench.methods.components.critics import VTraceTarget as VTraceTarget
from pgbench.methods.components.data import Data as Data
from pgbench.methods.components.data import FixedHorizon as FixedHorizon
from pgbench.methods.components.data import ReplayBuffer as ReplayBuffer
from pgbench.methods.components.data import WholeEpisodes as WholeEpisodes
from pgbench.methods.components.details import Details as Details
from pgbench.methods.components.details import ObservationNormalisation as ObservationNormalisation
from pgbench.methods.components.details import RewardScaling as RewardScaling
from pgbench.methods.components.details import ValueNormalisation as ValueNormalisation
from pgbench.methods.components.networks import CriticNetwork as CriticNetwork
from pgbench.methods.components.networks import Initialisation as Initialisation
from pgbench.methods.components.networks import Networks as Networks
from pgbench.methods.components.networks import Orthogonal as Orthogonal
from pgbench.methods.components.networks import Xavier as Xavier
from pgbench.methods.components.optimisers import Adam as Adam
from pgbench.methods.components.surrogates import AdaptivePenalty as AdaptivePenalty
from pgbench.methods.components.surrogates import CausalRatio as CausalRatio
from pgbench.methods.components.surrogates import ClippedLogRatio as ClippedLogRatio
from pgbench.methods.components.surrogates import ClippedRatio as ClippedRatio
from pgbench.methods.components.surrogates import Direction as Direction
from pgbench.methods.components.surrogates import ExponentialAdvantage as ExponentialAdvantage
from pgbench.methods.components.surrogates import FixedPenalty as FixedPenalty
from pgbench.methods.components.surrogates import ImportanceRatio as ImportanceRatio
from pgbench.methods.components.surrogates import LogLikelihood as LogLikelihood
from pgbench.methods.components.surrogates import PerDecisionRatio as PerDecisionRatio
from pgbench.methods.components.surrogates import QuadraticPenalty as QuadraticPenalty
from pgbench.methods.components.surrogates import RollbackRatio as RollbackRatio
from pgbench.methods.components.surrogates import Surrogate as Surrogate
from pgbench.methods.components.surrogates import TrajectoryRatio as TrajectoryRatio
from pgbench.methods.components.surrogates import TruncatedRatio as TruncatedRatio
from pgbench.methods.components.updates import ConjugateGradient as ConjugateGradient
from pgbench.methods.components.updates import GradientStep as GradientStep
from pgbench.methods.components.updates import LineSearch as LineSearch
from pgbench.methods.components.updates import MinibatchEpochs as MinibatchEpochs
from pgbench.methods.components.updates import NaturalAscent as NaturalAscent
from pgbench.methods.components.updates import NaturalGradient as NaturalGradient
from pgbench.methods.components.updates import TrustRegion as TrustRegion
from pgbench.methods.components.updates import Update as Update
