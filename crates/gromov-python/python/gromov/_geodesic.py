"""Paths between clouds, the exponential and the logarithm."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, CloudLike, cloud, field, vector, weighted
from ._arrays import weights as weights_of
from ._distance import IgwResult
from ._errors import GromovError, checked
from ._progress import Event, reporter
from ._result import Result, seconds
from ._svg import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from scipy.sparse import coo_array


class PathErrors(NamedTuple):
    """How far a path is from moving straight between its ends, relative; one number a time each."""

    gram: Array
    """|Gram_t − ((1−t) Gram_0 + t Gram_1)| over (1−t) |Gram_0| + t |Gram_1|: zero on all of a lifted path."""
    distances: Array
    """The same of the distances of pairs, in root mean square."""


@dataclass(frozen=True, repr=False, eq=False)
class Path(Result):
    """A path between two clouds: ``path(t)`` has its particles, one an entry of the plan, at t in [0, 1].

    Pickles and copies; pictures in notebooks.
    """

    kind: str
    """intrinsic, lifted or mccann."""
    length: float
    """Length of the path, ∫ √⟨v, L v⟩ dt; scales as length²."""
    squared: float
    """IGW² of the plan; scales as length⁴."""
    igw: float
    """IGW of the plan, the root of ``squared``, also where that is out of the range of doubles."""
    d_igw: float | None
    """The length of an intrinsic path: d_IGW for its plan, at least ``igw``. None for other
    kinds."""
    action: float
    """∫ ⟨v, L v⟩ dt: the square of the length, but for straight lines, whose speed changes."""
    status: str
    """completed or converged. Where no geodesic was found and the answer is a chain of least action:
    singular, stalled or iteration_cap. Also that of the search of the plan where it was no success."""
    method: str
    """closed, shooting or chain."""
    pairing: str
    """Where the plan comes from, in a few words."""
    weights: Array
    """Masses of the particles, (k,)."""
    rotation: Array
    """R, (d, d_y): in the frame of the first cloud the path ends at y Rᵀ."""
    reflected: bool | None
    """R is a mirror image; None where it is no square matrix."""
    residual: float
    """How far a geodesic ends from y Rᵀ, relative to y."""
    uncertainty: float
    """Relative difference of the lengths of the two finest chains; 0 where the answer is no chain."""
    speed_error: float
    """Largest relative change of √⟨v, L v⟩ along a geodesic, 0 in theory."""
    lost: float
    """Largest share of the second moment that the principal axes of a lifted path leave out."""
    iterations: int
    """Newton steps and iterations of chains."""
    seconds: float
    """Time of the search of the plan and of the path."""
    _core: _core.Path = dataclass_field(repr=False)

    def __call__(self, t: npt.ArrayLike) -> Array:
        """The particles at a time, (k, d), or at several, (len(t), k, d). Errors: a time outside [0, 1]."""
        times = _times(t)
        frames = self._core.frames(np.atleast_1d(times))
        return frames if times.ndim else frames[0]

    def velocity(self, t: float) -> Array:
        """The velocity of a geodesic at a time, (k, d); at 0 it is log_x(y) for ``plan="identity"``.

        Errors: a time outside [0, 1], a path that is no geodesic (another kind, or a chain).
        """
        return self._core.velocity(options.real(t, "t"))

    def errors(self, times: npt.ArrayLike) -> PathErrors:
        """How far inner products and pair distances at these times are from moving straight between the ends.

        O(k d²) and O(k²) a time, k² capped at 4 million pairs.

        >>> import gromov
        >>> x = [[2.0, 0.0], [0.0, 1.0]]
        >>> y = [[4.0, 0.0], [0.0, 2.0]]
        >>> path = gromov.geodesic(x, y, kind="mccann")
        >>> path.errors([0.5]).gram.round(12)  # 1.5² = 2.25 instead of (1 + 4) / 2
        array([0.1])
        """
        return PathErrors(*self._core.errors(vector(times, "times")))

    @cached_property
    def plan(self) -> coo_array:
        """The plan: a ``scipy.sparse.coo_array`` (n, m). Particle e is its entry e: from ``row[e]`` of x to
        ``col[e]`` of y."""
        from scipy.sparse import coo_array

        rows, columns, mass, shape = self._core.plan()
        index = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        return coo_array((np.asarray(mass), index), shape=shape)

    def save(self, path: str | os.PathLike[str], frames: int = 11) -> None:
        """Writes frames at times from 0 to 1 evenly, as ``gromov geodesic --out`` does.

        ``.npz``: ``times`` (f,), ``points`` (f, k, d), ``weights`` (k,), ``second_moments`` (f, d, d),
        ``rows`` and ``columns`` (k,) of the plan, ``meta`` (JSON text). ``.csv``: columns ``time, i, x1..,
        w``.
        """
        name = _name(path, (".npz", ".csv"))
        times = np.linspace(0.0, 1.0, options.whole(frames, "frames", 2, 100_000))
        keys = ("kind", "pairing", "status", "method", "squared", "length", "action")
        meta = {key: getattr(self, key) for key in keys}
        meta = {
            "version": _core.__version__,
            "command": "geodesic",
            **meta,
            "rotation": self.rotation.tolist(),
        }
        text = json.dumps({k: None if v in (math.inf, -math.inf) else v for k, v in meta.items()}, allow_nan=False)
        self._core.save(name, times, name.lower().endswith(".csv"), text)

    def to_html(
        self, path: str | os.PathLike[str], title: str = "From x to y", names: tuple[str, str] = ("x", "y")
    ) -> None:
        """Writes the page of ``gromov geodesic --report``: this path beside the other kinds, in one file
        without a network.

        The other kinds follow their own optimal plans, which are sought now, unless the plan was given.
        """
        _core.write_text(path, self._core.page(title, names))

    def plot(self, frames: int = 5) -> Figure:
        """Frames side by side on one scale, from t = 0 to 1, as a matplotlib figure.

        The area of a marker is the weight; colour is the place along the first principal axis at the start,
        which particles keep. Above two dimensions the first two principal axes of the first frame are drawn.
        At most 2,000 particles are drawn, evenly chosen.
        """
        from . import _plot

        times = np.linspace(0.0, 1.0, options.whole(frames, "frames", 2, 20))
        labels = [f"t = {t:.3g}" for t in times]
        return _plot.frames(self(times), self.weights, labels, title=self._title())

    def _title(self) -> str:
        names = {"intrinsic": "intrinsic geodesic", "lifted": "lifted path", "mccann": "straight lines (W2)"}
        name = "chain of least action" if self.method == "chain" else names[self.kind]
        return f"{name}, length {self.length:.4g}"

    def _line(self) -> list[tuple[str, str]]:
        return [
            ("kind", self.kind),
            ("length", f"{self.length:.6g}"),
            ("igw", f"{self.igw:.6g}"),
            ("particles", str(len(self.weights))),
            ("plan", self.pairing),
            ("status", self.status),
            ("time", seconds(self.seconds)),
        ]

    def _picture(self) -> str:
        times = (0.0, 0.5, 1.0)
        clouds = [(frame, self.weights, f"t = {t:g}") for t, frame in zip(times, self(times), strict=True)]
        return panels(clouds, one_scale=True, one_frame=True)


_KINDS = ("intrinsic", "lifted", "mccann")
_FRAMES = ("first", "second")
_METHODS = ("auto", "local", "global")
_SEARCH = {"method": "auto", "starts": None, "tol": 1e-9, "max_iter": None, "time_limit": None}


def geodesic(
    x: CloudLike,
    y: CloudLike,
    a: npt.ArrayLike | None = None,
    b: npt.ArrayLike | None = None,
    *,
    kind: str = "intrinsic",
    plan: Any = None,
    frame: str = "first",
    dim: int | None = None,
    center: bool = False,
    method: str = "auto",
    starts: int | None = None,
    seed: int = 0,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    normalize: bool = False,
    progress: bool | Callable[[Event], object] = False,
    check: bool = True,
    max_memory: int | None = None,
) -> Path:
    """The geodesic of the IGW geometry between two weighted clouds, or another path, along a plan.

    d_IGW(μ, ν)² = inf ∫₀¹ ⟨v_t, L v_t⟩ dt over curves of velocity v from μ to ν, with L of
    :func:`gromov.mobility`. Along a plan, shortest curves follow x'' = −4 L⁻¹[K v], v = x', K = ∫ v xᵀ dρ, in
    the span of both ends. They end at y up to one rotation or mirror image, ``.rotation``, which IGW does not
    see.

    Parameters
    ----------
    x, y : array-like (n, d_x), (m, d_y)
        Points.
    a, b : array-like (n,), (m,), optional
        Weights, not negative and of sum one (within 1e-9); uniform by default.
    kind : {"intrinsic", "lifted", "mccann"}
        ``intrinsic``: the geodesic among clouds of R^d. ``lifted``: z_t = (√(1−t) x, √t y), whose inner
        products are (1−t) ⟨x, x'⟩ + t ⟨y, y'⟩, of length IGW, shown by its principal axes; for any two
        dimensions. ``mccann``: (1−t) x + t y, the geodesic of W2 for its optimal plan.
    plan : None, "identity", IgwResult or sparse (n, m), optional
        None: the optimal plan, of IGW (for ``mccann`` of W2), which is sought first. ``identity``: row i goes
        to row i. Else that of an ``IgwResult``, or any plan whose sums are ``a`` and ``b`` (within 1e-9).
    frame : {"first", "second"}
        In the coordinates of the first cloud (the path starts at x and ends at y Rᵀ), or of the second (it
        ends at y).
    dim : int, optional
        Of a lifted path: max(d_x, d_y), the default, or d_x + d_y, all of it.
    center : bool
        Remove the means of both clouds first; the path is that of the centred clouds.
    method, starts, tol, max_iter, time_limit
        Of the search of the IGW plan, as in :func:`gromov.igw`; refused where none is sought.
    seed : int
        Of the search.
    threads : int, optional
        All cores by default. Results do not depend on it.
    normalize : bool
        Divide the weights by their sums.
    progress : bool or function
        True shows a line; a function is called with an :class:`gromov.Event`.
    check : bool
        Raise ConvergenceError where the status is no success; False returns the path all the same.
    max_memory : int, optional
        Refuse a call that needs more bytes than this; by default more than is free. See :func:`gromov.forecast`.

    Returns
    -------
    Path
        ``path(t)`` has the particles, (k, d), k entries of the plan; ``.length`` scales as length².

    Raises
    ------
    GromovError
        Wrong input, with the argument's name, the place and the value.
    ConvergenceError
        ``singular`` or ``stalled``: there is no geodesic along which the second moment keeps its rank, as
        between clouds of different dimensions; ``.result`` is then the chain of least action. Also where the
        search of the plan failed.
    KeyboardInterrupt
        Ctrl-C ends the call within a second.

    Notes
    -----
    Cost: the search of the plan; then O(k d²) once, a problem in 2 d × d unknowns, and O(k d²) a frame.

    Examples
    --------
    On the line clouds form a cone: d² = s² + r² − 2 s r cos(√2 θ), with s, r the second moments and θ the
    angle between x and y in L². Here s = 1, r = 2 and θ = π/4:

    >>> import gromov, math
    >>> path = gromov.geodesic([[1.0], [-1.0]], [[2.0], [0.0]], plan="identity")
    >>> math.isclose(path.length**2, 5 - 4 * math.cos(math.sqrt(2) * math.pi / 4))
    True
    >>> path(0.0)[:, 0], path([0.0, 0.5, 1.0]).shape
    (array([ 1., -1.]), (3, 2, 1))

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the reduction to 2 d × d is our own.
    """
    (p, v), (q, w) = weighted(x, a, "x", "a"), weighted(y, b, "y", "b")
    arguments = (p, q, v, w)
    kind = options.choice(kind, "kind", _KINDS)
    dim = options.maybe_whole(dim, "dim")
    if dim is not None and kind != "lifted":
        raise GromovError(f'dim: {dim} is not allowed; expected None but for kind="lifted"')
    search: dict[str, Any] = {
        "method": options.choice(method, "method", _METHODS),
        "starts": options.maybe_whole(starts, "starts"),
        "tol": options.real(tol, "tol"),
        "max_iter": options.maybe_whole(max_iter, "max_iter"),
        "time_limit": options.time_limit(time_limit),
    }
    _check_search(search, kind, plan)
    keywords: dict[str, Any] = {
        "kind": kind,
        "plan": _entries(plan),
        "frame": options.choice(frame, "frame", _FRAMES),
        "dim": dim,
        "center": options.flag(center, "center"),
        "seed": options.seed(seed),
        "threads": options.threads(threads),
        "normalize": options.flag(normalize, "normalize"),
    }
    with reporter(progress, "iterations") as function:
        core = _core.geodesic(
            *arguments,
            max_memory=options.maybe_whole(max_memory, "max_memory", 0),
            progress=function,
            **(search | keywords),
        )
    path: Path = checked("geodesic", Path(**core.fields(), _core=core), check)
    return path


def _check_search(search: dict[str, Any], kind: str, plan: Any) -> None:
    """Errors: options of a search that is not done."""
    if plan is None and kind != "mccann":
        return
    why = "a given plan" if plan is not None else 'kind="mccann"'
    for name, value in search.items():
        if value != _SEARCH[name]:
            raise GromovError(f"{name}: {value!r} has no meaning with {why}: no IGW plan is sought; leave it out")


def _entries(plan: Any) -> tuple[str, tuple[Any, Any, Any, tuple[int, int]] | None]:
    """A plan as the core takes it: a word, or entries ordered by row and column without zeros."""
    if plan is None:
        return "optimal", None
    if isinstance(plan, str):
        return options.choice(plan, "plan", ("identity",)), None
    matrix = plan.plan if isinstance(plan, (IgwResult, Path)) else plan
    if not (hasattr(matrix, "tocsr") and hasattr(matrix, "nnz")):
        expected = 'None, "identity", an IgwResult, a Path or a sparse matrix of SciPy'
        raise GromovError(f"plan: {type(plan).__name__} is not allowed; expected {expected}")
    if getattr(matrix, "ndim", 2) != 2 or matrix.dtype.kind not in "fiub":
        raise GromovError(f"plan: expected a real matrix (n, m), got shape {matrix.shape} and dtype {matrix.dtype}")
    ordered = matrix.tocsr(copy=True)
    ordered.sum_duplicates()
    ordered.eliminate_zeros()
    entries = ordered.tocoo()
    mass = np.asarray(entries.data, dtype=np.float64)
    for e in np.flatnonzero(~(np.isfinite(mass) & (mass > 0.0)))[:1]:
        place = f"{int(entries.row[e])}, {int(entries.col[e])}"
        raise GromovError(f"plan: entry {place} is {float(mass[e])}; expected masses >= 0")
    n, m = (int(size) for size in matrix.shape)
    return "given", (entries.row.tolist(), entries.col.tolist(), mass.tolist(), (n, m))


def _times(t: npt.ArrayLike) -> Array:
    """A time or several."""
    times = np.asarray(t)
    if times.ndim > 1 or times.dtype.kind not in "fiu":
        raise GromovError(f"t: expected a number or numbers (k,), got shape {times.shape} and dtype {times.dtype}")
    return times.astype(np.float64)


def _name(path: str | os.PathLike[str], endings: tuple[str, ...]) -> str:
    """The name of a file of one of these endings."""
    try:
        name = os.fspath(path)
    except TypeError:
        raise GromovError(f"path: expected the name of a file, got {path!r:.60}") from None
    if not name.lower().endswith(endings):
        raise GromovError(f"path: {name} is not allowed; expected an ending of {', '.join(endings)}")
    return name


def _finite(value: Any, name: str) -> float:
    """A number of any sign."""
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        out = float(value)
    except (TypeError, ValueError):
        out = math.nan
    if not math.isfinite(out):
        raise GromovError(f"{name}: {value!r:.60} is not allowed; expected a finite number")
    return out


class Arrival(NamedTuple):
    """What ``exp(..., full=True)`` returns."""

    points: Array
    """Points, (n, d)."""
    velocity: Array
    """Velocity there, (n, d)."""
    time: float
    """Time reached; short of t unless the status is completed."""
    speed: float
    """√⟨v, L v⟩ at the start, which a geodesic keeps; scales as length²."""
    speed_error: float
    """Relative difference of the speed at the end from it."""
    turned: float
    """|W x| / |v| of the net rotation W in v, which was taken out: L does not see it."""
    steps: int
    """Steps of the integration."""
    status: str
    """completed; singular where the second moment lost rank on the way, or stalled just before;
    iteration_cap."""


@overload
def exp(
    x: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    t: float = 1.0,
    full: Literal[False] = False,
    normalize: bool = False,
) -> Array: ...
@overload
def exp(
    x: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    t: float = 1.0,
    full: Literal[True],
    normalize: bool = False,
) -> Arrival: ...


def exp(
    x: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    t: float = 1.0,
    full: bool = False,
    normalize: bool = False,
) -> Array | Arrival:
    """The exponential map: where the geodesic from x with velocity v is at time t.

    It follows x'' = −4 L⁻¹[K v], v = x', K = ∫ v xᵀ dρ, with L of :func:`gromov.mobility`.

    Parameters
    ----------
    x : array-like (n, d)
        Points of the cloud.
    v : array-like (n, d)
        Velocity. A net rotation in it is taken out, and ``full`` says how much.
    weights : array-like (n,), optional
        Weights of sum one; uniform by default.
    t : float
        Any time, also negative.
    full : bool
        Return an Arrival, also where the geodesic does not last until t, instead of the points.
    normalize : bool
        Divide the weights by their sum.

    Returns
    -------
    ndarray (n, d), or Arrival
        Scales as length. O(n d²) and an integration in 2 d × d unknowns.

    Raises
    ------
    GromovError
        Shapes, numbers that are not finite, weights, a singular second moment at x. Without ``full`` also
        where the geodesic ends before t, because the second moment loses rank there.

    Examples
    --------
    Along v = x the inner products move by 2 t ⟨x, x'⟩: x_t = √(1 + 2 t) x.

    >>> import gromov
    >>> x = [[2.0, 0.0], [0.0, 1.0]]
    >>> gromov.exp(x, x, t=1.5).round(9)
    array([[4., 0.],
           [0., 2.]])
    >>> round(gromov.exp(x, x, t=-0.75, full=True).time, 6)  # it ends at t = −1/2, where all is 0
    -0.5

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the equation was derived here.
    """
    points = cloud(x, "x")
    velocity, full = field(v, "v", points, "x"), options.flag(full, "full")
    time = _finite(t, "t")
    mass = weights_of(weights, "weights", len(points))
    there = Arrival(**_core.exp(points, velocity, mass, time, options.flag(normalize, "normalize")))
    if full:
        return there
    if there.status != "completed":
        raise GromovError(
            f"no geodesic: it ends at t = {there.time:.6g} on the way to {time:.6g} ({there.status}); "
            "full=True returns how far it came"
        )
    return there.points


def log(x: npt.ArrayLike, y: npt.ArrayLike, *, weights: npt.ArrayLike | None = None, normalize: bool = False) -> Array:
    """The logarithm: the velocity at x of the geodesic to y, whose row i belongs to row i of x.

    :func:`gromov.exp` of it at t = 1 has the inner products of y; ⟨v, L v⟩ = d_IGW² for this labelling.

    Parameters
    ----------
    x, y : array-like (n, d)
        Points of both clouds.
    weights : array-like (n,), optional
        Weights of sum one; uniform by default.
    normalize : bool
        Divide the weights by their sum.

    Returns
    -------
    ndarray (n, d)
        The velocity, without net rotation; scales as length. O(n d²) and a problem in 2 d × d unknowns.

    Raises
    ------
    GromovError
        Shapes, numbers that are not finite, weights; no geodesic along which the second moment keeps its
        rank. (The chain of least action is then what ``gromov.geodesic(x, y, plan="identity", check=False)``
        returns.)
    KeyboardInterrupt
        Ctrl-C ends the call within a second.

    Examples
    --------
    From x to 2 x the inner products go straight from G to 4 G: x_t = √(1 + 3 t) x.

    >>> import gromov
    >>> x = [[2.0, 0.0], [0.0, 1.0]]
    >>> gromov.log(x, [[4.0, 0.0], [0.0, 2.0]]).round(9) + 0.0
    array([[3. , 0. ],
           [0. , 1.5]])

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the solver is our own.
    """
    points = cloud(x, "x")
    target = field(y, "y", points, "x")
    mass = weights_of(weights, "weights", len(points))
    return _core.log(points, target, mass, options.flag(normalize, "normalize"))


# as users know them
for _class in (Arrival, Path, PathErrors):
    _class.__module__ = "gromov"
