"""What a call will take in memory, before it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _core
from ._errors import GromovError, MemoryLimitError
from ._result import Result


@dataclass(frozen=True, repr=False, eq=False)
class Forecast(Result):
    """What a call will take in memory, and what there is."""

    bytes: float
    """What it needs at its largest moment, an estimate that tests keep within a factor of two."""
    parts: list[tuple[str, float]]
    """What takes it: (name, bytes) each."""
    available: int | None
    """The memory that is free now, within the limits of a container; None where the system does not tell."""

    @property
    def fits(self) -> bool:
        """The call would be made; otherwise it raises MemoryLimitError before it begins."""
        return self.available is None or self.bytes <= self.available

    def _line(self) -> list[tuple[str, str]]:
        free = "not known" if self.available is None else _in_words(self.available)
        return [("needed", _in_words(self.bytes)), ("available", free), ("fits", str(self.fits))]


def forecast(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Forecast:
    """What a call of igw, flow, geodesic, barycenter or pairwise will take in memory, before it is made.

    Parameters
    ----------
    function : function
        The function.
    *args, **kwargs
        What it would be called with. Inputs are checked; nothing is computed.

    Returns
    -------
    Forecast
        ``.bytes``, ``.parts``, ``.available`` and ``.fits``. Memory grows like n + m, and like the frames kept (flows)
        or the number of pairs (pairwise); never like n m.

    Raises
    ------
    GromovError
        Another function, or what the call itself would raise.

    Notes
    -----
    Each of these functions refuses with MemoryLimitError, before it begins, what does not fit into the memory that is
    free, or into ``max_memory`` bytes.

    Examples
    --------
    >>> import gromov, numpy as np
    >>> x = np.zeros((1000, 3))
    >>> gromov.forecast(gromov.igw, x, x).fits
    True
    """
    if getattr(function, "__module__", "").split(".")[0] != "gromov" or "max_memory" not in _parameters(function):
        name = getattr(function, "__qualname__", repr(function))
        raise GromovError(f"function: {name:.60} has no forecast; expected igw, flow, geodesic, barycenter or pairwise")
    if "max_memory" in kwargs:
        raise GromovError("max_memory: has no meaning in a forecast; leave it out")
    # the call itself says what it needs when nothing is allowed
    try:
        function(*args, max_memory=0, **kwargs)
    except MemoryLimitError as refused:
        return Forecast(refused.bytes, refused.parts, _core.available_memory())
    raise AssertionError("a call without memory was made")


def _parameters(function: Callable[..., Any]) -> set[str]:
    code = getattr(function, "__code__", None)
    return set() if code is None else set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def _in_words(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000.0
    return f"{value:.3g} TB"


# as users know it
Forecast.__module__ = "gromov"
