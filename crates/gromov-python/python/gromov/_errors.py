"""What goes wrong: one error for wrong input, one for runs that ended without the answer asked for."""

from __future__ import annotations

from typing import Any

__all__ = ["ConvergenceError", "GromovError", "MemoryLimitError"]


class GromovError(ValueError):
    """Wrong input: the message names the argument, the place and the value.

    >>> import gromov
    >>> gromov.igw([[0.0, 1.0], [2.0, float("nan")]], [[1.0]])
    Traceback (most recent call last):
    gromov.GromovError: x: entry (1, 1) is NaN; every entry must be a finite number
    """


class ConvergenceError(GromovError):
    """A run ended with the status ``singular``, ``iteration_cap``, ``time_cap`` or ``stalled``.

    ``result`` holds what there is by then; ``check=False`` returns it instead.
    """

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (str(self), self.result))


class MemoryLimitError(GromovError, MemoryError):
    """A call would take more memory than there is, or than ``max_memory``: refused before it began.

    ``bytes`` is what it needs, ``limit`` what there is, ``parts`` what takes it: (name, bytes) each.
    """

    def __init__(
        self, message: str, bytes: float = 0.0, limit: int | None = None, parts: list[tuple[str, float]] | None = None
    ) -> None:
        super().__init__(message)
        self.bytes = bytes
        self.limit = limit
        self.parts = parts or []

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (str(self), self.bytes, self.limit, self.parts))


# as users know them: tracebacks and pickles say gromov.GromovError
GromovError.__module__ = "gromov"
ConvergenceError.__module__ = "gromov"
MemoryLimitError.__module__ = "gromov"

_ADVICE = {
    "singular": "the second moment lost rank",
    "iteration_cap": "the cap on iterations was reached first",
    "time_cap": "the time limit was reached first",
    "stalled": "no further progress was possible",
}


def checked(what: str, result: Any, check: bool) -> Any:
    """The result, or ConvergenceError where its status is no success and ``check`` is true."""
    why = _ADVICE.get(result.status)
    if check and why is not None:
        raise ConvergenceError(
            f"{what}: {result.status}: {why}; check=False returns what there is (.result of this error)", result
        )
    return result
