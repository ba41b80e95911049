"""The compiled part. Private: the public names are those of ``gromov``."""

import os
from collections.abc import Callable, Sequence
from typing import Any, final

from ._arrays import Array

__version__: str
__all__ = [
    "Distance",
    "PairwiseOptions",
    "PairwiseRun",
    "__version__",
    "igw",
    "metric",
    "mobility",
    "mobility_inverse",
    "pairwise",
    "program",
    "read",
    "sample_of",
    "solve_block",
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
) -> Distance: ...
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

_Clouds = Sequence[tuple[Array, Array | None] | str]

@final
class PairwiseOptions:
    def __new__(
        cls,
        *,
        method: str,
        starts: int | None,
        seed: int,
        tol: float,
        max_iter: int | None,
        time_limit: float | None,
        center: bool,
        prune: int | None,
        block: int,
    ) -> PairwiseOptions: ...

@final
class PairwiseRun:
    def __new__(
        cls, clouds: _Clouds, options: PairwiseOptions, *, normalize: bool, checkpoint: str | None
    ) -> PairwiseRun: ...
    def next_blocks(self, most: int) -> list[bytes]: ...
    def take(self, records: bytes) -> None: ...
    def fail(self, block: bytes, reason: str) -> None: ...
    def count(self) -> tuple[int, int]: ...
    def finish(self) -> dict[str, Any]: ...

def pairwise(
    clouds: _Clouds,
    options: PairwiseOptions,
    *,
    normalize: bool,
    checkpoint: str | None,
    threads: int | None,
    progress: _Progress,
) -> dict[str, Any]: ...
def solve_block(block: bytes) -> bytes: ...
def sample_of(name: str, n: int | None, d: int, seed: int) -> Array: ...
