"""The distance against closed forms and dense computations from the definitions, at the tolerances of the core."""

import copy
import itertools
import json
import pickle

import gromov
import numpy as np
import pytest

EPS = np.finfo(float).eps


def moments(x, w):
    return (x * w[:, None]).T @ x


def distortion(x, y, plan):
    """∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ dπ, from the definition."""
    rows, columns, mass = plan.row, plan.col, plan.data
    gap = x[rows] @ x[rows].T - y[columns] @ y[columns].T
    return float(mass @ gap**2 @ mass)


def uniform(n):
    return np.full(n, 1 / n)


def some_weights(rng, n):
    w = 0.1 + rng.random(n)
    return w / w.sum()


def rotation(rng, d, mirror=False):
    q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    if (np.linalg.det(q) < 0) != mirror:
        q[0] *= -1
    return q


@pytest.mark.parametrize("p", [1, 2, 3, 4])
@pytest.mark.parametrize("q", [1, 2, 3, 5])
def test_the_value_is_that_of_its_plan(p, q):
    rng = np.random.default_rng(10 * p + q)
    x, y = rng.standard_normal((20, p)) + 0.3, rng.standard_normal((15, q)) + 0.3
    a, b = some_weights(rng, 20), some_weights(rng, 15)
    result = gromov.igw(x, y, a, b, method="local", starts=4)
    plan = result.plan
    assert plan.shape == (20, 15) and (plan.data > 0).all()
    assert np.abs(plan.sum(axis=1) - a).max() < 1e-15 and np.abs(plan.sum(axis=0) - b).max() < 1e-15
    dense = distortion(x, y, plan)
    assert result.squared == pytest.approx(dense, rel=1e-10)
    cross = x.T @ plan.toarray() @ y
    assert np.abs(result.cross_moment - cross).max() < 1e-13
    formula = (moments(x, a) ** 2).sum() + (moments(y, b) ** 2).sum() - 2 * (cross**2).sum()
    assert formula == pytest.approx(dense, rel=1e-10)
    assert result.distance == pytest.approx(dense**0.5, rel=1e-10)
    assert result.lower_bound <= dense * (1 + 1e-12)


@pytest.mark.parametrize("trial", range(12))
def test_on_the_line_all_permutations_are_worse(trial):
    rng = np.random.default_rng(trial)
    n = 2 + trial % 5
    x, y = rng.standard_normal((n, 1)) + 0.5, rng.standard_normal((n, 1)) + 0.5
    result = gromov.igw(x, y)
    best = min(((x @ x.T - y[list(p)] @ y[list(p)].T) ** 2).mean() for p in itertools.permutations(range(n)))
    assert abs(result.squared - best) < 1e-12 * (best + 1e-3)
    assert result.certified and result.method == "line"
    # s² + r² − 2 max(C_up², C_down²)
    up, down = (np.sort(x[:, 0]) @ np.sort(y[:, 0])[::step] / n for step in (1, -1))
    closed = (x**2).mean() ** 2 + (y**2).mean() ** 2 - 2 * max(up**2, down**2)
    assert abs(result.squared - closed) < 1e-12 * (closed + 1e-3)


@pytest.mark.parametrize("trial", range(12))
@pytest.mark.parametrize("method", ["auto", "global", "local"])
def test_in_the_plane_all_permutations_are_worse(method, trial):
    rng = np.random.default_rng(100 + trial)
    n = 3 + trial % 4
    x, y = rng.standard_normal((n, 2)) + 0.2, rng.standard_normal((n, 2)) + 0.2
    best = min(((x @ x.T - y[list(p)] @ y[list(p)].T) ** 2).mean() for p in itertools.permutations(range(n)))
    result = gromov.igw(x, y, method=method)
    # the optimum over plans is attained at a permutation, because the value is concave in the plan
    assert result.squared == pytest.approx(best, rel=1e-10, abs=1e-13)
    if method != "local":
        assert result.certified and result.lower_bound <= best * (1 + 1e-9) + result.rounding


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_spectral_bound_is_met_by_images_along_the_axes(d):
    rng = np.random.default_rng(d)
    x = rng.standard_normal((60, d)) * np.linspace(2, 1, d)
    values, axes = np.linalg.eigh(moments(x, uniform(60)))
    stretch = np.linspace(1.0, 1.5, d)
    y = x @ axes @ np.diag(stretch) @ axes.T @ rotation(rng, d)
    result = gromov.igw(x, y)
    expected = ((values * stretch**2 - values) ** 2).sum()
    assert result.squared == pytest.approx(expected, rel=1e-9) and result.certified
    assert result.lower_bound == pytest.approx(expected, rel=1e-9)
    other = rng.standard_normal((40, d))
    bound = ((np.linalg.eigvalsh(moments(other, uniform(40))) - values) ** 2).sum()
    assert gromov.igw(x, other, method="local").squared >= bound * (1 - 1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_copy_turned_permuted_and_reflected_is_at_distance_zero(d, mirror):
    rng = np.random.default_rng(7 * d + mirror)
    x = rng.standard_normal((40, d)) + 0.3
    q, order = rotation(rng, d, mirror), rng.permutation(40)
    y = (x @ q)[order]
    result = gromov.igw(x, y)
    sigma = (moments(x, uniform(40)) ** 2).sum()
    assert abs(result.squared) <= max(result.rounding, 1e-15 * sigma)
    assert result.rounding <= 64 * EPS * sigma
    assert result.certified and result.reflected is mirror
    assert np.abs(result.rotation - q).max() < 1e-10
    assert np.abs(result.transform(x) - x @ q).max() < 1e-10
    assert (result.plan.tocsr().argmax(axis=0) == order).all()


@pytest.mark.parametrize("r, s", [(1.0, 2.0), (3.0, 0.5), (1e-150, 2e-150 * 1.0)])
def test_two_points(r, s):
    # ±r against ±s, in the plane: |r² − s²|
    x, y = [[0.0, r], [0.0, -r]], [[s, 0.0], [-s, 0.0]]
    assert gromov.igw(x, y).distance == pytest.approx(abs(r * r - s * s), rel=1e-13)


def test_one_point_and_the_origin():
    assert gromov.igw([[3.0, 4.0]], [[0.0]]).squared == pytest.approx(625.0, rel=1e-14)
    assert gromov.igw([[3.0, 4.0]], [[5.0]]).distance == pytest.approx(0.0, abs=1e-6)
    assert gromov.igw([[0.0, 0.0]], [[0.0]]).squared == 0.0


def test_splitting_an_atom_and_atoms_of_no_weight_change_nothing():
    rng = np.random.default_rng(3)
    x, y, a = rng.standard_normal((9, 2)), rng.standard_normal((7, 2)), some_weights(rng, 9)
    whole = gromov.igw(x, y, a).squared
    split = np.r_[a, 0.25 * a[4]]
    split[4] *= 0.75
    assert gromov.igw(np.r_[x, x[4:5]], y, split).squared == pytest.approx(whole, rel=1e-10)
    assert gromov.igw(np.r_[x, [[50.0, 9.0]]], y, np.r_[a, 0.0]).squared == pytest.approx(whole, rel=1e-10)


def test_symmetry_and_triangle_inequality():
    rng = np.random.default_rng(4)
    clouds = [rng.standard_normal((8, 2)) * s for s in (1.0, 1.3, 0.6)]
    d = {}
    for i, j in itertools.permutations(range(3), 2):
        d[i, j] = gromov.igw(clouds[i], clouds[j]).distance
    for i, j, k in itertools.permutations(range(3)):
        assert d[i, j] == pytest.approx(d[j, i], rel=1e-10)
        assert d[i, k] <= (d[i, j] + d[j, k]) * (1 + 1e-12)


@pytest.mark.parametrize("t", [1e-100, 0.3, 7.0, 1e60])
def test_the_distance_scales_as_length_squared(t):
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((12, 2)), rng.standard_normal((10, 2))
    one, scaled = gromov.igw(x, y), gromov.igw(t * x, t * y)
    assert scaled.distance == pytest.approx(t**2 * one.distance, rel=1e-10)
    if t > 1e-70:
        assert scaled.squared == pytest.approx(t**4 * one.squared, rel=1e-10)


def test_translation_counts_unless_the_means_are_removed():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((30, 2))
    y = x + np.array([5.0, -3.0])
    assert gromov.igw(x, y).distance > 1.0
    result = gromov.igw(x, y, center=True)
    assert result.distance < 1e-6 and result.certified
    mean_x, mean_y = result.shift
    assert np.abs(mean_x - x.mean(0)).max() < 1e-14 and np.abs(mean_y - y.mean(0)).max() < 1e-14
    assert np.abs(result.transform(x) - y).max() < 1e-10
    plain = gromov.igw(x - x.mean(0), y - y.mean(0))
    assert abs(plain.squared - result.squared) < 1e-12
    assert all((m == 0).all() for m in plain.shift)


def test_dimensions_may_differ():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((25, 2))
    q = rotation(rng, 4)
    y = np.hstack([x, np.zeros((25, 2))]) @ q
    result = gromov.igw(x, y)
    assert result.distance < 1e-6 and result.reflected is None
    assert result.rotation.shape == (2, 4)
    assert np.abs(result.rotation @ result.rotation.T - np.eye(2)).max() < 1e-12
    assert np.abs(result.transform(x) - y).max() < 1e-9
    # a map into more dimensions can always be completed to a rotation
    assert (result.transform(x, proper=True) == result.transform(x)).all()


def test_a_proper_map_has_no_mirror_and_is_the_best_of_its_kind():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((30, 2)) * [2.0, 1.0]
    mirror = x * [1.0, -1.0]
    result = gromov.igw(x, mirror)
    assert result.reflected is True
    r = np.linalg.lstsq(x, result.transform(x, proper=True), rcond=None)[0]
    assert np.linalg.det(r) == pytest.approx(1.0, abs=1e-12)
    angles = np.linspace(0, 2 * np.pi, 100_000)
    m = result.cross_moment
    # tr(Mᵀ R) over all rotations
    values = np.cos(angles) * (m[0, 0] + m[1, 1]) + np.sin(angles) * (m[0, 1] - m[1, 0])
    assert (m * r).sum() >= values.max() - 1e-9


def test_alternatives_are_other_optima_near_the_best():
    # of an ellipse of eight points nearly a circle, turns by other angles are nearly as good
    angles = np.arange(8) * np.pi / 4
    x = np.c_[np.cos(angles), np.sin(angles)] + 0.03 * np.random.default_rng(1).standard_normal((8, 2))
    y = np.c_[np.cos(angles), np.sin(angles)] + 0.03 * np.random.default_rng(2).standard_normal((8, 2))
    result = gromov.igw(x, y, method="local")
    values = [other.squared for other in result.alternatives]
    assert values == sorted(values)
    assert all(result.squared <= v <= 1.05 * result.squared + 1e-12 for v in values)
    assert 1 <= result.hits <= result.starts


def test_methods_agree_and_say_what_they_are():
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal((25, 2))
    local, proved, auto = (gromov.igw(x, y, method=m) for m in ("local", "global", "auto"))
    assert proved.certified and auto.certified
    assert proved.squared - proved.lower_bound <= 1e-9 * proved.squared + proved.rounding
    assert proved.gap == (proved.squared - proved.lower_bound) / max(proved.squared, proved.rounding)
    assert local.squared >= proved.lower_bound and auto.squared == pytest.approx(proved.squared, rel=1e-9)
    assert (local.method, proved.method) == ("local", "global")
    assert local.status == "converged"
    assert proved.nodes > 0 and local.nodes == 0


def test_one_seed_has_one_result_for_any_number_of_threads():
    rng = np.random.default_rng(12)
    x, y = rng.standard_normal((60, 3)), rng.standard_normal((50, 3))
    results = [gromov.igw(x, y, method="local", seed=3, threads=t) for t in (1, 2, 3)]
    for other in results[1:]:
        assert other.squared == results[0].squared and other.hits == results[0].hits
        assert (other.plan.data == results[0].plan.data).all() and (other.rotation == results[0].rotation).all()


def test_caps_raise_and_carry_the_result():
    rng = np.random.default_rng(13)
    x, y = rng.standard_normal((50, 3)), rng.standard_normal((50, 3))
    with pytest.raises(gromov.ConvergenceError, match=r"igw: time_cap: the time limit was reached first") as caught:
        gromov.igw(x, y, method="global", time_limit=0.0)
    assert caught.value.result.status == "time_cap" and caught.value.result.squared > 0
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.result.squared == caught.value.result.squared
    with pytest.raises(gromov.ConvergenceError, match="iteration_cap"):
        gromov.igw(x, y, method="local", starts=1, max_iter=1)
    result = gromov.igw(x, y, method="local", starts=1, max_iter=1, check=False)
    assert result.status == "iteration_cap" and result.distance > 0
    assert gromov.igw(x, y, method="local", time_limit=np.inf, starts=2).status == "converged"


@pytest.mark.parametrize("dims", [(2, 2), (2, 3), (1, 1)])
def test_results_pickle_copy_and_show(dims):
    rng = np.random.default_rng(14)
    x, y = rng.standard_normal((10, dims[0])), rng.standard_normal((12, dims[1]))
    result = gromov.igw(x, y, center=True)
    copies = [pickle.loads(pickle.dumps(result, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for other in [copy.copy(result), copy.deepcopy(result), *copies]:
        assert repr(other) == repr(result) and other.to_json() == result.to_json()
        assert (other.plan.toarray() == result.plan.toarray()).all()
        assert (other.transform(x) == result.transform(x)).all()
    line = repr(result)
    assert line.startswith("IgwResult(distance=") and "\n" not in line and len(line) < 200
    page = result._repr_html_()
    assert "<svg" in page and "<script" not in page and "certified" in page
    data = json.loads(result.to_json())
    assert data["squared"] == result.squared and data["cross_moment"] == result.cross_moment.tolist()
    assert set(data) == set(result.to_dict()) and "_core" not in data
    with pytest.raises(AttributeError):
        result.squared = 0.0


def test_the_page_is_written(tmp_path):
    path = tmp_path / "page.html"
    gromov.igw([[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0]]).to_html(path, title="two & <one>", names=("a", "b"))
    text = path.read_text()
    assert "two &amp; &lt;one&gt;" in text
    # the browser is told to fetch nothing
    assert "default-src 'none'" in text
