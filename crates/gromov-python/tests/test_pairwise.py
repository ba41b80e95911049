"""All pairs: the same bytes however they are computed; failures, pruning, and runs that are killed and resumed."""

import contextlib
import copy
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import gromov
import numpy as np
import pytest


def make(k=9, seed=0, least=8, most=14):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rng.integers(least, most), 2)) * [1.5, 1] for _ in range(k)]


CLOUDS = make()
EXPECTED = gromov.pairwise(CLOUDS, block=4)


def test_entries_are_the_distances_of_the_pairs():
    full = gromov.pairwise(CLOUDS, method="auto", full=True)
    assert full.certified.all() and full.status == "completed"
    for i in range(9):
        for j in range(9):
            expected = 0.0 if i == j else gromov.igw(CLOUDS[i], CLOUDS[j]).squared
            assert full.squared[i, j] == pytest.approx(expected, rel=1e-9)
            assert full.distances[i, j] == pytest.approx(expected**0.5, rel=1e-9)
            assert full.lower_bound[i, j] <= full.squared[i, j] * (1 + 1e-9)
    assert (full.distances == full.distances.T).all()
    # the local search is an upper bound of the same
    assert (full.distances * (1 - 1e-9) <= EXPECTED).all()
    assert np.median(EXPECTED / np.where(full.distances > 0, full.distances, 1.0)) < 1 + 1e-6


def test_closed_form_on_the_line_and_weights():
    radii = np.array([1.0, 2.0, 3.0, 0.5])
    clouds = [[[r], [-r]] for r in radii]
    expected = np.abs(radii[:, None] ** 2 - radii**2)
    assert np.abs(gromov.pairwise(clouds) - expected).max() < 1e-14
    # an atom split in two, and weights that are rescaled
    clouds[1] = [[2.0], [-2.0], [-2.0]]
    weights = [None, [2.0, 1.0, 1.0], [1.0, 1.0], None]
    assert np.abs(gromov.pairwise(clouds, weights, normalize=True) - expected).max() < 1e-13
    moved = [np.array([[r + 5.0], [5.0 - r]]) for r in radii]
    assert np.abs(gromov.pairwise(moved, center=True) - expected).max() < 1e-12


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_and_blocks_change_no_bit(threads):
    for block in (1, 7, 64):
        assert gromov.pairwise(CLOUDS, threads=threads, block=block).tobytes() == EXPECTED.tobytes()


def test_places_in_the_list_change_no_bit():
    order = np.random.default_rng(1).permutation(9)
    permuted = gromov.pairwise([CLOUDS[k] for k in order])
    assert permuted.tobytes() == EXPECTED[np.ix_(order, order)].tobytes()
    pair = gromov.pairwise([CLOUDS[7], CLOUDS[2]])
    assert pair[0, 1] == EXPECTED[2, 7]


def test_a_pool_of_threads():
    with ThreadPoolExecutor(3) as pool:
        assert gromov.pairwise(CLOUDS, executor=pool, block=4).tobytes() == EXPECTED.tobytes()


@pytest.mark.parametrize(
    "method", ["spawn", pytest.param("fork", marks=pytest.mark.skipif(os.name == "nt", reason="no fork"))]
)
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_pool_of_processes(method):
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        assert gromov.pairwise(CLOUDS, executor=pool, block=4).tobytes() == EXPECTED.tobytes()


@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_of_two_workers(tmp_path):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(tmp_path),
    )
    with cluster, distributed.Client(cluster) as client:
        pids = set(client.run(os.getpid).values())
        assert len(pids) == 2 and os.getpid() not in pids
        with pytest.raises(
            gromov.GromovError, match=r"executor: expected a .*Executor, got Client; give Client\.get_ex"
        ):
            gromov.pairwise(CLOUDS, executor=client)
        matrix = gromov.pairwise(CLOUDS, executor=client.get_executor(), block=4)
        pruned = gromov.pairwise(CLOUDS, executor=client.get_executor(), block=4, prune="knn:2")
    assert matrix.tobytes() == EXPECTED.tobytes()
    assert pruned.tobytes() == gromov.pairwise(CLOUDS, prune="knn:2").tobytes()


def test_loky():
    loky = pytest.importorskip("loky")
    pool = loky.get_reusable_executor(2)
    try:
        assert gromov.pairwise(CLOUDS, executor=pool, block=4).tobytes() == EXPECTED.tobytes()
    finally:
        pool.shutdown(wait=True, kill_workers=True)


@pytest.mark.parametrize("prune", [None, "knn:2"])
def test_the_order_of_results_changes_no_bit(prune):
    expected = gromov.pairwise(CLOUDS, prune=prune)
    for seed in range(3):
        pool = ThreadPoolExecutor(4)
        delays = random.Random(seed)
        submit = pool.submit

        def late(function, *arguments, submit=submit, delays=delays):
            wait = delays.random() * 0.01

            def task():
                time.sleep(wait)
                return function(*arguments)

            return submit(task)

        pool.submit = late
        with pool:
            assert gromov.pairwise(CLOUDS, executor=pool, block=1, prune=prune).tobytes() == expected.tobytes()


def test_at_most_four_blocks_a_worker_are_under_way():
    lock_step = []

    class Counting(ThreadPoolExecutor):
        flying = 0

        def submit(self, function, /, *arguments):
            future = super().submit(function, *arguments)
            Counting.flying += 1
            lock_step.append(Counting.flying)
            future.add_done_callback(lambda _: setattr(Counting, "flying", Counting.flying - 1))
            return future

    with Counting(2) as pool:
        gromov.pairwise(CLOUDS, executor=pool, block=1)
    assert max(lock_step) <= 8 and len(lock_step) == 36 + 1


def kill_worker(block):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_fails_its_pairs_with_the_reason(tmp_path, monkeypatch):
    journal = tmp_path / "run.jsonl"
    import gromov._pairwise as module

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, monkeypatch.context() as patch:
        patch.setattr(module, "solve_block", kill_worker)
        with pytest.warns(gromov.PairwiseWarning, match=r"36 pairs without a distance.*worker: BrokenProcessPool"):
            result = gromov.pairwise(CLOUDS, executor=pool, block=4, full=True, checkpoint=journal)
    assert len(result.failures) == 36 and result.solved == 0
    assert np.isnan(result.distances[~np.eye(9, dtype=bool)]).all()
    # which is no property of the pairs: the next run solves them
    assert gromov.pairwise(CLOUDS, checkpoint=journal).tobytes() == EXPECTED.tobytes()


def broken_block(block):
    raise OSError("the disk of this worker is full")


def test_a_task_that_raises_fails_its_pairs(monkeypatch):
    import gromov._pairwise as module

    monkeypatch.setattr(module, "solve_block", broken_block)
    with ThreadPoolExecutor(2) as pool, pytest.warns(gromov.PairwiseWarning):
        result = gromov.pairwise(CLOUDS[:3], executor=pool, block=1, full=True)
    assert [f.reason for f in result.failures] == ["worker: OSError: the disk of this worker is full"] * 3


def test_what_is_no_cloud_fails_its_pairs():
    bad = [CLOUDS[0], [[np.nan, 1.0]], CLOUDS[1], [], "text", CLOUDS[2]]
    weights = [None, None, None, None, None, [1.0, 2.0]]
    for executor in (None, ThreadPoolExecutor(1)):
        with pytest.warns(gromov.PairwiseWarning) as caught:
            result = gromov.pairwise(bad, weights, full=True, executor=executor)
        assert str(caught[0].message).startswith(
            "14 pairs without a distance, NaN in the matrix: (0, 1): cloud 1: points: entry (0, 0) is NaN"
        )
        assert "; and 11 more" in str(caught[0].message) and caught[0].filename == __file__
        reasons = {(f.i, f.j): f.reason for f in result.failures}
        assert reasons[0, 3] == "cloud 3: points: has no points, its shape is (0,)"
        assert reasons[0, 5].startswith("cloud 5: weights: expected shape (")
        assert reasons[0, 4].startswith("cloud 4: points: expected real numbers")
        assert result.distances[0, 2] == EXPECTED[0, 1] and result.solved == 1
        good = np.isin(np.arange(6), [0, 2])
        assert (np.isnan(result.distances) == ~np.outer(good, good)).all()
    executor.shutdown()


def test_numbers_beyond_doubles_fail_with_the_reason():
    clouds = [CLOUDS[0], np.array([[1e100, 0.0], [0.0, 1e100]])]
    with pytest.warns(gromov.PairwiseWarning, match=r"1 pair without a distance.*\(0, 1\): .*range of doubles"):
        matrix = gromov.pairwise(clouds)
    assert np.isnan(matrix[0, 1]) and (np.diag(matrix) == 0).all()


REFUSED = [
    (dict(clouds=3), "clouds: expected a sequence with one entry a cloud, got int"),
    (dict(clouds="ab"), "clouds: expected a sequence with one entry a cloud, got str"),
    (dict(clouds={}), "clouds: expected a sequence with one entry a cloud, got dict"),
    (dict(clouds=(c for c in CLOUDS)), "clouds: expected a sequence with one entry a cloud, got generator"),
    (dict(clouds=[]), "clouds: is empty; expected at least one cloud"),
    (
        dict(clouds=[[], []]),
        "clouds: none of 2 can be used; cloud 0: points: has no points, its shape is (0,)",
    ),
    (dict(weights=[None]), "weights: expected one entry for each of 9 clouds, got 1"),
    (dict(weights=0.5), "weights: expected a sequence with one entry a cloud, got float"),
    (dict(executor=4), "executor: expected a concurrent.futures.Executor, got int"),
    (dict(method="exact"), "method: 'exact' is not allowed; expected one of local, auto, global"),
    (dict(starts=0), "starts: 0 is not allowed; expected a whole number >= 1"),
    (dict(block=0), "block: 0 is not allowed; expected a whole number >= 1"),
    (dict(tol=-1), "tol: -1 is not allowed; expected a number >= 0"),
    (dict(threads=0), "threads: 0 is not allowed; expected a whole number >= 1"),
    (dict(time_limit=-1), "time_limit: -1 is not allowed; expected a number >= 0"),
    (dict(prune=3), 'prune: 3 is not allowed; expected None or "knn:K" with a whole number K >= 1'),
    (
        dict(prune="knn:0"),
        "prune: 'knn:0' is not allowed; expected None or \"knn:K\" with a whole number K >= 1",
    ),
    (dict(full=1), "full: 1 is not allowed; expected True or False"),
    (dict(checkpoint=3), "checkpoint: expected the name of a file, got 3"),
    (dict(progress=1), "progress: 1 is not allowed; expected True, False or a function of an Event"),
]


@pytest.mark.parametrize("keywords, message", REFUSED)
def test_wrong_arguments(keywords, message):
    with pytest.raises(gromov.GromovError) as caught:
        gromov.pairwise(**{"clouds": CLOUDS, **keywords})
    assert str(caught.value) == message


def test_threads_with_an_executor():
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(gromov.GromovError, match=r"^threads: not allowed with an executor"),
    ):
        gromov.pairwise(CLOUDS, executor=pool, threads=2)


def test_one_cloud_and_arrays_of_clouds():
    assert gromov.pairwise([CLOUDS[0]]).tolist() == [[0.0]]
    stack = np.random.default_rng(0).standard_normal((4, 6, 2))
    assert gromov.pairwise(stack).tobytes() == gromov.pairwise(list(stack)).tobytes()


def test_files_as_clouds(tmp_path):
    paths = [tmp_path / f"{k}.csv" for k in range(2)]
    paths[0].write_text("x,w\n1,0.25\n1,0.25\n-1,0.5\n")
    paths[1].write_text("x\n2\n-2\n")
    assert np.abs(gromov.pairwise([gromov.read(p) for p in paths]) - [[0, 3], [3, 0]]).max() < 1e-14


@pytest.mark.parametrize("nearest", [1, 3])
def test_pruning_keeps_the_nearest(nearest):
    rng = np.random.default_rng(5)
    scales = np.repeat([0.4, 1.0, 2.0, 3.0], 10)
    clouds = [rng.standard_normal((12, 2)) * [s, 0.6 * s] for s in scales]
    full = gromov.pairwise(clouds)
    result = gromov.pairwise(clouds, prune=f"knn:{nearest}", full=True)
    off = ~np.eye(40, dtype=bool)
    assert result.pruned_count == result.pruned.sum() // 2 > 100 and not np.diag(result.pruned).any()
    assert result.solved + result.pruned_count == 780
    kept = ~result.pruned
    assert (result.distances[kept] == full[kept]).all()
    # a lower bound stands where a pair was passed over, beyond the nearest
    assert (result.distances[result.pruned] <= full[result.pruned] * (1 + 1e-9)).all()
    for row in range(40):
        order = np.argsort(np.where(off[row], full[row], np.inf), kind="stable")[:nearest]
        pruned_order = np.argsort(np.where(off[row], result.distances[row], np.inf), kind="stable")[:nearest]
        assert (order == pruned_order).all()
        assert (result.distances[row, order] == full[row, order]).all()
    for threads in (1, 2):
        assert gromov.pairwise(clouds, prune=f"knn:{nearest}", threads=threads, block=3).tobytes() == (
            result.distances.tobytes()
        )


def test_the_full_result_pickles_copies_and_shows():
    result = gromov.pairwise(CLOUDS, full=True)
    for other in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
        assert repr(other) == repr(result) and (other.distances == result.distances).all()
    line = repr(result)
    assert line.startswith("PairwiseResult(clouds=9, pairs=36, solved=36, failed=0") and len(line) < 200
    assert "\n" not in line
    page = result._repr_html_()
    assert page.count("<rect") == 81 and "<script" not in page
    data = json.loads(result.to_json())
    assert data["distances"] == result.distances.tolist() and data["solved"] == 36
    with pytest.warns(gromov.PairwiseWarning):
        failed = gromov.pairwise([*CLOUDS[:2], []], full=True)
    data = json.loads(failed.to_json())
    assert data["distances"][0][2] is None and data["failures"][0]["reason"] == failed.failures[0].reason
    assert "nan" not in failed._repr_html_()


def test_memory_is_forecast():
    need = gromov.forecast(gromov.pairwise, CLOUDS)
    assert need.fits and 81 * 40 < need.bytes < 100_000
    with ThreadPoolExecutor(1) as pool:
        for executor in (None, pool):
            with pytest.raises(gromov.MemoryLimitError, match="pairwise"):
                gromov.pairwise(CLOUDS, executor=executor, max_memory=1000)


def test_progress_counts_pairs():
    for executor in (None, ThreadPoolExecutor(2)):
        events = []
        gromov.pairwise(CLOUDS, executor=executor, block=2, progress=events.append)
        assert events[-1].total == 36 and [e.done for e in events] == sorted(e.done for e in events)
        assert executor is None or events[-1].done == 36
    executor.shutdown()


def test_a_checkpoint_is_gone_on_from_and_refuses_other_runs(tmp_path):
    journal = tmp_path / "run.jsonl"
    first = gromov.pairwise(CLOUDS, checkpoint=journal, block=4, full=True)
    assert first.resumed == 0 and first.distances.tobytes() == EXPECTED.tobytes()
    size = journal.stat().st_size
    again = gromov.pairwise(CLOUDS, checkpoint=str(journal), block=7, full=True)
    assert again.resumed == 36 and again.distances.tobytes() == EXPECTED.tobytes()
    # half a line, as a kill leaves it, and three blocks of nine
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]) + lines[4][:30])
    with ThreadPoolExecutor(2) as pool:
        resumed = gromov.pairwise(CLOUDS, checkpoint=os.fsencode(journal), block=4, full=True, executor=pool)
    assert resumed.resumed == 12 and resumed.distances.tobytes() == EXPECTED.tobytes()
    assert journal.stat().st_size == size
    for other in (dict(seed=1), dict(starts=2), dict(center=True), dict(clouds=CLOUDS[:-1])):
        with pytest.raises(gromov.GromovError):
            gromov.pairwise(**{"clouds": CLOUDS, "checkpoint": journal, **other})
    assert journal.stat().st_size == size
    with pytest.raises(gromov.GromovError, match="gone"):
        gromov.pairwise(CLOUDS, checkpoint=tmp_path / "gone" / "run.jsonl")


RUN = """
    import sys, warnings
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from multiprocessing import get_context
    import numpy as np, gromov
    if __name__ == "__main__":
        rng = np.random.default_rng(3)
        clouds = [rng.standard_normal((30, 2)) for _ in range({count})]
        kind, journal, out = sys.argv[1:]
        pool = {{"none": lambda: None, "threads": lambda: ThreadPoolExecutor(2),
                "spawn": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
                "fork": lambda: ProcessPoolExecutor(2, mp_context=get_context("fork"))}}[kind]()
        result = gromov.pairwise(clouds, executor=pool, checkpoint=journal, block=5, starts={starts}, full=True)
        np.save(out, result.distances)
        print(result.resumed)
"""


def pairs_in(journal):
    if not journal.exists():
        return []
    found = []
    for line in journal.read_bytes().split(b"\n")[1:-1]:
        found += [tuple(pair) for pair in _pairs(json.loads(line))]
    return found


def _pairs(value):
    if isinstance(value, dict):
        if "i" in value and "j" in value:
            yield value["i"], value["j"]
        for inner in value.values():
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)


@contextlib.contextmanager
def started(command):
    """A program in a group of its own, which is killed with what workers it leaves."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as child:
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            child.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["none", "threads", "fork", "spawn"])
def test_a_run_that_is_killed_goes_on(kind, tmp_path):
    script, journal = tmp_path / "run.py", tmp_path / "run.jsonl"
    script.write_text(textwrap.dedent(RUN.format(starts=16, count=26)))
    command = [sys.executable, "-W", "ignore", script, kind, journal, tmp_path / "out.npy"]
    seen = []
    for _ in range(3):
        before = len(seen)
        with started(command) as child:
            while child.poll() is None and len(pairs_in(journal)) < before + 30:
                time.sleep(0.01)
        now = pairs_in(journal)
        assert now[:before] == seen, "something was lost"
        seen = now
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == len(seen)
    everything = pairs_in(journal)
    # the journal has each pair once: none of it was computed again
    assert len(everything) == len(set(everything)) == 325
    undisturbed = subprocess.run(
        [*command[:4], "none", tmp_path / "other.jsonl", tmp_path / "other.npy"], check=True, timeout=300
    )
    assert undisturbed.returncode == 0
    assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "other.npy").read_bytes()


@pytest.mark.parametrize("kind", ["none", "spawn"])
def test_ctrl_c_keeps_what_was_done(kind, tmp_path):
    script, journal = tmp_path / "run.py", tmp_path / "run.jsonl"
    script.write_text(textwrap.dedent(RUN.format(starts=256, count=40)))
    command = [sys.executable, "-W", "ignore", script, kind, journal, tmp_path / "out.npy"]
    with started(command) as child:
        while child.poll() is None and len(pairs_in(journal)) < 60:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, text = child.communicate(timeout=60)
    assert child.returncode != 0 and "KeyboardInterrupt" in text and not (tmp_path / "out.npy").exists()
    done = len(pairs_in(journal))
    assert 60 <= done < 780


def test_scikit_learn_takes_the_matrix():
    pytest.importorskip("sklearn")
    from sklearn.cluster import DBSCAN, AgglomerativeClustering
    from sklearn.manifold import MDS
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(8)
    labels = np.repeat([0, 1, 2], 8)
    # a class is a length and a width, seen at any angle
    clouds = []
    for label in labels:
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        clouds.append(rng.standard_normal((20, 2)) * [1.0 + label, 0.3] @ turn)
    result = gromov.pairwise(clouds, prune="knn:3", full=True)
    matrix = gromov.pairwise(clouds)
    train, test = np.arange(24) % 2 == 0, np.arange(24) % 2 == 1
    model = KNeighborsClassifier(3, metric="precomputed").fit(matrix[np.ix_(train, train)], labels[train])
    assert model.score(matrix[np.ix_(test, train)], labels[test]) >= 0.75
    nearest = KNeighborsClassifier(1, metric="precomputed").fit(result.distances, labels)
    assert nearest.score(result.distances, labels) == 1.0
    assert len(DBSCAN(eps=0.7, min_samples=2, metric="precomputed").fit_predict(matrix)) == 24
    groups = AgglomerativeClustering(3, metric="precomputed", linkage="average").fit_predict(matrix)
    assert len(set(groups)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # words of versions
        try:
            plane = MDS(2, metric="precomputed", n_init=1, init="random", random_state=0).fit_transform(matrix)
        except (TypeError, ValueError):
            plane = MDS(2, dissimilarity="precomputed", n_init=1, random_state=0).fit_transform(matrix)
    assert plane.shape == (24, 2) and np.isfinite(plane).all()


@pytest.mark.parametrize("method", ["auto", "global"])
def test_pairs_that_use_threads_themselves_do_not_wait_for_each_other(method):
    rng = np.random.default_rng(4)
    clouds = [rng.normal(size=(9, 2)) for _ in range(5)]
    one = gromov.pairwise(clouds, method=method, threads=1)
    for threads in [4, 8] * 5:
        assert gromov.pairwise(clouds, method=method, threads=threads).tobytes() == one.tobytes()


def test_pairs_that_end_early_are_told():
    clouds = [np.random.default_rng(k).normal(size=(60, 2)) for k in range(3)]
    with pytest.warns(gromov.PairwiseWarning, match="3 pairs ended early \\(iteration_cap\\)"):
        full = gromov.pairwise(clouds, max_iter=1, full=True)
    assert full.early == 3 and full.solved == 3


def test_a_journal_of_long_blocks_is_read_again(tmp_path):
    clouds = [[[float(k)], [-float(k)]] for k in range(200)]
    path = tmp_path / "long.jsonl"
    first = gromov.pairwise(clouds, checkpoint=path, block=10**6)
    assert max(map(len, path.read_text().splitlines())) < 4e6
    again = gromov.pairwise(clouds, checkpoint=path, block=10**6, full=True)
    assert again.resumed == 199 * 100 and again.distances.tobytes() == first.tobytes()


def test_the_command_line_goes_on_with_centred_clouds(tmp_path):
    names = []
    for k in range(4):
        names.append(str(tmp_path / f"{k}.npy"))
        np.save(names[-1], np.random.default_rng(k).normal(size=(12, 2)) + 5.0)
    journal, out = str(tmp_path / "j.jsonl"), str(tmp_path / "d.npy")
    ours = gromov.pairwise([np.load(name) for name in names], center=True, checkpoint=journal)
    line = [
        sys.executable,
        "-m",
        "gromov",
        "pairwise",
        *names,
        "--center",
        "--checkpoint",
        journal,
        "--out",
        out,
        "--json",
    ]
    told = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    assert told["resumed"] == 6 and np.load(out).tobytes() == ours.tobytes()


def test_a_journal_is_free_after_an_error(tmp_path):
    class Broken(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            if fn is not os.getpid:
                raise KeyboardInterrupt
            return super().submit(fn, *args, **kwargs)

    path = tmp_path / "j.jsonl"
    with Broken(1) as pool, pytest.raises(KeyboardInterrupt) as held:
        gromov.pairwise(CLOUDS, executor=pool, checkpoint=path)
    assert gromov.pairwise(CLOUDS, checkpoint=path).shape == (len(CLOUDS),) * 2
    assert held.traceback


def test_an_executor_that_runs_nothing_is_named():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(gromov.GromovError, match=r"^executor: runs no tasks: "):
        gromov.pairwise(CLOUDS, executor=pool)
