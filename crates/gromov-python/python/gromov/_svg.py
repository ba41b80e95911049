"""Small pictures for notebooks, as SVG without scripts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._arrays import Array

COLORS = ("#1f6f8b", "#c8553d", "#6a994e", "#7d5ba6")
_SIZE = 150
_MOST = 400


def axes(points: Array, weights: Array) -> tuple[Array, Array]:
    """The mean of a cloud, (d,), and its first two principal axes, (d, 2): those of the plane for d = 2, and
    a second axis of zero on the line."""
    mean = weights @ points
    d = points.shape[1]
    if d <= 2:
        return mean, np.eye(d, 2)
    centred = points - mean
    scale = float(np.abs(centred).max()) or 1.0
    _, vectors = np.linalg.eigh((centred / scale * weights[:, None]).T @ (centred / scale))
    return mean, vectors[:, :-3:-1]


def planar(points: Array, weights: Array) -> Array:
    """A cloud about its mean along its first two principal axes."""
    mean, plane = axes(points, weights)
    return (points - mean) @ plane


def panels(clouds: Sequence[tuple[Array, Array, str]], one_scale: bool = False, one_frame: bool = False) -> str:
    """Clouds (points, weights, label) side by side, at most 400 points of each.

    ``one_scale``: on one scale; ``one_frame``: all about the mean and along the axes of the first.
    """
    if one_frame:
        mean, plane = axes(*clouds[0][:2])
        flat = [((p - mean) @ plane, w, label) for p, w, label in clouds]
    else:
        flat = [(planar(p, w), w, label) for p, w, label in clouds]
    reach = [float(np.abs(p).max()) or 1.0 for p, _, _ in flat]
    if one_scale:
        reach = [max(reach)] * len(flat)
    parts = []
    for k, (points, weights, label) in enumerate(flat):
        keep = np.arange(len(points))[:: -(-len(points) // _MOST)]
        heaviest = float(weights.max())
        middle, half = _SIZE / 2, 0.46 * _SIZE
        places = points[keep] * [half / reach[k], -half / reach[k]] + [k * _SIZE + middle, middle]
        dots = "".join(
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='1.6' fill-opacity='{0.25 + 0.65 * w / heaviest:.2f}'/>"
            for (x, y), w in zip(places, weights[keep], strict=True)
        )
        parts.append(f"<g fill='{COLORS[k % len(COLORS)]}'>{dots}</g>")
        parts.append(
            f"<text x='{k * _SIZE + middle:.0f}' y='{_SIZE + 11}' text-anchor='middle' font-size='11' "
            f"font-family='sans-serif' fill='#666'>{label}</text>"
        )
    width = _SIZE * len(flat)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{_SIZE + 16}' "
        f"viewBox='0 0 {width} {_SIZE + 16}' role='img'>{''.join(parts)}</svg>"
    )
