"""Energies F of a cloud, for :func:`gromov.flow`: small frozen objects that add up and take factors.

================== =============================================================================
Quadratic          ½ ∫ (x − c)ᵀ Q (x − c) dρ
DoubleWell         ¼ ∫ (|x|² − 1)² dρ
Interaction        ½ ∬ (|z|ᵖ / p − |z|^q / q) dρ dρ, z = x − x'
EnergyDistance     ∬ |x − y| dρ dν − ½ ∬ |x − x'| dρ dρ − ½ ∬ |y − y'| dν dν
MMD                ½ ∬ exp(−|x − y|² / (2 h²)) d(ρ − ν) d(ρ − ν)
Wasserstein        ½ W2²(ρ, ν)
Igw                ½ IGW²(ρ, ν)
Entropy            ∫ ρ log ρ
KLGaussian         KL(ρ, N(m, C))
Custom             a function of yours
================== =============================================================================

>>> from gromov.energy import DoubleWell, Quadratic
>>> F = 2 * Quadratic() + DoubleWell() / 2
>>> F
2 * Quadratic() + 0.5 * DoubleWell()
>>> F.value([[3.0], [-1.0]])
9.0

The last but Custom have an entropy part, which particles have no value of: flows of them are diffusions
(``scheme="langevin"``), exact for Gaussians in :mod:`gromov.gaussian`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, cloud, square, vector, weighted
from ._arrays import weights as weights_of
from ._energy import Energy, Leaf, Sum, described
from ._errors import GromovError

__all__ = [
    "MMD",
    "Custom",
    "DoubleWell",
    "Energy",
    "EnergyDistance",
    "Entropy",
    "Igw",
    "Interaction",
    "KLGaussian",
    "Quadratic",
    "Sum",
    "Wasserstein",
    "check",
]


def _target(target: Any, weights: Any, normalize: Any) -> tuple[Array, Array | None]:
    points, masses = weighted(target, weights, "target", "weights")
    if options.flag(normalize, "normalize") and masses is not None and 0.0 < masses.sum() < math.inf:
        masses = masses / masses.sum()
    return points, masses


@dataclass(frozen=True, repr=False, eq=False)
class Quadratic(Leaf):
    """F(ρ) = ½ ∫ (x − c)ᵀ Q (x − c) dρ; with ∇δF = Q (x − c).

    Parameters
    ----------
    center : array-like (d,), optional
        c; the origin by default.
    matrix : array-like (d, d), optional
        Q, of any sign; its symmetric part counts. The identity by default: F then scales as length².

    Raises
    ------
    GromovError
        Entries that are not finite, sizes that do not fit.

    Examples
    --------
    >>> import gromov
    >>> gromov.energy.Quadratic([3.0, 0.0], [[1.0, 0.0], [0.0, 2.0]]).value([[3.0, 4.0]])
    16.0
    """

    center: Array | None = None
    matrix: Array | None = None
    _name = "quadratic"

    def __init__(self, center: npt.ArrayLike | None = None, matrix: npt.ArrayLike | None = None) -> None:
        middle = None if center is None else vector(center, "center")
        self._set(center=middle, matrix=None if matrix is None else square(matrix, "matrix"))


@dataclass(frozen=True, repr=False, eq=False)
class DoubleWell(Leaf):
    """F(ρ) = ¼ ∫ (|x|² − 1)² dρ: least on the unit sphere. Rotation invariant; lengths are in units of its radius.

    Examples
    --------
    >>> import gromov
    >>> gromov.energy.DoubleWell().value([[3.0]])
    16.0
    """

    _name = "double-well"


@dataclass(frozen=True, repr=False, eq=False)
class Interaction(Leaf):
    """F(ρ) = ½ ∬ (|z|ᵖ / p − |z|^q / q) dρ dρ, z = x − x'; q = 0 means the first term alone. O(n²).

    Parameters
    ----------
    p : float
        Exponent of attraction, above 0.
    q : float
        Exponent of repulsion, another one than p.

    Raises
    ------
    GromovError
        Exponents out of range.

    Examples
    --------
    Two points at distance 2: ½ · 2 · ¼ · (2⁴/4 − 2²/2)

    >>> import gromov
    >>> gromov.energy.Interaction(4, 2).value([[1.0], [-1.0]])
    0.5
    """

    p: float
    q: float = 0.0
    _name = "interaction"

    def __post_init__(self) -> None:
        self._set(p=options.real(self.p, "p"), q=options.real(self.q, "q"))


@dataclass(frozen=True, repr=False, eq=False)
class EnergyDistance(Leaf):
    """F(ρ) = ∬ |x − y| dρ dν − ½ ∬ |x − x'| dρ dρ − ½ ∬ |y − y'| dν dν ≥ 0; a length. O(n (n + m)).

    Parameters
    ----------
    target : array-like (m, d)
        Points of ν.
    weights : array-like (m,), optional
        Its weights, of sum one; uniform by default.
    batch : int, optional
        Estimate F without bias from this many points a step (at least 2) instead of all: O(batch²). Flows then report
        a sampling error.
    seed : int
        Of the batches.
    normalize : bool
        Divide the weights by their sum.

    Raises
    ------
    GromovError
        Wrong points, weights or batch.

    Examples
    --------
    Two single points: their distance.

    >>> import gromov
    >>> gromov.energy.EnergyDistance([[0.0, 0.0]]).value([[3.0, 4.0]])
    5.0

    References
    ----------
    Székely, Rizzo, J. Stat. Plan. Inference 143 (2013).
    """

    target: Array
    weights: Array | None = None
    batch: int | None = None
    seed: int = 0
    _name = "energy-distance"

    def __init__(
        self,
        target: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        batch: int | None = None,
        seed: int = 0,
        normalize: bool = False,
    ) -> None:
        points, masses = _target(target, weights, normalize)
        batch = options.maybe_whole(batch, "batch", 2)
        self._set(target=points, weights=masses, batch=batch, seed=options.seed(seed))


@dataclass(frozen=True, repr=False, eq=False)
class MMD(Leaf):
    """F(ρ) = ½ ∬ k(x, y) d(ρ − ν) d(ρ − ν), k = exp(−|x − y|² / (2 h²)): half the squared maximum mean discrepancy.

    Parameters
    ----------
    target : array-like (m, d)
        Points of ν.
    bandwidth : float
        h, a length.
    weights : array-like (m,), optional
        Weights of ν, of sum one; uniform by default.
    normalize : bool
        Divide the weights by their sum.

    Raises
    ------
    GromovError
        Wrong points or weights, a bandwidth that is not above 0.

    Examples
    --------
    Two single points at distance h √2: 1 − 1/e

    >>> import gromov
    >>> round(gromov.energy.MMD([[0.0, 0.0]], 1.0).value([[1.0, 1.0]]), 12)
    0.632120558829
    """

    target: Array
    weights: Array | None
    bandwidth: float
    _name = "mmd"

    def __init__(
        self,
        target: npt.ArrayLike,
        bandwidth: float,
        weights: npt.ArrayLike | None = None,
        *,
        normalize: bool = False,
    ) -> None:
        points, masses = _target(target, weights, normalize)
        self._set(target=points, weights=masses, bandwidth=options.real(bandwidth, "bandwidth", positive=True))


@dataclass(frozen=True, repr=False, eq=False)
class Wasserstein(Leaf):
    """F(ρ) = ½ W2²(ρ, ν), by exact transport; scales as length².

    Parameters
    ----------
    target : array-like (m, d)
        Points of ν.
    weights : array-like (m,), optional
        Its weights, of sum one; uniform by default.
    normalize : bool
        Divide the weights by their sum.

    Raises
    ------
    GromovError
        Wrong points or weights.

    Examples
    --------
    >>> import gromov
    >>> gromov.energy.Wasserstein([[0.0, 0.0]]).value([[3.0, 4.0]])
    12.5
    """

    target: Array
    weights: Array | None = None
    _name = "wasserstein"

    def __init__(self, target: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, normalize: bool = False) -> None:
        points, masses = _target(target, weights, normalize)
        self._set(target=points, weights=masses)


@dataclass(frozen=True, repr=False, eq=False)
class Igw(Leaf):
    """F(ρ) = ½ IGW²(ρ, ν); scales as length⁴, rotation invariant. The target may have another dimension.

    A flow searches the plan once, before its first step, and follows that local optimum.

    Parameters
    ----------
    target : array-like (m, k)
        Points of ν.
    weights : array-like (m,), optional
        Its weights, of sum one; uniform by default.
    starts : int, optional
        Starts of the search, by size by default (as :func:`gromov.igw`).
    seed : int
        Of the starts.
    max_iter : int
        Cap on the alternations of a start.
    normalize : bool
        Divide the weights by their sum.

    Raises
    ------
    GromovError
        Wrong points or weights.

    Examples
    --------
    A square and its double: ½ (2 + 32 − 16)

    >>> import gromov
    >>> square = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    >>> twice = [[2.0, 2.0], [-2.0, 2.0], [-2.0, -2.0], [2.0, -2.0]]
    >>> round(gromov.energy.Igw(twice).value(square), 12)
    9.0
    """

    target: Array
    weights: Array | None = None
    starts: int | None = None
    seed: int = 0
    max_iter: int = 1000
    _name = "igw"

    def __init__(
        self,
        target: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        starts: int | None = None,
        seed: int = 0,
        max_iter: int = 1000,
        normalize: bool = False,
    ) -> None:
        points, masses = _target(target, weights, normalize)
        starts, cap = options.maybe_whole(starts, "starts"), options.whole(max_iter, "max_iter")
        self._set(target=points, weights=masses, starts=starts, seed=options.seed(seed), max_iter=cap)


@dataclass(frozen=True, repr=False, eq=False)
class Entropy(Leaf):
    """F(ρ) = ∫ ρ log ρ. Only for ``scheme="langevin"`` and :mod:`gromov.gaussian`: particles have no density.

    Examples
    --------
    >>> import gromov
    >>> gromov.energy.Entropy().value([[0.0], [1.0]])
    Traceback (most recent call last):
    gromov.GromovError: energy: entropy is not allowed; expected an energy with a value on particles: this one needs a \
density (scheme langevin)
    """

    _name = "entropy"


@dataclass(frozen=True, repr=False, eq=False)
class KLGaussian(Leaf):
    """F(ρ) = KL(ρ, N(m, C)) = ∫ ρ log ρ + ½ ∫ (x − m)ᵀ C⁻¹ (x − m) dρ + ½ log det 2πC.

    Only for ``scheme="langevin"`` and :mod:`gromov.gaussian`: particles have no density.

    Parameters
    ----------
    mean : array-like (d,) or None
        m; None is the origin.
    cov : array-like (d, d)
        C, symmetric and positive definite.

    Raises
    ------
    GromovError
        No such matrix, sizes that do not fit.

    Examples
    --------
    The flow of N(0, 4) ends at N(0, 1):

    >>> import gromov
    >>> kl = gromov.energy.KLGaussian(None, [[1.0]])
    >>> gromov.gaussian.flow([[4.0]], kl, 100.0).round(9)
    array([[1.]])
    """

    mean: Array | None
    cov: Array
    _name = "kl-gaussian"

    def __init__(self, mean: npt.ArrayLike | None, cov: npt.ArrayLike) -> None:
        self._set(mean=None if mean is None else vector(mean, "mean"), cov=square(cov, "cov"))


class Custom(Energy):
    """An energy of yours: a function that returns F and its gradient.

    Parameters
    ----------
    value_and_gradient : callable
        Takes the points (n, d), a read-only array, and the weights (n,), read-only too; returns F, a number, and
        ∇δF(x_i) = (1/w_i) ∂F/∂x_i, (n, d). It is called in the thread that called the flow. :func:`check` tests the
        gradient against the values.
    name : str
        In tables and files. Runs that go on from a checkpoint compare this name and nothing else of the function.
    rotation_invariant : bool
        F(ρ turned) = F(ρ) for all rotations: IGW flows then leave the orientation alone. Saying so of an energy that
        does see rotations gives wrong flows.

    Raises
    ------
    GromovError
        No function, an empty name; when called: another shape, numbers that are not finite. What the function raises
        comes through as it is.

    Examples
    --------
    ∫ cos(x) dρ on the line:

    >>> import gromov, numpy as np
    >>> cosine = gromov.energy.Custom(lambda x, w: (w @ np.cos(x[:, 0]), -np.sin(x)), name="cosine")
    >>> cosine.value([[0.0], [np.pi]])
    0.0
    >>> abs(gromov.energy.check(cosine, [[0.1], [0.7], [2.0]]) - 2.0) < 0.2
    True
    """

    def __init__(
        self,
        value_and_gradient: Callable[[Array, Array], tuple[float, npt.ArrayLike]],
        *,
        name: str = "custom",
        rotation_invariant: bool = False,
    ) -> None:
        if not callable(value_and_gradient):
            raise GromovError(f"value_and_gradient: expected a function, got {value_and_gradient!r:.60}")
        if not isinstance(name, str) or not name:
            raise GromovError(f"name: {name!r:.60} is not allowed; expected a text")
        self.function = value_and_gradient
        self.name = name
        self.rotation_invariant = options.flag(rotation_invariant, "rotation_invariant")

    def _spec(self) -> tuple[str, tuple[Any, ...]]:
        return "custom", (self._call, self.name, self.rotation_invariant)

    def _shown(self) -> list[str]:
        out = [getattr(self.function, "__name__", type(self.function).__name__)[:60]]
        if self.name != "custom":
            out.append(f"name={self.name!r:.60}")
        return out + ["rotation_invariant=True"] * self.rotation_invariant

    def _call(self, x: Array, w: Array) -> tuple[float, Array]:
        x.flags.writeable = w.flags.writeable = False
        answer = self.function(x, w)
        try:
            value, gradient = answer
        except (TypeError, ValueError):
            got = f"{answer!r:.60}"
            raise GromovError(f"{self.name}: expected a pair (value, gradient), got {got}") from None
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise GromovError(f"{self.name}: value: expected a number, got {value!r:.60}") from None
        if not math.isfinite(number):
            raise GromovError(f"{self.name}: value: expected a finite number, got {number}")
        field = cloud(gradient, f"{self.name}: gradient")
        if field.shape != x.shape:
            raise GromovError(f"{self.name}: gradient: expected shape {x.shape}, that of the points, got {field.shape}")
        if not np.isfinite(field).all():
            i, k = (int(v) for v in np.argwhere(~np.isfinite(field))[0])
            raise GromovError(
                f"{self.name}: gradient: entry ({i}, {k}) is {field[i, k]}; every entry must be a finite number"
            )
        return number, field


def check(energy: Energy, x: npt.ArrayLike, weights: npt.ArrayLike | None = None, seed: int = 0) -> float:
    """Tests the gradient of an energy against its values, at a cloud and in a random direction v.

    The slope of log |F(ρ + h v) − F(ρ) − h ⟨∇δF, v⟩| against log h: 2 for a right gradient, 1 for a wrong one, infinite
    where F is affine.

    Parameters
    ----------
    energy : Energy
        The energy.
    x : array-like (n, d)
        Points; take some where F is smooth.
    weights : array-like (n,), optional
        Weights of sum one, uniform by default. Unequal ones find a gradient that lacks its 1/w_i.
    seed : int
        Of the direction.

    Returns
    -------
    float
        The slope; some 20 evaluations.

    Raises
    ------
    GromovError
        Wrong input; an energy with an entropy part.

    Examples
    --------
    >>> import gromov
    >>> x = [[0.5, 1.0], [-2.0, 0.3], [1.0, -1.0]]
    >>> round(gromov.energy.check(gromov.energy.DoubleWell(), x), 1)
    2.0
    >>> wrong = gromov.energy.Custom(lambda x, w: (w @ (x**2).sum(1), x))
    >>> round(gromov.energy.check(wrong, x), 1)
    1.0
    """
    points = cloud(x, "x")
    masses = weights_of(weights, "weights", len(points))
    return _core.energy_slope(described(energy), points, masses, options.seed(seed))
