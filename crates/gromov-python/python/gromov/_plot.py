"""Pictures by matplotlib, the optional extra ``plot``. Nothing is shown or saved: figures and axes are
returned.

Clouds of more than two dimensions are drawn along the first two principal axes of one of them, and the axes
say so. The area of a marker is the weight of its point. Of more than 2,000 points every k-th is drawn, and
the picture says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from ._arrays import Array, square
from ._errors import GromovError
from ._svg import axes as principal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._barycenter import Barycenter
    from ._distance import IgwResult
    from ._trajectory import Trajectory

MOST = 2000
"""Points drawn of a cloud."""
MOST_LINES = 300
"""Lines drawn of a plan, the heaviest."""

# told apart by the colour-blind, and in grey: after Okabe and Ito
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#9a9a9a"
_MAP = "viridis"


def _figure(**keywords: Any) -> Figure:
    """A figure that belongs to no window."""
    try:
        import matplotlib.figure as figure
    except ImportError:
        raise GromovError("pictures need matplotlib: pip install gromov[plot]") from None
    return figure.Figure(layout="constrained", **keywords)


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes given, or those of a new figure."""
    return _figure(figsize=size).add_subplot() if ax is None else ax


class _View:
    """Where clouds are seen from: about the origin in the plane, else along principal axes."""

    def __init__(self, points: Array, weights: Array) -> None:
        self.dim = points.shape[1]
        _, self.plane = principal(points, weights)

    def __call__(self, points: Array) -> Array:
        return points @ self.plane

    def dress(self, ax: Axes, of: str = "") -> None:
        """Equal scales, and names of the axes."""
        ax.set_aspect("equal", adjustable="box")
        ax.tick_params(labelsize=8)
        if self.dim > 2:
            ax.set_xlabel(f"principal axis 1{of}", fontsize=8)
            ax.set_ylabel(f"principal axis 2{of}", fontsize=8)
        elif self.dim == 1:
            ax.set_yticks([])


def _areas(weights: Array, ink: float) -> Array:
    """Areas of markers in points², in proportion to the weights; ``ink`` in all, but for small and large
    clouds."""
    drawn = min(len(weights), MOST)
    mean = float(np.clip(ink / drawn, 2.0, 24.0))
    out: Array = weights * (mean / float(weights.mean()))
    return out


def _kept(n: int) -> Any:
    """Which points are drawn."""
    return np.arange(n)[:: -(-n // MOST)]


# ink of a picture of its own, and of one of several side by side
_LARGE, _SMALL = 5000.0, 1600.0


def _dots(ax: Axes, points: Array, weights: Array, color: Any, ink: float = _SMALL, **keywords: Any) -> None:
    keep = _kept(len(points))
    chosen = color[keep] if isinstance(color, np.ndarray) else color
    marks: dict[str, Any] = {"linewidths": 0.0, "alpha": 0.85, "zorder": 3, **keywords}
    ax.scatter(points[keep, 0], points[keep, 1], s=_areas(weights, ink)[keep], c=chosen, **marks)


class _Window:
    """One window for all panels that show these clouds."""

    def __init__(self, clouds: Sequence[Array]) -> None:
        low = np.min([c.min(axis=0) for c in clouds], axis=0)
        high = np.max([c.max(axis=0) for c in clouds], axis=0)
        half = (high - low) / 2
        # no panel is flatter than three to one
        self.half = 1.08 * np.maximum(half, float(half.max()) / 3 or 1.0)
        self.middle = (low + high) / 2

    def height(self, width: float) -> float:
        """Of a panel of this width, at most twice it."""
        return width * min(float(self.half[1] / self.half[0]), 2.0)

    def frame(self, axs: Sequence[Axes]) -> None:
        (x, y), (h, v) = self.middle, self.half
        for ax in axs:
            ax.set_xlim(x - h, x + h)
            ax.set_ylim(y - v, y + v)


def _drawn(n: int) -> str:
    """What a title says where points are left out."""
    return f" ({len(_kept(n))} of {n} points drawn)" if n > MOST else ""


def distance(result: IgwResult, spectrum: bool = False, ax: Axes | None = None) -> Axes:
    """The picture of :meth:`gromov.IgwResult.plot`."""
    (x, a), (y, b) = result._core.clouds()
    if spectrum:
        return _spectra(_axes(ax, (4.6, 3.2)), (x, a), (y, b), result)
    # the smaller space goes into the larger one without loss
    means = result.shift
    if x.shape[1] >= y.shape[1]:
        first, second, frame = x, (y - means[1]) @ result.rotation.T + means[0], "x"
    else:
        first, second, frame = (x - means[0]) @ result.rotation + means[1], y, "y"
    view = _View(*((x, a) if frame == "x" else (y, b)))
    p, q = view(first), view(second)
    if view.dim == 1:
        # one line above the other
        apart = 0.1 * float(np.ptp(np.concatenate([p[:, 0], q[:, 0]])))
        p[:, 1], q[:, 1] = apart, -apart
    window = _Window([p, q])
    ax = _axes(ax, (5.0, window.height(4.3) + 1.2))
    _lines(ax, p, q, result.plan)
    for points, weights, color, name in ((p, a, BLUE, "x"), (q, b, ORANGE, "y")):
        label = name if name == frame else f"{name}, turned"
        _dots(ax, points, weights, color, _LARGE, label=label)
    view.dress(ax, f" of {frame}")
    window.frame([ax])
    proof = "certified" if result.certified else f"gap {100 * result.gap:.2g} %"
    left = []
    kept, total = len(_kept(len(p))) + len(_kept(len(q))), len(p) + len(q)
    if kept < total:
        left.append(f"{kept} of {total} points")
    if result.plan.nnz > MOST_LINES:
        left.append(f"{MOST_LINES} of {result.plan.nnz} lines")
    note = f"\n{', '.join(left)} drawn" if left else ""
    ax.set_title(f"IGW = {result.distance:.4g} ({proof}){note}", fontsize=9 if note else 10)
    _legend(ax)
    return ax


def _legend(ax: Axes) -> None:
    """Names below the picture, under what stands at the axis, with marks of one size."""
    from matplotlib.transforms import ScaledTranslation

    inches = 0.42 if ax.get_xlabel() else 0.25
    below = ax.transAxes + ScaledTranslation(0.0, -inches, cast("Figure", ax.figure).dpi_scale_trans)
    legend = ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=below,
        ncols=2,
        fontsize=9,
        frameon=False,
    )
    for handle in legend.legend_handles:
        if handle is not None and hasattr(handle, "set_sizes"):
            handle.set_sizes([30.0])


def _lines(ax: Axes, p: Array, q: Array, plan: Any) -> None:
    """Lines of a plan, width by mass."""
    from matplotlib.collections import LineCollection

    heaviest = np.argsort(-plan.data, kind="stable")[:MOST_LINES]
    ends = np.stack([p[plan.row[heaviest]], q[plan.col[heaviest]]], axis=1)
    widths = 1.2 * plan.data[heaviest] / plan.data.max()
    ax.add_collection(LineCollection(list(ends), linewidths=widths, colors=GREY, alpha=0.8, zorder=1))


def _spectra(ax: Axes, first: tuple[Array, Array], second: tuple[Array, Array], result: IgwResult) -> Axes:
    """Eigenvalues of both second moments, about the origin that the distance is about."""
    width, most = 0.38, 0
    clouds = ((*first, result.shift[0], BLUE, "x"), (*second, result.shift[1], ORANGE, "y"))
    for k, (points, weights, mean, color, name) in enumerate(clouds):
        moment = ((points - mean) * weights[:, None]).T @ (points - mean)
        values = np.clip(np.linalg.eigvalsh(moment)[::-1], 0.0, None)
        most = max(most, len(values))
        ax.bar(np.arange(1, len(values) + 1) + (k - 0.5) * width, values, width, color=color, label=name)
    ax.set_xticks(range(1, most + 1) if most <= 12 else range(1, most + 1, -(-most // 12)))
    ax.set_xlabel("eigenvalue", fontsize=9)
    ax.set_ylabel("second moment along its axis", fontsize=9)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(
        f"lower bound of IGW {max(result.lower_bound, 0.0) ** 0.5:.4g}, IGW {result.distance:.4g}",
        fontsize=10,
    )
    ax.legend(fontsize=9, frameon=False)
    return ax


def frames(points: Array, weights: Array, labels: Sequence[str], title: str = "", extra: int = 0) -> Figure:
    """Frames (f, n, d) side by side in one window; ``extra`` more panels are left free on the right."""
    count = len(points)
    view = _View(points[0], weights)
    flat = [view(frame) for frame in points]
    window = _Window(flat)
    room = 0.6 + 0.25 * bool(title) + 0.2 * (view.dim > 2)
    fig = _figure(figsize=(1.9 * count + 0.4 + 3.0 * extra, max(window.height(1.75), 1.2 * bool(extra)) + room))
    ratios = [1.0] * count + [1.6] * extra
    axs = fig.subplots(1, count + extra, width_ratios=ratios, squeeze=False)[0]
    # a particle keeps its colour
    order = flat[0][:, 0]
    spread = float(np.ptp(order)) or 1.0
    colors = _colors((order - order.min()) / spread)
    for ax, frame, label in zip(axs, flat, labels, strict=False):
        _dots(ax, frame, weights, colors)
        ax.set_title(label, fontsize=9)
        view.dress(ax)
        ax.label_outer()
    window.frame(axs[:count])
    if title:
        fig.suptitle(title + _drawn(points.shape[1]), fontsize=10)
    return fig


def _colors(place: Array) -> Any:
    from matplotlib import colormaps

    # the yellow end is hard to see on white
    return colormaps[_MAP](0.88 * place)


def trajectory(run: Trajectory, frames: int = 5, title: str = "") -> Figure:
    """The picture of :meth:`gromov.Trajectory.plot`."""
    chosen = np.unique(np.linspace(0, len(run.times) - 1, frames).round().astype(int))
    labels = [f"t = {run.times[k]:.3g}" for k in chosen]
    fig = _frames(run.points[chosen], run.weights, labels, title, extra=1)
    ax = fig.axes[-1]
    energies, moments = run.energies, run.second_moments
    if energies is not None and np.isfinite(energies).any():
        ax.plot(run.times, energies, color=BLUE, linewidth=1.5)
        ax.plot(run.times[chosen], energies[chosen], "o", color=BLUE, markersize=3.5)
        ax.set_title("energy", fontsize=9)
    else:
        # energies with an entropy have no value on particles, and files may hold neither
        if moments is None:
            moments = np.einsum("kni,n,knj->kij", run.points, run.weights, run.points)
        traces = np.trace(moments, axis1=1, axis2=2)
        ax.plot(run.times, traces, color=GREEN, linewidth=1.5)
        ax.set_title("trace of the second moment", fontsize=9)
    ax.set_xlabel("t", fontsize=8)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return fig


_frames = frames


def barycenter(result: Barycenter, most: int = 6) -> Figure:
    """The picture of :meth:`gromov.Barycenter.plot`."""
    order = np.argsort(-result.lambdas, kind="stable")[:most]
    shown = [(int(k), *result.aligned(int(k))) for k in sorted(order)]
    view = _View(result.points, result.weights)
    y = view(result.points)
    flat = [(k, view(points), weights) for k, points, weights in shown]
    rows = -(-(len(flat) + 1) // 4)
    columns = -(-(len(flat) + 1) // rows)
    window = _Window([y, *(points for _, points, _ in flat)])
    fig = _figure(figsize=(2.2 * columns + 0.3, (window.height(2.0) + 0.75) * rows + 0.35))
    axs = list(np.ravel(fig.subplots(rows, columns, squeeze=False)))
    _dots(axs[0], y, result.weights, ORANGE)
    axs[0].set_title("barycentre", fontsize=9)
    for ax, (k, points, weights) in zip(axs[1:], flat, strict=False):
        _dots(ax, points, weights, BLUE, alpha=0.45)
        _dots(ax, y, result.weights, ORANGE, _SMALL / 4, zorder=4)
        squared = max(float(result.squared[k]), 0.0)
        ax.set_title(f"cloud {k}, λ = {result.lambdas[k]:.3g}\nIGW = {squared**0.5:.3g}", fontsize=9)
    used = axs[: len(flat) + 1]
    for ax in axs[len(used) :]:
        ax.remove()
    for place, ax in enumerate(used):
        view.dress(ax)
        if place % columns:
            ax.set_ylabel("")
    window.frame(used)
    left = "" if len(flat) == len(result.lambdas) else f", {len(flat)} of {len(result.lambdas)} clouds shown"
    colors = "orange: barycentre, blue: clouds, turned"
    fig.suptitle(f"Σ λ IGW² = {result.objective:.4g} ({colors}{left})", fontsize=10)
    return fig


def matrix(
    distances: npt.ArrayLike, labels: Sequence[Any] | None = None, ax: Axes | None = None, title: str = "IGW"
) -> Axes:
    """A matrix of distances as a heat map; up to 12 of one side are written in numbers too.

    Parameters
    ----------
    distances : array-like (k, k)
        Distances; not a number is left white.
    labels : sequence, optional
        Names of the clouds; their numbers by default.
    ax : matplotlib Axes, optional
        Drawn there, else in a new figure.
    title : str
        Of the scale.

    Returns
    -------
    matplotlib Axes
    """
    d = square(distances, "distances")
    k = len(d)
    names = [str(label) for label in (range(k) if labels is None else labels)]
    if len(names) != k:
        raise GromovError(f"labels: expected {k}, one a row, got {len(names)}")
    side = min(max(0.45 * k, 3.2), 6.5)
    ax = _axes(ax, (side + 1.2, side))
    image = ax.imshow(d, cmap=_MAP)
    step = -(-k // 25)
    ticks = range(0, k, step)
    ax.set_xticks(ticks, [names[i] for i in ticks], fontsize=8)
    ax.set_yticks(ticks, [names[i] for i in ticks], fontsize=8)
    if max(len(name) for name in names) > 3:
        for tick in ax.get_xticklabels():
            tick.set(rotation=45, ha="right", rotation_mode="anchor")
    if k <= 12:
        low, high = float(np.nanmin(d)), float(np.nanmax(d))
        for i in range(k):
            for j in range(k):
                bright = d[i, j] > low + 0.6 * (high - low)
                text = f"{d[i, j]:.2g}"
                ax.text(j, i, text, ha="center", va="center", fontsize=7, color="black" if bright else "white")
    figure = cast("Figure", ax.figure)
    bar = figure.colorbar(image, ax=ax, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(title, fontsize=9)
    return ax
