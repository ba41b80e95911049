"""The Python code of the README runs as it is written."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 1
    space = {}
    exec(compile(blocks[0], "README.md", "exec"), space)
    result, x = space["result"], space["x"]
    assert f"{result.distance:.4f}" in blocks[0] and result.certified
    assert abs(result.rotation.T @ [1.0, 0.0] - [-0.342, 0.940]).max() < 0.05  # by 110 degrees
    assert space["half_way"].shape[1] == 2 and space["moved"].shape == x.shape
    assert space["matrix"].shape == (3, 3) and space["matrix"][0, 2] < space["matrix"][0, 1]
