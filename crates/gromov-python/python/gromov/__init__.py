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

from . import energy, gaussian
from ._barycenter import Barycenter, IntrinsicMean, barycenter, intrinsic_mean
from ._core import __version__
from ._distance import Alternative, IgwResult, igw
from ._errors import ConvergenceError, GromovError, MemoryLimitError
from ._files import Cloud, read
from ._flow import Step, flow
from ._forecast import Forecast, forecast
from ._geodesic import Arrival, Path, PathErrors, exp, geodesic, log
from ._mobility import Inverse, metric, mobility, mobility_inverse
from ._progress import Event
from ._trajectory import Statistics, Trajectory

__all__ = [
    "Alternative",
    "Arrival",
    "Barycenter",
    "Cloud",
    "ConvergenceError",
    "Event",
    "Forecast",
    "GromovError",
    "IgwResult",
    "IntrinsicMean",
    "Inverse",
    "MemoryLimitError",
    "Path",
    "PathErrors",
    "Statistics",
    "Step",
    "Trajectory",
    "__version__",
    "barycenter",
    "energy",
    "exp",
    "flow",
    "forecast",
    "gaussian",
    "geodesic",
    "igw",
    "intrinsic_mean",
    "log",
    "metric",
    "mobility",
    "mobility_inverse",
    "read",
]
