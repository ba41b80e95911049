"""Memory is forecast from the arguments of a call, and what does not fit is refused before it begins."""

import pickle

import gromov
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(50, 2))
CALLS = [
    (gromov.igw, (X, X), {}),
    (gromov.flow, (X, gromov.energy.Quadratic()), {"steps": 1000}),
    (gromov.geodesic, (X, X), {"kind": "lifted"}),
    (gromov.barycenter, ([X, X],), {}),
    (gromov.pairwise, ([X, X],), {}),
]


@pytest.mark.parametrize(("function", "given", "options"), CALLS)
def test_what_is_forecast_is_what_is_refused(function, given, options):
    need = gromov.forecast(function, *given, **options)
    assert need.fits and need.bytes == sum(part for _, part in need.parts) > 0
    assert need.available is None or need.available > 2**20
    assert repr(need).startswith("Forecast(needed=")
    with pytest.raises(gromov.MemoryLimitError, match=f"^{function.__name__}: takes about .* the limit is ") as error:
        function(*given, max_memory=int(need.bytes) - 1, **options)
    assert error.value.bytes == need.bytes and isinstance(error.value, MemoryError)
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.parts) == (str(error.value), need.parts)


def test_frames_and_pairs_are_counted():
    frames = dict(gromov.forecast(gromov.flow, X, gromov.energy.Quadratic(), steps=1000).parts)["frames"]
    assert frames == 1002 * 50 * 2 * 8
    one, four = (gromov.forecast(gromov.pairwise, [X] * k).bytes for k in (500, 1000))
    assert 3.5 < four / one < 4.1


def test_a_flow_that_cannot_fit_is_refused_at_once():
    with pytest.raises(gromov.MemoryLimitError, match="keep fewer frames"):
        gromov.flow(X, gromov.energy.Quadratic(), steps=10**15)
    with pytest.raises(gromov.MemoryLimitError, match="datasets: takes about"):
        gromov.datasets.ball(10**12, 3)


def test_refusals():
    with pytest.raises(gromov.GromovError, match="function: exp has no forecast"):
        gromov.forecast(gromov.exp, X, X)
    with pytest.raises(gromov.GromovError, match="max_memory: has no meaning in a forecast"):
        gromov.forecast(gromov.igw, X, X, max_memory=3)
    with pytest.raises(gromov.GromovError, match="max_memory: -1 is not allowed"):
        gromov.igw(X, X, max_memory=-1)
    with pytest.raises(gromov.GromovError, match="y: expected shape"):
        gromov.forecast(gromov.igw, X, [1.0])
