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

from typing import TYPE_CHECKING, Any

from . import datasets, energy, gaussian
from ._barycenter import Barycenter, IntrinsicMean, barycenter, intrinsic_mean
from ._core import __version__
from ._distance import Alternative, IgwResult, igw
from ._errors import ConvergenceError, GromovError, MemoryLimitError
from ._files import Cloud, read
from ._flow import Step, flow
from ._forecast import Forecast, forecast
from ._geodesic import Arrival, Path, PathErrors, exp, geodesic, log
from ._mobility import Inverse, metric, mobility, mobility_inverse
from ._pairwise import PairFailure, PairwiseResult, PairwiseWarning, pairwise
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
    "PairFailure",
    "PairwiseResult",
    "PairwiseWarning",
    "Path",
    "PathErrors",
    "Statistics",
    "Step",
    "Trajectory",
    "__version__",
    "barycenter",
    "datasets",
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
    "pairwise",
    "read",
]

if TYPE_CHECKING:
    from ._aligner import IGWAligner as IGWAligner


# not in __all__: a star import works without scikit-learn
def __getattr__(name: str) -> Any:
    if name != "IGWAligner":
        raise AttributeError(f"module 'gromov' has no attribute {name!r}")
    try:
        from ._aligner import IGWAligner
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"gromov.IGWAligner needs scikit-learn 1.6 or newer: pip install gromov[sklearn] ({error})"
        ) from error
    return IGWAligner


def __dir__() -> list[str]:
    return sorted([*__all__, "IGWAligner"])
