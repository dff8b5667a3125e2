"""Transported effects and decisions need no scikit-learn; what needs it says which extra to install."""

import subprocess
import sys

CODE = """
import sys
sys.modules["sklearn"] = None
from importlib import import_module
for name in ("plans", "distributional", "robust", "transport"):
    import_module(f"bayesineq.decisions.{name}")
import_module("bayesineq.uplift.learner")
for name in ("uplift.nuisance", "uplift.estimator", "cohort.segments"):
    try:
        import_module(f"bayesineq.{name}")
    except ImportError as error:
        assert "pip install 'bayesineq[uplift]'" in str(error), error
    else:
        raise AssertionError(f"{name} did not need scikit-learn")
"""


def test_decisions_work_without_it_and_the_learner_names_the_extra():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
