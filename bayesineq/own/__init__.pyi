from .layout import Layout as Layout, read_mapped as read_mapped
from .read import Cells as Cells, read_cells as read_cells
from .start import Answers as Answers, Started as Started, start as start
from .written import write_start as write_start
