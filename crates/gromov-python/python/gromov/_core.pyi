"""The compiled part. Private: the public names are those of ``gromov``."""

import os
from collections.abc import Callable
from typing import Any, final

from ._arrays import Array

__version__: str
__all__ = [
    "Distance",
    "__version__",
    "available_memory",
    "igw",
    "metric",
    "mobility",
    "mobility_inverse",
    "program",
    "read",
    "write_text",
]

_Progress = Callable[..., object] | None

@final
class Distance:
    def fields(self) -> dict[str, Any]: ...
    def means(self) -> tuple[Array, Array]: ...
    def plan(self) -> tuple[list[int], list[int], list[float]]: ...
    def clouds(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]: ...
    def proper_rotation(self) -> Array: ...
    def transform(self, new: Array, proper: bool) -> Array: ...
    def page(self, title: str, names: tuple[str, str]) -> str: ...
    def __getstate__(self) -> bytes: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def load(state: bytes) -> Distance: ...

def igw(
    x: Array,
    y: Array,
    a: Array | None,
    b: Array | None,
    *,
    center: bool,
    method: str,
    starts: int | None,
    seed: int,
    tol: float,
    max_iter: int | None,
    time_limit: float | None,
    threads: int | None,
    normalize: bool,
    progress: _Progress,
    max_memory: int | None,
) -> Distance: ...
def available_memory() -> int | None: ...
def mobility(x: Array, v: Array, weights: Array | None, normalize: bool) -> Array: ...
def mobility_inverse(
    x: Array, w: Array, weights: Array | None, floor: float, normalize: bool
) -> tuple[Array, float]: ...
def metric(x: Array, u: Array, v: Array, weights: Array | None, normalize: bool) -> float: ...
def read(
    path: str | os.PathLike[str], weights: str | None, normalize: bool, invert: bool, max_bytes: int | None
) -> tuple[Array, Array]: ...
def write_text(path: str | os.PathLike[str], text: str) -> None: ...
def program(arguments: list[str]) -> int: ...
