"""
Try many inputs: `python -m tests.fuzz [EACH [FIRST [KIND ...]]]` prints numbers by kind and every distinct fault.

EACH is how many of a kind, by default a share of BAYESINEQ_FUZZ or 10,000; FIRST is the seed of the first.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter

from tests.fuzz.inputs import KINDS
from tests.fuzz.tried import attempt


def survey(number: int, kinds: list[str], first: int = 0) -> int:
    """Try so many inputs of each kind; gives the number of distinct faults."""
    faults: dict[str, tuple[int, str, int]] = {}
    for kind in kinds:
        counts: Counter[str] = Counter()
        begun, slowest = time.monotonic(), 0.0
        for seed in range(first, first + number):
            since = time.monotonic()
            ended = attempt(kind, seed)
            slowest = max(slowest, time.monotonic() - since)
            how = "fault" if ended.fault else "taken" if ended.status == 0 or "NotFitted" in ended.said else "refused"
            counts[how] += 1
            if ended.fault:
                key = f"{kind}: {re.sub(r'0x[0-9a-f]+|[0-9]{3,}', 'N', ended.fault)[:110]}"
                earlier = faults.get(key)
                faults[key] = (seed, ended.fault, 1) if earlier is None else (*earlier[:2], earlier[2] + 1)
        took = time.monotonic() - begun
        told = ", ".join(f"{counts[how]:,} {how}" for how in ("refused", "taken", "fault"))
        print(f"{kind}: {number:,} tried, {told}; {took:.0f} s, slowest {slowest:.1f} s", flush=True)
    for key, (seed, fault, times) in faults.items():
        print(f"\n{key.partition(':')[0]}, seed {seed}, {times} times: {fault}")
    return len(faults)


if __name__ == "__main__":
    given = sys.argv[1:]
    chosen = [kind for kind in KINDS if any(kind.startswith(name) for name in given[2:])] or list(KINDS)
    each = int(given[0]) if given else -(-int(os.environ.get("BAYESINEQ_FUZZ", "10000")) // len(KINDS))
    sys.exit(min(survey(each, chosen, int(given[1]) if len(given) > 1 else 0), 1))
