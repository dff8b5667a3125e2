"""Every benchmark, each in a process of its own so that peak memory is its own: `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

failed = []
for script in sorted(Path(__file__).parent.glob("bench_*.py")):
    sys.stdout.write(f"\n== {script.stem.removeprefix('bench_')} ==\n")
    sys.stdout.flush()
    if subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=False).returncode:
        failed.append(script.name)
if failed:
    sys.exit(f"these benchmarks failed: {', '.join(failed)}")
