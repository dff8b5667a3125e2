from . import ethnicity as ethnicity
from .engines import connect as connect
from .tabulate import age_bands as age_bands, band_labels as band_labels, cells as cells, tabulate as tabulate
