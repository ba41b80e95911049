"""Gaussians: closed forms."""

from __future__ import annotations

import gromov
import numpy as np
import pytest
from gromov import gaussian
from gromov.energy import DoubleWell, Entropy, KLGaussian, Quadratic

GEN = np.random.default_rng(3)


def covariance(d):
    a = GEN.normal(size=(d, d))
    return a @ a.T


def spectrum(c):
    return np.linalg.eigvalsh(c)[::-1]


def test_distance_and_geodesic():
    a, b = covariance(3), covariance(2)
    difference = spectrum(a) - np.append(spectrum(b), 0.0)
    assert gaussian.squared(a, b) == pytest.approx(difference @ difference, rel=1e-12)
    assert gaussian.igw(a, b) == pytest.approx(np.linalg.norm(difference), rel=1e-12)
    path = gaussian.geodesic(a, b, [0.0, 0.25, 1.0])
    assert path.shape == (3, 3, 3)
    assert np.allclose(path[0], a, atol=1e-13)
    assert gaussian.igw(path[1], a) == pytest.approx(0.25 * gaussian.igw(a, b), rel=1e-10)
    assert gaussian.geodesic(a, b, 0.25).shape == (3, 3)
    # clouds with these second moments are no closer
    x = GEN.normal(size=(40, 3))
    x = x @ np.linalg.cholesky(np.linalg.inv(x.T @ x / 40)) @ np.linalg.cholesky(a).T
    y = GEN.normal(size=(40, 2))
    y = y @ np.linalg.cholesky(np.linalg.inv(y.T @ y / 40)) @ np.linalg.cholesky(b).T
    assert gromov.igw(x, y).squared >= gaussian.squared(x.T @ x / 40, y.T @ y / 40) - 1e-10


def test_entropy_quadratic_and_kl_under_igw():
    c = covariance(3)
    l, t = spectrum(c), np.array([0.0, 0.4, 3.0])
    run = gaussian.flow(c, Entropy(), t)
    assert np.allclose([spectrum(s) for s in run], np.sqrt(l**2 + t[:, None]), rtol=1e-12)
    assert np.allclose(run[0], c, atol=1e-13)
    small = 0.1 * l[-1]
    assert np.allclose(gaussian.flow(c, Quadratic(), small), c - small / 2 * np.eye(3), atol=1e-12)
    # the largest eigenvalue turns to the smallest of Q
    q = np.diag([1.5, 0.5])
    expected = np.diag([0.5 - 0.75 * 0.1, 2.0 - 0.25 * 0.1])
    assert np.allclose(gaussian.flow(np.diag([2.0, 0.5]), Quadratic(matrix=q), 0.1), expected, atol=1e-13)
    # dl/dt = (1/l - 1/c)/2: -c l - c^2 log|1 - l/c| is t/2 up to a constant
    implicit = lambda l: -2 * l - 4 * np.log(abs(1 - l / 2))  # noqa: E731
    end = gaussian.flow([[0.5]], KLGaussian(None, [[2.0]]), 0.7)[0, 0]
    assert implicit(end) - implicit(0.5) == pytest.approx(0.35, rel=1e-10)


def test_sums_and_w2():
    c, t = covariance(2), [0.0, 0.5, 2.0]
    both = Quadratic() + Entropy()
    kl = KLGaussian([0.0, 0.0], np.eye(2))
    assert np.allclose(gaussian.flow(c, both, t), gaussian.flow(c, kl, t), rtol=1e-13)
    assert np.allclose(gaussian.flow(c, 2 * both, 1.0), gaussian.flow(c, kl, 2.0), rtol=1e-12)
    w2 = gaussian.flow(c, kl, t, metric="w2")
    decay = np.exp(-2 * np.array(t))[:, None, None]
    assert np.allclose(w2, decay * c + (1 - decay) * np.eye(2), rtol=1e-12)


def test_barycenter():
    a, b = covariance(3), covariance(2)
    mean = gaussian.barycenter([a, b], [0.25, 0.75])
    assert np.allclose(mean, gaussian.geodesic(a, b, 0.75), atol=1e-12)
    assert np.allclose(spectrum(gaussian.barycenter([a, a.T])), spectrum(a))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gaussian.igw([1.0], [[1.0]]), r"cov0: expected shape \(d, d\), got \(1,\)"),
        (lambda: gaussian.igw([[1.0]], [[-1.0]]), "cov1: -1 is not allowed|other: -1 is not allowed"),
        (lambda: gaussian.geodesic([[1.0]], [[1.0]], 1.5), "t: 1.5 is not allowed; expected a number between 0 and 1"),
        (lambda: gaussian.flow([[1.0]], Entropy(), -1.0), "t: -1 is not allowed"),
        (lambda: gaussian.flow([[1.0]], Entropy(), []), "t: expected at least one time, got none"),
        (lambda: gaussian.flow([[1.0]], Quadratic(), 2.0), "t: 2 is not allowed; expected a time below 2"),
        (lambda: gaussian.flow([[1.0]], DoubleWell(), 1.0), "energy: double-well has no flow of Gaussians"),
        (lambda: gaussian.flow([[1.0]], Quadratic([1.0]), 1.0), "energy: quadratic has no flow of Gaussians"),
        (lambda: gaussian.flow([[1.0]], -1 * Entropy(), 1.0), "entropy: -1 is not allowed"),
        (lambda: gaussian.flow([[1.0]], Quadratic(matrix=np.eye(2)), 1.0), "cov0: expected dimension 2"),
        (
            lambda: gaussian.flow([[1.0]], Entropy(), 1.0, metric="w3"),
            "metric: 'w3' is not allowed",
        ),
        (lambda: gaussian.flow([[1.0]], "entropy", 1.0), "energy: expected an energy of gromov.energy, got 'entropy'"),
        (lambda: gaussian.barycenter([]), "covs: expected at least one"),
        (lambda: gaussian.barycenter([[[1.0]], [[2.0]]], [1.0]), "lambdas: expected 2 numbers, got 1"),
        (lambda: gaussian.barycenter([[[1.0]], [2.0]]), r"covs\[1\]: expected shape \(d, d\)"),
    ],
)
def test_refusals_are_named(make, message):
    with pytest.raises(gromov.GromovError, match=message):
        make()
