"""What may be shown: the rule, what is withheld under it, and the one way out for rows of persons."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
