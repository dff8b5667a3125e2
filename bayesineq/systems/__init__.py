"""From persons to what a system is asked for: multimorbidity, risk, burden, and the dashboard of all of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
