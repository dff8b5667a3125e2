from bayesineq.report.figures import *
