"""The compiled part. Private: the public names are those of ``gromov``."""

import os
from collections.abc import Callable, Sequence
from typing import Any, final

from ._arrays import Array

__version__: str
__all__ = [
    "Barycenter",
    "Distance",
    "PairwiseOptions",
    "PairwiseRun",
    "Path",
    "Trajectory",
    "__version__",
    "available_memory",
    "barycenter",
    "energy_facts",
    "energy_gradient",
    "energy_slope",
    "energy_value",
    "exp",
    "flow",
    "flow_statistics",
    "gaussian_barycenter",
    "gaussian_distance",
    "gaussian_flow",
    "gaussian_geodesic",
    "geodesic",
    "igw",
    "intrinsic_mean",
    "log",
    "metric",
    "mobility",
    "mobility_inverse",
    "pairwise",
    "program",
    "read",
    "sample_of",
    "solve_block",
    "write_frames_csv",
    "write_text",
    "write_trajectory",
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
        cls,
        clouds: _Clouds,
        options: PairwiseOptions,
        *,
        normalize: bool,
        checkpoint: str | None,
        max_memory: int | None,
    ) -> PairwiseRun: ...
    def next_blocks(self, most: int) -> list[bytes]: ...
    def take(self, records: bytes) -> None: ...
    def fail(self, block: bytes, reason: str) -> None: ...
    def count(self) -> tuple[int, int]: ...
    def finish(self) -> dict[str, Any]: ...
    def close(self) -> None: ...

def pairwise(
    clouds: _Clouds,
    options: PairwiseOptions,
    *,
    normalize: bool,
    checkpoint: str | None,
    threads: int | None,
    progress: _Progress,
    max_memory: int | None,
) -> dict[str, Any]: ...
def solve_block(block: bytes) -> bytes: ...
def sample_of(name: str, n: int | None, d: int, seed: int) -> Array: ...

# energies, flows, Gaussians

_Terms = list[tuple[float, str, tuple[Any, ...]]]

def energy_facts(terms: _Terms) -> tuple[str, int | None, float, bool]: ...
def energy_value(terms: _Terms, x: Array, weights: Array | None) -> float: ...
def energy_gradient(terms: _Terms, x: Array, weights: Array | None) -> tuple[float, Array]: ...
def energy_slope(terms: _Terms, x: Array, weights: Array | None, seed: int) -> float: ...

@final
class Trajectory:
    def fields(self) -> dict[str, Any]: ...
    def meta(self, options: str) -> str: ...
    def law(self, times: Array) -> Array | None: ...
    def page(self, title: str, points: Array) -> str: ...
    def __getstate__(self) -> bytes: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def load(state: bytes) -> Trajectory: ...

def flow(
    x: Array,
    weights: Array | None,
    terms: _Terms,
    *,
    options: dict[str, Any],
    long: dict[str, Any],
    center: bool,
    normalize: bool,
    threads: int | None,
    callback: Callable[..., bool] | None,
    progress: _Progress,
    max_memory: int | None,
) -> tuple[Trajectory, Array, dict[str, Any]]: ...
def flow_statistics(
    points: Array, weights: Array, regular: tuple[float, float] | None, diffusion: float
) -> dict[str, Any]: ...
def write_trajectory(
    path: str | os.PathLike[str],
    times: Array,
    points: Array,
    weights: Array,
    energies: Array | None,
    second_moments: Array | None,
    meta: str | None,
) -> None: ...
def write_frames_csv(path: str | os.PathLike[str], times: Array, points: Array, weights: Array) -> None: ...
def gaussian_distance(cov0: Array, cov1: Array) -> tuple[float, float]: ...
def gaussian_geodesic(cov0: Array, cov1: Array, times: Array) -> Array: ...
def gaussian_flow(cov0: Array, terms: _Terms, times: Array, metric: str) -> Array: ...
def gaussian_barycenter(covs: list[Array], lambdas: Array | None) -> Array: ...

_Entries = tuple[list[int], list[int], list[float], tuple[int, int]]

@final
class Path:
    def fields(self) -> dict[str, Any]: ...
    def plan(self) -> _Entries: ...
    def frames(self, times: Array) -> Array: ...
    def velocity(self, t: float) -> Array: ...
    def errors(self, times: Array) -> tuple[Array, Array]: ...
    def page(self, title: str, names: tuple[str, str]) -> str: ...
    def save(self, file: str | os.PathLike[str], times: Array, csv: bool, meta: str) -> None: ...
    def __getstate__(self) -> bytes: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def load(state: bytes) -> Path: ...

def geodesic(
    x: Array,
    y: Array,
    a: Array | None,
    b: Array | None,
    *,
    kind: str,
    plan: tuple[str, _Entries | None],
    frame: str,
    dim: int | None,
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
) -> Path: ...
def exp(x: Array, v: Array, weights: Array | None, t: float, normalize: bool) -> dict[str, Any]: ...
def log(x: Array, y: Array, weights: Array | None, normalize: bool) -> Array: ...

@final
class Barycenter:
    def fields(self) -> dict[str, Any]: ...
    def plan(self, k: int) -> tuple[list[int], list[int], list[float]]: ...
    def cloud(self, k: int) -> tuple[Array, Array]: ...
    def page(self, title: str, names: list[str]) -> str: ...
    def save(self, file: str | os.PathLike[str]) -> None: ...
    def __getstate__(self) -> bytes: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def load(state: bytes) -> Barycenter: ...

def barycenter(
    clouds: list[tuple[Array, Array | None]],
    lambdas: Array | None,
    *,
    point_weights: Array | None,
    n_points: int | None,
    dim: int | None,
    starts: int | None,
    seed: int,
    tol: float,
    max_iter: int,
    time_limit: float | None,
    center: bool,
    threads: int | None,
    normalize: bool,
    progress: _Progress,
    max_memory: int | None,
) -> Barycenter: ...
def intrinsic_mean(
    clouds: list[Array],
    weights: Array | None,
    lambdas: Array | None,
    *,
    tol: float,
    max_iter: int,
    threads: int | None,
    normalize: bool,
    progress: _Progress,
) -> dict[str, Any]: ...
