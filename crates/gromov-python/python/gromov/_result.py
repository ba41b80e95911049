"""What all results share: one line, a picture in notebooks, a dict, JSON."""

from __future__ import annotations

import dataclasses
import html
import json
import math
from typing import Any

import numpy as np


class Result:
    """Base of the results: frozen dataclasses whose fields are numbers, words and arrays."""

    def _line(self) -> list[tuple[str, str]]:
        """Names and texts of what the one line says."""
        raise NotImplementedError

    def _picture(self) -> str:
        """A small SVG, or nothing."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self._line())})"

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{html.escape(k)}</th><td {left}>{html.escape(v)}</td></tr>" for k, v in self._line()
        )
        title = html.escape(type(self).__name__)
        return (
            "<div style='display:flex;gap:1.5em;align-items:center'>"
            f"<div>{self._picture()}</div><table><caption>{title}</caption>{rows}</table></div>"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; arrays are not copied."""
        return {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
            if not f.name.startswith("_")
        }

    def to_json(self) -> str:
        """The fields as one JSON object: arrays as lists, numbers that are not finite as null."""
        return json.dumps(_plain(self.to_dict()), allow_nan=False)


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)


def seconds(value: float) -> str:
    """A time as people say it."""
    if value < 1e-3:
        return f"{1e6 * value:.0f} µs"
    return f"{1e3 * value:.0f} ms" if value < 1.0 else f"{value:.2f} s"
