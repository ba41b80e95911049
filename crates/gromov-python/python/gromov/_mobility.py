"""The mobility operator of the IGW geometry: L, its inverse, the metric."""

from __future__ import annotations

from typing import Literal, NamedTuple, overload

import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, cloud, field
from ._arrays import weights as weights_of


class Inverse(NamedTuple):
    """What ``mobility_inverse(..., full=True)`` returns."""

    velocity: Array
    """v = L⁻¹ w, (n, d), with ∫ v xᵀ dρ symmetric."""
    skew: float
    """|G − Gᵀ| / (2 |G|), G = ∫ w xᵀ dρ: the part of w outside the range of L, which was projected away first."""


def mobility(
    x: npt.ArrayLike, v: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, normalize: bool = False
) -> Array:
    """The mobility operator: L v (x) = 2 (Σ v(x) + ∫ y ⟨v(y), x⟩ dρ(y)), with Σ = ∫ x xᵀ dρ.

    For a small move x + h v of the cloud, IGW² = h² ⟨v, L v⟩ + o(h²): L is the metric of the geometry. It is
    self-adjoint and not negative; its kernel is the rotations v = W x, W skew.

    Parameters
    ----------
    x : array-like (n, d)
        Points of the cloud ρ.
    v : array-like (n, d)
        A field on them.
    weights : array-like (n,), optional
        Weights of sum one; uniform by default.
    normalize : bool
        Divide the weights by their sum.

    Returns
    -------
    ndarray (n, d)
        L v at the points; scales as length² |v|. O(n d²).

    Raises
    ------
    GromovError
        Shapes, numbers that are not finite, weights.

    Examples
    --------
    With Σ = diag(2, 1/2), a field v = x has L v = 4 Σ x:

    >>> import gromov
    >>> x = [[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> gromov.mobility(x, x)[0]
    array([16.,  0.])

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800.
    """
    points = cloud(x, "x")
    return _core.mobility(
        points,
        field(v, "v", points, "x"),
        weights_of(weights, "weights", len(points)),
        options.flag(normalize, "normalize"),
    )


@overload
def mobility_inverse(
    x: npt.ArrayLike,
    w: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    floor: float = 1e-12,
    full: Literal[False] = False,
    *,
    normalize: bool = False,
) -> Array: ...
@overload
def mobility_inverse(
    x: npt.ArrayLike,
    w: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    floor: float = 1e-12,
    full: Literal[True] = ...,
    *,
    normalize: bool = False,
) -> Inverse: ...
def mobility_inverse(
    x: npt.ArrayLike,
    w: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    floor: float = 1e-12,
    full: bool = False,
    *,
    normalize: bool = False,
) -> Array | Inverse:
    """The inverse of the mobility operator on its range: L⁻¹ w = ½ Σ⁻¹ (w − 2 K x).

    K_ij = G_ij / (2 (λ_i + λ_j)) in the eigenbasis of Σ, G = ∫ w xᵀ dρ. The range of L is the fields with symmetric G;
    what lies outside (the torque of w) is projected away first, and ``full=True`` says how much. The velocity of the
    gradient flow of F is −L⁻¹ applied to the gradient of the first variation of F.

    Parameters
    ----------
    x : array-like (n, d)
        Points of the cloud ρ.
    w : array-like (n, d)
        A field on them.
    weights : array-like (n,), optional
        Weights of sum one; uniform by default.
    floor : float
        Eigenvalues of Σ at or below this part of the largest have no inverse, and are an error.
    full : bool
        Return ``(velocity, skew)`` instead of the velocity.
    normalize : bool
        Divide the weights by their sum.

    Returns
    -------
    ndarray (n, d), or Inverse
        The velocity without net rotation; scales as |w| / length². O(n d² + d³).

    Raises
    ------
    GromovError
        Shapes, numbers that are not finite, weights, a singular second moment (with its eigenvalues).

    Examples
    --------
    >>> import gromov
    >>> x = [[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> gromov.mobility_inverse(x, gromov.mobility(x, x))[0]
    array([2., 0.])
    >>> turn = [[-q, p] for p, q in x]
    >>> round(gromov.mobility_inverse(x, turn, full=True).skew, 6), round(2.5 / 8.5**0.5, 6)
    (0.857493, 0.857493)

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the closed form is our own.
    """
    points = cloud(x, "x")
    velocity, skew = _core.mobility_inverse(
        points,
        field(w, "w", points, "x"),
        weights_of(weights, "weights", len(points)),
        options.real(floor, "floor"),
        options.flag(normalize, "normalize"),
    )
    return Inverse(velocity, skew) if full else velocity


def metric(
    x: npt.ArrayLike,
    u: npt.ArrayLike,
    v: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    normalize: bool = False,
) -> float:
    """The Riemannian metric of the IGW geometry: ⟨u, L v⟩ = Σ_i w_i u_i · (L v)_i.

    Parameters
    ----------
    x, u, v : array-like (n, d)
        Points of the cloud and two fields on them.
    weights : array-like (n,), optional
        Weights of sum one; uniform by default.
    normalize : bool
        Divide the weights by their sum.

    Returns
    -------
    float
        Scales as length² |u| |v|; symmetric, 0 for rotations. O(n d²). Its root for u = v is the speed of the cloud.

    Raises
    ------
    GromovError
        Shapes, numbers that are not finite, weights.

    Examples
    --------
    For v = x it is 4 |Σ|²:

    >>> import gromov
    >>> x = [[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> gromov.metric(x, x, x)
    17.0

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800.
    """
    points = cloud(x, "x")
    return _core.metric(
        points,
        field(u, "u", points, "x"),
        field(v, "v", points, "x"),
        weights_of(weights, "weights", len(points)),
        options.flag(normalize, "normalize"),
    )


# as users know it
Inverse.__module__ = "gromov"
