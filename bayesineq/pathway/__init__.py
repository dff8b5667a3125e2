"""Several outcomes together and over years: where an inequality arises, whether it narrows, and who is missed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
