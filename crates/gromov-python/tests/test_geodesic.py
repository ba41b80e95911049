"""Paths, exponential and logarithm against closed forms and against each other."""

from __future__ import annotations

import copy
import json
import math
import pickle
import signal
import subprocess
import sys
import threading

import gromov
import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array


def random_cloud(seed, n, d):
    rng = np.random.default_rng(seed)
    weights = 0.1 + rng.random(n)
    return rng.standard_normal((n, d)), weights / weights.sum()


def turn(d, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def gram(x):
    return x @ x.T


def test_on_the_line_clouds_form_a_cone():
    negative = 0
    for seed in range(40):
        x, w = random_cloud(seed, 3 + seed % 20, 1)
        y = random_cloud(1000 + seed, len(x), 1)[0]
        s, r, product = (float(w @ v[:, 0]) for v in (x * x, y * y, x * y))
        angle = math.acos(abs(product) / math.sqrt(s * r))
        exact = math.sqrt(s * s + r * r - 2 * s * r * math.cos(math.sqrt(2) * angle))
        path = gromov.geodesic(x, y, w, w, plan="identity")
        assert path.length == pytest.approx(exact, rel=1e-10)
        assert (path.status, path.reflected, path.method) == ("converged", product < 0, "shooting")
        negative += product < 0
    assert 5 < negative < 35


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_commuting_images_have_variances_linear_in_time(d):
    x, w = random_cloud(60 + d, 40, d)
    values, vectors = np.linalg.eigh((x * w[:, None]).T @ x)
    factors = np.array([0.2, 0.3, 1.0, 3.0, 5.0])[:d]
    y = x @ vectors @ np.diag(factors) @ vectors.T @ turn(d, d)
    path = gromov.geodesic(x, y, w, w, plan="identity")
    for t in (0.0, 0.1, 0.37, 0.93, 1.0):
        frame = path(t)
        moment = vectors.T @ ((frame * w[:, None]).T @ frame) @ vectors
        np.testing.assert_allclose(moment, np.diag(values * (1 - t + t * factors**2)), atol=1e-10)
    assert path.d_igw == path.length == pytest.approx(math.sqrt(path.squared), rel=1e-10)
    assert path.squared == pytest.approx(float(np.sum((values * (1 - factors**2)) ** 2)), rel=1e-9)


def test_exp_of_log_meets_the_other_end():
    for d in (1, 2, 3, 4):
        x, w = random_cloud(d, 15, d)
        y = random_cloud(100 + d, 15, d)[0]
        v = gromov.log(x, y, weights=w)
        np.testing.assert_allclose(gram(gromov.exp(x, v, weights=w)), gram(y), atol=1e-9)
        path = gromov.geodesic(x, y, w, w, plan="identity")
        np.testing.assert_allclose(path.velocity(0.0), v, atol=1e-12)
        assert gromov.metric(x, v, v, w) == pytest.approx(path.length**2, rel=1e-10)
        there = gromov.exp(x, v, weights=w, t=0.4, full=True)
        np.testing.assert_allclose(there.points, path(0.4), atol=1e-9)
        assert (there.status, there.time) == ("completed", 0.4)
        assert there.speed == pytest.approx(path.length, rel=1e-10)
        assert there.speed_error < 1e-9 and there.turned < 1e-9


def test_speed_is_constant_and_lengths_are_above_igw():
    for seed in range(5):
        x, w = random_cloud(seed, 12, 3)
        y = random_cloud(50 + seed, 12, 3)[0]
        path = gromov.geodesic(x, y, w, w, plan="identity")
        for t in (0.0, 0.3, 0.8, 1.0):
            v = path.velocity(t)
            assert gromov.metric(path(t), v, v, w) == pytest.approx(path.length**2, rel=1e-8)
        assert path.d_igw >= math.sqrt(path.squared) * (1 - 1e-12)
        assert path.action == pytest.approx(path.length**2, rel=1e-12)
        back = gromov.geodesic(y, x, w, w, plan="identity")
        assert back.length == pytest.approx(path.length, rel=1e-9)
        # the velocity is the derivative of the frames
        h = 1e-5
        np.testing.assert_allclose((path(0.5 + h) - path(0.5 - h)) / (2 * h), path.velocity(0.5), atol=1e-6)


def test_ends_frames_and_shapes():
    x, a = random_cloud(1, 9, 2)
    y, b = random_cloud(2, 7, 2)
    path = gromov.geodesic(x, y, a, b)
    assert path.igw == pytest.approx(math.sqrt(path.squared), rel=1e-14)
    far = gromov.geodesic(x * 2.0**270, y * 2.0**270, a, b, plan=path)
    assert math.isinf(far.squared) and far.igw == path.igw * 2.0**540 and far.length > far.igw
    assert json.loads(far.to_json())["squared"] is None
    plan = path.plan
    k = plan.nnz
    assert path(0.3).shape == (k, 2) and path([0.3]).shape == (1, k, 2) and path([]).shape == (0, k, 2)
    np.testing.assert_array_equal(path(0.0), x[plan.row])
    np.testing.assert_allclose(path(1.0), y[plan.col] @ path.rotation.T, atol=1e-11)
    np.testing.assert_array_equal(path.weights, plan.data)
    np.testing.assert_allclose(plan.sum(axis=1), a, atol=1e-14)
    np.testing.assert_allclose(plan.sum(axis=0), b, atol=1e-14)
    assert path.reflected == (np.linalg.det(path.rotation) < 0)
    distance = gromov.igw(x, y, a, b)
    assert path.squared == pytest.approx(distance.squared, rel=1e-12)
    assert path.pairing == "optimal for IGW, certified" and distance.certified
    second = gromov.geodesic(x, y, a, b, frame="second")
    np.testing.assert_allclose(second(1.0), y[plan.col], atol=1e-11)
    np.testing.assert_allclose(second(0.5) @ path.rotation.T, path(0.5), atol=1e-11)


def test_plans_of_all_kinds_are_taken():
    x, a = random_cloud(3, 8, 2)
    y, b = random_cloud(4, 6, 2)
    found = gromov.igw(x, y, a, b)
    best = gromov.geodesic(x, y, a, b)
    for plan in (found, found.plan, csr_array(found.plan), best):
        path = gromov.geodesic(x, y, a, b, plan=plan)
        assert path.length == pytest.approx(best.length, rel=1e-12) and path.pairing == "as given"
    product = gromov.geodesic(x, y, a, b, plan=coo_array(np.outer(a, b)), check=False)
    assert len(product.weights) == 48 and product.squared > best.squared
    # entries given twice are added, zeros are no particles
    rows, columns = [0, 0, 1, 0], [0, 0, 1, 1]
    twice = coo_array(([0.25, 0.25, 0.5, 0.0], (rows, columns)), shape=(2, 2))
    path = gromov.geodesic([[1.0], [-1.0]], [[2.0], [-2.0]], plan=twice)
    assert path.weights.tolist() == [0.5, 0.5]
    assert path.squared == pytest.approx(9.0) and twice.nnz == 4


def test_lifted_paths_have_linear_inner_products():
    x, a = random_cloud(5, 10, 2)
    y, b = random_cloud(6, 12, 3)
    path = gromov.geodesic(x, y, a, b, kind="lifted", dim=5)
    rows, columns = path.plan.row, path.plan.col
    for t in (0.0, 0.25, 1.0):
        exact = (1 - t) * gram(x[rows]) + t * gram(y[columns])
        np.testing.assert_allclose(gram(path(t)), exact, atol=1e-12)
    assert path.length == pytest.approx(math.sqrt(path.squared)) and path.d_igw is None and path.lost == 0
    shown = gromov.geodesic(x, y, a, b, kind="lifted")
    assert shown(0.5).shape[1] == 3 and shown.lost > 0
    assert max(path.errors([0.2, 0.5]).gram) < 1e-12 < shown.errors([0.5]).gram[0]


def test_mccann_goes_straight_along_the_w2_plan():
    x, w = random_cloud(7, 10, 2)
    path = gromov.geodesic(x, x[::-1] + 3.0, w, w[::-1], kind="mccann")
    # a shift is optimal: every point goes by (3, 3)
    np.testing.assert_allclose(path(0.5), x[path.plan.row] + 1.5, atol=1e-14)
    assert path.pairing == "optimal for W2" and path.d_igw is None and path.status == "completed"
    moved = gromov.geodesic(x, x + 3.0, w, w, kind="mccann", center=True)
    np.testing.assert_allclose(moved(1.0), moved(0.0), atol=1e-14)
    errors = gromov.geodesic([[2.0, 0], [0, 1.0]], [[4.0, 0], [0, 2.0]], kind="mccann").errors([0.5])
    assert errors.gram[0] == pytest.approx(0.1, abs=1e-14) and errors.distances[0] < 1e-14


def test_center_removes_means():
    x, w = random_cloud(8, 10, 2)
    moved = x @ turn(2, 1) + [5.0, -3.0]
    assert gromov.geodesic(x, moved, w, w, center=True).length < 1e-7
    assert gromov.geodesic(x, moved, w, w).length > 1.0


def test_dimensions_that_differ_are_answered_by_a_chain():
    x, y = random_cloud(9, 8, 1)[0], random_cloud(10, 8, 2)[0]
    with pytest.raises(gromov.ConvergenceError, match=r"^geodesic: singular: the second moment lost rank") as caught:
        gromov.geodesic(x, y)
    path = caught.value.result
    assert (path.status, path.method) == ("singular", "chain") and 0 < path.uncertainty < 0.01
    assert path.length >= math.sqrt(path.squared) * (1 - 1e-3)
    assert gromov.geodesic(x, y, check=False).length == path.length
    with pytest.raises(gromov.GromovError, match="no geodesic: none was found between these clouds"):
        path.velocity(0.0)
    with pytest.raises(gromov.GromovError, match="kind: Mccann is not allowed; expected an intrinsic path"):
        gromov.geodesic(y, y, kind="mccann").velocity(0.0)


def test_exp_in_closed_form():
    x, w = random_cloud(11, 6, 3)
    np.testing.assert_allclose(gromov.exp(x, x, weights=w, t=1.5), 2 * x, atol=1e-10)
    there = gromov.exp(x, x, weights=w, t=0.7, full=True)
    back = gromov.exp(there.points, there.velocity, weights=w, t=-0.7)
    np.testing.assert_allclose(back, x, atol=1e-10)
    with pytest.raises(gromov.GromovError, match=r"^no geodesic: it ends at t = -0.5 on the way to -1 \(stalled\)"):
        gromov.exp(x, x, weights=w, t=-1)
    early = gromov.exp(x, x, weights=w, t=-1, full=True)
    assert early.status == "stalled" and early.time == pytest.approx(-0.5, abs=1e-6)
    spin = x @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    still = gromov.exp(x, spin, weights=w, full=True)
    assert still.turned == pytest.approx(1.0) and still.speed < 1e-12
    np.testing.assert_allclose(gromov.log(x, 2 * x, weights=w), 1.5 * x, atol=1e-10)


X = [[2.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: gromov.geodesic([1.0], X),
            r"x: expected shape \(n, d\), got \(1,\); for points on the line",
        ),
        (
            lambda: gromov.geodesic(X, [[math.nan, 1.0]]),
            r"y: entry \(0, 0\) is NaN; every entry must be a finite number",
        ),
        (lambda: gromov.geodesic(X, X, [0.5, 0.6]), "a: .*sum"),
        (lambda: gromov.geodesic(X, X, b=[0.5]), r"b: expected shape \(2,\), one weight a point, got \(1,\)"),
        (
            lambda: gromov.geodesic(X, X, kind="short"),
            "kind: 'short' is not allowed; expected one of intrinsic, lifted",
        ),
        (
            lambda: gromov.geodesic(X, X, frame="x"),
            "frame: 'x' is not allowed; expected one of first, second",
        ),
        (lambda: gromov.geodesic(X, X, dim=4), 'dim: 4 is not allowed; expected None but for kind="lifted"'),
        (
            lambda: gromov.geodesic(X, X, dim=3, kind="lifted"),
            r"dim: 3 is not allowed; expected 2 \(principal axes\) or 4",
        ),
        (
            lambda: gromov.geodesic(X, X, dim=4, kind="lifted", frame="second"),
            "frame: second is not allowed; expected",
        ),
        (
            lambda: gromov.geodesic(X, [[1.0]], kind="mccann"),
            'kind: mccann is not allowed; expected "lifted" or',
        ),
        (
            lambda: gromov.geodesic(X, [[1.0, 2.0]], plan="identity"),
            'y: expected 2 points, as x, for plan="identity"',
        ),
        (
            lambda: gromov.geodesic(X, X, None, [0.4, 0.6], plan="identity"),
            "y: expected the weights of x for .*0.4 at 0",
        ),
        (lambda: gromov.geodesic(X, X, plan="best"), "plan: 'best' is not allowed; expected one of identity"),
        (
            lambda: gromov.geodesic(X, X, plan=np.eye(2) / 2),
            'plan: ndarray is not allowed; expected None, "identity"',
        ),
        (
            lambda: gromov.geodesic(X, X, plan=coo_array(np.eye(3) / 3)),
            r"plan: expected shape \(2, 2\), got \(3, 3\)",
        ),
        (
            lambda: gromov.geodesic(X, X, plan=coo_array(np.diag([0.4, 0.6]))),
            "plan: expected the mass 0.5 in row 0",
        ),
        (
            lambda: gromov.geodesic(X, X, plan=coo_array([[0.75, -0.25], [-0.25, 0.75]])),
            "plan: entry 0, 1 is -0.25",
        ),
        (
            lambda: gromov.geodesic(X, X, plan=coo_array([[0.5j, 0], [0, 0.5]])),
            "plan: expected a real matrix",
        ),
        (
            lambda: gromov.geodesic(X, X, plan="identity", starts=3),
            "starts: 3 has no meaning with a given plan",
        ),
        (
            lambda: gromov.geodesic(X, X, kind="mccann", time_limit=3),
            'time_limit: 3.0 has no meaning with kind="mccann"',
        ),
        (lambda: gromov.geodesic(X, X, seed=-1), "seed: -1 is not allowed; expected a whole number >= 0"),
        (lambda: gromov.geodesic(X, X)(1.5), r"t: 1.5 is not allowed; expected a time in \[0, 1\]"),
        (lambda: gromov.geodesic(X, X)([0.5, math.nan]), "t: NaN is not allowed"),
        (lambda: gromov.geodesic(X, X)("half"), "t: expected a number or numbers"),
        (lambda: gromov.geodesic(X, X).velocity(-0.1), "t: -0.1 is not allowed"),
        (
            lambda: gromov.geodesic(X, X).save("path.txt"),
            "path: path.txt is not allowed; expected an ending of .npz, .csv",
        ),
        (lambda: gromov.exp(X, [[1.0, 2.0]]), r"v: expected shape \(2, 2\), that of x, got \(1, 2\)"),
        (lambda: gromov.exp(X, [[1.0, 2.0], [0.0, math.inf]]), r"v: entry \(1, 1\) is inf"),
        (lambda: gromov.exp(X, X, t=math.nan), "t: nan is not allowed; expected a finite number"),
        (lambda: gromov.exp([[1.0, 1.0], [2.0, 2.0]], X), "second moment is singular"),
        (lambda: gromov.log(X, [[1.0, 2.0]]), r"y: expected shape \(2, 2\), that of x"),
        (lambda: gromov.log(X, [[1.0, math.nan], [0.0, 1.0]]), r"y: entry \(0, 1\) is NaN"),
        (lambda: gromov.log(X, [[1.0, 1.0], [2.0, 2.0]]), "no geodesic: none was found"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(gromov.GromovError, match="^" + message):
        call()


def test_inputs_are_any_arrays_and_never_changed():
    x, w = random_cloud(12, 8, 2)
    y = random_cloud(13, 8, 2)[0]
    kept = [v.copy() for v in (x, y, w)]
    path = gromov.geodesic(x, y, w, w)
    gromov.exp(x, gromov.log(x, y, weights=w), weights=w)
    for before, after in zip(kept, (x, y, w), strict=True):
        np.testing.assert_array_equal(before, after)
    for make in (np.ndarray.tolist, np.asfortranarray):
        assert gromov.geodesic(make(x), make(y), w.tolist(), w).length == path.length
    assert gromov.geodesic(x, y, 3 * w, 2 * w, normalize=True).length == pytest.approx(path.length, rel=1e-9)


def test_pickles_and_copies():
    x, w = random_cloud(14, 8, 2)
    y = random_cloud(15, 8, 3)[0]
    for kind in ("lifted", "intrinsic"):
        path = gromov.geodesic(x, y, w, w, kind=kind, check=False)
        for other in (pickle.loads(pickle.dumps(path)), copy.copy(path), copy.deepcopy(path)):
            np.testing.assert_array_equal(other([0.0, 0.4, 1.0]), path([0.0, 0.4, 1.0]))
            assert other.to_json() == path.to_json() and repr(other) == repr(path)
    assert len(repr(path)) < 200 and "\n" not in repr(path)
    fields = json.loads(path.to_json())
    assert fields["kind"] == "intrinsic" and len(fields["weights"]) == len(path.weights)
    assert path._repr_html_().count("<svg") == 1


def test_files(tmp_path):
    x, w = random_cloud(16, 8, 2)
    y = random_cloud(17, 8, 2)[0]
    path = gromov.geodesic(x, y, w, w)
    path.save(tmp_path / "path.npz", frames=5)
    with np.load(tmp_path / "path.npz") as file:
        np.testing.assert_array_equal(file["times"], np.linspace(0, 1, 5))
        np.testing.assert_array_equal(file["points"], path(file["times"]))
        np.testing.assert_array_equal(file["rows"], path.plan.row)
        assert json.loads(str(file["meta"]))["kind"] == "intrinsic"
    np.testing.assert_array_equal(gromov.read(tmp_path / "path.npz").points, path(1.0))
    path.save(tmp_path / "path.csv", frames=2)
    assert (tmp_path / "path.csv").read_text().startswith("time,i,x1,x2,w\n")
    for kind, left in (("intrinsic", "lifted"), ("mccann", "intrinsic")):
        gromov.geodesic(x, y, w, w, kind=kind).to_html(tmp_path / "path.html", names=("first", "second"))
        page = (tmp_path / "path.html").read_text()
        assert "first" in page and left in page and "optimal for W2" in page and 'src="http' not in page


def test_progress_is_told_and_raises():
    x, y = random_cloud(18, 60, 3)[0], random_cloud(19, 60, 3)[0]
    events = []
    gromov.geodesic(x, y, progress=events.append, starts=8, method="local")
    assert events and all(isinstance(e, gromov.Event) for e in events)

    def fail(event):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        gromov.geodesic(x, y, progress=fail, starts=8, method="local")


def test_ctrl_c_ends_a_geodesic_in_many_dimensions():
    x, y = random_cloud(20, 60, 20)[0], random_cloud(21, 60, 20)[0]
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    try:
        # one call takes many seconds; it is ended on the way
        with pytest.raises(KeyboardInterrupt):
            for _ in range(1000):
                gromov.geodesic(x, y, plan="identity", check=False)
    finally:
        timer.cancel()


def test_the_command_line_says_the_same(tmp_path):
    x, y = random_cloud(22, 12, 2)[0], random_cloud(23, 10, 2)[0]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    for kind in ("intrinsic", "lifted", "mccann"):
        command = [sys.executable, "-m", "gromov", "geodesic", "x.npy", "y.npy", "--json", "--quiet"]
        command += ["--kind", kind, "--center", "--out", "path.npz", "--frames", "3"]
        out = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        said = json.loads(out.stdout)
        path = gromov.geodesic(x, y, kind=kind, center=True)
        for name in ("squared", "length", "action", "d_igw", "status", "method", "reflected", "rotation"):
            assert said[name] == json.loads(path.to_json())[name], name
        path.save(tmp_path / "mine.npz", frames=3)
        with np.load(tmp_path / "path.npz") as theirs, np.load(tmp_path / "mine.npz") as mine:
            assert theirs.files == mine.files
            for name in set(mine.files) - {"meta"}:
                np.testing.assert_array_equal(mine[name], theirs[name])


def test_threads_change_nothing():
    x, y = random_cloud(24, 40, 3)[0], random_cloud(25, 40, 3)[0]
    one, all_ = (gromov.geodesic(x, y, threads=t, method="local", starts=8) for t in (1, None))
    np.testing.assert_array_equal(one(0.5), all_(0.5))
    with pytest.raises(gromov.GromovError, match="threads: 0 is not allowed"):
        gromov.geodesic(x, y, threads=0)
