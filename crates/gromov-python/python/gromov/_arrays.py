"""The one door for arrays: anything array-like comes in, float64 in C order goes on. Inputs are never changed."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ._errors import GromovError
from ._result import Result

Array: TypeAlias = npt.NDArray[np.float64]
# points, or a result that holds points and weights
CloudLike: TypeAlias = npt.ArrayLike | Result

_F64 = np.dtype(np.float64)
_SHAPES = {0: "a number", 1: "(n,)", 2: "(n, d)", 3: "(k, n, d)"}


def cloud(value: Any, name: str) -> Array:
    """Rows of numbers (n, d), at least one of each."""
    if type(value) is np.ndarray and value.dtype is _F64 and value.ndim == 2 and _direct(value):
        out = value
    else:
        out = _floats(value, name, 2)
    if out.size == 0:
        raise GromovError(f"{name}: has no points, its shape is {out.shape}")
    if out.ndim != 2:
        hint = f"; for points on the line give {name}[:, None]" if out.ndim == 1 else ""
        raise GromovError(f"{name}: expected shape (n, d), got {out.shape}{hint}")
    return out


def weighted(value: Any, masses: Any, name: str, of: str) -> tuple[Array, Array | None]:
    """A cloud (n, d) and its weights (n,) or none; a result that has both (a cloud that was read) gives its own."""
    if isinstance(value, Result) and getattr(getattr(value, "points", None), "ndim", 0) == 2:
        value, own = getattr(value, "points"), getattr(value, "weights", None)  # noqa: B009
        masses = own if masses is None else masses
    points = cloud(value, name)
    return points, weights(masses, of, len(points))


def field(value: Any, name: str, like: Array, of: str) -> Array:
    """One vector a point of the cloud ``like``."""
    out = _floats(value, name, 2)
    if out.shape != like.shape:
        raise GromovError(f"{name}: expected shape {like.shape}, that of {of}, got {out.shape}")
    return finite(out, name)


def finite(array: Array, name: str) -> Array:
    """The same rows, none of whose entries is infinite or not a number."""
    good = np.isfinite(array)
    if not good.all():
        row, column = (int(k) for k in np.argwhere(~good)[0])
        value = "NaN" if np.isnan(array[row, column]) else str(float(array[row, column]))
        raise GromovError(f"{name}: entry ({row}, {column}) is {value}; every entry must be a finite number")
    return array


def weights(value: Any, name: str, n: int) -> Array | None:
    """Weights (n,) or none."""
    if value is None:
        return None
    out = _floats(value, name, 1)
    if out.shape != (n,):
        raise GromovError(f"{name}: expected shape ({n},), one weight a point, got {out.shape}")
    return out


def vector(value: Any, name: str, size: int | None = None) -> Array:
    """Numbers (n,)."""
    out = _floats(value, name, 1)
    if out.ndim != 1 or (size is not None and out.shape != (size,)):
        raise GromovError(f"{name}: expected shape ({'n' if size is None else size},), got {out.shape}")
    return out


def square(value: Any, name: str) -> Array:
    """A matrix (d, d)."""
    out = _floats(value, name, 2)
    if out.ndim != 2 or out.shape[0] != out.shape[1] or out.shape[0] == 0:
        raise GromovError(f"{name}: expected shape (d, d), got {out.shape}")
    return out


def _floats(value: Any, name: str, ndim: int) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            hidden = int(np.ma.getmaskarray(value).sum())
            raise GromovError(f"{name}: {hidden} entries are masked; drop or fill them first")
        value = value.data
    raw = _numpy(value, name)
    if raw.dtype.kind in "fiub":
        return _plain(raw)
    if raw.dtype.kind != "O":
        raise GromovError(f"{name}: expected real numbers, got dtype {raw.dtype}")
    text = next((v for v in raw.flat if isinstance(v, (str, bytes))), None)
    if text is not None:
        raise GromovError(f"{name}: expected real numbers, got {text!r:.40}")
    try:
        return _plain(raw.astype(np.float64))
    except (TypeError, ValueError, OverflowError) as error:
        expected = f"an array of shape {_SHAPES[ndim]}"
        raise GromovError(f"{name}: expected {expected}, got {type(value).__name__}: {error}") from None


def _direct(array: npt.NDArray[Any]) -> bool:
    """Can the core read it as it stands?"""
    return array.flags.c_contiguous and array.flags.aligned


def _plain(raw: npt.NDArray[Any]) -> Array:
    """float64 in C order, aligned; a copy only where it has to be."""
    with np.errstate(over="ignore"):
        # beyond doubles is infinite, and refused as such
        out = np.asarray(raw, dtype=np.float64, order="C")
    return out if _direct(out) else out.copy()


def _numpy(value: Any, name: str) -> npt.NDArray[Any]:
    """``__array__``, the sequence protocol, then DLPack; of tensors those on the CPU."""
    device = str(getattr(value, "device", "cpu")).lower()
    if type(value) is not np.ndarray and not device.startswith(("cpu", "tfrt_cpu")):
        raise GromovError(f"{name}: is on the device {device}; move it to the CPU first")
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise GromovError(f"{name}: is sparse; give {name}.toarray()")
    try:
        if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except GromovError:
        raise
    except ValueError as error:
        # rows of different lengths
        raise GromovError(f"{name}: {_first_line(error)}") from None
    except (TypeError, RuntimeError, BufferError) as error:
        raise GromovError(f"{name}: cannot be read as an array: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
