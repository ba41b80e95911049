"""Energies: values, gradients, arithmetic, refusals."""

from __future__ import annotations

import copy
import pickle

import gromov
import numpy as np
import pytest
from gromov.energy import (
    MMD,
    Custom,
    DoubleWell,
    EnergyDistance,
    Entropy,
    Igw,
    Interaction,
    KLGaussian,
    Quadratic,
    Wasserstein,
    check,
)

GEN = np.random.default_rng(7)
X = GEN.normal(size=(9, 2))
W = GEN.random(9)
W /= W.sum()
Y = GEN.normal(size=(6, 2)) + 0.3
V = GEN.random(6)
V /= V.sum()


def distances(a, b):
    return np.linalg.norm(a[:, None] - b[None], axis=2)


def kernel(a, b, h):
    return np.exp(-(distances(a, b) ** 2) / (2 * h * h))


CASES = [
    (Quadratic(), lambda: 0.5 * W @ (X**2).sum(1)),
    (
        Quadratic([0.5, -1.0], [[2.0, 0.5], [0.5, 1.0]]),
        lambda: 0.5 * W @ np.einsum("ni,ij,nj->n", X - [0.5, -1.0], [[2.0, 0.5], [0.5, 1.0]], X - [0.5, -1.0]),
    ),
    (DoubleWell(), lambda: 0.25 * W @ ((X**2).sum(1) - 1) ** 2),
    (Interaction(4, 2), lambda: 0.5 * W @ (distances(X, X) ** 4 / 4 - distances(X, X) ** 2 / 2) @ W),
    (Interaction(3), lambda: 0.5 * W @ (distances(X, X) ** 3 / 3) @ W),
    (
        EnergyDistance(Y, V),
        lambda: W @ distances(X, Y) @ V - 0.5 * W @ distances(X, X) @ W - 0.5 * V @ distances(Y, Y) @ V,
    ),
    (
        MMD(Y, 0.8, V),
        lambda: 0.5 * (W @ kernel(X, X, 0.8) @ W - 2 * W @ kernel(X, Y, 0.8) @ V + V @ kernel(Y, Y, 0.8) @ V),
    ),
    (Igw(Y, V), lambda: 0.5 * gromov.igw(X, Y, W, V, method="local").squared),
]


@pytest.mark.parametrize(("energy", "expected"), CASES, ids=lambda c: repr(c)[:30])
def test_values_are_the_formulas(energy, expected):
    assert energy.value(X, W) == pytest.approx(expected(), rel=1e-12)


@pytest.mark.parametrize(
    "energy",
    [case[0] for case in CASES] + [Wasserstein(Y, V), 2 * DoubleWell() - Quadratic() / 3],
    ids=lambda e: repr(e)[:30],
)
def test_gradients_have_slope_two(energy):
    slope = check(energy, X, W, seed=1)
    assert slope > 1.8
    value, gradient = energy.value_and_gradient(X, W)
    assert gradient.shape == X.shape
    assert value == pytest.approx(energy.value(X, W), rel=1e-12)
    assert (gradient == energy.gradient(X, W)).all()


def test_wasserstein_is_the_optimal_plan():
    from scipy.optimize import linear_sum_assignment

    y = GEN.normal(size=X.shape)
    cost = distances(X, y) ** 2
    rows, columns = linear_sum_assignment(cost)
    assert Wasserstein(y).value(X) == pytest.approx(0.5 * cost[rows, columns].mean(), rel=1e-12)


def test_batches_estimate_the_energy_distance_without_bias():
    full = EnergyDistance(Y).value(X)
    draws = [EnergyDistance(Y, batch=4, seed=s).value(X) for s in range(400)]
    error = np.std(draws) / 20
    assert error > 0
    assert abs(np.mean(draws) - full) < 5 * error


def test_weights_of_targets_are_rescaled_on_request():
    for make in (EnergyDistance, lambda *a, **k: MMD(a[0], 0.7, a[1], **k), Wasserstein, Igw):
        assert make(Y, 2.0 * V, normalize=True).value(X) == pytest.approx(make(Y, V).value(X), rel=1e-12)
        with pytest.raises(gromov.GromovError, match="weights: "):
            make(Y, -V, normalize=True)


def test_sums_and_multiples():
    e, f = Quadratic(), DoubleWell()
    a, b = e.value(X, W), f.value(X, W)
    for energy, value in [
        (2 * e + f, 2 * a + b),
        (e * np.float64(3) - f, 3 * a - b),
        (e / 4, a / 4),
        (-(e - 2 * f), -a + 2 * b),
        (sum([e, f, e]), 2 * a + b),
        (np.int64(2) * (np.float32(0.5) * e + f), a + 2 * b),
    ]:
        assert energy.value(X, W) == pytest.approx(value, rel=1e-13)
    assert repr(2 * e + f / 2) == "2 * Quadratic() + 0.5 * DoubleWell()"
    assert repr(-e - f / 2) == "-Quadratic() - 0.5 * DoubleWell()"
    assert len(repr(sum([KLGaussian([0.0, 0.0], np.eye(2))] * 40))) < 200


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: True * Quadratic(), "energy: the factor True is not allowed; expected a finite number"),
        (lambda: Quadratic() * np.bool_(1), "energy: the factor"),
        (lambda: float("nan") * Quadratic(), "energy: the factor nan is not allowed"),
        (lambda: Quadratic() / 0, "energy: it cannot be divided by 0"),
        (lambda: Quadratic([1.0, 2.0], np.eye(3)), r"center: expected \(3\), got \(2\)"),
        (lambda: Quadratic([1.0, np.inf]), "center: entry 1 is inf"),
        (lambda: Quadratic(matrix=[[1.0, 2.0]]), r"matrix: expected shape \(d, d\), got \(1, 2\)"),
        (lambda: Interaction("4", 2), "p: '4' is not allowed"),
        (lambda: Interaction(2, 2), "q: 2 is not allowed; expected another number than p"),
        (lambda: EnergyDistance([1.0, 2.0]), r"target: expected shape \(n, d\)"),
        (lambda: EnergyDistance(Y, V[:3]), r"weights: expected shape \(6,\)"),
        (lambda: EnergyDistance(Y, 2 * V), "weights: "),
        (lambda: EnergyDistance(Y, batch=1), "batch: 1 is not allowed; expected a whole number >= 2"),
        (
            lambda: EnergyDistance([[1.0, np.nan]]),
            r"^target: entry \(0, 1\) is NaN; every entry must be a finite number$",
        ),
        (lambda: MMD(Y, 0.0), "bandwidth: 0.0 is not allowed; expected a number > 0"),
        (lambda: Igw(Y, max_iter=0), "max_iter: 0 is not allowed"),
        (lambda: KLGaussian(None, [[1.0, 2.0], [2.0, 1.0]]), "cov: "),
        (lambda: KLGaussian([0.0], np.eye(2)), r"mean: expected \(2,\)"),
        (lambda: Custom(3), "value_and_gradient: expected a function, got 3"),
        (lambda: Custom(print, name=""), "name: '' is not allowed"),
        (lambda: EnergyDistance([[0.0]]).value(X), "x: expected dimension 1, that of energy-distance, got 2"),
        (lambda: Quadratic().value([1.0, 2.0]), r"x: expected shape \(n, d\), got \(2,\)"),
        (lambda: Quadratic().value(X, [0.5] * 9), "weights: "),
        (lambda: Entropy().value(X), "energy: entropy is not allowed; expected an energy with a value on particles"),
        (lambda: (Quadratic() + KLGaussian(None, np.eye(2))).gradient(X), "energy: kl-gaussian is not allowed"),
        (lambda: check(2, X), "energy: expected an energy of gromov.energy, got 2"),
    ],
)
def test_refusals_are_named(make, message):
    with pytest.raises(gromov.GromovError, match=message):
        make()


def test_other_types_are_no_factors():
    for make in (
        lambda: "2" * Quadratic(),
        lambda: Quadratic() + 1,
        lambda: 1 + Quadratic(),
        lambda: [1.0] * Quadratic(),
    ):
        with pytest.raises(TypeError):
            make()


def test_energies_are_frozen_and_copy_what_they_are_given():
    target = Y.copy()
    energy = EnergyDistance(target)
    target[:] = 0.0
    assert (energy.target == Y).all()
    with pytest.raises(ValueError, match="read-only"):
        energy.target[0, 0] = 1.0
    with pytest.raises(AttributeError):
        energy.seed = 3
    for other in (pickle.loads(pickle.dumps(energy)), copy.deepcopy(energy), copy.copy(energy)):
        assert other.value(X) == energy.value(X)
        assert not other.target.flags.writeable
    both = pickle.loads(pickle.dumps(2 * energy + Quadratic([1.0, 0.0])))
    assert repr(both) == "2 * EnergyDistance(target=array (6, 2)) + Quadratic(center=[1, 0])"


def quartic(x, w):
    s = (x**2).sum(1)
    return 0.25 * w @ (s - 1) ** 2, (s - 1)[:, None] * x


def test_custom_is_the_function():
    energy = Custom(quartic, name="well", rotation_invariant=True)
    assert repr(energy) == "Custom(quartic, name='well', rotation_invariant=True)"
    assert energy.value(X, W) == pytest.approx(DoubleWell().value(X, W), rel=1e-14)
    assert np.allclose(energy.gradient(X, W), DoubleWell().gradient(X, W), rtol=1e-14, atol=1e-14)
    assert check(energy, X, W) == pytest.approx(2.0, abs=0.2)
    assert pickle.loads(pickle.dumps(energy)).value(X) == energy.value(X)
    # lists, float32 and Fortran order are arrays too
    listed = Custom(lambda x, w: (np.float32(1.0), np.asfortranarray(x).tolist()))
    assert (listed.gradient(X) == X).all()


def fails(x, w):
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, w: 1.0, r"custom: expected a pair \(value, gradient\), got 1.0"),
        (lambda x, w: ("a", x), "custom: value: expected a number, got 'a'"),
        (lambda x, w: (np.nan, x), "custom: value: expected a finite number, got nan"),
        (lambda x, w: (1.0, x[:3]), r"custom: gradient: expected shape \(9, 2\), that of the points, got \(3, 2\)"),
        (lambda x, w: (1.0, x * [1.0, np.inf]), r"custom: gradient: entry \(0, 1\) is -?inf"),
    ],
)
def test_wrong_answers_of_custom_are_named(function, message):
    with pytest.raises(gromov.GromovError, match=message):
        Custom(function).value(X)


def test_what_custom_raises_comes_through():
    with pytest.raises(KeyError, match="mine"):
        Custom(fails).value(X)

    def writes(x, w):
        x[0] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        Custom(writes).value(X)
