"""Small pictures for notebooks, as SVG without scripts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._arrays import Array

COLORS = ("#1f6f8b", "#c8553d", "#6a994e", "#7d5ba6")
_SIZE = 150
_MOST = 400


def planar(points: Array, weights: Array) -> Array:
    """The first two principal axes of a cloud, about its mean; a line gets a second coordinate of zero."""
    centred = points - weights @ points
    if centred.shape[1] == 1:
        return np.hstack([centred, np.zeros_like(centred)])
    if centred.shape[1] == 2:
        return centred
    scale = float(np.abs(centred).max()) or 1.0
    _, vectors = np.linalg.eigh((centred / scale * weights[:, None]).T @ (centred / scale))
    axes: Array = centred @ vectors[:, :-3:-1]
    return axes


def panels(clouds: Sequence[tuple[Array, Array, str]], one_scale: bool = False) -> str:
    """Clouds (points, weights, label) side by side, at most 400 points of each; ``one_scale``: on one scale."""
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
