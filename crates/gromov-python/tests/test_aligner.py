"""The estimator, under scikit-learn's own checks."""

import pickle

import gromov
import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

# checks that its nature fails, with the reason
EXPECTED_FAILURES: dict[str, str] = {}


@parametrize_with_checks(
    [gromov.IGWAligner(method="local", starts=4), gromov.IGWAligner(method="local", starts=4, center=False)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def pair(seed=0, d=2):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, d)) * np.linspace(2, 1, d)
    q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    return x, x[rng.permutation(40)] @ q + np.arange(d), q


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_moved_copy_is_found(d):
    x, y, q = pair(d=d)
    model = gromov.IGWAligner().fit(x, y)
    assert np.abs(model.transform(x) - (x @ q + np.arange(d))).max() < 1e-9
    assert np.abs(model.rotation_ - q).max() < 1e-9
    assert model.distance_ < 1e-6 and model.certified_ and model.reflected_ is bool(np.linalg.det(q) < 0)
    assert model.n_features_in_ == d and model.plan_.shape == (40, 40)
    assert np.abs(model.shift_[0] - x.mean(0)).max() < 1e-14
    assert model.distance_ == model.result_.distance
    assert model.lower_bound_**2 == pytest.approx(max(model.result_.lower_bound, 0.0))
    assert (gromov.IGWAligner().fit_transform(x, y) == model.transform(x)).all()
    assert (model.transform(x[:3]) == model.transform(x)[:3]).all()


def test_proper_forbids_mirrors():
    x, _, _ = pair()
    y = x * [1.0, -1.0]
    plain, proper = gromov.IGWAligner().fit(x, y), gromov.IGWAligner(proper=True).fit(x, y)
    assert plain.reflected_ and np.linalg.det(plain.rotation_) == pytest.approx(-1)
    assert np.linalg.det(proper.rotation_) == pytest.approx(1)
    assert proper.result_.transform(x, proper=True) == pytest.approx(proper.transform(x), abs=1e-12)
    # into more dimensions no map is a mirror image
    wide = np.c_[y, y[:, 0]]
    plain, proper = (gromov.IGWAligner(proper=p).fit(x, wide) for p in (False, True))
    assert plain.reflected_ is None and (plain.rotation_ == proper.rotation_).all()


def test_dimensions_and_names_of_columns():
    pandas = pytest.importorskip("pandas")
    x, y, _ = pair()
    frame = pandas.DataFrame(x, columns=["a", "b"])
    model = gromov.IGWAligner().fit(frame, np.c_[y, y[:, 0] * 0.0])
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.get_feature_names_out().tolist() == ["igwaligner0", "igwaligner1", "igwaligner2"]
    assert model.transform(frame).shape == (40, 3)
    out = model.set_output(transform="pandas").transform(frame)
    assert list(out.columns) == ["igwaligner0", "igwaligner1", "igwaligner2"]
    with pytest.raises(ValueError, match="feature names"):
        model.transform(pandas.DataFrame(x, columns=["b", "c"]))
    with pytest.raises(ValueError, match="3 features"):
        gromov.IGWAligner().fit(x, y).transform(np.zeros((2, 3)))


def test_habits_of_estimators():
    x, y, _ = pair()
    model = gromov.IGWAligner(method="local", starts=5, random_state=3, center=False)
    assert model.get_params()["starts"] == 5 and "gromov" not in repr(model)
    twin = clone(model)
    assert twin.get_params() == model.get_params() and twin is not model
    with pytest.raises(NotFittedError):
        model.transform(x)
    assert model.fit(x, y) is model
    loaded = pickle.loads(pickle.dumps(model))
    assert (loaded.transform(x) == model.transform(x)).all() and loaded.distance_ == model.distance_
    assert type(model).__module__ == "gromov"
    for seed in (None, np.random.RandomState(4), np.int64(2)):
        assert gromov.IGWAligner(method="local", starts=3, random_state=seed).fit(x, y).distance_ >= 0
    with pytest.raises(gromov.GromovError, match=r"^starts: 0 is not allowed"):
        gromov.IGWAligner(starts=0).fit(x, y)
    with pytest.raises(ValueError, match="y to be passed"):
        gromov.IGWAligner().fit(x)


def test_in_a_pipeline():
    x, _, _ = pair()
    line = make_pipeline(StandardScaler(), gromov.IGWAligner())
    target = StandardScaler().fit_transform(x)[::-1] @ [[0.0, 1.0], [-1.0, 0.0]]
    moved = line.fit_transform(x, target)
    assert np.abs(moved - target[::-1]).max() < 1e-9
    assert np.abs(line.transform(x) - target[::-1]).max() < 1e-9
