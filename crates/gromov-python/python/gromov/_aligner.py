"""The distance as an estimator of scikit-learn, which is imported when this is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ._arrays import Array
from ._distance import IgwResult, igw


class IGWAligner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Moves points that live with X into the frame of Y, by the orthogonal map of their IGW distance.

    ``fit(X, Y)`` solves IGW(X, Y); ``transform`` is x ↦ (x − mean_X) R + mean_Y, R the polar factor of ∫ x yᵀ dπ. Rows
    of X and Y need no correspondence; their numbers and dimensions may differ. Needs scikit-learn
    (``pip install gromov[sklearn]``).

    Parameters
    ----------
    center : bool, default True
        Remove both means first. IGW depends on the origin: False takes that of the data.
    method : {"auto", "local", "global"}, default "auto"
        As for :func:`gromov.igw`.
    starts : int, optional
        Starts of the local search.
    tol : float, default 1e-9
        Relative tolerance of ``certified_``.
    max_iter : int, optional
        Cap on the alternations of a start, or on the boxes of ``global``.
    time_limit : float, optional
        Seconds.
    proper : bool, default False
        Forbid mirror images: R has determinant +1. Between different dimensions it changes nothing.
    random_state : int, RandomState or None, default 0
        Seed of the starts. None and a RandomState draw one.
    threads : int, optional
        All cores by default; no result depends on it.

    Attributes
    ----------
    rotation_ : ndarray (n_features_in_, d_y)
        R; with ``proper`` the best of determinant +1 for the plan.
    shift_ : tuple of ndarrays
        The means of X and Y that were removed.
    plan_ : scipy.sparse.coo_array (n, m)
        The optimal plan.
    distance_, lower_bound_ : float
        IGW, which scales as length², and a lower bound of it.
    certified_ : bool
        The value is proved to be the global optimum.
    reflected_ : bool or None
        The orthogonal map found is a mirror image (before ``proper``).
    n_features_in_ : int
        Columns of X.
    n_iter_ : int
        Linear transport problems solved.
    result_ : IgwResult
        All that is known.

    Examples
    --------
    >>> import numpy as np
    >>> from gromov import IGWAligner
    >>> X = np.array([[3.0, 0.0], [-1.0, 1.0], [0.0, -2.0]])
    >>> quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> moved = IGWAligner().fit_transform(X, X @ quarter + 5.0)
    >>> bool(np.allclose(moved, X @ quarter + 5.0))
    True
    """

    def __init__(
        self,
        *,
        center: bool = True,
        method: str = "auto",
        starts: int | None = None,
        tol: float = 1e-9,
        max_iter: int | None = None,
        time_limit: float | None = None,
        proper: bool = False,
        random_state: Any = 0,
        threads: int | None = None,
    ) -> None:
        self.center = center
        self.method = method
        self.starts = starts
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit
        self.proper = proper
        self.random_state = random_state
        self.threads = threads

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> IGWAligner:
        """Solves IGW(X, Y).

        Parameters
        ----------
        X : array-like (n, d_x)
            The cloud to be moved.
        y : array-like (m, d_y)
            The cloud Y that stays; (m,) is m points of the line.

        Returns
        -------
        IGWAligner
            Itself. Errors: GromovError, ConvergenceError, as of :func:`gromov.igw`.
        """
        if y is None:
            raise ValueError("IGWAligner requires y to be passed, but the target y is None")
        x: Array = validate_data(self, X, dtype=np.float64)
        other: Array = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if other.ndim == 1:
            other = other[:, None]
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31 - 1)
        result: IgwResult = igw(
            x,
            other,
            center=self.center,
            method=self.method,
            starts=self.starts,
            seed=seed,
            tol=self.tol,
            max_iter=self.max_iter,
            time_limit=self.time_limit,
            threads=self.threads,
        )
        self.result_ = result
        self.rotation_ = result.rotation
        if self.proper:
            self.rotation_ = result._core.proper_rotation()
        self.shift_ = result.shift
        self.plan_ = result.plan
        self.distance_ = result.distance
        self.lower_bound_ = max(result.lower_bound, 0.0) ** 0.5
        self.certified_ = result.certified
        self.n_iter_ = result.iterations
        self.reflected_ = result.reflected
        return self

    def transform(self, X: npt.ArrayLike) -> Array:
        """Moves rows of the space of the fitted X into that of Y.

        Parameters
        ----------
        X : array-like (k, d_x)

        Returns
        -------
        ndarray (k, d_y)
        """
        check_is_fitted(self)
        x: Array = validate_data(self, X, dtype=np.float64, reset=False)
        mean_x, mean_y = self.shift_
        moved: Array = (x - mean_x) @ self.rotation_ + mean_y
        return moved

    def fit_transform(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """``fit(X, y).transform(X)``."""
        return self.fit(X, y).transform(X)

    @property
    def _n_features_out(self) -> int:
        """Columns of what ``transform`` returns."""
        return int(self.rotation_.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.two_d_labels = False
        return tags


# as users know it
IGWAligner.__module__ = "gromov"
