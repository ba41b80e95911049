"""Makes crates/gromov/assets from the two packages that ship the data.

    python scripts/assets.py path/to/skimage/data/horse.png path/to/bunny/index.js

`horse.txt`: "height width", then one line a row: lengths of runs, light first.
`bunny.csv`: x,y,z of the 1,839 vertices. Needs numpy and pillow.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

out = Path(__file__).parent.parent / "crates/gromov/assets"
horse, bunny = sys.argv[1:]

dark = np.asarray(Image.open(horse).convert("L")) < 128
lines = [f"{dark.shape[0]} {dark.shape[1]}"]
for row in dark:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(int)))
    lines.append(" ".join(map(str, np.diff(np.concatenate([[0], edges])))))
(out / "horse.txt").write_text("\n".join(lines) + "\n")

text = Path(bunny).read_text()
positions = json.loads(re.search(r"exports\.positions=(\[\[.*?\]\])", text, re.S).group(1))
assert len(positions) == 1839
(out / "bunny.csv").write_text("x,y,z\n" + "".join(f"{x},{y},{z}\n" for x, y, z in positions))
print("dark pixels:", int(dark.sum()))
