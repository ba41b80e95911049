"""The inner-product Gromov-Wasserstein (IGW) geometry of point clouds.

IGW compares the inner products inside each cloud, so it is blind to rotations and keeps the global structure of the
data. Distances come with a lower bound and, where it is cheap, a proof; flows, geodesics and barycentres with a status.

>>> import gromov
>>> square = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
>>> turned = [[0.0, 2**0.5], [-(2**0.5), 0.0], [0.0, -(2**0.5)], [2**0.5, 0.0]]
>>> gromov.igw(square, turned).distance < 1e-6
True

The theory is due to Zhang, Goldfeld, Greenewald, Mroueh and Sriperumbudur, arXiv 2407.11800.
"""

from __future__ import annotations

from ._barycenter import Barycenter, IntrinsicMean, barycenter, intrinsic_mean
from ._core import __version__
from ._distance import Alternative, IgwResult, igw
from ._errors import ConvergenceError, GromovError
from ._files import Cloud, read
from ._geodesic import Arrival, Path, PathErrors, exp, geodesic, log
from ._mobility import Inverse, metric, mobility, mobility_inverse
from ._progress import Event

__all__ = [
    "Alternative",
    "Arrival",
    "Barycenter",
    "Cloud",
    "ConvergenceError",
    "Event",
    "GromovError",
    "IgwResult",
    "IntrinsicMean",
    "Inverse",
    "Path",
    "PathErrors",
    "__version__",
    "barycenter",
    "exp",
    "geodesic",
    "igw",
    "intrinsic_mean",
    "log",
    "metric",
    "mobility",
    "mobility_inverse",
    "read",
]
