"""All distances of a list of clouds."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, cloud
from ._arrays import weights as weights_of
from ._errors import GromovError
from ._files import Cloud
from ._progress import Event, reporter
from ._result import Result, seconds

_Given: TypeAlias = tuple[Array, Array | None] | str
_Report: TypeAlias = Callable[..., None] | None

# blocks under way for each worker
_AHEAD = 4
# seconds between two looks at what has come back
_PULSE = 0.2


class PairwiseWarning(UserWarning):
    """Some pairs have no distance (the message names the first of them and the reasons), or ended early."""


class PairFailure(NamedTuple):
    """A pair without a distance."""

    i: int
    """First cloud."""
    j: int
    """Second cloud, above the first."""
    reason: str
    """Why, in one line."""


@dataclass(frozen=True, repr=False, eq=False)
class PairwiseResult(Result):
    """All distances of a list of clouds. Pickles and copies; pictures in notebooks."""

    distances: Array
    """IGW distances, (k, k), symmetric, 0 on the diagonal; scales as length². NaN for pairs that failed; for pruned
    pairs the root of the lower bound, which lies beyond the K nearest of both clouds."""
    squared: Array
    """IGW² of the plans found, (k, k), evaluated without cancellation; NaN for pairs that failed or were pruned."""
    lower_bound: Array
    """Lower bounds of IGW², (k, k)."""
    certified: npt.NDArray[np.bool_]
    """Pairs whose value is proved to be the global optimum, (k, k)."""
    failures: list[PairFailure]
    """Pairs without a distance, with reasons."""
    pruned: npt.NDArray[np.bool_]
    """Pairs that ``prune`` passed over, (k, k)."""
    pruned_count: int
    """How many pairs i < j those are."""
    solved: int
    """Pairs that have a distance."""
    early: int
    """Pairs among them whose search ended early (``status``): their values may be too large."""
    resumed: int
    """Pairs, solved or failed, that came from the checkpoint."""
    status: str
    """completed, or the most serious status of a pair: stalled, iteration_cap or time_cap."""
    seconds: float
    """Time of the run."""

    def _line(self) -> list[tuple[str, str]]:
        k = len(self.distances)
        return [
            ("clouds", str(k)),
            ("pairs", str(k * (k - 1) // 2)),
            ("solved", str(self.solved)),
            ("failed", str(len(self.failures))),
            ("pruned", str(self.pruned_count)),
            ("resumed", str(self.resumed)),
            ("status", self.status),
            ("time", seconds(self.seconds)),
        ]

    def _picture(self) -> str:
        return _heat_map(self.distances)

    def plot(self, labels: Sequence[str] | None = None, **keywords: Any) -> Any:
        """The matrix as a heat map, with matplotlib (``pip install gromov[plot]``); returns what was drawn on."""
        from ._plot import matrix

        return matrix(self.distances, labels, **keywords)


@overload
def pairwise(
    clouds: Sequence[Any],
    weights: Sequence[Any] | None = None,
    *,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Event], object] = False,
    method: str = "local",
    starts: int | None = None,
    seed: int = 0,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
    center: bool = False,
    normalize: bool = False,
    prune: str | None = None,
    block: int = 64,
    full: Literal[False] = False,
    max_memory: int | None = None,
) -> Array: ...
@overload
def pairwise(
    clouds: Sequence[Any],
    weights: Sequence[Any] | None = None,
    *,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Event], object] = False,
    method: str = "local",
    starts: int | None = None,
    seed: int = 0,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
    center: bool = False,
    normalize: bool = False,
    prune: str | None = None,
    block: int = 64,
    full: Literal[True],
    max_memory: int | None = None,
) -> PairwiseResult: ...
def pairwise(
    clouds: Sequence[Any],
    weights: Sequence[Any] | None = None,
    *,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Event], object] = False,
    method: str = "local",
    starts: int | None = None,
    seed: int = 0,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
    center: bool = False,
    normalize: bool = False,
    prune: str | None = None,
    block: int = 64,
    full: bool = False,
    max_memory: int | None = None,
) -> Array | PairwiseResult:
    """The IGW distances of all pairs of a list of clouds, as a matrix for ``metric="precomputed"``.

    D_ij = IGW(μ_i, μ_j), as :func:`gromov.igw` has it; clouds may differ in size and dimension.

    Parameters
    ----------
    clouds : sequence of k array-likes (n_i, d_i)
        Clouds, or what :func:`gromov.read` returns, whose weights are then used where ``weights`` has none.
    weights : sequence of k array-likes (n_i,) or None, optional
        Weights of sum one; uniform by default.
    executor : concurrent.futures.Executor, optional
        Solves the blocks: a pool of threads or processes, ``dask.distributed.Client(...).get_executor()``,
        ``mpi4py.futures.MPIPoolExecutor``. A worker uses one thread; at most four blocks a worker are under way. By
        default threads of this process are used, which is the fastest on one machine. The matrix has the same bytes.
    checkpoint : path, optional
        A journal of finished blocks. A run that finds it goes on from there; one of other clouds or options is refused.
        ``gromov pairwise --checkpoint`` writes the same file.
    threads : int, optional
        Threads without an executor, all cores by default. Results do not depend on it.
    progress : bool or function
        True shows a line (tqdm where installed); a function is called with an :class:`gromov.Event`.
    method : {"local", "auto", "global"}
        As for :func:`gromov.igw`; here ``local`` by default, without a proof.
    starts : int, optional
        Starts of the local search of a pair, 16 by default with ``local``.
    seed : int
        The seed of a pair is made of it and of the numbers of both clouds, not of their places.
    tol : float
        Relative tolerance of ``certified``.
    max_iter : int, optional
        Cap on the alternations of a start, 1000 by default.
    time_limit : float, optional
        Seconds for one pair. What a pair that reaches it gives depends on the clock.
    center : bool
        Remove the mean of each cloud first.
    normalize : bool
        Divide the weights by their sums.
    prune : str, optional
        ``"knn:K"`` passes over pairs that the spectral bound proves not to be among the K nearest of either cloud. The
        matrix has the root of that bound there: the K nearest of every row stay exact.
    block : int
        Pairs of a block. No distance depends on it.
    full : bool
        Return a PairwiseResult: bounds, failures, masks and counts beside the matrix.
    max_memory : int, optional
        Refuse a call that needs more bytes than this; by default more than is free. See :func:`gromov.forecast`.

    Returns
    -------
    ndarray (k, k) or PairwiseResult
        Scales as length². A pair that cannot be solved has NaN, and a PairwiseWarning says which and why; with a cloud
        that is none (not finite, empty, weights of another sum) these are all pairs of it, and its diagonal.

    Raises
    ------
    GromovError
        No sequence, no cloud in it that can be used, an option, a checkpoint of another run.
    KeyboardInterrupt
        Ctrl-C ends the call within a second; the checkpoint has what was done, and blocks not begun are cancelled.

    Notes
    -----
    Some 1,000 pairs of planar clouds of 50 points a second and core; memory O(k²).

    Examples
    --------
    Points ±r on the line: IGW = |r² − s²|.

    >>> import gromov
    >>> gromov.pairwise([[[1.0], [-1.0]], [[2.0], [-2.0]], [[3.0], [-3.0]]]).round(12)
    array([[0., 3., 8.],
           [3., 0., 5.],
           [8., 5., 0.]])

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800.
    """
    clock = time.perf_counter()
    if executor is not None and not isinstance(executor, Executor):
        hint = "; give Client.get_executor()" if hasattr(executor, "get_executor") else ""
        raise GromovError(f"executor: expected a concurrent.futures.Executor, got {type(executor).__name__}{hint}")
    if executor is not None and threads is not None:
        raise GromovError("threads: not allowed with an executor, whose workers use one thread each")
    given = _clouds(clouds, weights)
    chosen = _core.PairwiseOptions(
        method=options.choice(method, "method", ("local", "auto", "global")),
        starts=options.maybe_whole(starts, "starts"),
        seed=options.seed(seed),
        tol=options.real(tol, "tol"),
        max_iter=options.maybe_whole(max_iter, "max_iter"),
        time_limit=options.time_limit(time_limit),
        center=options.flag(center, "center"),
        prune=_nearest(prune),
        block=options.whole(block, "block"),
    )
    threads = options.threads(threads)
    full = options.flag(full, "full")
    keywords: dict[str, Any] = {
        "normalize": options.flag(normalize, "normalize"),
        "checkpoint": _path(checkpoint),
        "max_memory": options.maybe_whole(max_memory, "max_memory", 0),
    }
    with reporter(progress, "pairs") as report:
        if executor is None:
            fields = _core.pairwise(given, chosen, threads=threads, progress=report, **keywords)
        else:
            workers = _workers(executor)
            # processes that are forked after the journal is open would keep its lock
            _begin(executor)
            run = _core.PairwiseRun(given, chosen, **keywords)
            try:
                _drive(run, executor, _AHEAD * workers, report)
                fields = run.finish()
            finally:
                # a traceback may keep the run alive, and the journal belongs to the next one
                run.close()
    fields["failures"] = [PairFailure(*failure) for failure in fields["failures"]]
    for mask in ("certified", "pruned"):
        fields[mask] = fields[mask].astype(np.bool_)
    result = PairwiseResult(**fields, seconds=time.perf_counter() - clock)
    _warn(result)
    return result if full else result.distances


def solve_block(block: bytes) -> bytes:
    """Solves one block of a run in one thread: what :func:`pairwise` has executors do. A pure function."""
    return _core.solve_block(block)


def _drive(run: _core.PairwiseRun, executor: Executor, most: int, report: _Report) -> None:
    """Keeps the executor busy until there are no more blocks."""
    flying: dict[Future[bytes], bytes] = {}
    try:
        while True:
            blocks = run.next_blocks(most - len(flying))
            for block in blocks:
                try:
                    flying[executor.submit(solve_block, block)] = block
                except RuntimeError as error:
                    # a broken or closed pool
                    run.fail(block, _reason(error))
            if not flying:
                if not blocks:
                    return
                continue
            done, _ = wait(flying, timeout=_PULSE, return_when=FIRST_COMPLETED)
            for future in done:
                block = flying.pop(future)
                try:
                    records = future.result()
                    if not isinstance(records, bytes):
                        raise TypeError(f"returned {type(records).__name__}, not what the block gives")
                except (Exception, CancelledError) as error:
                    run.fail(block, _reason(error))
                else:
                    run.take(records)
            if report is not None:
                report(*run.count(), 0.0, float("nan"), float("nan"))
    except BaseException:
        for future in flying:
            future.cancel()
        raise


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"worker: {type(error).__name__}: {text:.200}" if text else f"worker: {type(error).__name__}"


def _workers(executor: Executor) -> int:
    """How many workers an executor has, as far as it says so."""
    client = getattr(executor, "_client", None)
    if client is not None and hasattr(client, "nthreads"):
        return max(1, int(sum(client.nthreads().values())))
    count = getattr(executor, "_max_workers", None)
    return count if isinstance(count, int) and count > 0 else os.cpu_count() or 1


def _clouds(clouds: Any, weights: Any) -> list[_Given]:
    """Clouds with their weights, or the reasons why they are none."""
    items = _sequence(clouds, "clouds")
    if not items:
        raise GromovError("clouds: is empty; expected at least one cloud")
    masses = [None] * len(items) if weights is None else _sequence(weights, "weights")
    if len(masses) != len(items):
        raise GromovError(f"weights: expected one entry for each of {len(items)} clouds, got {len(masses)}")
    given: list[_Given] = []
    for item, mass in zip(items, masses, strict=True):
        raw, own = (item.points, item.weights) if isinstance(item, Cloud) else (item, None)
        try:
            points = cloud(raw, "points")
            given.append((points, weights_of(own if mass is None else mass, "weights", len(points))))
        except GromovError as error:
            given.append(str(error))
    if all(isinstance(one, str) for one in given):
        raise GromovError(f"clouds: none of {len(given)} can be used; cloud 0: {given[0]}")
    return given


def _sequence(value: Any, name: str) -> list[Any]:
    refused = isinstance(value, (str, bytes, dict, set, Cloud)) or not (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    )
    if refused or not hasattr(value, "__iter__"):
        raise GromovError(f"{name}: expected a sequence with one entry a cloud, got {type(value).__name__}")
    try:
        return list(value)
    except TypeError:
        raise GromovError(f"{name}: expected a sequence with one entry a cloud, got an array of no axes") from None


def _nearest(prune: Any) -> int | None:
    if prune is None:
        return None
    if isinstance(prune, str) and prune.startswith("knn:") and prune[4:].isdecimal() and 0 < int(prune[4:]) < 2**32:
        return int(prune[4:])
    raise GromovError(f'prune: {prune!r:.60} is not allowed; expected None or "knn:K" with a whole number K >= 1')


def _path(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return os.fsdecode(value)
    except TypeError:
        raise GromovError(f"checkpoint: expected the name of a file, got {value!r:.60}") from None


def _begin(executor: Executor) -> None:
    """Waits for a first task."""
    try:
        executor.submit(os.getpid).result()
    except (Exception, CancelledError) as error:
        raise GromovError(f"executor: runs no tasks: {_reason(error)}") from error


def _warn(result: PairwiseResult) -> None:
    failures = result.failures
    if result.early:
        text = f"{result.early} pairs ended early ({result.status}): their distances may be too large"
        warnings.warn(PairwiseWarning(text), stacklevel=3)
    if not failures:
        return
    first = "; ".join(f"({f.i}, {f.j}): {f.reason}" for f in failures[:3])
    more = "" if len(failures) <= 3 else f"; and {len(failures) - 3} more"
    one = len(failures) == 1
    text = f"{len(failures)} pair{'' if one else 's'} without a distance, NaN in the matrix: {first}{more}"
    warnings.warn(PairwiseWarning(text), stacklevel=3)


_PICTURE = 150
_CELLS = 50


def _heat_map(distances: Array) -> str:
    """At most 50 rows and columns, dark where far; what is NaN is left out."""
    step = -(-len(distances) // _CELLS)
    shown = distances[::step, ::step]
    finite = shown[np.isfinite(shown)]
    largest = float(finite.max()) if finite.size and finite.max() > 0.0 else 1.0
    side = _PICTURE / len(shown)
    cells = "".join(
        f"<rect x='{j * side:.2f}' y='{i * side:.2f}' width='{side:.2f}' height='{side:.2f}' "
        f"fill-opacity='{value / largest:.2f}'/>"
        for i, row in enumerate(shown)
        for j, value in enumerate(row)
        if np.isfinite(value)
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_PICTURE}' height='{_PICTURE}' "
        f"viewBox='0 0 {_PICTURE} {_PICTURE}' role='img'><g fill='#1f6f8b'>{cells}</g></svg>"
    )


# as users know them
for _class in (PairFailure, PairwiseResult, PairwiseWarning):
    _class.__module__ = "gromov"
