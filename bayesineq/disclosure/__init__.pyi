from .release import release_people as release_people
from .rule import Rule as Rule, protect as protect, protect_rates as protect_rates
from .suppression import Protected as Protected, protect_tables as protect_tables
