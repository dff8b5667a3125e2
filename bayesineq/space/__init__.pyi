from .adjacency import Adjacency as Adjacency, from_edges as from_edges
from .areas import read_areas as read_areas, repair_areas as repair_areas
from .contiguity import contiguity as contiguity, read_adjacency as read_adjacency
from .nearness import advised_tolerance as advised_tolerance
from .scaling import marginal_variances as marginal_variances, scale_factors as scale_factors
from .travel import (
    nearest_by_matrix as nearest_by_matrix,
    nearest_by_road as nearest_by_road,
    nearest_straight as nearest_straight,
)
