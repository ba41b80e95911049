"""Anything array-like comes in, nothing that came in is changed, and what is no cloud is refused by name."""

import hashlib
from decimal import Decimal
from fractions import Fraction

import gromov
import numpy as np
import pytest
import scipy.sparse

# whole numbers, so that every type holds them exactly
X = np.array([[3.0, 0.0], [-1.0, 1.0], [0.0, -2.0], [2.0, 2.0]])
Y = np.array([[0.0, 1.0], [1.0, 3.0], [-2.0, 0.0]])
EXPECTED = gromov.igw(X, Y).squared


def same(x, y=Y):
    return gromov.igw(x, y).squared == EXPECTED


def strided():
    big = np.zeros((8, 6))
    big[::2, ::3] = X
    return big[::2, ::3]


def read_only():
    x = X.copy()
    x.flags.writeable = False
    return x


KINDS = {
    "float16": lambda: X.astype(np.float16),
    "float32": lambda: X.astype(np.float32),
    "longdouble": lambda: X.astype(np.longdouble),
    "int8": lambda: X.astype(np.int8),
    "int64": lambda: X.astype(np.int64),
    "object": lambda: X.astype(object),
    "fractions": lambda: [[Fraction(v) for v in row] for row in X],
    "decimals": lambda: [[Decimal(v) for v in row] for row in X],
    "fortran": lambda: np.asfortranarray(X),
    "reversed": lambda: X[::-1, ::-1][::-1, ::-1],
    "strided": strided,
    "read-only": read_only,
    "big-endian": lambda: X.astype(">f8"),
    "unaligned": lambda: np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(4, 2),
    "list": lambda: X.tolist(),
    "tuple": lambda: tuple(map(tuple, X.tolist())),
    "list of arrays": lambda: list(X),
    "matrix": lambda: X.view(type("Sub", (np.ndarray,), {})),
    "masked, nothing hidden": lambda: np.ma.masked_array(X, mask=False),
    "memoryview": lambda: memoryview(X),
}


@pytest.mark.parametrize("kind", KINDS)
def test_array_likes_give_the_same_bits(kind):
    assert same(KINDS[kind]())


def test_unsigned_and_boolean():
    bits = np.array([[True, False], [True, True], [False, False]])
    assert gromov.igw(bits, Y).squared == gromov.igw(bits.astype(float), Y).squared
    assert gromov.igw(bits.astype(np.uint8), Y).squared == gromov.igw(bits.astype(float), Y).squared


def test_a_reversed_view_is_the_reversed_cloud():
    assert gromov.igw(X[::-1], Y).squared == gromov.igw(X[::-1].copy(), Y).squared
    assert gromov.igw(X.T[::-1].T, Y).squared == gromov.igw(X[:, ::-1].copy(), Y).squared


class OnlyDlpack:
    """What has neither __array__ nor a length."""

    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **keywords):
        return self.x.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


class OnlyArray:
    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.x, dtype=dtype)


@pytest.mark.parametrize("wrapper", [OnlyDlpack, OnlyArray])
def test_protocols(wrapper):
    assert same(wrapper(X.copy()))
    weights = wrapper(np.array([0.5, 0.25, 0.125, 0.125]))
    assert gromov.igw(X, Y, weights).squared == gromov.igw(X, Y, [0.5, 0.25, 0.125, 0.125]).squared


def test_pandas():
    pandas = pytest.importorskip("pandas")
    assert same(pandas.DataFrame(X, columns=["a", "b"], index=[7, 3, 1, 9]))
    assert same(pandas.DataFrame({"a": X[:, 0], "b": X[:, 1].astype(int)}))
    weights = pandas.Series([0.25] * 4, index=list("wxyz"))
    assert gromov.igw(X, Y, weights).squared == EXPECTED
    with pytest.raises(gromov.GromovError, match=r"^x: expected real numbers, got 'four'$"):
        gromov.igw(pandas.DataFrame({"a": [1, 2], "b": ["four", "five"]}), Y)
    with pytest.raises(gromov.GromovError, match=r"^x: entry \(1, 0\) is NaN"):
        gromov.igw(pandas.DataFrame({"a": [1.0, None], "b": [0.0, 1.0]}), Y)


def test_polars():
    polars = pytest.importorskip("polars")
    assert same(polars.DataFrame({"a": X[:, 0], "b": X[:, 1]}))
    assert gromov.igw(X, Y, polars.Series([0.25] * 4)).squared == EXPECTED


def test_torch():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float64, torch.float32, torch.float16, torch.int64):
        assert same(torch.tensor(X).to(dtype))
    assert same(torch.tensor(X.T.copy()).T)
    with pytest.raises(gromov.GromovError, match=r"^x: cannot be read as an array: .*requires grad"):
        gromov.igw(torch.tensor(X, requires_grad=True), Y)
    assert same(torch.tensor(X, requires_grad=True).detach())
    with pytest.raises(gromov.GromovError, match=r"^x: is on the device meta; move it to the CPU first$"):
        gromov.igw(torch.empty((4, 2), device="meta"), Y)


def test_jax():
    jax = pytest.importorskip("jax")
    assert same(jax.numpy.asarray(X))


def test_nothing_that_came_in_is_changed():
    rng = np.random.default_rng(0)
    x, y, v = rng.standard_normal((20, 3)), rng.standard_normal((15, 3)), rng.standard_normal((20, 3))
    a, b = np.full(20, 0.1), np.full(15, 0.2)
    held = [x, y, v, a, b]
    before = [hashlib.sha256(z.tobytes()).hexdigest() for z in held]
    for z in held:
        z.flags.writeable = False
    gromov.igw(x, y, a, b, normalize=True, center=True).transform(x)
    gromov.mobility(x, v), gromov.mobility_inverse(x, v), gromov.metric(x, v, v)
    gromov.pairwise([x, y], [a, b], normalize=True, center=True)
    assert [hashlib.sha256(z.tobytes()).hexdigest() for z in held] == before


def test_results_own_their_memory():
    x = X.copy()
    result = gromov.igw(x, Y)
    moved = result.transform(X)
    x[:] = 0.0
    assert (result.transform(X) == moved).all()
    moved[:] = 7.0
    assert (result.transform(X) != moved).any()
    assert moved.dtype == np.float64 and moved.flags.c_contiguous and moved.flags.writeable


REFUSED = {
    "a number": (3.0, r"x: expected shape \(n, d\), got \(\)"),
    "flat": ([1.0, 2.0], r"x: expected shape \(n, d\), got \(2,\); for points on the line give x\[:, None\]"),
    "deep": (np.zeros((2, 2, 2)), r"x: expected shape \(n, d\), got \(2, 2, 2\)"),
    "no rows": (np.zeros((0, 2)), r"x: has no points, its shape is \(0, 2\)"),
    "no columns": (np.zeros((2, 0)), r"x: has no points, its shape is \(2, 0\)"),
    "empty list": ([], r"x: has no points, its shape is \(0,\)"),
    "masked": (np.ma.masked_array(X, mask=X > 2), r"x: 1 entries are masked; drop or fill them first"),
    "complex": (X + 1j, r"x: expected real numbers, got dtype complex128"),
    "text": ([["1", "2"]], r"x: expected real numbers, got dtype <U1"),
    "bytes": (b"1234", r"x: expected real numbers, got dtype [|]S4"),
    "text among objects": (np.array([[1.0, "2"]], dtype=object), r"x: expected real numbers, got '2'"),
    "none": (None, r"x: expected shape \(n, d\), got \(\)"),
    "none inside": ([[1.0, None]], r"x: entry \(0, 1\) is NaN; every entry must be a finite number"),
    "ragged": ([[1.0, 2.0], [3.0]], r"x: .*inhomogeneous.*"),
    "a dict": ({"a": 1}, r"x: expected an array of shape \(n, d\), got dict: .*"),
    "dates": (np.zeros((2, 2), dtype="M8[s]"), r"x: expected real numbers, got dtype datetime64\[s\]"),
    "records": (
        np.zeros((2,), dtype=[("a", float)]),
        r"x: expected real numbers, got dtype \[\('a', '<f8'\)\]",
    ),
    "sparse": (scipy.sparse.coo_array(X), r"x: is sparse; give x\.toarray\(\)"),
    "a generator": ((row for row in X), r"x: expected an array of shape \(n, d\), got generator: .*"),
    "nan": ([[1.0, np.nan]], r"x: entry \(0, 1\) is NaN; every entry must be a finite number"),
    "infinite": ([[1.0, 2.0], [-np.inf, 0.0]], r"x: entry \(1, 0\) is -inf; every entry must be a finite number"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_cloud_is_refused(kind):
    value, message = REFUSED[kind]
    with pytest.raises(gromov.GromovError, match=f"^{message}$"):
        gromov.igw(value, Y)


def test_the_second_argument_has_its_own_name():
    for kind in ("a number", "masked", "complex", "nan"):
        value, message = REFUSED[kind]
        with pytest.raises(gromov.GromovError, match="^" + message.replace("x:", "y:", 1)):
            gromov.igw(X, value)


def test_an_array_that_raises_is_heard():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("no numbers today")

    with pytest.raises(gromov.GromovError, match=r"^x: cannot be read as an array: no numbers today$"):
        gromov.igw(Broken(), Y)
