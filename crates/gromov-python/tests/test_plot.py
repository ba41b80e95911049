"""Pictures are made without a display, without warnings, and hold what they should."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import gromov
import numpy as np
import pytest
from gromov import _plot
from gromov._svg import panels

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def random_cloud(seed, n, d):
    rng = np.random.default_rng(seed)
    weights = 0.1 + rng.random(n)
    return rng.standard_normal((n, d)) / (1 + np.arange(d)), weights / weights.sum()


def drawn(figure):
    """The figure as pixels: layout and fonts run too."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    assert (pixels[..., :3] < 200).any()
    return pixels


@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 2), (2, 3), (3, 2), (5, 4)])
def test_distances(p, q):
    (x, a), (y, b) = random_cloud(1, 20, p), random_cloud(2, 25, q)
    result = gromov.igw(x, y, a, b, method="local", starts=4, check=False)
    ax = result.plot()
    drawn(ax.figure)
    (lines,) = [c for c in ax.collections if isinstance(c, matplotlib.collections.LineCollection)]
    assert len(lines.get_segments()) == result.plan.nnz
    dots = [c for c in ax.collections if isinstance(c, matplotlib.collections.PathCollection)]
    np.testing.assert_allclose(dots[0].get_sizes() / dots[0].get_sizes().sum(), a, rtol=1e-12)
    # the cloud of the smaller space is turned into the larger
    assert [text.get_text() for text in ax.get_legend().get_texts()].count("y") == (q > p)
    assert ax.get_aspect() == 1.0
    bars = result.plot(spectrum=True)
    drawn(bars.figure)
    heights = [bar.get_height() for bar in bars.patches]
    np.testing.assert_allclose(heights[:p], np.linalg.eigvalsh((x * a[:, None]).T @ x)[::-1], atol=1e-12)
    assert len(heights) == p + q


def test_axes_of_the_user_are_used():
    from matplotlib.figure import Figure

    x = random_cloud(3, 10, 2)[0]
    axs = Figure().subplots(1, 2)
    result = gromov.igw(x, x)
    assert result.plot(ax=axs[0]) is axs[0] and result.plot(spectrum=True, ax=axs[1]) is axs[1]
    assert _plot.matrix([[0.0, 1.0], [1.0, 0.0]], ax=Figure().add_subplot()).images


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_paths(d):
    (x, w), y = random_cloud(4, 12, d), random_cloud(5, 12, d)[0]
    figure = gromov.geodesic(x, y, w, w, plan="identity").plot(frames=4)
    drawn(figure)
    assert len(figure.axes) == 4 and len({ax.get_xlim() for ax in figure.axes}) == 1
    with pytest.raises(gromov.GromovError, match="frames: 1 is not allowed"):
        gromov.geodesic(x, y, w, w, plan="identity").plot(frames=1)


@pytest.mark.parametrize("d", [2, 3])
def test_flows(d):
    x, w = random_cloud(6, 30, d)
    times = np.linspace(0, 2, 9)
    points = np.exp(-times)[:, None, None] * x
    moments = np.einsum("kni,n,knj->kij", points, w, points)
    energies = np.exp(-2 * times)
    run = SimpleNamespace(times=times, points=points, weights=w, energies=energies, second_moments=moments)
    figure = _plot.trajectory(run, frames=5, title="a flow")
    drawn(figure)
    assert len(figure.axes) == 6
    np.testing.assert_array_equal(figure.axes[-1].lines[0].get_ydata(), energies)
    run.energies = np.full(9, np.nan)
    figure = _plot.trajectory(run)
    drawn(figure)
    np.testing.assert_allclose(figure.axes[-1].lines[0].get_ydata(), np.trace(moments, axis1=1, axis2=2))


def test_barycentres():
    clouds = [random_cloud(seed, 10 + seed, 2 + seed % 2)[0] for seed in range(7)]
    result = gromov.barycenter(clouds, starts=1, check=False)
    figure = result.plot()
    drawn(figure)
    assert len(figure.axes) == 7 and "6 of 7 clouds" in figure._suptitle.get_text()
    drawn(result.plot(most=1))


def test_matrices():
    d = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    d[0, 1] = np.nan
    ax = _plot.matrix(d, ["a", "b", "c", "d", "a long name"])
    drawn(ax.figure)
    assert len(ax.texts) == 25
    drawn(_plot.matrix(np.zeros((60, 60))).figure)
    with pytest.raises(gromov.GromovError, match="labels: expected 5, one a row, got 1"):
        _plot.matrix(d, ["a"])
    with pytest.raises(gromov.GromovError, match=r"distances: expected shape \(d, d\)"):
        _plot.matrix([[1.0, 2.0]])


def test_large_clouds_are_thinned_and_it_is_said():
    x = random_cloud(7, 5001, 2)[0]
    figure = gromov.geodesic(x, 2 * x, plan="identity").plot(frames=2)
    dots = figure.axes[0].collections[0]
    result = gromov.igw(x[:2100], x[:2100], method="local", starts=1)
    ax = result.plot()
    drawn(ax.figure)
    assert ax.get_title().endswith("2100 of 4200 points, 300 of 2100 lines drawn")
    assert len(dots.get_offsets()) <= 2000 and "1667 of 5001 points drawn" in figure._suptitle.get_text()


def test_a_point_has_a_picture():
    result = gromov.igw([[0.0, 0.0]], [[0.0, 0.0]])
    drawn(result.plot().figure)
    assert "<svg" in result._repr_html_()


def test_panels_in_one_frame():
    x, w = random_cloud(8, 6, 3)
    picture = panels([(x, w, "x"), (x + 1, w, "moved")], one_scale=True, one_frame=True)
    assert picture.count("<circle") == 12 and "nan" not in picture


def test_without_matplotlib_the_extra_is_named():
    code = """
import sys
sys.modules["matplotlib"] = sys.modules["matplotlib.figure"] = None
import gromov
try:
    gromov.igw([[1.0]], [[1.0]]).plot()
except gromov.GromovError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "pictures need matplotlib: pip install gromov[plot]"
