"""Centred Gaussians in closed form: distance, geodesic, flow and barycentre are sums over sorted eigenvalues.

>>> import gromov
>>> gromov.gaussian.igw([[4.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 2.0]]) ** 2
5.000000000000001
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, square, vector
from ._energy import Energy, described
from ._errors import GromovError

__all__ = ["barycenter", "flow", "geodesic", "igw", "squared"]


def igw(cov0: npt.ArrayLike, cov1: npt.ArrayLike) -> float:
    """The IGW distance of N(0, C₀) and N(0, C₁): (Σ_i (λ_i(C₀) − λ_i(C₁))²)^½, eigenvalues sorted.

    The shorter list of eigenvalues is padded with zeros. :func:`squared` is IGW² itself.

    Parameters
    ----------
    cov0, cov1 : array-like (d₀, d₀), (d₁, d₁)
        Covariances, symmetric and without negative eigenvalues.

    Returns
    -------
    float
        The distance, as ``igw(x, y).distance`` is of clouds; scales as length². O(d³).

    Raises
    ------
    GromovError
        What is no covariance.

    Examples
    --------
    Variances (4, 1) and 1 on the line: ((4 − 1)² + (1 − 0)²)^½

    >>> import gromov
    >>> gromov.gaussian.igw([[4.0, 0.0], [0.0, 1.0]], [[4.0]])
    1.0

    References
    ----------
    Delon, Desolneux, Salmona, J. Appl. Probab. 59 (2022).
    """
    return _core.gaussian_distance(square(cov0, "cov0"), square(cov1, "cov1"))[1]


def squared(cov0: npt.ArrayLike, cov1: npt.ArrayLike) -> float:
    """IGW² of N(0, C₀) and N(0, C₁): Σ_i (λ_i(C₀) − λ_i(C₁))²; scales as length⁴. See :func:`igw`.

    Examples
    --------
    >>> import gromov
    >>> gromov.gaussian.squared([[4.0, 0.0], [0.0, 1.0]], [[3.0]])
    2.0
    """
    return _core.gaussian_distance(square(cov0, "cov0"), square(cov1, "cov1"))[0]


def geodesic(cov0: npt.ArrayLike, cov1: npt.ArrayLike, t: float | npt.ArrayLike) -> Array:
    """The geodesic from N(0, C₀) to N(0, C₁): l_i(t) = (1 − t) λ_i(C₀) + t λ_i(C₁), in the eigenbasis of C₀.

    The variance is linear in t (under W2 the standard deviation is). The end is C₁ up to a rotation.

    Parameters
    ----------
    cov0, cov1 : array-like (d₀, d₀), (d₁, d₁)
        Covariances; the smaller one is padded with zeros.
    t : float or array-like (k,)
        Times in [0, 1].

    Returns
    -------
    ndarray (d, d) or (k, d, d)
        Covariances, d the larger of d₀ and d₁; scale as length². O(d³) a time.

    Raises
    ------
    GromovError
        What is no covariance, times outside [0, 1].

    Examples
    --------
    >>> import gromov
    >>> gromov.gaussian.geodesic([[4.0, 0.0], [0.0, 1.0]], [[2.0]], 0.5)
    array([[3. , 0. ],
           [0. , 0.5]])
    """
    start, end = square(cov0, "cov0"), square(cov1, "cov1")
    times, one = _times(t)
    path = _core.gaussian_geodesic(start, end, times)
    return path[0] if one else path


def flow(cov0: npt.ArrayLike, energy: Energy, t: float | npt.ArrayLike, *, metric: str = "igw") -> Array:
    """The gradient flow of a quadratic energy and an entropy from N(0, C₀), which stays Gaussian.

    F(Σ) = a H(Σ) + ½ tr(Q Σ), H = ∫ ρ log ρ. Under IGW the Gaussian turns first, at no cost, to the eigenbasis of Q,
    its largest eigenvalue along the smallest of Q; then dl_i/dt = a / (2 l_i) − q_i / 2. Under W2:
    dΣ/dt = 2 a − QΣ − ΣQ.

    Parameters
    ----------
    cov0 : array-like (d, d)
        Covariance at t = 0.
    energy : Energy
        Sums and multiples of Quadratic and KLGaussian about the origin and Entropy.
    t : float or array-like (k,)
        Times, not negative; scale as length⁴ / F (IGW), length² / F (W2).
    metric : {"igw", "w2"}
        The geometry.

    Returns
    -------
    ndarray (d, d) or (k, d, d)
        Covariances. O(d³) a time.

    Raises
    ------
    GromovError
        What is no covariance, another energy, a negative time, a time at or after that at which an eigenvalue is 0.

    Examples
    --------
    The entropy: l(t)² = l(0)² + t

    >>> import gromov
    >>> gromov.gaussian.flow([[4.0, 0.0], [0.0, 12.0]], gromov.energy.Entropy(), [0.0, 25.0]).diagonal(0, 1, 2) ** 2
    array([[ 16., 144.],
           [ 41., 169.]])
    """
    start, terms = square(cov0, "cov0"), described(energy)
    times, one = _times(t)
    path = _core.gaussian_flow(start, terms, times, options.choice(metric, "metric", ("igw", "w2")))
    return path[0] if one else path


def barycenter(covs: Sequence[npt.ArrayLike], lambdas: npt.ArrayLike | None = None) -> Array:
    """The barycentre of N(0, C_k): the mean of the sorted eigenvalues, in the eigenbasis of the first.

    It minimises Σ_k λ_k IGW²(·, N(0, C_k)).

    Parameters
    ----------
    covs : sequence of array-like (d_k, d_k)
        Covariances; smaller ones are padded with zeros.
    lambdas : array-like (K,), optional
        Weights, not negative, of sum one; equal by default.

    Returns
    -------
    ndarray (d, d)
        Its covariance, d the largest of the d_k; scales as length². O(Σ d_k³).

    Raises
    ------
    GromovError
        No covariance, wrong λ.

    Examples
    --------
    >>> import gromov
    >>> gromov.gaussian.barycenter([[[4.0, 0.0], [0.0, 1.0]], [[2.0]]])
    array([[3. , 0. ],
           [0. , 0.5]])
    """
    if isinstance(covs, (str, bytes)) or not hasattr(covs, "__iter__"):
        raise GromovError(f"covs: expected a list of covariances, got {covs!r:.60}")
    matrices = [square(c, f"covs[{k}]") for k, c in enumerate(covs)]
    return _core.gaussian_barycenter(matrices, None if lambdas is None else vector(lambdas, "lambdas"))


def _times(t: float | npt.ArrayLike) -> tuple[Array, bool]:
    """Times (k,), and whether it was a single one."""
    one = np.ndim(t) == 0
    times = vector([t] if one else t, "t")
    if times.size == 0:
        raise GromovError("t: expected at least one time, got none")
    return times, one
