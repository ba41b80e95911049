"""Two embeddings of one data set, in 50 and in 2 dimensions: what IGW can compare, and what it does not recover.

    python examples/embeddings.py     writes embeddings.png

700 blood cells (the PBMC data that scanpy ships): principal components against UMAP, as if no cell were known in both.
The plan found is better, as IGW counts, than the true pairing, and matches labels better than chance only. Not shown: a
recovery of cells or labels. Where the criterion prefers another plan, no solver can help.
"""

import time
import warnings
from pathlib import Path

import gromov
import matplotlib.pyplot as plt
import numpy as np
import ot

warnings.simplefilter("ignore")  # of other packages

cells = np.load(Path(__file__).parent / "data" / "pbmc.npz")
labels = cells["labels"]
shuffle = np.random.default_rng(0).permutation(len(labels))


def unit(points):
    """Centred, with a second moment of norm one: values are then comparable between data sets."""
    points = np.asarray(points, dtype=float) - points.mean(axis=0)
    return points / np.linalg.norm(points.T @ points / len(points)) ** 0.5


x, y = unit(cells["pca"]), unit(cells["umap"])[shuffle]
start = time.perf_counter()
result = gromov.igw(x, y, method="local", starts=24, seed=0)
ours = time.perf_counter() - start
start = time.perf_counter()
pot = ot.gromov.gromov_wasserstein(x @ x.T, y @ y.T, loss_fun="square_loss", log=True)[1]["gw_dist"]
theirs = time.perf_counter() - start

back = y[np.argsort(shuffle)]
truth = ((x @ x.T - back @ back.T) ** 2).mean()
partner = result.plan.tocsr().argmax(axis=1)
matched = (labels == labels[shuffle][partner]).mean()
chance = (np.bincount(labels) ** 2).sum() / len(labels) ** 2
bound = max(result.lower_bound, 0.0)
print(f"IGW² {result.squared:.4f} (bound {bound:.4f}), {result.hits} of {result.starts} starts, {ours:.1f} s")
print(f"ot.gromov from its default start {pot:.4f}, {theirs:.1f} s; the true pairing {truth:.4f}")
print(f"cells matched to one of their label {100 * matched:.0f} %, by chance {100 * chance:.0f} %")
assert result.squared < truth and result.squared <= pot * (1 + 1e-9) and matched > chance

figure, axes = plt.subplots(1, 3, figsize=(11, 3.8))
panels = [(x[:, :2], labels, "principal components (2 of 50)"), (y, labels[shuffle], "UMAP, true labels")]
panels.append((y[partner], labels, "UMAP, labels sent by the plan"))
for axis, (points, colours, title) in zip(axes, panels, strict=True):
    axis.scatter(*points.T, c=colours, cmap="tab10", s=6, linewidths=0)
    axis.set(xticks=[], yticks=[], title=title)
figure.tight_layout()
figure.savefig("embeddings.png", dpi=150)
