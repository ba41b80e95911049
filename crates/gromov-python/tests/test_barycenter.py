"""Barycentres and intrinsic means."""

from __future__ import annotations

import copy
import json
import math
import pickle
import signal
import threading

import gromov
import numpy as np
import pytest


def random_cloud(seed, n, d):
    rng = np.random.default_rng(seed)
    weights = 0.1 + rng.random(n)
    return rng.standard_normal((n, d)) / (1 + 0.5 * np.arange(d)), weights / weights.sum()


def copy_of(x, w, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    return x[order] @ np.linalg.qr(rng.standard_normal((x.shape[1],) * 2))[0], w[order]


def size(x, w):
    return float(np.sum(((x * w[:, None]).T @ x) ** 2))


@pytest.mark.parametrize("d", [2, 3])
def test_copies_of_a_cloud_have_it_as_their_barycentre(d):
    x, w = random_cloud(d, 30, d)
    clouds, weights = zip((x, w), copy_of(x, w, 1), copy_of(x, w, 2), strict=True)
    result = gromov.barycenter(clouds, [0.5, 0.2, 0.3], weights)
    assert result.objective <= 1e-10 * size(x, w)
    assert (result.status, result.points.shape) == ("converged", (30, d))
    assert gromov.igw(x, result.points, w, result.weights).squared <= 1e-10 * size(x, w)
    for k in range(3):
        plan = result.plans[k]
        np.testing.assert_allclose(plan.sum(axis=1), result.weights, atol=1e-14)
        np.testing.assert_allclose(plan.sum(axis=0), weights[k], atol=1e-14)
        aligned, mass = result.aligned(k)
        heavy = plan.data > 1e-15
        np.testing.assert_allclose(result.points[plan.row[heavy]], aligned[plan.col[heavy]], atol=1e-6)
        np.testing.assert_array_equal(mass, weights[k])


def test_the_solution_is_what_it_says():
    clouds = [random_cloud(seed, 10 + seed, d)[0] for seed, d in ((1, 2), (2, 3), (3, 1))]
    result = gromov.barycenter(clouds, [0.2, 0.5, 0.3], n_points=12, dim=2, seed=3)
    assert result.points.shape == (12, 2) and result.weights.tolist() == [1 / 12] * 12
    assert result.lambdas @ result.squared == pytest.approx(result.objective, rel=1e-12)
    assert result.lower_bound <= result.objective + result.rounding
    assert (np.diff(result.trace) < 0).all() and result.trace[-1] == result.objective
    for k, x in enumerate(clouds):
        # the plan found is one plan, the distance the best
        assert gromov.igw(result.points, x).squared <= result.squared[k] * (1 + 1e-9)
        assert result.rotations[k].shape == (2, x.shape[1])
    again = gromov.barycenter(clouds, [0.2, 0.5, 0.3], n_points=12, dim=2, seed=3, threads=1)
    np.testing.assert_array_equal(again.points, result.points)


def test_means_spectra_and_given_weights():
    square = np.array([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    far = gromov.barycenter([square + 5, 3 * square - 7], center=True)
    assert far.objective == pytest.approx(32.0) and far.lower_bound == pytest.approx(32.0)
    np.testing.assert_allclose([m[0] for m in far.means], [5.0, -7.0])
    own = gromov.barycenter([square, square], point_weights=[0.1, 0.2, 0.3, 0.4])
    assert own.weights.tolist() == [0.1, 0.2, 0.3, 0.4]
    # without weight in the mean a cloud still has a plan
    alone = gromov.barycenter([square, 3 * square], [1.0, 0.0])
    assert alone.objective < 1e-12 and alone.squared[1] == pytest.approx(2 * 8.0**2)
    mixed = gromov.barycenter([square, square[:3]], weights=[None, [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(mixed.plans[1].sum(axis=0), [0.2, 0.3, 0.5])


def test_intrinsic_means_in_closed_form():
    x, w = random_cloud(7, 12, 3)
    y = random_cloud(8, 12, 3)[0]
    path = gromov.geodesic(x, y, w, w, plan="identity")
    mean = gromov.intrinsic_mean([x, y], [0.7, 0.3], w)
    # the mean of two clouds is on their geodesic
    assert mean.objective == pytest.approx(0.21 * path.length**2, rel=1e-8)
    middle = path(0.3)
    np.testing.assert_allclose(mean.points @ mean.points.T, middle @ middle.T, atol=1e-7)
    assert mean.status == "converged" and mean.gradient < 1e-6
    other = pickle.loads(pickle.dumps(mean))
    assert other.to_json() == mean.to_json() and len(repr(mean)) < 200
    with pytest.raises(gromov.ConvergenceError, match="intrinsic_mean: iteration_cap") as caught:
        gromov.intrinsic_mean([x, y, random_cloud(9, 12, 3)[0]], None, w, max_iter=1, tol=0.0)
    assert caught.value.result.points.shape == (12, 3)


SQUARE = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gromov.barycenter([]), "clouds: expected at least one, got none"),
        (lambda: gromov.barycenter(3), r"clouds: expected a sequence of clouds \(m_k, d_k\), got int"),
        (
            lambda: gromov.barycenter([SQUARE] * 3 + [[1.0]]),
            r"clouds\[3\]: expected shape \(n, d\), got \(1,\)",
        ),
        (lambda: gromov.barycenter([SQUARE] * 3 + [[[math.nan]]]), r"clouds\[3\]: entry \(0, 0\) is NaN"),
        (lambda: gromov.barycenter([SQUARE], weights=[[0.5, 0.5]]), r"weights\[0\]: expected shape \(3,\)"),
        (lambda: gromov.barycenter([SQUARE] * 2, weights=[None, [0.5, 0.5, 0.5]]), r"weights\[1\]: .*sum"),
        (lambda: gromov.barycenter([SQUARE] * 2, weights=[None]), "weights: expected 2, one a cloud, got 1"),
        (lambda: gromov.barycenter([SQUARE] * 2, [1.0]), r"lambdas: expected shape \(2,\), got \(1,\)"),
        (lambda: gromov.barycenter([SQUARE] * 2, [1.0, 1.0]), "lambdas: a sum of 2 is not allowed"),
        (
            lambda: gromov.barycenter([SQUARE] * 2, [2.0, -1.0]),
            "lambdas: -1 is not allowed; expected numbers >= 0",
        ),
        (
            lambda: gromov.barycenter([SQUARE], n_points=0),
            "n_points: 0 is not allowed; expected a whole number >= 1",
        ),
        (lambda: gromov.barycenter([SQUARE], dim=5000), "dim: 5000 is not allowed; expected at most 4096"),
        (
            lambda: gromov.barycenter([SQUARE], n_points=2, point_weights=[1.0]),
            r"point_weights: expected \(2\), got 1",
        ),
        (lambda: gromov.barycenter([SQUARE], point_weights=[0.7, 0.7]), "point_weights: .*sum"),
        (lambda: gromov.barycenter([SQUARE], tol=-1), "tol: -1 is not allowed"),
        (lambda: gromov.barycenter([SQUARE], time_limit="x"), "time_limit: 'x' is not allowed"),
        (lambda: gromov.barycenter([SQUARE]).aligned(1), "k: 1 is not allowed; expected a whole number <= 0"),
        (lambda: gromov.barycenter([SQUARE]).to_html("a.html", names=["a", "b"]), "names: expected 1 names"),
        (
            lambda: gromov.intrinsic_mean([SQUARE, SQUARE[:2]]),
            r"clouds\[1\]: expected shape \(3, 2\), that of clouds\[0\]",
        ),
        (lambda: gromov.intrinsic_mean([SQUARE], weights=[0.5, 0.6, 0.7]), "weights: .*sum"),
        (lambda: gromov.intrinsic_mean([SQUARE], max_iter=0), "max_iter: 0 is not allowed"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(gromov.GromovError, match="^" + message):
        call()


def test_caps_are_errors_with_results():
    clouds = [random_cloud(seed, 30, 2)[0] for seed in range(3)]
    with pytest.raises(gromov.ConvergenceError, match=r"^barycenter: time_cap") as caught:
        gromov.barycenter(clouds, time_limit=0.0)
    assert caught.value.result.points.shape == (30, 2)
    assert gromov.barycenter(clouds, time_limit=0.0, check=False).status == "time_cap"


def test_inputs_are_never_changed():
    clouds = [random_cloud(seed, 10, 2)[0] for seed in range(3)]
    kept = copy.deepcopy(clouds)
    result = gromov.barycenter(clouds, center=True)
    gromov.intrinsic_mean(clouds)
    for before, after in zip(kept, clouds, strict=True):
        np.testing.assert_array_equal(before, after)
    stacked = gromov.barycenter(np.stack(clouds), center=True)
    np.testing.assert_array_equal(stacked.points, result.points)


def test_pickles_files_and_pages(tmp_path):
    clouds = [random_cloud(seed, 10, 2)[0] for seed in range(2)]
    result = gromov.barycenter(clouds)
    for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert other.to_json() == result.to_json()
        np.testing.assert_array_equal(other.plans[1].data, result.plans[1].data)
    fields = json.loads(result.to_json())
    assert len(fields["rotations"]) == 2 and fields["objective"] == result.objective
    assert len(repr(result)) < 200 and "<svg" in result._repr_html_()
    result.save(tmp_path / "mean.npz")
    np.testing.assert_array_equal(gromov.read(tmp_path / "mean.npz").points, result.points)
    with pytest.raises(gromov.GromovError, match=r"mean.txt: clouds are not written as .txt"):
        result.save(tmp_path / "mean.txt")
    result.to_html(tmp_path / "mean.html")
    assert "clouds[1]" in (tmp_path / "mean.html").read_text()


def test_ctrl_c_ends_a_search():
    clouds = [random_cloud(seed, 300, 3)[0] for seed in range(4)]
    timer = threading.Timer(0.4, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            for _ in range(1000):
                gromov.barycenter(clouds, starts=8)
    finally:
        timer.cancel()
