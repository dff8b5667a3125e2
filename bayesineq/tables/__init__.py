"""Rows come in: readers, checks, vintages, places and quantiles."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
