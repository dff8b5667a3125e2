from .for_arviz import to_arviz as to_arviz
from .imputations import stack_imputations as stack_imputations
from .mixture.recording import (
    RecordingColumns as RecordingColumns,
    RecordingOptions as RecordingOptions,
    outcome_shift as outcome_shift,
    recording as recording,
    weights as weights,
)
from .mixture.study import fit_recorded as fit_recorded
from .mixture.tipping import tipping_point as tipping_point
from .nuts.hand_over import pymc_model as pymc_model
from .nuts.mixture import sample_mixture as sample_mixture
from .prior import prior_draws as prior_draws
from .sparse_engine.groups import leave_group_out as leave_group_out
