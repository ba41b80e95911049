"""Clouds from files."""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import _core
from . import _options as options
from ._arrays import Array
from ._errors import GromovError
from ._result import Result
from ._svg import panels


@dataclass(frozen=True, repr=False, eq=False)
class Cloud(Result):
    """Points and weights, as read from a file."""

    points: Array
    """Coordinates, (n, d)."""
    weights: Array
    """Weights, (n,), of sum one."""

    def _line(self) -> list[tuple[str, str]]:
        n, d = self.points.shape
        return [("n", str(n)), ("d", str(d)), ("weights", "uniform" if self._uniform() else "given")]

    def _uniform(self) -> bool:
        return bool((self.weights == self.weights[0]).all())

    def _picture(self) -> str:
        return panels([(self.points, self.weights, "")])


def read(
    path: str | os.PathLike[str],
    *,
    weights_column: str | None = None,
    normalize: bool = False,
    invert: bool = False,
    max_bytes: int | None = None,
) -> Cloud:
    """Reads a weighted point cloud from a file.

    Parameters
    ----------
    path : path
        ``.csv .tsv .npy .npz .ply .obj .xyz .png``. In text a row is a point and every column a coordinate but one
        named ``w``, ``weight`` or ``weights``; of a trajectory (``.npz`` of a flow) it is the last frame; of a picture
        every pixel is a point, weighted by its darkness.
    weights_column : str, optional
        The column, array or vertex property that holds the weights.
    normalize : bool
        Divide the weights by their sum; otherwise a sum other than 1 (within 1e-9) is an error.
    invert : bool
        In a picture, light pixels on a dark ground are the cloud.
    max_bytes : int, optional
        The most bytes the file may have, 1 GiB by default.

    Returns
    -------
    Cloud
        ``.points`` (n, d) and ``.weights`` (n,).

    Raises
    ------
    GromovError
        A file that is missing, malformed or too large, with its line or member.

    Examples
    --------
    >>> import gromov, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.csv"
    >>> _ = path.write_text("x,y,w\\n3,4,0.5\\n-3,-4,0.5\\n")
    >>> gromov.read(path)
    Cloud(n=2, d=2, weights=uniform)
    >>> gromov.read(path).points[0]
    array([3., 4.])
    """
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise GromovError(f"path: expected the name of a file, got {path!r:.60}") from None
    limit = options.maybe_whole(max_bytes, "max_bytes")
    points, weights = _core.read(name, weights_column, options.flag(normalize, "normalize"), bool(invert), limit)
    return Cloud(points, weights)


# as users know it
Cloud.__module__ = "gromov"
