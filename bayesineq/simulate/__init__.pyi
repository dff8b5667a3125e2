from .areas import simulate_areas as simulate_areas
from .board import Board as Board, simulate_board as simulate_board
from .effects import diabetes_effects as diabetes_effects
from .pathway import Pathway as Pathway, simulate_pathway as simulate_pathway
from .people import (
    record_ethnicity as record_ethnicity,
    simulate_people as simulate_people,
    simulate_practices as simulate_practices,
)
from .system import System as System, simulate_system as simulate_system
from .worlds import World as World, WorldParameters as WorldParameters, simulate_counts as simulate_counts
from .contacts import (
    Appointments as Appointments,
    Waits as Waits,
    simulate_appointments as simulate_appointments,
    simulate_stays as simulate_stays,
    simulate_waits as simulate_waits,
)
