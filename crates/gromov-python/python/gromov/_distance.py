"""The IGW distance."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, CloudLike, cloud, finite, weighted
from ._errors import checked
from ._progress import Event, reporter
from ._result import Result, seconds
from ._svg import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from scipy.sparse import coo_array


class Alternative(NamedTuple):
    """Another local optimum, within 5 % of the best."""

    squared: float
    """Its value."""
    reflected: bool | None
    """Whether its orthogonal map is a mirror image; None where the dimensions differ."""


@dataclass(frozen=True, repr=False, eq=False)
class IgwResult(Result):
    """An IGW distance with its lower bound, plan and rotation. Pickles and copies; pictures in notebooks."""

    squared: float
    """IGW² of the plan found, evaluated without cancellation; scales as length⁴."""
    distance: float
    """Its root; scales as length²."""
    lower_bound: float
    """A lower bound of IGW²."""
    rounding: float
    """Bound on the rounding error of ``squared``."""
    gap: float
    """(squared − lower_bound) / max(squared, rounding); may be negative by rounding."""
    certified: bool
    """squared − lower_bound ≤ tol · squared + rounding: this is the global optimum."""
    status: str
    """converged, iteration_cap, time_cap or stalled."""
    method: str
    """line, local or global: what gave the answer."""
    iterations: int
    """Linear transport problems solved."""
    nodes: int
    """Boxes bounded by the proof."""
    starts: int
    """Starts tried: fewer than asked for where the value was certified before."""
    hits: int
    """Starts that reached the best value (equal within 1e-9)."""
    reflected: bool | None
    """The orthogonal map is a mirror image; None where the dimensions differ."""
    cross_moment: Array
    """M = ∫ x yᵀ dπ, (d_x, d_y); centred where the clouds were."""
    rotation: Array
    """Partial isometry R, (d_x, d_y), the polar factor of M: x R ≈ y."""
    alternatives: list[Alternative]
    """Distinct other local optima within 5 % of the best, best first, at most 64."""
    seconds: float
    """Time of the search."""
    _core: _core.Distance = dataclass_field(repr=False)

    @cached_property
    def plan(self) -> coo_array:
        """The optimal plan: a ``scipy.sparse.coo_array`` (n, m) of total mass one."""
        from scipy.sparse import coo_array

        rows, columns, mass = self._core.plan()
        (x, _), (y, _) = self._core.clouds()
        index = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        return coo_array((np.asarray(mass), index), shape=(len(x), len(y)))

    @property
    def shift(self) -> tuple[Array, Array]:
        """The means that were removed from x and y, (d_x,) and (d_y,): zero without ``center``."""
        return self._core.means()

    def transform(self, new: npt.ArrayLike, proper: bool = False) -> Array:
        """Maps rows of x-space to y-space: (new − mean_x) R + mean_y, the means being zero without ``center``.

        Parameters
        ----------
        new : array-like (k, d_x)
            Any points that live with x.
        proper : bool
            Forbid mirror images: R is then the best rotation for the plan of determinant +1.

        Returns
        -------
        ndarray (k, d_y)

        Examples
        --------
        >>> import gromov
        >>> x = [[3.0, 0.0], [-1.0, 1.0], [0.0, -2.0]]
        >>> y = [[0.0, 3.0], [-1.0, -1.0], [2.0, 0.0]]
        >>> gromov.igw(x, y).transform([[1.0, 0.0]]).round(12) + 0.0
        array([[0., 1.]])
        """
        return self._core.transform(finite(cloud(new, "new"), "new"), options.flag(proper, "proper"))

    def to_html(
        self, path: str | os.PathLike[str], title: str = "IGW distance", names: tuple[str, str] = ("x", "y")
    ) -> None:
        """Writes the page of ``gromov distance --report``: one file, which opens without a network."""
        _core.write_text(path, self._core.page(title, names))

    def plot(self, spectrum: bool = False, ax: Axes | None = None) -> Axes:
        """Both clouds in one frame, with the lines of the plan, by matplotlib; nothing is shown.

        The cloud of the smaller dimension (else y) is turned into the space of the other by the map found. The width of
        a line is the mass it moves (at most 300 lines, the heaviest), the area of a marker the weight of its point (at
        most 2,000 points of a cloud, evenly chosen). Above two dimensions the first two principal axes are drawn.

        Parameters
        ----------
        spectrum : bool
            Draw the eigenvalues of both second moments instead, whose differences are the lower bound.
        ax : matplotlib Axes, optional
            Drawn there, else in a new figure.

        Returns
        -------
        matplotlib Axes
            ``.figure.savefig(path)`` writes it.
        """
        from . import _plot

        return _plot.distance(self, options.flag(spectrum, "spectrum"), ax)

    def _line(self) -> list[tuple[str, str]]:
        gap = "certified" if self.certified else f"{100.0 * self.gap:.2g} %"
        return [
            ("distance", f"{self.distance:.6g}"),
            ("lower_bound", f"{max(self.lower_bound, 0.0) ** 0.5:.6g}"),
            ("gap", gap),
            ("status", self.status),
            ("method", self.method),
            ("time", seconds(self.seconds)),
        ]

    def _picture(self) -> str:
        (x, a), (y, b) = self._core.clouds()
        if x.shape[1] == y.shape[1]:
            x = self.transform(x)
            return panels([(x, a, "x, turned"), (y, b, "y")], one_scale=True, one_frame=True)
        return panels([(x, a, "x"), (y, b, "y")])


_METHODS = ("auto", "local", "global")


def igw(
    x: CloudLike,
    y: CloudLike,
    a: npt.ArrayLike | None = None,
    b: npt.ArrayLike | None = None,
    *,
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
) -> IgwResult:
    """The inner-product Gromov-Wasserstein distance of two weighted clouds of any sizes and dimensions.

    IGW(μ, ν)² = min over plans π of ∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ(x, y) dπ(x', y')
               = |Σ_μ|² + |Σ_ν|² − 2 max_π |∫ x yᵀ dπ|²

    with second moments Σ about the origin. It is 0 exactly where one cloud is a rotation or a mirror image of the
    other. It depends on the origin: ``center=True`` removes the means first. On the line the answer is exact.

    Parameters
    ----------
    x, y : array-like (n, d_x), (m, d_y)
        Points. Anything that NumPy reads: lists, frames, tensors on the CPU; or what ``gromov.read`` returns, whose
        weights are then used.
    a, b : array-like (n,), (m,), optional
        Weights, not negative and of sum one (within 1e-9); uniform by default.
    center : bool
        Remove the means first.
    method : {"auto", "local", "global"}
        ``local``: alternation of exact transport and rotations, from many starts. ``global``: branch and bound until
        a lower bound meets the value (d_x d_y up to 36). ``auto``: local, then a proof where it is cheap (400 points
        in the plane, 120 with d_x d_y up to 9).
    starts : int, optional
        Starts of the local search; by default 128, 64 or 16, by the sizes. At most as many are tried.
    seed : int
        Of the random starts. One seed has one result, for any number of threads.
    tol : float
        Relative tolerance of ``certified``.
    max_iter : int, optional
        Cap on the alternations of a start (1000), or on the boxes of ``global`` (none).
    time_limit : float, optional
        Seconds; the best value and bound by then are the result, with the status ``time_cap``.
    threads : int, optional
        All cores by default. Results do not depend on it.
    normalize : bool
        Divide the weights by their sums.
    progress : bool or function
        True shows a line (tqdm where installed); a function is called with an :class:`gromov.Event`.
    check : bool
        Raise ConvergenceError where the status is no success; False returns the result all the same.
    max_memory : int, optional
        Refuse a call that needs more bytes than this; by default more than is free. See :func:`gromov.forecast`.

    Returns
    -------
    IgwResult
        ``squared`` scales as length⁴, ``distance`` as length².

    Raises
    ------
    GromovError
        Wrong input, with the argument's name, the place and the value.
    ConvergenceError
        The status is ``iteration_cap``, ``time_cap`` or ``stalled``; ``.result`` holds what there is.
    MemoryLimitError
        The call would take more memory than there is.
    KeyboardInterrupt
        Ctrl-C ends the call within a second.

    Notes
    -----
    Cost: one exact transport problem an alternation, some ten alternations a start; memory O((n + m) d), never n m.

    Examples
    --------
    A square and the square of twice its size: |Σ_x|² + |Σ_y|² − 2 |M|² = 2 + 32 − 16.

    >>> import gromov
    >>> square = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    >>> twice = [[2.0, 2.0], [-2.0, 2.0], [-2.0, -2.0], [2.0, -2.0]]
    >>> result = gromov.igw(square, twice)
    >>> round(result.squared, 12), result.certified
    (18.0, True)

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the solvers and certificates are our own.
    """
    (p, v), (q, w) = weighted(x, a, "x", "a"), weighted(y, b, "y", "b")
    method = options.choice(method, "method", _METHODS)
    arguments = (p, q, v, w)
    keywords: dict[str, Any] = {
        "center": options.flag(center, "center"),
        "method": method,
        "starts": options.maybe_whole(starts, "starts"),
        "seed": options.seed(seed),
        "tol": options.real(tol, "tol"),
        "max_iter": options.maybe_whole(max_iter, "max_iter"),
        "time_limit": options.time_limit(time_limit),
        "threads": options.threads(threads),
        "normalize": options.flag(normalize, "normalize"),
        "max_memory": options.maybe_whole(max_memory, "max_memory", 0),
    }
    with reporter(progress, "boxes" if method == "global" else "starts") as function:
        core = _core.igw(*arguments, progress=function, **keywords)
    fields = core.fields()
    fields["alternatives"] = [Alternative(*other) for other in fields["alternatives"]]
    result: IgwResult = checked("igw", IgwResult(**fields, _core=core), check)
    return result


# as users know them
for _class in (Alternative, IgwResult):
    _class.__module__ = "gromov"
