"""Examples in the docstrings of methods: those of a class that users know under another module are not collected."""

from __future__ import annotations

import doctest
import inspect

import gromov
import pytest

CLASSES = [
    c
    for module in (gromov, gromov.energy)
    for c in (getattr(module, name) for name in module.__all__)
    if inspect.isclass(c)
]
METHODS = {
    f"{c.__name__}.{name}": inspect.unwrap(getattr(f, "__func__", f))
    for c in CLASSES
    for name, f in vars(c).items()
    if ">>>" in (getattr(f, "__doc__", None) or "") and not inspect.isclass(f)
}


@pytest.mark.parametrize("name", METHODS)
def test_examples_of_methods(name):
    found = doctest.DocTestFinder(recurse=False).find(METHODS[name], name, module=False, globs={})
    results = [doctest.DocTestRunner().run(test) for test in found]
    assert sum(r.attempted for r in results) > 0 and all(r.failed == 0 for r in results)


def test_there_are_some():
    assert {"Energy.value", "Trajectory.law", "IgwResult.transform"} <= METHODS.keys()
