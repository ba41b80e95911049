"""Trajectories of flows: what a flow returns, and what its files hold."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, vector
from ._errors import GromovError
from ._files import Cloud
from ._result import Result, seconds
from ._svg import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Core: TypeAlias = _core.Trajectory


class Statistics(NamedTuple):
    """Moments and energy of a frame, each a value and its standard error as an independent sample of its law.

    Between runs of an IGW diffusion with other seeds they vary more: the particles see each other through Σ.
    """

    mean: tuple[Array, Array]
    """∫ x dρ, (d,)."""
    second_moment: tuple[Array, Array]
    """Σ, (d, d)."""
    spectrum: tuple[Array, Array]
    """Eigenvalues of Σ, (d,), decreasing."""
    regular: tuple[float, float] | None
    """R in F = R + a ∫ ρ log ρ; None but for diffusions."""
    entropy: tuple[float, float] | None
    """∫ ρ log ρ, from distances to near neighbours; None with unequal weights and for few points."""
    energy: tuple[float, float] | None
    """R + a ∫ ρ log ρ."""


@dataclass(frozen=True, repr=False, eq=False)
class Trajectory(Result):
    """A flow of a cloud: k frames of n points in d dimensions. Pickles and copies; pictures in notebooks."""

    times: Array
    """Times of the frames, (k,)."""
    points: Array
    """Frames, (k, n, d). The first is the cloud given, before any turn."""
    weights: Array
    """Weights, (n,)."""
    energies: Array | None
    """F at the frames, (k,); not numbers for a diffusion (see :meth:`statistics`); None where a file has none."""
    second_moments: Array | None
    """Σ about the origin at the frames, (k, d, d); None where a file has none."""
    status: str | None
    """completed, converged, singular, iteration_cap, stalled or interrupted; None where a file does not say."""
    diagnostics: dict[str, Any]
    """All that is said of the run, by name.

    ``version``, ``options``, ``seed``, ``metric``, ``scheme``, ``rotation``, ``energy`` (its name); ``step`` (τ, the
    first one where steps are controlled), ``steps``, ``time``, ``energy_start``, ``energy_end``, ``frames``;
    ``energy_rises`` (steps after which F was larger), ``skew`` (largest relative torque after the first turn),
    ``turned`` (radians in all), ``first_turn`` (angle, energies, rotation; or None), ``mirror_gain`` (by how much a
    mirror image of the cloud would have had less energy), ``relabelled`` (points; None where not checked), ``unsolved``
    (implicit steps above their tolerance), ``rejected`` (trials), ``frames_missed`` (frame times after the end); of
    diffusions ``stiff`` (steps too long for Σ) and ``diffusion``; of energies that sample ``sampling_error``; ``log``:
    by name an array, one entry a step. Of a run and not of a file: ``seconds``, ``resumed_at``, ``checkpoint``,
    ``checkpoint_error``."""
    _core: _Core | None = dataclass_field(default=None, repr=False)
    _meta: str | None = dataclass_field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.times)

    def cloud(self, k: int = -1) -> Cloud:
        """Frame k as a cloud, the last one by default."""
        return Cloud(self.points[self._frame(k)], self.weights)

    def statistics(self, k: int = -1) -> Statistics:
        """Moments and energy of frame k, the last one by default, with standard errors.

        Returns
        -------
        Statistics
            O(n (d² + log n)).

        Raises
        ------
        GromovError
            No such frame.

        Examples
        --------
        The mean of two points: 2 ± √(s² / 2), s² = 2

        >>> import gromov
        >>> gromov.flow([[1.0], [3.0]], gromov.energy.Quadratic(), steps=0).statistics().mean
        (array([2.]), array([1.]))
        """
        k = self._frame(k)
        noise = self.diagnostics.get("diffusion")
        regular, coefficient = None, 0.0
        if noise is not None:
            regular = float(noise["regular"][k]), float(noise["regular_errors"][k])
            coefficient = noise["coefficient"]
        points = np.ascontiguousarray(self.points[k])
        return Statistics(**_core.flow_statistics(points, self.weights, regular, coefficient))

    def law(self, t: npt.ArrayLike | None = None) -> Array:
        """Second moments of the exact flow, where F is a quadratic form and an entropy.

        They are those of the Gaussian with the Σ of the first frame, whatever its law.

        Parameters
        ----------
        t : float or array-like (k,), optional
            Times; those of the frames by default.

        Returns
        -------
        ndarray (d, d) or (k, d, d)

        Raises
        ------
        GromovError
            Another energy, a fixed orientation; a trajectory read from a file, which does not hold the energy.

        Examples
        --------
        >>> import gromov
        >>> run = gromov.flow([[2.0], [-2.0]], gromov.energy.Quadratic(), step=0.5, steps=2)
        >>> run.law(1.0)
        array([[3.5]])
        """
        core = self._whole("law", "the energy")
        one = t is not None and np.ndim(t) == 0
        times = self.times if t is None else vector([t] if one else t, "t")
        path: Array | None = core.law(times)
        if path is None:
            name = self.diagnostics["energy"]
            raise GromovError(
                f"law: {name} has no exact flow; it needs a quadratic form about the origin and an entropy"
            )
        if one:
            path = path[0]
        return path

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the frames, in one step, as the command line does.

        ``.npz``: ``times``, ``points``, ``weights``, ``energies``, ``second_moments`` and ``meta``, a JSON text with
        version, options, seed and the log; ``numpy.load`` reads it without pickle, ``gromov.read`` and the command line
        read its last frame, :meth:`load` all of it. ``.csv``: rows ``time,i,x1..xd,w``.

        Raises
        ------
        GromovError
            Another ending, a file that cannot be written.
        """
        name = _name(path)
        points = np.ascontiguousarray(self.points)
        if name.lower().endswith(".npz"):
            arrays = (self.times, points, self.weights, self.energies, self.second_moments)
            _core.write_trajectory(name, *arrays, self._meta)
        elif name.lower().endswith(".csv"):
            _core.write_frames_csv(name, self.times, points, self.weights)
        else:
            raise GromovError(f"path: {name}: frames are written as .npz or .csv; give a name that ends so")

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Trajectory:
        """Reads the ``.npz`` of :meth:`save` or of ``gromov flow --out``.

        What a file does not hold is None or absent. :meth:`to_html` and :meth:`law` need the run itself, and say so.

        Raises
        ------
        GromovError
            A file that is missing or holds no trajectory.
        """
        return _loaded(_name(path))

    def to_html(self, path: str | os.PathLike[str], title: str = "Flow") -> None:
        """Writes the page of ``gromov flow --report``: one file, which opens without a network.

        Raises
        ------
        GromovError
            A trajectory read from a file (write the page where the flow is run), a file that cannot be written.
        """
        core = self._whole("to_html", "all that the page shows")
        _core.write_text(path, core.page(title, np.ascontiguousarray(self.points)))

    def plot(self, frames: int = 5, title: str = "") -> Figure:
        """Frames, evenly chosen in their order, beside the energy over time, by matplotlib; nothing is shown.

        Clouds above two dimensions are drawn along their first two principal axes, at most 2,000 points of each, evenly
        chosen. Where particles have no energy (an entropy) it is the trace of the second moment.

        Parameters
        ----------
        frames : int
            Frames to draw.
        title : str
            A title above all.

        Raises
        ------
        GromovError
            matplotlib is missing: ``pip install gromov[plot]``.
        """
        from . import _plot

        return _plot.trajectory(self, options.whole(frames, "frames"), title)

    def _whole(self, method: str, what: str) -> _Core:
        if self._core is None:
            raise GromovError(f"{method}: this trajectory was read from a file, which does not hold {what}")
        return self._core

    def _frame(self, k: int) -> int:
        frames = len(self.times)
        at = options.whole(k, "k", -frames, frames - 1)
        return at % frames

    def _line(self) -> list[tuple[str, str]]:
        k, n, d = self.points.shape
        said = self.diagnostics
        lines = [
            ("frames", str(k)),
            ("n", str(n)),
            ("d", str(d)),
            ("metric", str(said.get("metric"))),
            ("status", str(self.status)),
            ("steps", str(said.get("steps"))),
            ("t", f"{self.times[-1]:.6g}"),
        ]
        if self.energies is not None and np.isfinite(self.energies[[0, -1]]).all():
            lines.append(("energy", f"{self.energies[0]:.5g} → {self.energies[-1]:.5g}"))
        if "seconds" in said:
            lines.append(("seconds", seconds(said["seconds"])))
        return lines

    def _picture(self) -> str:
        ends = [(self.points[0], self.weights, "start"), (self.points[-1], self.weights, "end")]
        return panels(ends, one_scale=True)


def assembled(
    core: _core.Trajectory, frames: Array, meta: str, about: dict[str, Any], checkpoint: str | None
) -> Trajectory:
    """What a flow returns."""
    fields = core.fields()
    said = _said(meta, fields["times"], fields["energies"])
    said["seconds"] = about["seconds"]
    if about["resumed_at"] is not None:
        said["resumed_at"] = about["resumed_at"]
    if about["kept"] is not None:
        said["checkpoint"] = checkpoint
    if about["unkept"] is not None:
        said["checkpoint_error"] = about["unkept"]
    return Trajectory(**fields, points=frames, diagnostics=said, _core=core, _meta=meta)


def _numbers(values: list[Any]) -> npt.NDArray[Any]:
    """An array; null is not a number."""
    if all(isinstance(v, bool) for v in values):
        return np.array(values, dtype=bool)
    if all(isinstance(v, int) for v in values):
        return np.array(values, dtype=np.int64)
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _said(meta: str, times: Array, energies: Array | None) -> dict[str, Any]:
    """Diagnostics from the text ``meta`` and the frames."""
    said: dict[str, Any] = json.loads(meta)
    rows = said.pop("log", [])
    log = {name: _numbers([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    asked = said.get("options", {})
    said.update(metric=asked.get("metric"), scheme=asked.get("scheme"))
    said.update(steps=len(rows), time=float(times[-1]), frames=len(times))
    if energies is not None:
        said.update(energy_start=float(energies[0]), energy_end=float(energies[-1]))
    first = said.get("first_turn")
    if first is not None:
        d = round(len(first["rotation"]) ** 0.5)
        first["rotation"] = np.array(first["rotation"], dtype=np.float64).reshape(d, d)
    noise = said.get("diffusion")
    if noise is not None:
        for name in ("regular", "regular_errors"):
            noise[name] = _numbers(noise[name])
        said["stiff"] = int(log["stiff"].sum()) if rows else 0
    angle = 0.0 if first is None else first["angle"]
    said["turned"] = angle + sum(row["angle"] for row in rows)
    said["skew"] = max((row["skew"] for row in rows), default=0.0)
    moved = [row["relabelled"] for row in rows if row["relabelled"] is not None]
    said["relabelled"] = sum(moved) if moved else None
    if rows and rows[-1]["sampling_error"] is not None:
        said["sampling_error"] = rows[-1]["sampling_error"]
    said["energy_rises"] = _rises(rows, said)
    said["log"] = log
    return said


def _rises(rows: list[dict[str, Any]], said: dict[str, Any]) -> int:
    """Steps after which F was larger than before, beyond rounding; a sampled F within its draw."""
    first = said.get("first_turn")
    before = said.get("energy_start", np.nan) if first is None else first["energy_after"]
    count = 0
    for row in rows:
        after = np.nan if row["energy"] is None else row["energy"]
        if row["sampling_error"] is not None:
            before = after - row["rate"] * row["tau"]
        count += bool(after - before > 1e-12 * max(abs(before), abs(after)))
        before = after
    return count


def _name(path: Any) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        raise GromovError(f"path: expected the name of a file, got {path!r:.60}") from None


_SHAPES = {"times": 1, "points": 3, "weights": 1, "energies": 1, "second_moments": 3}


def _loaded(name: str) -> Trajectory:
    try:
        archive = np.load(name, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise GromovError(f"path: {name}: is no .npz of a flow")
        with archive:
            found = {key: archive[key] for key in (*_SHAPES, "meta") if key in archive}
    except GromovError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GromovError(f"path: {name}: cannot be read as an .npz of a flow: {error}") from None
    arrays: dict[str, Any] = {"energies": None, "second_moments": None}
    for key, ndim in _SHAPES.items():
        if key not in found:
            if key in arrays:
                continue
            raise GromovError(f"path: {name}: holds no '{key}', and is no .npz of a flow")
        value = found[key]
        if value.ndim != ndim or value.dtype.kind not in "fiu":
            raise GromovError(
                f"path: {name}: '{key}': expected {ndim} axes of numbers, got {value.dtype} {value.shape}"
            )
        arrays[key] = np.ascontiguousarray(value, dtype=np.float64)
    k, n, d = arrays["points"].shape
    shapes = {"times": (k,), "weights": (n,), "energies": (k,), "second_moments": (k, d, d)}
    for key, shape in shapes.items():
        if arrays[key] is not None and arrays[key].shape != shape:
            raise GromovError(f"path: {name}: '{key}': expected shape {shape}, got {arrays[key].shape}")
    if k == 0 or n == 0 or d == 0:
        raise GromovError(f"path: {name}: holds no frames, its shape is {(k, n, d)}")
    meta = str(found["meta"]) if "meta" in found else None
    said: dict[str, Any] = {}
    if meta is not None:
        try:
            about = json.loads(meta)
            if about.get("command", "flow") in ("flow", "demo"):
                said = _said(meta, arrays["times"], arrays["energies"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise GromovError(f"path: {name}: 'meta' is not that of a flow: {error!r:.80}") from None
        if not said:
            raise GromovError(f"path: {name}: is of gromov {about['command']}, not of a flow")
    return Trajectory(**arrays, status=said.get("status"), diagnostics=said, _meta=meta)


# as users know them
for _class in (Statistics, Trajectory):
    _class.__module__ = "gromov"
