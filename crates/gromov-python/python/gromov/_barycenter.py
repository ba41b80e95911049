"""Barycentres of clouds, and intrinsic means of labelled clouds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, vector, weighted
from ._arrays import weights as weights_of
from ._errors import GromovError, checked
from ._progress import Event, reporter
from ._result import Result, seconds
from ._svg import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from scipy.sparse import coo_array


@dataclass(frozen=True, repr=False, eq=False)
class Barycenter(Result):
    """A barycentre with its plans to the clouds. Pickles and copies; pictures in notebooks."""

    points: Array
    """Its points, (n, d): in the frame of the first cloud with λ > 0, turned as close to it as can be, where
    d is at least the dimension of that cloud; else along the principal axes."""
    weights: Array
    """Its weights, (n,)."""
    objective: float
    """Σ λ_k IGW² of the plans found; scales as length⁴."""
    lower_bound: float
    """A lower bound of the objective of any n points in R^d."""
    rounding: float
    """Bound on the rounding of both."""
    status: str
    """converged, iteration_cap or time_cap."""
    iterations: int
    """Iterations of all starts."""
    starts: int
    """Starts done: fewer than asked for where one meets the lower bound."""
    hits: int
    """Starts that reached the best objective (equal within 1e-9)."""
    trace: Array
    """The objective of the best start: of the first plans, then after each iteration; decreasing."""
    lambdas: Array
    """λ, (K,)."""
    squared: Array
    """IGW² of the plan to each cloud, (K,)."""
    rotations: list[Array]
    """Partial isometries R_k, (d, d_k): rows of cloud k times R_kᵀ lie in the frame of the barycentre."""
    means: list[Array]
    """Means that were removed, (d_k,): zero without ``center``."""
    seconds: float
    """Time of the search."""
    _core: _core.Barycenter = dataclass_field(repr=False)

    @cached_property
    def plans(self) -> list[coo_array]:
        """Plans from the barycentre to each cloud: ``scipy.sparse.coo_array`` (n, m_k) of total mass one."""
        from scipy.sparse import coo_array

        out = []
        for k in range(len(self.lambdas)):
            rows, columns, mass = self._core.plan(k)
            index = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
            shape = (len(self.weights), len(self._core.cloud(k)[0]))
            out.append(coo_array((np.asarray(mass), index), shape=shape))
        return out

    def aligned(self, k: int) -> tuple[Array, Array]:
        """Cloud k in the frame of the barycentre, (x − mean) R_kᵀ, (m_k, d), and its weights, (m_k,)."""
        k = options.whole(k, "k", 0, len(self.lambdas) - 1)
        points, weights = self._core.cloud(k)
        return (points - self.means[k]) @ self.rotations[k].T, weights

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes points and weights as a cloud that :func:`gromov.read` reads: .npz .npy .csv .tsv .ply."""
        self._core.save(path)

    def to_html(
        self, path: str | os.PathLike[str], title: str = "Barycentre", names: Sequence[str] | None = None
    ) -> None:
        """Writes the page of ``gromov barycenter --report``: one file, which opens without a network."""
        count = len(self.lambdas)
        chosen = [f"clouds[{k}]" for k in range(count)] if names is None else [str(name) for name in names]
        if len(chosen) != count:
            raise GromovError(f"names: expected {count} names, one a cloud, got {len(chosen)}")
        _core.write_text(path, self._core.page(title, chosen))

    def plot(self, most: int = 6) -> Figure:
        """The barycentre, and it over each of the clouds (at most ``most``, of the largest λ), as a
        matplotlib figure.

        Clouds are turned into the frame of the barycentre by the maps found. The area of a marker is the
        weight. Above two dimensions the first two principal axes of the barycentre are drawn. At most 2,000
        points of a cloud are drawn, evenly chosen.
        """
        from . import _plot

        return _plot.barycenter(self, options.whole(most, "most"))

    def _line(self) -> list[tuple[str, str]]:
        return [
            ("n", str(len(self.weights))),
            ("d", str(self.points.shape[1])),
            ("objective", f"{self.objective:.6g}"),
            ("lower_bound", f"{min(self.lower_bound, self.objective):.6g}"),
            ("status", self.status),
            ("time", seconds(self.seconds)),
        ]

    def _picture(self) -> str:
        clouds = [(self.points, self.weights, "barycentre")]
        order = np.argsort(-self.lambdas, kind="stable")[:3]
        clouds += [(*self.aligned(int(k)), f"cloud {k}, turned") for k in sorted(order)]
        return panels(clouds, one_scale=True, one_frame=True)


def barycenter(
    clouds: Sequence[npt.ArrayLike],
    lambdas: npt.ArrayLike | None = None,
    weights: Sequence[npt.ArrayLike | None] | None = None,
    *,
    n_points: int | None = None,
    point_weights: npt.ArrayLike | None = None,
    dim: int | None = None,
    starts: int | None = None,
    seed: int = 0,
    tol: float = 1e-9,
    max_iter: int = 500,
    time_limit: float | None = None,
    center: bool = False,
    threads: int | None = None,
    normalize: bool = False,
    progress: bool | Callable[[Event], object] = False,
    check: bool = True,
    max_memory: int | None = None,
) -> Barycenter:
    """The IGW barycentre of weighted clouds of any sizes and dimensions, on free points.

    It minimises Σ_k λ_k IGW²(Y, X_k) over n points Y of given weights in R^d: exact transport and a principal
    component analysis in turns, from several starts. It is blind to rotations and mirror images of each
    cloud.

    Parameters
    ----------
    clouds : sequence of array-like (m_k, d_k)
        Points of each cloud.
    lambdas : array-like (K,), optional
        λ, not negative and of sum one; equal by default.
    weights : sequence of array-like (m_k,) or None, optional
        Weights of the clouds; None, for one or for all: uniform.
    n_points : int, optional
        Number of points n. By default n *and the weights* are those of the largest cloud with λ > 0, or, if
        it has more than 2,000 points, 2,000 of equal weights.
    point_weights : array-like (n,), optional
        Weights of the points; equal by default where ``n_points`` is given.
    dim : int, optional
        Dimension d; by default the largest of the clouds with λ > 0. Up to Σ d_k dimensions can lower the
        objective.
    starts : int, optional
        Starts: near each cloud first, then from draws; by default 8 to 16, or 2 to 8 for large clouds.
    seed : int
        Of draws and searches. One seed has one result, for any number of threads.
    tol : float
        A start has converged when a search for plans lowers the objective by at most this part of it.
    max_iter : int
        Cap on the iterations of a start.
    time_limit : float, optional
        Seconds; the best by then is the result, with the status ``time_cap``.
    center : bool
        Remove the means first.
    threads : int, optional
        All cores by default.
    normalize : bool
        Divide the weights of the clouds by their sums.
    progress : bool or function
        True shows a line; a function is called with an :class:`gromov.Event`.
    check : bool
        Raise ConvergenceError where the status is no success; False returns the result all the same.
    max_memory : int, optional
        Refuse a call that needs more bytes than this; by default more than is free. See :func:`gromov.forecast`.

    Returns
    -------
    Barycenter
        ``points`` scale as length, ``objective`` as length⁴.

    Raises
    ------
    GromovError
        Wrong input; cloud 3 is called ``clouds[3]``, its weights ``weights[3]``.
    ConvergenceError
        The status is ``iteration_cap`` or ``time_cap``; ``.result`` holds what there is.
    KeyboardInterrupt
        Ctrl-C ends the call within a second.

    Notes
    -----
    Cost of an iteration: K transport problems and O(n (Σ d_k)²).

    Examples
    --------
    Squares with second moments 1 and 9: the barycentre has 5, at IGW² = 2 (5 − 1)² from each.

    >>> import gromov
    >>> square = lambda r: [[r, r], [-r, r], [-r, -r], [r, -r]]
    >>> result = gromov.barycenter([square(1.0), square(3.0)])
    >>> round(result.objective, 9), round(result.lower_bound, 9)
    (32.0, 32.0)
    >>> (result.points**2).round(9)[0]
    array([5., 5.])

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the alternation is our own.
    """
    arguments = _clouds(clouds, weights)
    keywords: dict[str, Any] = {
        "point_weights": None if point_weights is None else vector(point_weights, "point_weights"),
        "n_points": options.maybe_whole(n_points, "n_points"),
        "dim": options.maybe_whole(dim, "dim"),
        "starts": options.maybe_whole(starts, "starts"),
        "seed": options.seed(seed),
        "tol": options.real(tol, "tol"),
        "max_iter": options.whole(max_iter, "max_iter"),
        "time_limit": options.time_limit(time_limit),
        "center": options.flag(center, "center"),
        "threads": options.threads(threads),
        "normalize": options.flag(normalize, "normalize"),
    }
    share = None if lambdas is None else vector(lambdas, "lambdas", len(arguments))
    with reporter(progress, "iterations") as function:
        core = _core.barycenter(
            arguments, share, max_memory=options.maybe_whole(max_memory, "max_memory", 0), progress=function, **keywords
        )
    result: Barycenter = checked("barycenter", Barycenter(**core.fields(), _core=core), check)
    return result


@dataclass(frozen=True, repr=False, eq=False)
class IntrinsicMean(Result):
    """The intrinsic mean of labelled clouds."""

    points: Array
    """Its points, (n, d), in the frame of the first cloud with λ > 0, turned as close to it as can be."""
    weights: Array
    """Its weights, those of the clouds."""
    objective: float
    """Σ λ_k d_IGW²; scales as length⁴."""
    squared: Array
    """d_IGW² to each cloud, (K,); zero where λ = 0."""
    gradient: float
    """√⟨v, L v⟩ of the mean velocity at the end; scales as length²."""
    status: str
    """converged, stalled or iteration_cap."""
    trace: Array
    """The objective at the start and after each iteration."""
    shortened: int
    """Steps that were shortened because the objective would not have fallen."""
    seconds: float
    """Time of the search."""

    def _line(self) -> list[tuple[str, str]]:
        return [
            ("n", str(len(self.weights))),
            ("d", str(self.points.shape[1])),
            ("objective", f"{self.objective:.6g}"),
            ("gradient", f"{self.gradient:.2g}"),
            ("status", self.status),
            ("time", seconds(self.seconds)),
        ]

    def _picture(self) -> str:
        return panels([(self.points, self.weights, "intrinsic mean")])


def intrinsic_mean(
    clouds: Sequence[npt.ArrayLike],
    lambdas: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    tol: float = 1e-10,
    max_iter: int = 100,
    threads: int | None = None,
    normalize: bool = False,
    progress: bool | Callable[[Event], object] = False,
    check: bool = True,
) -> IntrinsicMean:
    """The intrinsic (Karcher) mean of labelled clouds: the Y of least Σ_k λ_k d_IGW²(Y, X_k), a local
    minimum.

    Row i of every cloud is the same particle. Y ← exp_Y(s Σ_k λ_k log_Y(X_k)), s ≤ 1, until the mean velocity
    vanishes. :func:`gromov.barycenter` minimises IGW² instead and needs no labels.

    Parameters
    ----------
    clouds : sequence of array-like (n, d)
        Points of each cloud, all of one shape.
    lambdas : array-like (K,), optional
        λ, not negative and of sum one; equal by default.
    weights : array-like (n,), optional
        Weights of the particles, the same in every cloud; uniform by default.
    tol : float
        Converged when √⟨v, L v⟩ of the mean velocity v is at most this part of |Σ_Y|.
    max_iter : int
        Cap on iterations.
    threads : int, optional
        All cores by default.
    normalize : bool
        Divide the weights by their sum.
    progress : bool or function
        True shows a line; a function is called with an :class:`gromov.Event`.
    check : bool
        Raise ConvergenceError where the status is no success; False returns the result all the same.

    Returns
    -------
    IntrinsicMean
        ``points`` scale as length, ``objective`` as length⁴. An iteration costs K logarithms, O(K n d²).

    Raises
    ------
    GromovError
        Wrong input; cloud 3 is called ``clouds[3]``. Also where no geodesic leads to a cloud.
    ConvergenceError
        The status is ``stalled`` or ``iteration_cap``; ``.result`` holds what there is.
    KeyboardInterrupt
        Ctrl-C ends the call within a second.

    Examples
    --------
    On one ray second moments are averaged: 1 and 9 have the mean 5, at d_IGW = 4 from each.

    >>> import gromov
    >>> mean = gromov.intrinsic_mean([[[1.0], [-1.0]], [[3.0], [-3.0]]])
    >>> (mean.points**2).round(9)[0], round(mean.objective, 9)
    (array([5.]), 16.0)

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the iteration is that of Karcher
    means.
    """
    members = _clouds(clouds, None)
    first = members[0][0]
    for k, (points, _) in enumerate(members):
        if points.shape != first.shape:
            raise GromovError(f"clouds[{k}]: expected shape {first.shape}, that of clouds[0], got {points.shape}")
    mass = weights_of(weights, "weights", len(first))
    keywords: dict[str, Any] = {
        "tol": options.real(tol, "tol"),
        "max_iter": options.whole(max_iter, "max_iter"),
        "threads": options.threads(threads),
        "normalize": options.flag(normalize, "normalize"),
    }
    share = None if lambdas is None else vector(lambdas, "lambdas", len(members))
    with reporter(progress, "iterations") as function:
        fields = _core.intrinsic_mean([points for points, _ in members], mass, share, progress=function, **keywords)
    result: IntrinsicMean = checked("intrinsic_mean", IntrinsicMean(**fields), check)
    return result


def _clouds(clouds: Any, weights: Any) -> list[tuple[Array, Array | None]]:
    """The clouds with their weights; errors name ``clouds[k]`` and ``weights[k]``."""
    members = _sequence(clouds, "clouds", "clouds (m_k, d_k)")
    if not members:
        raise GromovError("clouds: expected at least one, got none")
    masses = [None] * len(members) if weights is None else _sequence(weights, "weights", "weights (m_k,) or None")
    if len(masses) != len(members):
        raise GromovError(f"weights: expected {len(members)}, one a cloud, got {len(masses)}")
    pairs = enumerate(zip(members, masses, strict=True))
    return [weighted(member, mass, f"clouds[{k}]", f"weights[{k}]") for k, (member, mass) in pairs]


def _sequence(value: Any, name: str, of: str) -> list[Any]:
    try:
        if isinstance(value, (str, bytes, dict)):
            raise TypeError
        return list(value)
    except TypeError:
        raise GromovError(f"{name}: expected a sequence of {of}, got {type(value).__name__}") from None


# as users know them
for _class in (Barycenter, IntrinsicMean):
    _class.__module__ = "gromov"
