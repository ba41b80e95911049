"""What examples/check_certificate.py says of the certificates of the example certified_pairs, right and wrong.

Run by `make certified`; CERTIFIED is the folder of the clouds, its folder proofs has the certificates.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(os.environ["CERTIFIED"])
CHECKER = Path(__file__).parents[2] / "examples" / "check_certificate.py"
NAMES = sorted(path.stem for path in (FOLDER / "proofs").glob("*.npz"))


def check(certificate, name):
    clouds = [str(FOLDER / f"{name}_{side}.csv") for side in "ab"]
    run = subprocess.run([sys.executable, CHECKER, certificate, *clouds], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def test_there_are_certificates():
    assert len(NAMES) == 20


@pytest.mark.parametrize("name", NAMES)
def test_certificates_are_accepted(name):
    code, text = check(FOLDER / "proofs" / f"{name}.npz", name)
    assert code == 0 and "optimal within" in text, text


def raised(c):
    c["claims"][1] += 1e-6 * c["claims"][0]


def lowered(c):
    c["claims"][0] *= 1 - 1e-6


def one_box(c):
    c["items"], c["proof_starts"] = np.array([[-1.0, 0, 0]]), np.zeros(2)
    c["proof_cuts"] = c["proof_multipliers"] = np.zeros(0)


def large_potentials(c):
    c["potentials"][:] = 1e300
    one_box(c)
    c["claims"][1] = 1.1 * c["claims"][0]


def large_potentials_of_both_signs(c):
    c["potentials"][:, ::2], c["potentials"][:, 1::2] = 1.7e308, -1.7e308
    one_box(c)


def no_potentials(c):
    c["potentials"][:] = 0


def negative_multipliers(c):
    c["proof_multipliers"] *= -1


def doubled_multipliers(c):
    c["proof_multipliers"] *= 2


def moved_splits(c):
    c["items"][c["items"][:, 0] >= 0, 1] += 0.1


def a_cycle(c):
    c["items"][c["items"][:, 0] >= 0, 2] = 0


def turned_root(c):
    c["directions"][0] = c["directions"][0, ::-1]


def doubled_unit(c):
    c["frame"][0] *= 2


def a_unit_in_which_clouds_vanish(c):
    c["frame"][0] = 1e77
    c["claims"][:2] = 0


def another_plan(c):
    c["plan"][:, 1] = np.roll(c["plan"][:, 1], 1)


def negative_mass(c):
    i, j, mass = c["plan"][0]
    c["plan"] = np.vstack([c["plan"], [i, j, 2 * mass], [i, j, -2 * mass]])


def no_plan(c):
    c["plan"] = np.zeros((0, 3))


def nothing(c):
    c["claims"][:2] = np.nan


CHANGES = [
    *(raised, lowered, large_potentials, large_potentials_of_both_signs, no_potentials, negative_multipliers),
    *(doubled_multipliers, moved_splits, a_cycle, turned_root, doubled_unit, a_unit_in_which_clouds_vanish),
    *(another_plan, negative_mass, no_plan, nothing),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_wrong_certificates_are_rejected(change, tmp_path):
    name = next(name for name in NAMES if name.endswith("ball2_ball3"))
    with np.load(FOLDER / "proofs" / f"{name}.npz") as file:
        arrays = {key: file[key].copy() for key in file.files}
    change(arrays)
    np.savez(tmp_path / "wrong.npz", **arrays)
    code, text = check(tmp_path / "wrong.npz", name)
    assert code == 1, text
