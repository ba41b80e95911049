"""``progress=``: nothing, a line for people, or a function of yours."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ._errors import GromovError

__all__ = ["Event"]


class Event(NamedTuple):
    """What a function given as ``progress=`` is called with, some twenty times a second at most."""

    done: int
    """Starts, steps, boxes or pairs done."""
    total: int | None
    """How many there will be, where known."""
    time: float
    """Time of a flow, else 0."""
    value: float
    """Squared distance or energy so far."""
    lower: float
    """A lower bound of it, else not a number."""


@contextmanager
def reporter(progress: Any, unit: str) -> Iterator[Callable[..., None] | None]:
    """The function that the core calls, for ``progress`` as users give it."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        line = _Line(unit)
        try:
            yield line
        finally:
            line.close()
    elif callable(progress):
        yield lambda *event: progress(Event(*event))
    else:
        raise GromovError(f"progress: {progress!r:.60} is not allowed; expected True, False or a function of an Event")


class _Line:
    """tqdm where it is installed, else a line on stderr if that is a terminal."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.bar: Any = None
        self.last = 0.0
        self.tqdm: Any = None
        with suppress(ImportError):
            from tqdm.auto import tqdm

            self.tqdm = tqdm
        self.terminal = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int | None, at: float, value: float, lower: float) -> None:
        if self.tqdm is not None:
            if self.bar is None:
                self.bar = self.tqdm(total=total, unit=self.unit, leave=False)
            self.bar.total = total
            self.bar.update(done - self.bar.n)
            self.bar.set_postfix_str("" if value != value else f"value {value:.6g}", refresh=False)
        elif self.terminal and time.monotonic() - self.last > 0.2:
            self.last = time.monotonic()
            of = "" if total is None else f"/{total}"
            sys.stderr.write(f"\r{done}{of} {self.unit}, value {value:.6g}\x1b[K")
            sys.stderr.flush()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
