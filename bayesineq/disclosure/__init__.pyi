from .cover import Cover as Cover, cover as cover
from .covered import Covered as Covered, covered as covered
from .persons import covered_persons as covered_persons
from .release import release_people as release_people
from .read_released import load_released as load_released
from .released import released as released, released_summary as released_summary
from .attack import Attack as Attack, attack as attack
from .cell_keys import perturbed_counts as perturbed_counts
from .protect import protect as protect, protect_rates as protect_rates
from .read_rule import rule_of as rule_of
from .rule import Rule as Rule
from .earlier import rule_after as rule_after
from .suppression import Protected as Protected, protect_tables as protect_tables
