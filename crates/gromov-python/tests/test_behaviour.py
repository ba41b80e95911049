"""Threads, forks, Ctrl-C, progress, the program, versions."""

import contextlib
import io
import json
import multiprocessing
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import gromov
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def clouds(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, d)) * 1.2


def test_two_calls_run_at_the_same_time():
    # each call waits, inside, for the other: one after the other they would never meet
    barrier = threading.Barrier(2)
    met = []

    def call(seed):
        done = False

        def meet(event):
            nonlocal done
            if not done:
                done = True
                barrier.wait(timeout=60)
                met.append(seed)

        gromov.igw(*clouds(150, 3, seed), method="local", starts=64, threads=1, progress=meet)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(call, range(2)))
    assert sorted(met) == [0, 1]


def test_python_runs_while_a_call_does():
    counted, stop = 0, threading.Event()

    def count():
        nonlocal counted
        while not stop.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted
    gromov.igw(*clouds(200, 3), method="local", starts=16, threads=1)
    during = counted - before
    stop.set()
    thread.join()
    assert during > 1000


def test_many_threads_at_once():
    x, y = clouds(30, 2)
    expected = gromov.igw(x, y, method="local", starts=8).squared
    with ThreadPoolExecutor(32) as pool:
        values = list(pool.map(lambda k: gromov.igw(x, y, method="local", starts=8).squared, range(96)))
    assert set(values) == {expected}


def _in_child(x, y):
    return gromov.igw(x, y, method="local", starts=8).squared


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_has_threads_of_its_own():
    x, y = clouds(40, 2)
    expected = gromov.igw(x, y, method="local", starts=8).squared
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.starmap(_in_child, [(x, y)] * 4) == [expected] * 4
    assert gromov.igw(x, y, method="local", starts=8).squared == expected


LONG = {
    "local": 'gromov.igw(x, y, method="local", starts=10**6, progress=tell)',
    "global": 'gromov.igw(x, y, method="global", tol=0.0, progress=tell)',
    "one thread": 'gromov.igw(x, y, method="local", starts=10**6, threads=1, progress=tell)',
    "pairwise": "tell(None), gromov.pairwise([x, y, -2 * x], starts=10**6)",
}


@contextlib.contextmanager
def started(code):
    """A program that is ended in any case."""
    command, pipe = [sys.executable, "-c", textwrap.dedent(code)], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("kind", LONG)
def test_ctrl_c_ends_a_long_call(kind):
    code = f"""
        import sys, time
        import numpy as np, gromov
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((300, 3)), rng.standard_normal((300, 3))
        began = False
        def tell(event):
            global began
            if not began:
                began = True
                print("began", flush=True)
        try:
            {LONG[kind]}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            # and the next call works
            print(gromov.igw([[1.0], [-1.0]], [[2.0], [-2.0]]).distance)
    """
    with started(code) as child:
        assert child.stdout.readline() == "began\n"
        # well inside the call
        time.sleep(0.5)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        line = child.stdout.readline()
        took = time.monotonic() - sent
        rest, fault = child.communicate(timeout=60)
    print(f"Ctrl-C, {kind}: {took:.2f} s")
    assert line == "interrupted\n" and abs(float(rest) - 3.0) < 1e-12, fault
    # a hang and not slowness is what fails here: the work would take hours
    assert child.returncode == 0


def test_a_function_of_progress_hears_the_run_and_its_error_ends_it():
    events = []
    gromov.igw(*clouds(100, 3), method="local", starts=64, progress=events.append)
    assert events and all(isinstance(e, gromov.Event) for e in events)
    assert events[-1].done <= 64 and events[-1].total == 64 and events[-1].value > 0
    assert [e.done for e in events] == sorted(e.done for e in events)

    def broken(event):
        raise ZeroDivisionError("from the function")

    with pytest.raises(ZeroDivisionError, match="from the function"):
        gromov.igw(*clouds(200, 3), method="local", starts=10**6, progress=broken)
    # a function may call in again
    inner = []
    gromov.igw(*clouds(100, 3), method="local", progress=lambda e: inner.append(gromov.igw([[1.0]], [[2.0]]).squared))
    assert inner and set(inner) == {9.0}


def test_a_line_of_progress(monkeypatch):
    pytest.importorskip("tqdm")
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    gromov.igw(*clouds(100, 3), method="local", starts=64, progress=True)
    assert "starts" in text.getvalue()


def test_a_line_of_progress_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    gromov.igw(*clouds(100, 3), method="local", starts=64, progress=True)
    assert text.getvalue() == ""  # no terminal
    text.isatty = lambda: True
    gromov.igw(*clouds(100, 3), method="local", starts=64, progress=True)
    assert "/64 starts, value " in text.getvalue() and text.getvalue().endswith("\r\x1b[K")


def programs():
    script = pathlib.Path(sys.executable).with_name("gromov")
    assert script.exists() or shutil.which("gromov"), "the script is not installed"
    return [[sys.executable, "-m", "gromov"], [str(script)]]


def test_module_and_script_are_one_program(tmp_path):
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_text("x\n1\n-1\n")
    b.write_text("x\n2\n-2\n")
    outputs = []
    for program in programs():
        run = subprocess.run([*program, "distance", a, b, "--json"], capture_output=True, text=True, check=True)
        data = json.loads(run.stdout)
        assert data.pop("seconds") >= 0.0
        outputs.append(data)
        wrong = subprocess.run([*program, "distance", a, tmp_path / "none.csv"], capture_output=True, text=True)
        assert wrong.returncode == 2 and wrong.stdout == "" and "none.csv" in wrong.stderr
    assert outputs[0] == outputs[1] and outputs[0]["distance"] == pytest.approx(3.0)
    assert outputs[0]["squared"] == gromov.igw([[1.0], [-1.0]], [[2.0], [-2.0]]).squared


def test_the_version_is_one():
    version = gromov.__version__
    for program in programs():
        run = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
        assert run.stdout == f"gromov {version}\n"
    from importlib.metadata import version as installed

    assert installed("gromov") == version
    if not (ROOT / "Cargo.toml").exists():
        pytest.skip("not beside its source")
    (cargo,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)
    (citation,) = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cargo == citation == version
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()


def test_all_names_are_documented():
    for name in gromov.__all__:
        thing = getattr(gromov, name)
        if name != "__version__":
            assert thing.__doc__ and len(thing.__doc__) > 20, name
    assert gromov.__all__ == sorted(gromov.__all__)
    assert set(gromov.__all__) <= set(dir(gromov))
    with pytest.raises(AttributeError, match="module 'gromov' has no attribute 'nothing'"):
        _ = gromov.nothing


def test_importing_needs_neither_scikit_learn_nor_matplotlib():
    code = """
        import sys
        for name in ("sklearn", "matplotlib", "tqdm", "distributed", "pandas"):
            sys.modules[name] = None
        import gromov
        gromov.igw([[1.0]], [[2.0]], progress=True).plan
        from gromov import *
        try:
            gromov.IGWAligner
        except ImportError as error:
            print(error)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("gromov.IGWAligner needs scikit-learn 1.6 or newer: pip install gromov[sklearn]")


def test_a_forked_child_computes_with_many_points():
    x = np.random.default_rng(0).normal(size=(9000, 3))
    w = np.random.default_rng(1).uniform(1, 2, size=9000)
    gromov.igw(x[:20], x[20:40])
    gromov.metric(x, x, x, w, normalize=True)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            gromov.metric(x, x, x, w, normalize=True)
            gromov.exp(x, 0.1 * x, weights=w / w.sum())
            gromov.flow(x, gromov.energy.Quadratic(), steps=1, step=0.01, center=True, scheme="euler")
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_clouds_that_were_read_are_clouds(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,w\n3,4,0.25\n-3,-4,0.75\n")
    a = gromov.read(tmp_path / "a.csv")
    by_hand = gromov.igw(a.points, a.points, a.weights, a.weights)
    assert gromov.igw(a, a).cross_moment.tobytes() == by_hand.cross_moment.tobytes()
    assert gromov.barycenter([a, a]).weights.tolist() == [0.25, 0.75]
    assert gromov.geodesic(a, a, plan="identity", kind="lifted").weights.tolist() == [0.25, 0.75]
    well = gromov.energy.Wasserstein(a)
    assert well.value(a.points, a.weights) == 0.0


def test_numbers_beyond_doubles_are_named():
    with pytest.raises(gromov.GromovError, match=r"^x: "):
        gromov.igw([[10**400, 1]], [[1.0]])
    with pytest.raises(gromov.GromovError, match=r"^seed: this number is not allowed"):
        gromov.igw([[1.0]], [[1.0]], seed=10**5000)
    with pytest.raises(gromov.GromovError, match=r"^tol: "):
        gromov.igw([[1.0]], [[1.0]], tol=10**400)


def test_damaged_pickles_are_refused():
    data = bytearray(pickle.dumps(gromov.barycenter([[[1.0, 2.0]], [[2.0, 1.0]]])._core))
    refused = 0
    for k in range(len(data) // 2, len(data) - 5):
        data[k] ^= 4
        try:
            pickle.loads(data)
        except Exception:
            refused += 1
        data[k] ^= 4
    assert refused == len(data) - 5 - len(data) // 2
