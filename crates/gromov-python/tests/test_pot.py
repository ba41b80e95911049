"""Agreement with POT: its Gromov-Wasserstein solver, started at our plan, stays at our value."""

import warnings

import gromov
import numpy as np
import pytest

with warnings.catch_warnings():
    # of libraries that it looks for
    warnings.simplefilter("ignore")
    gw = pytest.importorskip("ot.gromov")


@pytest.mark.parametrize("problem", range(20))
@pytest.mark.filterwarnings("ignore")
def test_pot_stays_at_our_value(problem):
    rng = np.random.default_rng(problem)
    dims = [(1, 1), (2, 2), (2, 3), (3, 3), (5, 2)][problem % 5]
    n, m = 15 + problem, 30 - problem
    x, y = (rng.standard_normal((k, d)) * rng.uniform(0.5, 2, d) for k, d in zip((n, m), dims, strict=True))
    a, b = (0.2 + rng.random(k) for k in (n, m))
    a, b = a / a.sum(), b / b.sum()
    ours = gromov.igw(x, y, a, b, center=bool(problem % 2))
    if problem % 2:
        x, y = x - a @ x, y - b @ y
    plan, log = gw.gromov_wasserstein(
        x @ x.T,
        y @ y.T,
        a,
        b,
        "square_loss",
        G0=ours.plan.toarray(),
        log=True,
        max_iter=1000,
        tol_rel=1e-14,
        tol_abs=1e-14,
    )
    size = max(1.0, ours.squared)
    assert abs(log["gw_dist"] - ours.squared) < 1e-9 * size
    # the value of its plan, from the definition
    gap = (x @ x.T)[:, None, :, None] - (y @ y.T)[None, :, None, :]
    value = np.einsum("ij,kl,ijkl->", plan, plan, gap**2, optimize=True)
    assert abs(value - ours.squared) < 1e-9 * size
    # its own start is no better
    start = gw.gromov_wasserstein2(x @ x.T, y @ y.T, a, b, "square_loss")
    assert ours.squared <= start + 1e-9 * size
    if ours.certified:
        assert ours.lower_bound <= start + ours.rounding
