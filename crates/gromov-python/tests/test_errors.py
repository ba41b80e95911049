"""What is refused, in which words: the argument, what it is, what is expected."""

import os
import pathlib

import gromov
import numpy as np
import pytest

X = np.array([[3.0, 0.0], [-1.0, 1.0], [0.0, -2.0]])


def refused(message, function, *arguments, **keywords):
    with pytest.raises(gromov.GromovError) as caught:
        function(*arguments, **keywords)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError) and not isinstance(caught.value, gromov.ConvergenceError)


IGW_OPTIONS = [
    ("center", 1, "center: 1 is not allowed; expected True or False"),
    ("center", "yes", "center: 'yes' is not allowed; expected True or False"),
    ("method", "exact", "method: 'exact' is not allowed; expected one of auto, local, global"),
    ("method", None, "method: None is not allowed; expected one of auto, local, global"),
    ("starts", 0, "starts: 0 is not allowed; expected a whole number >= 1"),
    ("starts", 2.5, "starts: 2.5 is not allowed; expected a whole number >= 1"),
    ("starts", True, "starts: True is not allowed; expected a whole number >= 1"),
    ("seed", -1, "seed: -1 is not allowed; expected a whole number >= 0"),
    (
        "seed",
        2**64,
        "seed: 18446744073709551616 is not allowed; expected a whole number <= 18446744073709551615",
    ),
    ("seed", None, "seed: None is not allowed; expected a whole number >= 0"),
    ("tol", -1e-9, "tol: -1e-09 is not allowed; expected a number >= 0"),
    ("tol", float("nan"), "tol: nan is not allowed; expected a number >= 0"),
    ("tol", float("inf"), "tol: inf is not allowed; expected a number >= 0"),
    ("tol", "small", "tol: 'small' is not allowed; expected a number >= 0"),
    ("max_iter", 0, "max_iter: 0 is not allowed; expected a whole number >= 1"),
    ("time_limit", -1, "time_limit: -1 is not allowed; expected a number >= 0"),
    ("time_limit", 1e300, "time_limit: 1e300 is not allowed; expected seconds >= 0"),
    ("threads", 0, "threads: 0 is not allowed; expected a whole number >= 1"),
    ("threads", 2000, "threads: 2000 is not allowed; expected a whole number <= 1024"),
    ("normalize", None, "normalize: None is not allowed; expected True or False"),
    ("progress", 3, "progress: 3 is not allowed; expected True, False or a function of an Event"),
]


@pytest.mark.parametrize("option, value, message", IGW_OPTIONS)
def test_options_of_igw(option, value, message):
    refused(message, gromov.igw, X, X, **{option: value})


def test_numpy_numbers_are_options():
    plain = gromov.igw(X, X[:2], method="local", starts=3, seed=5, tol=0.5, center=True)
    same = gromov.igw(
        X, X[:2], method="local", starts=np.int8(3), seed=np.uint64(5), tol=np.float32(0.5), center=np.True_
    )
    assert plain.squared == same.squared and plain.starts == same.starts


WEIGHTS = [
    ([0.5, 0.5], r"a: expected shape \(3,\), one weight a point, got \(2,\)"),
    ([[1.0, 0.0, 0.0]], r"a: expected shape \(3,\), one weight a point, got \(1, 3\)"),
    ([0.5, 0.5, 0.5], r"a: .*1\.5.*"),
    ([0.5, 1.0, -0.5], r"a: .*2.*-0\.5.*"),
    ([0.5, float("nan"), 0.5], r"a: .*1.*NaN.*"),
    ([0.0, 0.0, 0.0], r"a: .*0.*"),
]


@pytest.mark.parametrize("weights, message", WEIGHTS)
def test_weights(weights, message):
    with pytest.raises(gromov.GromovError, match=f"^{message}$"):
        gromov.igw(X, X, weights)
    with pytest.raises(gromov.GromovError, match="^" + message.replace("a:", "b:", 1) + "$"):
        gromov.igw(X, X, None, weights)


def test_a_sum_within_the_tolerance_passes_and_normalize_rescales():
    assert gromov.igw(X, X, [0.5, 0.25, 0.25 + 5e-10]).certified
    with pytest.raises(gromov.GromovError, match=r"^a: "):
        gromov.igw(X, X, [0.5, 0.25, 0.25 + 1e-8])
    given = gromov.igw(X, X[:2], [2.0, 1.0, 1.0], normalize=True)
    assert given.squared == pytest.approx(gromov.igw(X, X[:2], [0.5, 0.25, 0.25]).squared, rel=1e-14)
    with pytest.raises(gromov.GromovError, match=r"^a: "):
        gromov.igw(X, X, [0.0, 0.0, 0.0], normalize=True)


def test_too_many_dimensions_for_a_proof():
    rng = np.random.default_rng(0)
    with pytest.raises(gromov.GromovError, match="36"):
        gromov.igw(rng.standard_normal((9, 7)), rng.standard_normal((9, 7)), method="global")


def test_transform():
    result = gromov.igw(X, X)
    refused("new: expected (n, 2), got 3 columns", result.transform, np.zeros((2, 3)))
    refused(
        "new: expected shape (n, d), got (2,); for points on the line give new[:, None]",
        result.transform,
        [1.0, 2.0],
    )
    refused("new: entry (0, 0) is NaN; every entry must be a finite number", result.transform, [[np.nan, 1.0]])
    refused("proper: 2 is not allowed; expected True or False", result.transform, X, proper=2)
    with pytest.raises(gromov.GromovError, match=r"^.*gone/page\.html: "):
        result.to_html("gone/page.html")


def test_mobility():
    refused("v: expected shape (3, 2), that of x, got (2, 2)", gromov.mobility, X, X[:2])
    refused("w: expected shape (3, 2), that of x, got (3,)", gromov.mobility_inverse, X, [1.0, 2.0, 3.0])
    refused("u: expected shape (3, 2), that of x, got (1, 2)", gromov.metric, X, X[:1], X)
    refused("weights: expected shape (3,), one weight a point, got (1,)", gromov.mobility, X, X, [1.0])
    with pytest.raises(gromov.GromovError, match=r"^v: entry \(0, 0\) is NaN"):
        gromov.mobility(X, np.full((3, 2), np.nan))
    with pytest.raises(gromov.GromovError, match=r"^floor: -1"):
        gromov.mobility_inverse(X, X, floor=-1)


def test_read(tmp_path):
    with pytest.raises(gromov.GromovError, match=r"^path: expected the name of a file, got 3$"):
        gromov.read(3)
    with pytest.raises(gromov.GromovError, match=r"missing\.csv: "):
        gromov.read(tmp_path / "missing.csv")
    path = tmp_path / "bad.csv"
    path.write_text("x,y\n1,2\n3,four\n")
    with pytest.raises(gromov.GromovError, match=r"bad\.csv:3: .*four"):
        gromov.read(path)
    path.write_text("x,y\n1,2\n")
    refused("max_bytes: 0 is not allowed; expected a whole number >= 1", gromov.read, path, max_bytes=0)
    with pytest.raises(gromov.GromovError, match=r"bad\.csv: .*3"):
        gromov.read(path, max_bytes=3)
    assert gromov.read(os.fsencode(path)).points.tolist() == [[1.0, 2.0]]
    assert gromov.read(pathlib.Path(path)).weights.tolist() == [1.0]


def test_an_error_leaves_no_state():
    good = gromov.igw(X, X[:2]).to_dict()
    for bad in (lambda: gromov.igw(X, [[np.nan, 0.0]]), lambda: gromov.igw(X, X, [1.0, 1.0, 1.0])):
        with pytest.raises(gromov.GromovError):
            bad()
        again = gromov.igw(X, X[:2]).to_dict()
        assert again["squared"] == good["squared"] and (again["rotation"] == good["rotation"]).all()


def test_names_of_errors_are_those_of_the_package():
    assert gromov.GromovError.__module__ == gromov.ConvergenceError.__module__ == "gromov"
    assert issubclass(gromov.ConvergenceError, gromov.GromovError)
