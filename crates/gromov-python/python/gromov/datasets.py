"""Clouds that come with the package: the horse, the bunny, and seeded random clouds. All have equal weights.

>>> import gromov
>>> gromov.datasets.horse(500, seed=1).shape
(500, 2)
"""

from __future__ import annotations

from . import _core
from . import _options as options
from ._arrays import Array

__all__ = ["ball", "bunny", "gaussian", "horse"]


def horse(n: int, seed: int = 0) -> Array:
    """Points of the silhouette of a horse, (n, 2): independent draws, one from each of n pieces of equal area.

    The silhouette has 43,412 pixels and a height of 1.64; its mean is the origin, that of a sample nearly so. Two seeds
    give independent samples.

    >>> import gromov
    >>> bool(abs(gromov.datasets.horse(1000).mean(axis=0)).max() < 0.01)
    True
    """
    return _core.sample_of("horse", options.whole(n, "n"), 2, options.seed(seed))


def bunny(n: int | None = None, seed: int = 0) -> Array:
    """The 1,839 vertices of the Stanford bunny, (1839, 3), z up, centred, of root mean square radius one; or n of them.

    >>> import gromov
    >>> points = gromov.datasets.bunny()
    >>> round(float((points**2).sum(axis=1).mean()), 12)
    1.0
    """
    return _core.sample_of("bunny", options.maybe_whole(n, "n"), 3, options.seed(seed))


def gaussian(n: int, d: int = 2, seed: int = 0) -> Array:
    """Standard normal points, (n, d), not centred.

    >>> import gromov
    >>> gromov.datasets.gaussian(10, 3).shape
    (10, 3)
    """
    return _core.sample_of("gaussian", options.whole(n, "n"), options.whole(d, "d"), options.seed(seed))


def ball(n: int, d: int = 2, seed: int = 0) -> Array:
    """Points uniform in the unit ball, (n, d), not centred.

    >>> import gromov
    >>> bool(((gromov.datasets.ball(100, 3) ** 2).sum(axis=1) <= 1).all())
    True
    """
    return _core.sample_of("ball", options.whole(n, "n"), options.whole(d, "d"), options.seed(seed))
