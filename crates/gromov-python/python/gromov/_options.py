"""Options that are numbers and words: checked once, with one kind of message."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from ._errors import GromovError


def _refused(name: str, value: Any, expected: str) -> GromovError:
    try:
        shown = f"{value!r:.60}"
    except ValueError:
        # a whole number of thousands of digits
        shown = "this number"
    return GromovError(f"{name}: {shown} is not allowed; expected {expected}")


def whole(value: Any, name: str, least: int = 1, most: int = 2**63 - 1) -> int:
    """A whole number from ``least`` on."""
    try:
        if isinstance(value, bool):
            raise TypeError
        out = operator.index(value)
    except TypeError:
        raise _refused(name, value, f"a whole number >= {least}") from None
    if out < least:
        raise _refused(name, value, f"a whole number >= {least}")
    if out > most:
        raise _refused(name, value, f"a whole number <= {most}")
    return out


def maybe_whole(value: Any, name: str, least: int = 1, most: int = 2**63 - 1) -> int | None:
    """None, or a whole number."""
    return None if value is None else whole(value, name, least, most)


def seed(value: Any) -> int:
    """A seed: 64 bits."""
    return whole(value, "seed", 0, 2**64 - 1)


def threads(value: Any) -> int | None:
    """A number of threads; None: all cores."""
    return maybe_whole(value, "threads", 1, 1024)


def real(value: Any, name: str, *, positive: bool = False, infinite: bool = False) -> float:
    """A number, not negative, or above zero."""
    expected = "a number > 0" if positive else "a number >= 0"
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        out = float(value)
    except (TypeError, ValueError, OverflowError):
        raise _refused(name, value, expected) from None
    good = out > 0.0 if positive else out >= 0.0
    if not good or (math.isinf(out) and not infinite):
        raise _refused(name, value, expected)
    return out


def maybe_real(value: Any, name: str, *, positive: bool = False, infinite: bool = False) -> float | None:
    """None, or a number."""
    return None if value is None else real(value, name, positive=positive, infinite=infinite)


def time_limit(value: Any) -> float | None:
    """Seconds; None, also for infinity: no limit."""
    limit = maybe_real(value, "time_limit", infinite=True)
    return None if limit == math.inf else limit


def choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """One of some words."""
    if isinstance(value, str) and value in allowed:
        return value
    raise _refused(name, value, "one of " + ", ".join(allowed))


def flag(value: Any, name: str) -> bool:
    """True or False (NumPy's too)."""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    raise _refused(name, value, "True or False")
