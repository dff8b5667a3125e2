from .caterpillar import plot_caterpillar as plot_caterpillar
from .checks import (
    plot_calibration as plot_calibration,
    plot_predictive as plot_predictive,
    plot_prior_posterior as plot_prior_posterior,
)
from .choices import plot_acceptability as plot_acceptability, plot_frontier as plot_frontier, plot_plane as plot_plane
from .curves import plot_concentration as plot_concentration, plot_equiplot as plot_equiplot, plot_trend as plot_trend
from .forest import plot_associations as plot_associations, plot_forest as plot_forest
from .funnel import plot_funnel as plot_funnel
from .gradient import plot_gradient as plot_gradient
from .heat import plot_heat as plot_heat
from .hexagons import hexagons as hexagons
from .maps import map_posterior as map_posterior
from .outline import outline as outline
from .pareto import plot_pareto as plot_pareto
from .steps import plot_gap_over_time as plot_gap_over_time, plot_steps as plot_steps
from .style import Chart as Chart, save_chart as save_chart
from .tartan import Indicator as Indicator, plot_tartan as plot_tartan
from .tiers import map_bivariate as map_bivariate, map_certainty as map_certainty, map_tiers as map_tiers
