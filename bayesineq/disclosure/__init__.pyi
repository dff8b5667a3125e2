from .cover import Cover as Cover, cover as cover
from .covered import Covered as Covered, covered as covered
from .release import release_people as release_people
from .released import released as released, released_summary as released_summary
from .rule import Rule as Rule, protect as protect, protect_rates as protect_rates
from .suppression import Protected as Protected, protect_tables as protect_tables
