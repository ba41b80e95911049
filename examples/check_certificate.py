"""Checks a certificate of an IGW distance with NumPy alone: no code of gromov is used.

    python examples/check_certificate.py CERTIFICATE.npz A.csv B.csv

A and B are the clouds of the run: .csv (coordinates, optional column w, weight or weights) or .npy. The
certificate of `gromov distance A B --certificate CERTIFICATE.npz` says: IGW(A, B)^2 is at most `squared`, because
this plan has that value, and at least `lower_bound`, because no plan can do better. Both are computed anew here:

  * in the frame x' = U^T x / unit, IGW^2 = C - 2 max |M|^2 with M = sum over the plan of x' y'^T;
  * each cut (A, v) proves <A, M> <= h = sum_i a_i max_j (x'_i A y'_j + v_j) - sum_j b_j v_j for every plan;
  * boxes split from a root box cover every M; in each leaf, multipliers l >= 0 of cuts bound
    |M|^2 <= sum l h + sum_k max(lo_k^2 - G_k lo_k, hi_k^2 - G_k hi_k),  G = sum l A.

Exit code 0 if the certificate is right (within 1e-12 of C), 1 if it is not.
"""

import math
import sys

import numpy as np


def read_cloud(path):
    """Points (n, d) and weights (n,) of a .csv or .npy file."""
    if path.endswith(".npy"):
        x = np.load(path).astype(float)
        return x, np.full(len(x), 1 / len(x))
    with open(path) as file:
        first = file.readline().strip().split(",")
    header = any(letter.isalpha() and letter not in "eE" for letter in "".join(first))
    names = [name.strip().lower() if header else "" for name in first]
    table = np.loadtxt(path, delimiter=",", skiprows=int(header), ndmin=2)
    mass = [k for k, name in enumerate(names) if name in ("w", "weight", "weights")]
    x = np.delete(table, mass, axis=1)
    a = table[:, mass[0]] if mass else np.full(len(x), 1 / len(x))
    return x, a


def need(condition, why):
    if not condition:
        raise SystemExit(f"rejected: {why}")


def height(direction, potential, x, y, a, b):
    """h of a cut, from its potentials, raised by what rounding may be (points without weight take no part)."""
    x, a, y, v, b = x[a > 0], a[a > 0], y[b > 0], potential[b > 0], b[b > 0]
    v = v - (b / b.sum()) @ v  # h does not see a constant
    unit = (x.shape[1] + y.shape[1] + 2) * np.finfo(float).eps
    slope = unit * np.linalg.norm(direction) * np.linalg.norm(y, axis=1)
    parts = np.array_split(np.arange(len(x)), len(x) // 1000 + 1)
    heads = [x[k] @ direction @ y.T + (v + unit * abs(v)) + np.outer(np.linalg.norm(x[k], axis=1), slope) for k in parts]
    best = np.concatenate([head.max(axis=1) for head in heads])
    return math.fsum([*(a * best), *(-b * v), 2 * np.finfo(float).eps * (a @ abs(best) + b @ abs(v))])


def boxes(items, lo, hi):
    """The numbers of the proofs of all leaves, their lower and their upper corners."""
    stack, leaves = [(0, lo, hi)], []
    seen = np.zeros(len(items), bool)
    while stack:
        k, lo, hi = stack.pop()
        need(0 <= k < len(items) and not seen[k], f"item {k} is no item, or in the tree twice")
        seen[k] = True
        at, value, to = int(items[k, 0]), items[k, 1], int(items[k, 2])
        if at == -1:
            leaves.append((to, lo, hi))
            continue
        need(0 <= at < len(lo) and np.isfinite(value), f"item {k} splits what is not there")
        below, above = hi.copy(), lo.copy()
        below[at], above[at] = min(hi[at], value), max(lo[at], value)
        stack += [(to, lo, below), (to + 1, above, hi)]
    return (np.array(column) for column in zip(*leaves))


def main(certificate, path_a, path_b):
    c = np.load(certificate)
    (x, a), (y, b) = read_cloud(path_a), read_cloud(path_b)
    need(c["certificate_format"][0] == 1, "this checker reads format 1")
    need((*c["sizes"],) == (len(x), len(y), x.shape[1], y.shape[1]), f"it is for clouds of sizes {c['sizes']}")
    unit, center = c["frame"]
    squared, lower_bound, tol = c["claims"]
    x, y = x - center * (a @ x), y - center * (b @ y)
    frame = []
    for cloud, u in ((x, c["axes_x"]), (y, c["axes_y"])):
        need(np.linalg.norm(u.T @ u - np.eye(len(u))) <= 1e-13, "its axes are not orthogonal")
        frame.append(cloud / unit @ u)
    x, y = frame
    sigma_x, sigma_y = (x.T * a) @ x, (y.T * b) @ y
    size = (sigma_x**2).sum() + (sigma_y**2).sum()
    shape = (x.shape[1], y.shape[1])
    dim = shape[0] * shape[1]
    spread = (np.trace(sigma_x) + np.trace(sigma_y)) * unit**2  # 0 where IGW^2 is below all doubles
    need(1e-3 <= size <= 1e3 or spread**2 == 0, "its unit is not that of the clouds")

    # the value of the plan
    plan = c["plan"]
    i, j, mass = plan[:, 0].astype(int), plan[:, 1].astype(int), plan[:, 2]
    need((mass >= 0).all(), "the plan has negative mass")
    for index, weights, points in ((i, a, x), (j, b, y)):
        rest = abs(np.bincount(index, mass, len(weights)) - weights)
        need(max(rest.max(), rest @ (points**2).sum(axis=1)) <= 1e-12, "the plan has other marginals")
    value = sum((m * mass) @ (x[i] @ x[k] - y[j] @ y[l]) ** 2 for k, l, m in zip(i, j, mass))

    # the cuts, and the root box from those of the axes
    directions, sizes = c["directions"], np.linalg.norm(c["directions"], axis=1)
    need(directions.shape[1] == dim and ((sizes >= 1e-3) & (sizes <= 1e3)).all(), "its cuts")
    axes = np.repeat(np.eye(dim), 2, axis=0) * np.tile([1.0, -1.0], dim)[:, None]
    need((directions[: 2 * dim] == axes).all(), "its first cuts are not those of the axes")
    h = np.array([height(d.reshape(shape), v, x, y, a, b) for d, v in zip(directions, c["potentials"])])
    need(np.isfinite(h).all(), "a cut has no finite h")

    # the bound of each proof on the boxes of its leaves
    cuts, multipliers, starts = c["proof_cuts"].astype(int), c["proof_multipliers"], c["proof_starts"].astype(int)
    need((multipliers >= 0).all() and np.isfinite(multipliers).all(), "a multiplier is negative")
    need(starts[0] == 0 and starts[-1] == len(cuts) and (np.diff(starts) >= 0).all(), "its proofs are not counted")
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    steep, gradient = np.zeros((2, len(starts) - 1, dim))
    total = np.bincount(owner, multipliers * h[cuts], len(starts) - 1)
    np.add.at(gradient, owner, multipliers[:, None] * directions[cuts])
    sizes = np.bincount(owner, multipliers * abs(h[cuts]), len(starts) - 1)
    np.add.at(steep, owner, multipliers[:, None] * abs(directions[cuts]))
    proof, lo, hi = boxes(c["items"], -h[1 : 2 * dim : 2], h[0 : 2 * dim : 2])
    g = gradient[proof]
    bound = total[proof] + np.maximum(lo * (lo - g), hi * (hi - g)).sum(axis=1)
    reach = np.maximum(abs(lo), abs(hi))
    sizes = sizes[proof] + (steep[proof] * reach).sum(axis=1) + (reach**2).sum(axis=1)
    bound += 2 * (np.diff(starts)[proof] + dim + 4) * np.finfo(float).eps * sizes  # rounding of these sums
    need(np.isfinite(bound).all(), "a leaf has no finite bound")

    # the bound from the spectra, for second moments that are nearly diagonal in this frame
    sides = [np.diag(s) for s in (sigma_x, sigma_y)]
    beside = sum(np.linalg.norm(s - np.diag(d)) for s, d in zip((sigma_x, sigma_y), sides))
    s, t = (np.sort(np.pad(d, (0, max(shape) - len(d))))[::-1] for d in sides)
    spectral = max(np.linalg.norm(s - t) - beside, 0) ** 2

    value, lower = value * unit**4, max(size - 2 * bound.max(), spectral) * unit**4
    rounding = 1e-12 * size * unit**4
    print(f"squared {value:.12g}, claimed {squared:.12g}; lower bound {lower:.12g}, claimed {lower_bound:.12g}")
    need(abs(value - squared) <= rounding, "the plan has another value")
    need(lower <= value + rounding, "its bound is above its value")
    need(lower >= lower_bound - rounding, "a smaller lower bound is proved")
    optimal = f", optimal within {tol:g}" if value - lower <= tol * value + rounding else ""
    print(f"accepted: IGW^2 is in [{lower:.12g}, {value:.12g}]{optimal}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
