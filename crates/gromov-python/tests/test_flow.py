"""Flows: exact solutions, orders, callbacks, interruption, checkpoints, files."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time

import gromov
import numpy as np
import pytest
from gromov.energy import (
    Custom,
    DoubleWell,
    EnergyDistance,
    Entropy,
    Igw,
    Interaction,
    KLGaussian,
    Quadratic,
    Wasserstein,
)

GEN = np.random.default_rng(11)
X = GEN.normal(size=(12, 2)) @ np.diag([2.0, 1.0])
Y = GEN.normal(size=(12, 2)) + np.array([1.0, 0.5])


def moment(x, w=None):
    return np.einsum("ni,nj,n->ij", x, x, np.full(len(x), 1 / len(x)) if w is None else w)


def test_quadratic_is_exact_for_any_step_and_weights():
    w = GEN.random(12)
    w /= w.sum()
    start = moment(X, w)
    end = 0.5 * np.linalg.eigvalsh(start)[0]
    for steps in (1, 7):
        run = gromov.flow(X, Quadratic(), weights=w, time=end, step=end / steps)
        assert run.status == "completed" and run.diagnostics["steps"] == steps
        assert np.allclose(run.second_moments[-1], start - end / 2 * np.eye(2), atol=1e-9)
        assert np.allclose(run.second_moments, [moment(p, w) for p in run.points], atol=1e-12)
        assert np.allclose(run.law(), start - run.times[:, None, None] / 2 * np.eye(2), atol=1e-12)
        assert np.allclose(run.energies, 0.5 * np.trace(run.second_moments, axis1=1, axis2=2), rtol=1e-12)
        assert (run.points[0] == X).all() and (run.weights == w).all()
        assert run.diagnostics["first_turn"] is None and run.diagnostics["rotation"] is None
    # W2 beside it: x(t) = x / (1 + tau)^k
    w2 = gromov.flow(X, Quadratic(), weights=w, metric="w2", step=0.1, steps=5)
    assert np.allclose(w2.points[-1], X / 1.1**5, atol=1e-8)
    assert w2.diagnostics["metric"] == "w2" and w2.diagnostics["rotation"] is None


def test_free_orientation_turns_at_no_cost():
    x = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    q = Quadratic(matrix=np.diag([1.5, 0.5]))
    free = gromov.flow(x, q, step=0.1, steps=2)
    first = free.diagnostics["first_turn"]
    assert free.energies[0] == pytest.approx(1.625)
    assert (first["energy_before"], first["energy_after"]) == pytest.approx((1.625, 0.875))
    assert first["angle"] == pytest.approx(np.pi / 2) and abs(first["rotation"][0, 1]) == pytest.approx(1)
    assert np.allclose(free.second_moments[-1], np.diag([0.5 - 0.75 * 0.2, 2.0 - 0.25 * 0.2]), atol=1e-8)
    assert np.allclose(free.law(0.2), free.second_moments[-1], atol=1e-8)
    fixed = gromov.flow(x, q, step=0.1, steps=2, rotation="fixed")
    assert np.allclose(fixed.second_moments[-1], np.diag([2.0 - 0.75 * 0.2, 0.5 - 0.25 * 0.2]), atol=1e-8)
    assert fixed.diagnostics["first_turn"] is None and fixed.diagnostics["rotation"] == "fixed"
    with pytest.raises(gromov.GromovError, match="law: quadratic has no exact flow"):
        fixed.law()


@pytest.mark.parametrize(
    ("scheme", "order", "steps"),
    [("implicit", 1, (8, 16, 32)), ("euler", 1, (8, 16, 32)), ("heun", 2, (8, 16, 32)), ("rk4", 4, (4, 8, 16))],
)
def test_orders(scheme, order, steps):
    # F = IGW^2/2 to a stretched copy: l(t) = T + (l - T) e^-t, F = F(0) e^-2t
    x = X @ np.linalg.inv(np.linalg.cholesky(moment(X))).T @ np.diag([2.0, 1.0])
    y = x @ np.diag([1.3, 1.1])
    end = 0.8
    exact = moment(y) + (moment(x) - moment(y)) * np.exp(-end)
    errors = []
    for k in steps:
        run = gromov.flow(x, Igw(y), scheme=scheme, step=end / k, time=end)
        errors.append(np.linalg.norm(run.second_moments[-1] - exact))
    slope = np.polyfit(np.log(1.0 / np.array(steps)), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.2, (slope, errors)


def test_adaptive_frames_and_tolerance():
    end = 0.3
    asked = [0.05, 0.1, 0.29]
    run = gromov.flow(X, Quadratic(), scheme="adaptive", rtol=1e-9, time=end, frame_times=asked)
    assert np.allclose(run.times, [0.0, 0.05, 0.1, 0.29, end])
    with pytest.raises(gromov.GromovError, match=r"frame_times: 0\.5 at entry 3 is not allowed"):
        gromov.flow(X, Quadratic(), scheme="adaptive", time=end, frame_times=[*asked, 0.5])
    early = gromov.flow(X, Quadratic(), scheme="adaptive", step=0.01, steps=1, frame_times=[0.001, 0.5])
    assert early.diagnostics["frames_missed"] == 1 and len(early) == 3
    assert np.allclose(run.second_moments[:, 0, 0], moment(X)[0, 0] - run.times / 2, atol=1e-7)
    for scheme in ("adaptive", "implicit"):
        fine, loose = (gromov.flow(X, DoubleWell(), scheme=scheme, rtol=r, time=0.5) for r in (1e-7, 1e-3))
        assert loose.diagnostics["steps"] < fine.diagnostics["steps"]
        assert (fine.diagnostics["log"]["error"] > 0).all()


def test_entropy_and_kl_are_diffusions():
    x = GEN.normal(size=(20_000, 1))
    x /= np.sqrt(moment(x))
    run = gromov.flow(x, Entropy(), scheme="langevin", time=0.5, step=0.02, every=100)
    assert np.isnan(run.energies).all() and run.diagnostics["stiff"] == 0
    spread, exact = run.statistics().spectrum, np.sqrt(1.5)
    assert exact == pytest.approx(run.law(0.5)[0, 0])
    assert spread[0][0] == pytest.approx(run.second_moments[-1, 0, 0])
    assert abs(spread[0][0] - exact) < 8 * spread[1][0]
    found = run.statistics()
    gauss = -0.5 * np.log(2 * np.pi * np.e * exact)
    assert abs(found.entropy[0] - gauss) < 8 * found.entropy[1] + 0.01
    assert found.energy[0] == pytest.approx(found.entropy[0])
    kl = gromov.flow(x[:2000], KLGaussian(None, [[2.0]]), scheme="langevin", metric="w2", steps=3)
    assert kl.diagnostics["diffusion"]["coefficient"] == 1.0
    assert len(kl.diagnostics["diffusion"]["regular"]) == 4
    assert "exact" not in repr(kl) and len(repr(kl)) < 200
    again = pickle.loads(pickle.dumps(kl))
    assert again.statistics(1).regular == kl.statistics(1).regular


def well(x, w):
    s = (x**2).sum(1)
    return 0.25 * w @ (s - 1) ** 2, (s - 1)[:, None] * x


def test_custom_is_the_built_in_energy_along_a_flow():
    for options in ({"scheme": "rk4"}, {"scheme": "implicit"}, {"metric": "w2"}, {"scheme": "adaptive", "steps": 4}):
        options = {"step": 0.02, "steps": 6, **options}
        a = gromov.flow(X, DoubleWell(), **options)
        b = gromov.flow(X, Custom(well, name="double-well", rotation_invariant=True), **options)
        assert np.abs(a.points - b.points).max() < 1e-12 * 10
        assert np.allclose(a.energies, b.energies, rtol=1e-12)
        assert b.diagnostics["energy"] == "double-well"
    # one that sees rotations
    q = np.array([[2.0, 0.3], [0.3, 0.5]])
    tilted = Custom(lambda x, w: (0.5 * w @ np.einsum("ni,ij,nj->n", x, q, x), x @ q), name="quadratic")
    a, b = (gromov.flow(X, energy, step=0.05, steps=5) for energy in (Quadratic(matrix=q), tilted))
    assert np.abs(a.points - b.points).max() < 1e-9 and np.abs(a.energies - b.energies).max() < 1e-12
    assert a.diagnostics["first_turn"]["angle"] == pytest.approx(b.diagnostics["first_turn"]["angle"], abs=1e-9)
    both = gromov.flow(X, 0.5 * DoubleWell() + 0.5 * Custom(well, rotation_invariant=True), step=0.02, steps=3)
    assert np.allclose(both.points[-1], gromov.flow(X, DoubleWell(), step=0.02, steps=3).points[-1], atol=1e-10)


def test_custom_runs_in_the_calling_thread_and_may_raise():
    seen = set()
    calls = []

    def energy(x, w):
        seen.add(threading.get_ident())
        calls.append(1)
        if len(calls) > 9:
            raise KeyError("enough")
        return well(x, w)

    with pytest.raises(KeyError, match="enough"):
        gromov.flow(X, Custom(energy, rotation_invariant=True), step=0.01, steps=1000)
    assert seen == {threading.get_ident()} and len(calls) == 10
    bad = Custom(lambda x, w: (0.0, np.full_like(x, np.nan)), name="bad")
    with pytest.raises(gromov.GromovError, match=r"bad: gradient: entry \(0, 0\) is nan; every entry must be"):
        gromov.flow(X, bad, steps=2)


def test_energies_carry_nothing_from_flow_to_flow():
    energy = Igw(Y) + EnergyDistance(Y, batch=5, seed=2)
    first = gromov.flow(X, energy, steps=3)
    gromov.flow(Y + 1.0, energy, steps=2)
    again = gromov.flow(X, energy, steps=3)
    assert first.points.tobytes() == again.points.tobytes()
    assert "sampling_error" in first.diagnostics


def test_callbacks_see_steps_and_end_flows():
    seen = []
    run = gromov.flow(X, DoubleWell(), step=0.02, steps=5, callback=seen.append)
    assert [s.done for s in seen] == [1, 2, 3, 4, 5] and [s.total for s in seen] == [5] * 5
    assert [s.time for s in seen] == list(run.times[1:]) and [s.energy for s in seen] == list(run.energies[1:])
    assert (np.array([s.points for s in seen]) == run.points[1:]).all()
    ended = gromov.flow(X, DoubleWell(), step=0.02, steps=5, callback=lambda s: s.done == 2)
    assert ended.status == "interrupted" and (ended.points == run.points[:3]).all()
    ended = gromov.flow(X, DoubleWell(), step=0.02, steps=5, callback=lambda s: np.bool_(True))
    assert ended.diagnostics["steps"] == 1

    def raises(step):
        raise LookupError(f"step {step.done}")

    with pytest.raises(LookupError, match="step 1"):
        gromov.flow(X, DoubleWell(), step=0.02, steps=5, callback=raises)
    # a flow within a flow
    nested = gromov.flow(
        X, DoubleWell(), step=0.02, steps=2, callback=lambda s: gromov.flow(s.points, Quadratic(), steps=1) is None
    )
    assert nested.status == "completed"


def test_inputs_and_shapes():
    before = X.copy()
    forms = [X.tolist(), np.asfortranarray(X), X]
    runs = [gromov.flow(form, Quadratic(), steps=2, step=0.1) for form in forms]
    assert all((r.points == runs[0].points).all() for r in runs)
    assert (before == X).all()
    single = gromov.flow(X.astype(np.float32), Quadratic(), steps=2, step=0.1)
    assert np.allclose(single.points, runs[0].points, atol=1e-5)
    shifted = gromov.flow(X + 5.0, EnergyDistance(Y - 9.0), steps=2, step=0.1, center=True)
    straight = gromov.flow(X - X.mean(0), EnergyDistance(Y - Y.mean(0)), steps=2, step=0.1)
    assert np.allclose(shifted.points, straight.points, atol=1e-8)
    rescaled = gromov.flow(X, Quadratic(), weights=np.full(12, 3.0), normalize=True, steps=2, step=0.1)
    assert np.allclose(rescaled.points, runs[0].points, atol=1e-12)
    every = gromov.flow(X, Quadratic(), steps=5, step=0.01, every=2)
    assert np.allclose(every.times, [0.0, 0.02, 0.04, 0.05]) and len(every) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"energy": 0}, "energy: expected an energy of gromov.energy, got 0"),
        ({"energy": [Quadratic()]}, "energy: expected an energy of gromov.energy"),
        ({"energy": Quadratic([1.0])}, "x: expected dimension 1, that of quadratic, got 2"),
        ({"x": [[1.0, np.nan]]}, r"x: entry \(0, 1\) is NaN"),
        ({"weights": [0.5] * 12}, "weights: "),
        ({"metric": "w3"}, "metric: 'w3' is not allowed; expected one of igw, w2"),
        ({"scheme": "newton"}, "scheme: 'newton' is not allowed; expected one of implicit, euler"),
        ({"rotation": "fixed", "metric": "w2"}, "rotation: 'fixed' has no meaning with metric='w2'; leave it out"),
        ({"rotation": "no"}, "rotation: 'no' is not allowed; expected one of free, fixed"),
        ({"step": 0.0}, "step: 0.0 is not allowed; expected a number > 0"),
        ({"steps": 2, "time": 1.0}, "steps: both steps and time is not allowed; expected one of them"),
        ({"steps": 1.5}, "steps: 1.5 is not allowed; expected a whole number >= 0"),
        ({"every": 0}, "every: 0 is not allowed"),
        ({"rtol": 1e-3, "scheme": "rk4"}, "rtol: "),
        ({"frame_times": [0.1]}, "frame_times: "),
        ({"energy_tol": 2.0}, r"energy_tol: 2 is not allowed; expected a number in \[0, 1\)"),
        ({"floor": 1.0}, r"floor: 1 is not allowed; expected a number in \[0, 1\)"),
        ({"seed": -1}, "seed: -1 is not allowed"),
        ({"energy": Entropy()}, "scheme: implicit is not allowed; expected langevin"),
        ({"energy": Quadratic() - Entropy(), "scheme": "langevin"}, "entropy: -1 is not allowed"),
        ({"callback": 3}, "callback: expected a function of a Step, got 3"),
        ({"progress": 3}, "progress: 3 is not allowed"),
        ({"checkpoint": 3}, "checkpoint: expected the name of a file, got 3"),
        ({"checkpoint": "/nowhere/a.ckpt"}, "/nowhere/a.ckpt: "),
        ({"checkpoint": os.devnull}, "is not a regular file"),
        ({"checkpoint_every": 0}, "checkpoint_every: 0 is not allowed"),
        ({"checkpoint_seconds": -1.0}, "checkpoint_seconds: -1.0 is not allowed"),
        ({"resume": "/nowhere/a.ckpt"}, "/nowhere/a.ckpt: "),
        ({"threads": 0}, "threads: 0 is not allowed"),
    ],
)
def test_refusals_are_named(arguments, message):
    keywords = {"x": X, "energy": Quadratic(), **arguments}
    with pytest.raises(gromov.GromovError, match=message):
        gromov.flow(keywords.pop("x"), keywords.pop("energy"), **keywords)


def test_singular_flows_raise_with_their_result():
    with pytest.raises(gromov.ConvergenceError, match="flow: singular") as caught:
        gromov.flow(X, Quadratic(), step=0.3, steps=100, scheme="implicit")
    run = caught.value.result
    assert run.status == "singular" and len(run.points) == len(run.times)
    same = gromov.flow(X, Quadratic(), step=0.3, steps=100, check=False)
    assert (same.points == run.points).all()
    assert pickle.loads(pickle.dumps(caught.value)).result.status == "singular"


def test_threads_change_nothing():
    x, y = GEN.normal(size=(150, 3)), GEN.normal(size=(140, 3))
    for energy, scheme in [
        (EnergyDistance(y), "implicit"),
        (Igw(y, starts=4), "rk4"),
        (EnergyDistance(y) + Entropy(), "langevin"),
    ]:
        one, two = (gromov.flow(x, energy, scheme=scheme, steps=3, threads=k) for k in (1, 2))
        assert one.points.tobytes() == two.points.tobytes()
        assert one.energies.tobytes() == two.energies.tobytes()


def interrupted_after(seconds, work):
    """Sends SIGINT while the work runs."""
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        timer.cancel()


def test_ctrl_c_ends_flows():
    def slow(x, w):
        time.sleep(0.002)
        return well(x, w)

    custom = Custom(slow, rotation_invariant=True)
    interrupted_after(0.3, lambda: gromov.flow(X, custom, step=1e-4, steps=10**6, every=10**6))
    x = GEN.normal(size=(1500, 3))
    interrupted_after(0.5, lambda: gromov.flow(x, Interaction(4, 2), step=1e-4, steps=10**6, every=10**6))
    # one step of many seconds
    z = GEN.normal(size=(9000, 3))
    interrupted_after(0.5, lambda: gromov.flow(z, Interaction(4, 2), step=1e-2, steps=1))
    # and the next call works
    assert gromov.flow(X, Quadratic(), steps=1, step=0.1).status == "completed"


SCRIPT = """
import sys, numpy as np, gromov
from gromov.energy import Igw, EnergyDistance, Quadratic
rng = np.random.default_rng(5)
x, y = rng.normal(size=(30, 2)), rng.normal(size=(25, 2))
energy = EnergyDistance(y) + 0.2 * Igw(y, starts=8) + Quadratic(matrix=[[1.0, 0.2], [0.2, 0.5]])
def kill(step):
    if step.done == 7:
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
run = gromov.flow(x, energy, steps=12, step=0.05, checkpoint=sys.argv[1], checkpoint_every=2,
                  callback=kill if sys.argv[2] == "kill" else None,
                  resume=sys.argv[1] if sys.argv[2] == "resume" else None)
run.save(sys.argv[3])
print(run.diagnostics.get("resumed_at"))
"""


def run_script(*arguments):
    return subprocess.run([sys.executable, "-c", SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def test_resumed_flows_have_the_bytes_of_whole_ones(tmp_path):
    whole = run_script(tmp_path / "whole.ckpt", "whole", tmp_path / "whole.npz")
    assert whole.returncode == 0, whole.stderr
    killed = run_script(tmp_path / "a.ckpt", "kill", tmp_path / "no.npz")
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "no.npz").exists()
    resumed = run_script(tmp_path / "a.ckpt", "resume", tmp_path / "resumed.npz")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.strip() == "6"
    assert (tmp_path / "resumed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_checkpoints_are_of_one_flow(tmp_path):
    path = tmp_path / "a.ckpt"
    options = {"step": 0.05, "steps": 4, "checkpoint": path}
    run = gromov.flow(X, EnergyDistance(Y), **options)
    assert run.diagnostics["checkpoint"] == str(path) and "resumed_at" not in run.diagnostics
    longer = gromov.flow(X, EnergyDistance(Y), step=0.05, steps=6, resume=path)
    assert longer.diagnostics["resumed_at"] == 4
    assert (longer.points == gromov.flow(X, EnergyDistance(Y), step=0.05, steps=6).points).all()
    for x, energy, other, message in [
        (X, EnergyDistance(X), {}, "energy in Python: the checkpoint has 1.0 energy-distance, target"),
        (X, 2 * EnergyDistance(Y), {}, "energy in Python: the checkpoint has 1.0 energy"),
        (X, Wasserstein(Y), {}, "energy in Python"),
        (X + 1, EnergyDistance(Y), {}, "cloud: the checkpoint has other points, now these"),
        (X, EnergyDistance(Y), {"step": 0.1}, "step: the checkpoint has 0.05, now 0.1"),
        (X, EnergyDistance(Y), {"center": True}, "center: the checkpoint has false, now true"),
    ]:
        with pytest.raises(gromov.GromovError, match=message):
            gromov.flow(x, energy, **{"step": 0.05, "steps": 6, "resume": path, **other})
    # those of the command line are its own
    np.save(tmp_path / "x.npy", X)
    spec = f"energy-distance:target={tmp_path / 'x.npy'}"
    command = ["flow", tmp_path / "x.npy", "--energy", spec, "--step", "0.05", "--steps", "2", "--checkpoint"]
    done = program(*command, tmp_path / "b.ckpt")
    assert done.returncode == 0, done.stderr
    with pytest.raises(gromov.GromovError, match="is a checkpoint of the command line"):
        gromov.flow(X, EnergyDistance(X), step=0.05, steps=4, resume=tmp_path / "b.ckpt")
    refused = program(*command[:-1], "--resume", path)
    assert refused.returncode == 2 and "--energy" in refused.stderr
    (tmp_path / "c.ckpt").write_text("no")
    with pytest.raises(gromov.GromovError, match="is no checkpoint of a flow"):
        gromov.flow(X, Quadratic(), steps=1, resume=tmp_path / "c.ckpt")


def test_interrupted_flows_go_on(tmp_path):
    options = {"step": 0.01, "steps": 40}
    whole = gromov.flow(X, DoubleWell(), **options)
    path = tmp_path / "a.ckpt"

    def interrupt(step):
        if step.done == 23:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        gromov.flow(X, DoubleWell(), checkpoint=path, callback=interrupt, **options)
    run = gromov.flow(X, DoubleWell(), resume=path, **options)
    assert run.diagnostics["resumed_at"] == 23
    assert run.points.tobytes() == whole.points.tobytes() and run.energies.tobytes() == whole.energies.tobytes()


def test_checkpoints_that_cannot_be_written_end_the_flow(tmp_path):
    def vanish(step):
        if folder.exists():
            shutil.rmtree(folder)

    for check in (True, False):
        folder = tmp_path / "there"
        folder.mkdir()
        options = {"step": 0.01, "steps": 9, "checkpoint": folder / "a.ckpt", "checkpoint_every": 1, "callback": vanish}
        if check:
            with pytest.raises(gromov.ConvergenceError, match=r"a\.ckpt: .*; the flow ended after 1 steps") as e:
                gromov.flow(X, DoubleWell(), **options)
            run = e.value.result
        else:
            run = gromov.flow(X, DoubleWell(), check=False, **options)
        assert run.status == "interrupted" and "a.ckpt" in run.diagnostics["checkpoint_error"]


def program(*arguments):
    command = [sys.executable, "-m", "gromov", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=os.path.dirname(__file__))


def same(a, b):
    """Equal diagnostics, not a number equal to itself."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


@pytest.mark.parametrize(
    ("energy", "options"),
    [
        (EnergyDistance(Y), {}),
        (KLGaussian(None, np.eye(2)), {"scheme": "langevin"}),
        (DoubleWell(), {"scheme": "adaptive", "rtol": np.inf, "step": 0.01}),
    ],
)
def test_files_hold_all_and_are_read_everywhere(tmp_path, energy, options):
    run = gromov.flow(X, energy, steps=3, **options)
    path = tmp_path / "run.npz"
    run.save(path)
    with np.load(path, allow_pickle=False) as file:
        assert set(file) == {"times", "points", "weights", "energies", "second_moments", "meta"}
        meta = json.loads(str(file["meta"]))
        assert meta["command"] == "flow" and meta["version"] == gromov.__version__
        assert meta["options"]["energy"] == [repr(energy)]
    back = gromov.Trajectory.load(path)
    for name in ("times", "points", "weights", "energies", "second_moments"):
        assert np.array_equal(getattr(back, name), getattr(run, name), equal_nan=True), name
    said = {k: v for k, v in run.diagnostics.items() if k != "seconds"}
    assert back.status == run.status and same(back.diagnostics, said)
    assert same(tuple(back.statistics()), tuple(run.statistics()))
    back.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert (gromov.read(path).points == run.points[-1]).all()
    info = program("info", path, "--json")
    assert info.returncode == 0 and json.loads(info.stdout)["n"] == 12
    run.save(tmp_path / "run.csv")
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "time,i,x1,x2,w" and len(lines) == 1 + 4 * 12
    for call in (back.law, lambda: back.to_html(tmp_path / "no.html")):
        with pytest.raises(gromov.GromovError, match="this trajectory was read from a file"):
            call()


def test_files_of_the_command_line_are_trajectories(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    spec = f"energy-distance:target={tmp_path / 'y.npy'}"
    out = tmp_path / "run.npz"
    done = program("flow", tmp_path / "x.npy", "--energy", spec, "--steps", 4, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    back, run = gromov.Trajectory.load(out), gromov.flow(X, EnergyDistance(Y), steps=4)
    # one and the same flow
    assert back.points.tobytes() == run.points.tobytes()
    names = ["metric", "scheme", "rotation", "energy", "status", "step", "steps", "time", "energy_start", "energy_end"]
    names += ["energy_rises", "skew", "turned", "mirror_gain", "relabelled", "unsolved", "rejected", "frames"]
    for name in names:
        assert back.diagnostics[name] == said[name] == run.diagnostics[name], name
    assert back.diagnostics["first_turn"]["angle"] == said["first_turn"]["angle"]


def test_pages_are_those_of_the_command_line(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    for name, energy in [("igw", Igw(Y)), ("wasserstein", Wasserstein(Y))]:
        page = tmp_path / f"{name}.html"
        spec = f"{name}:target={tmp_path / 'y.npy'}"
        done = program("flow", tmp_path / "x.npy", "--energy", spec, "--steps", 2, "--step", "0.01", "--report", page)
        assert done.returncode == 0, done.stderr
        run = gromov.flow(X, energy, steps=2, step=0.01)
        run.to_html(tmp_path / "own.html", title=f"Flow of {tmp_path / 'x.npy'}")
        assert (tmp_path / "own.html").read_bytes() == page.read_bytes()


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "bare.npz", times=[0.0], points=np.zeros((1, 2, 2)), weights=[0.5, 0.5])
    bare = gromov.Trajectory.load(tmp_path / "bare.npz")
    assert bare.energies is None and bare.status is None and bare.diagnostics == {} and "status=None" in repr(bare)
    np.savez(tmp_path / "cloud.npz", points=X)
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "shape.npz", times=[0.0, 1.0], points=np.zeros((1, 2, 2)), weights=[0.5, 0.5])
    np.savez(tmp_path / "meta.npz", times=[0.0], points=np.zeros((1, 2, 2)), weights=[0.5, 0.5], meta="{")
    path = {"command": "geodesic"}
    np.savez(tmp_path / "path.npz", times=[0.0], points=np.zeros((1, 2, 2)), weights=[0.5, 0.5], meta=json.dumps(path))
    for name, message in [
        ("cloud.npz", "holds no 'times'"),
        ("x.npy", "is no .npz of a flow"),
        ("text.npz", "cannot be read as an .npz"),
        ("none.npz", "cannot be read as an .npz"),
        ("shape.npz", r"'times': expected shape \(1,\), got \(2,\)"),
        ("meta.npz", "'meta' is not that of a flow"),
        ("path.npz", "is of gromov geodesic, not of a flow"),
    ]:
        with pytest.raises(gromov.GromovError, match=message):
            gromov.Trajectory.load(tmp_path / name)
    run = gromov.flow(X, Quadratic(), steps=1, step=0.1)
    with pytest.raises(gromov.GromovError, match=r"frames are written as \.npz or \.csv"):
        run.save(tmp_path / "a.txt")
    with pytest.raises(gromov.GromovError, match="path: expected the name of a file, got 3"):
        run.save(3)
    with pytest.raises(gromov.GromovError, match="k: 2 is not allowed; expected a whole number <= 1"):
        run.cloud(2)


def test_results_are_results(tmp_path):
    for energy in (Igw(Y), EnergyDistance(Y), Quadratic()):
        run = gromov.flow(X, energy, steps=2, step=0.01)
        assert len(repr(run)) < 200 and "\n" not in repr(run)
        assert "<svg" in run._repr_html_()
        for other in (pickle.loads(pickle.dumps(run)), copy.copy(run), copy.deepcopy(run)):
            assert (other.points == run.points).all() and same(other.diagnostics, run.diagnostics)
            other.to_html(tmp_path / "run.html")
            page = (tmp_path / "run.html").read_text(encoding="utf-8")
            assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
            assert ("the target" in page.lower()) == (energy.__class__ is not Quadratic)
        assert json.loads(run.to_json())["diagnostics"]["steps"] == 2
        assert set(run.to_dict()) == {
            "times", "points", "weights", "energies", "second_moments", "status", "diagnostics"
        }  # fmt: skip
        assert (run.cloud().points == run.points[-1]).all() and (run.cloud(0).points == X).all()
        assert run.diagnostics["log"]["tau"] == pytest.approx([0.01, 0.01])


def test_progress_is_told():
    events = []
    gromov.flow(X, DoubleWell(), step=0.01, steps=5, progress=events.append)
    assert events and events[-1].done == 5 and events[-1].total == 5
    stream, sys.stderr = sys.stderr, io.StringIO()
    try:
        gromov.flow(X, DoubleWell(), step=0.01, steps=2, progress=True)
    finally:
        sys.stderr = stream
