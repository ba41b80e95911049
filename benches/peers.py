"""The gradient of the energy distance in NumPy, to compare with ours.

    python benches/peers.py [--ours MS]

Two clouds of n = m = 2000 points in R^3, equal weights, float64, one thread on both sides. NumPy gets
the faster of two usual formulations: differences by broadcasting, and the Gram expansion with matmul.
The expansion cancels where points are close; both are checked against each other. NumPy computes the
gradient alone; ours computes the value in the same pass. The ratio takes NumPy's shortest time and our
time as the benchmark prints it.

For comparison, measured elsewhere and not run here: the same loops in plain C take 5.8 ms with AVX2 and 2.9 ms
with AVX-512, GeomLoss with KeOps on one core 37 ms.

Without --ours the Rust benchmark `ratios` is run and its line
`energy_distance_gradient n=2000: X ms` is read.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported; the last one is for ours

import argparse
import re
import statistics
import subprocess
import sys
import time

import numpy as np

N, DIM, REPEATS = 2000, 3, 7


def pull_by_differences(x, y):
    """Mean over j of (x_i - y_j) / |x_i - y_j|, (n, d)."""
    difference = x[:, None, :] - y[None, :, :]
    distance = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
    inverse = np.divide(1.0, distance, out=np.zeros_like(distance), where=distance > 0)
    return np.einsum("ij,ijk->ik", inverse, difference) / len(y)


def pull_by_gram(x, y):
    """The same with |x - y|^2 = |x|^2 + |y|^2 - 2 <x, y>."""
    squared = x @ y.T
    squared *= -2.0
    squared += np.einsum("ik,ik->i", x, x)[:, None]
    squared += np.einsum("jk,jk->j", y, y)[None, :]
    if x is y:
        np.fill_diagonal(squared, 0.0)
    positive = squared > 0
    np.sqrt(squared, out=squared, where=positive)
    inverse = np.divide(1.0, squared, out=np.zeros_like(squared), where=positive)
    return (x * inverse.sum(axis=1)[:, None] - inverse @ y) / len(y)


def gradient(pull, x, y):
    """Gradient of the first variation at the particles x, for the target y."""
    return pull(x, y) - pull(x, x)


def milliseconds(f):
    f()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        f()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def run_ours():
    command = ["cargo", "bench", "--locked", "-p", "gromov", "--bench", "ratios"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"^energy_distance_gradient n=2000: ([0-9.eE+-]+) ms", text, re.M)
    if not found:
        sys.exit("peers: the benchmark `ratios` printed no line `energy_distance_gradient n=2000: X ms`")
    return float(found[1])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--ours", type=float, metavar="MS", help="our time on one thread, in milliseconds")
    ours = arguments.parse_args().ours

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, DIM)), rng.standard_normal((N, DIM)) + 0.5
    pulls = {"differences": pull_by_differences, "gram": pull_by_gram}
    values = [gradient(pull, x, y) for pull in pulls.values()]
    assert np.abs(values[0] - values[1]).max() < 1e-9, "the two formulations disagree"

    times = {name: milliseconds(lambda p=pull: gradient(p, x, y)) for name, pull in pulls.items()}
    for name, all_times in times.items():
        median = statistics.median(all_times)
        print(f"  {name}: min {min(all_times):.1f} ms, median {median:.1f} ms of {REPEATS}", file=sys.stderr)
    best = min(times, key=lambda name: min(times[name]))
    fastest = min(times[best])
    print(f"numpy energy_distance_gradient n={N}: {fastest:.1f} ms", flush=True)

    ours = run_ours() if ours is None else ours
    print(f"ours energy_distance_gradient n={N}: {ours:.1f} ms; numpy / ours = {fastest / ours:.1f}")


if __name__ == "__main__":
    main()
