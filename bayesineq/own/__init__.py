"""Your own table: what its columns hold, a mapping, a card and a script."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
