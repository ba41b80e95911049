"""What the binding costs: printed (`pytest -s`), because a clock is no test."""

import time

import gromov
import numpy as np


def test_overhead_of_a_call_is_printed():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((10, 2)), rng.standard_normal((10, 2))
    for name, keywords in {
        "one start, one thread": {"starts": 1, "threads": 1},
        "one start": {"starts": 1},
    }.items():
        outside, inside = [], []
        for _ in range(300):
            start = time.perf_counter()
            result = gromov.igw(x, y, method="local", **keywords)
            outside.append(time.perf_counter() - start)
            inside.append(result.seconds)
        outside, inside = np.sort(outside), np.sort(inside)
        extra = 1e6 * (outside[150] - inside[150])
        print(
            f"igw, n = 10, {name}: {1e6 * outside[150]:.0f} µs a call, {1e6 * inside[150]:.0f} µs of them in the core; "
            f"binding {extra:.0f} µs (aim 50)"
        )
        assert result.squared > 0
