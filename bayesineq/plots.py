"""Figures and maps of posteriors and plans: the namespace of `bayesineq.report.figures`."""

from bayesineq.report import figures

__all__ = list(figures.__all__)
__getattr__, __dir__ = figures.__getattr__, figures.__dir__
