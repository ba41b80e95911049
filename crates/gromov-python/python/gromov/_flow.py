"""Gradient flows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from . import _options as options
from ._arrays import Array, CloudLike, vector, weighted
from ._energy import Energy, described
from ._errors import ConvergenceError, GromovError, checked
from ._progress import Event, reporter
from ._trajectory import Trajectory, assembled

_METRICS = ("igw", "w2")
_SCHEMES = ("implicit", "euler", "heun", "rk4", "adaptive", "langevin")


class Step(NamedTuple):
    """What the ``callback`` of a flow is called with after each step."""

    done: int
    """Steps done."""
    total: int | None
    """How many there will be, where known."""
    time: float
    """Time reached."""
    energy: float
    """F there; of a diffusion its part without the entropy."""
    points: Array
    """The cloud, (n, d); a copy."""


def flow(
    x: CloudLike,
    energy: Energy,
    *,
    weights: npt.ArrayLike | None = None,
    metric: str = "igw",
    scheme: str = "implicit",
    step: float | None = None,
    steps: int | None = None,
    time: float | None = None,
    every: int = 1,
    frame_times: npt.ArrayLike | None = None,
    rotation: str = "free",
    tol: float = 1e-6,
    rtol: float | None = None,
    atol: float | None = None,
    energy_tol: float | None = None,
    floor: float = 1e-12,
    inner_tol: float = 1e-8,
    max_inner: int = 200,
    seed: int = 0,
    center: bool = False,
    callback: Callable[[Step], object] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 10,
    checkpoint_seconds: float | None = None,
    resume: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    normalize: bool = False,
    progress: bool | Callable[[Event], object] = False,
    check: bool = True,
    max_memory: int | None = None,
) -> Trajectory:
    """The gradient flow of an energy F on a weighted cloud, in the IGW or in the W2 geometry.

    ∂ρ/∂t + div(ρ v) = 0 with v = −L⁻¹ ∇δF(ρ) (IGW, L of :func:`gromov.mobility`) or v = −∇δF(ρ) (W2). The implicit
    scheme minimises F(ρ) + D(ρ, ρ_k)² / (2 τ) in each step, D the distance of the geometry.

    Parameters
    ----------
    x : array-like (n, d)
        Points of the cloud at time 0.
    energy : Energy
        F: one of :mod:`gromov.energy`, sums and multiples of them. It is not changed, and keeps nothing of a flow.
    weights : array-like (n,), optional
        Weights of sum one; uniform by default.
    metric : {"igw", "w2"}
        The geometry.
    scheme : {"implicit", "euler", "heun", "rk4", "adaptive", "langevin"}
        Of order 1, 1, 2, 4, 5 and (weakly) 2. ``implicit`` is stable for every step; energies with an entropy part need
        ``langevin``.
    step : float, optional
        τ, where steps are controlled the first one tried. By default the first step has metric length 0.05 |Σ| (IGW) or
        0.05 of the rms radius (W2). Scales as length⁴ / F under IGW, length² / F under W2.
    steps : int, optional
        Number of steps; or ``time``. With neither the flow runs to convergence or 200 steps.
    time : float, optional
        End time; the last step is shortened to meet it.
    every : int
        Frames kept: the first, every so many steps, the last.
    frame_times : array-like (k,), optional
        Increasing times to keep frames at instead (``adaptive`` alone).
    rotation : {"free", "fixed"}
        Under IGW, which does not see rotations: ``free``, the default, lets F choose the orientation, at no cost;
        ``fixed`` forbids net rotation. W2 sees rotations, and ``fixed`` is an error there.
    tol : float
        Converged when the metric speed has fallen to this part of its first value.
    rtol, atol : float, optional
        Error of a step relative to the rms radius (1e-6 for ``adaptive``; given to ``implicit``, it controls its steps
        too), and as a length (0).
    energy_tol : float, optional
        Also converged when F falls at no more than this part of its mean rate so far.
    floor : float
        Least eigenvalue of Σ relative to the largest; at it the flow is ``singular``.
    inner_tol, max_inner : float, int
        When an implicit step is solved, and the cap on its iterations.
    seed : int
        Of the orientation search and of the noise. One seed has one result, for any number of threads.
    center : bool
        Remove the mean of the cloud and those of the targets of energies first.
    callback : function, optional
        Called with a :class:`gromov.Step` after each step. Where it returns True the flow ends as ``interrupted``,
        which is no error; any other answer goes on, and what it raises comes through.
    checkpoint : path, optional
        A file that keeps all that is needed to go on: before the first step, every ``checkpoint_every`` steps or
        ``checkpoint_seconds``, and at the end, also of an interrupted run.
    checkpoint_every : int
        Steps between two of them.
    checkpoint_seconds : float, optional
        Seconds after which one is written all the same.
    resume : path, optional
        Goes on from such a file, with the bytes of a run that was never stopped. Cloud, energy and options must be the
        same, the end alone may be another; of a ``Custom`` energy the name alone is compared. The format is that of
        the command line, but each goes on only from its own files.
    threads : int, optional
        All cores by default. Results do not depend on it.
    normalize : bool
        Divide the weights by their sum.
    progress : bool or function
        True shows a line (tqdm where installed); a function is called with an :class:`gromov.Event`.
    check : bool
        Raise ConvergenceError where the status is no success; False returns the trajectory all the same.
    max_memory : int, optional
        Refuse a call that needs more bytes than this; by default more than is free. See :func:`gromov.forecast`.

    Returns
    -------
    Trajectory
        Frames, energies, second moments, status, diagnostics.

    Raises
    ------
    GromovError
        Wrong input, with the argument's name, the place and the value; a file that cannot be written or resumed.
    ConvergenceError
        The status is ``singular``, ``iteration_cap``, ``time_cap`` or ``stalled``, or the last checkpoint could not be
        written; ``.result`` holds what there is.
    KeyboardInterrupt
        Ctrl-C ends the call within a second; with ``checkpoint`` the run can go on from there.

    Notes
    -----
    Cost of an implicit step: some 5 to 15 evaluations of F and its gradient, O(n d²) each beside F itself, and one
    transport problem for the labels up to n = 2000. Memory O(n d) and the frames.

    Examples
    --------
    F = ½ ∫ |x|² dρ has Σ(t) = Σ(0) − t / 2 exactly:

    >>> import gromov
    >>> x = [[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> run = gromov.flow(x, gromov.energy.Quadratic(), step=0.1, steps=2)
    >>> run.status, run.second_moments[-1].round(9) + 0.0
    ('completed', array([[1.9, 0. ],
           [0. , 0.4]]))

    References
    ----------
    Zhang, Goldfeld, Greenewald, Mroueh, Sriperumbudur, arXiv 2407.11800; the treatment of orientation, labels and the
    preconditioner is our own.
    """
    (points, masses), terms = weighted(x, weights, "x", "weights"), described(energy)
    chosen = {
        "metric": options.choice(metric, "metric", _METRICS),
        "scheme": options.choice(scheme, "scheme", _SCHEMES),
        "step": options.maybe_real(step, "step", positive=True),
        "steps": options.maybe_whole(steps, "steps", 0),
        "time": options.maybe_real(time, "time", positive=True),
        "rtol": options.maybe_real(rtol, "rtol", infinite=True),
        "atol": options.maybe_real(atol, "atol"),
        "every": options.whole(every, "every"),
        "frame_times": None if frame_times is None else vector(frame_times, "frame_times").tolist(),
        "rotation": _rotation(rotation, metric),
        "tol": options.real(tol, "tol"),
        "energy_tol": options.maybe_real(energy_tol, "energy_tol"),
        "floor": options.real(floor, "floor"),
        "inner_tol": options.real(inner_tol, "inner_tol", positive=True),
        "max_inner": options.whole(max_inner, "max_inner"),
        "seed": options.seed(seed),
    }
    long: dict[str, Any] = {
        "checkpoint": _path(checkpoint, "checkpoint"),
        "every": options.whole(checkpoint_every, "checkpoint_every"),
        "seconds": options.maybe_real(checkpoint_seconds, "checkpoint_seconds"),
        "resume": _path(resume, "resume"),
    }
    keywords: dict[str, Any] = {
        "options": chosen,
        "long": long,
        "center": options.flag(center, "center"),
        "normalize": options.flag(normalize, "normalize"),
        "threads": options.threads(threads),
        "callback": _heard(callback),
    }
    with reporter(progress, "steps") as function:
        core, frames, about = _core.flow(
            points,
            masses,
            terms,
            max_memory=options.maybe_whole(max_memory, "max_memory", 0),
            progress=function,
            **keywords,
        )
    given = {"interface": "python", "energy": [repr(energy)], **chosen}
    del given["seed"]
    given.update(center=keywords["center"], normalize=keywords["normalize"])
    if given["rtol"] == float("inf"):
        given["rtol"] = "inf"
    run = assembled(core, frames, core.meta(json.dumps(given, allow_nan=False)), about, long["checkpoint"])
    if about["unkept"] is not None and check:
        done = run.diagnostics["steps"]
        raise ConvergenceError(f"checkpoint: {about['unkept']}; the flow ended after {done} steps (.result)", run)
    result: Trajectory = checked("flow", run, check)
    return result


def _rotation(rotation: str, metric: str) -> str | None:
    chosen = options.choice(rotation, "rotation", ("free", "fixed"))
    if metric != "w2":
        return chosen
    if chosen == "fixed":
        raise GromovError("rotation: 'fixed' has no meaning with metric='w2'; leave it out")
    return None


def _path(path: Any, name: str) -> str | None:
    if path is None:
        return None
    try:
        return os.fsdecode(path)
    except TypeError:
        raise GromovError(f"{name}: expected the name of a file, got {path!r:.60}") from None


def _heard(callback: Any) -> Callable[..., bool] | None:
    if callback is None:
        return None
    if not callable(callback):
        raise GromovError(f"callback: expected a function of a Step, got {callback!r:.60}")

    def call(*facts: Any) -> bool:
        answer = callback(Step(*facts))
        return isinstance(answer, (bool, np.bool_)) and bool(answer)

    return call


# as users know it
Step.__module__ = "gromov"
