#!/bin/sh
# The Python package as a user gets it: the source distribution, a wheel built from it, installed into a fresh
# environment in target/python with what the tests use; then linters, types, tests, doctests and examples.
#
#   scripts/python.sh wheel     target/python/dist: source distribution and wheel
#   scripts/python.sh test      the same, installed and tested
#
# The wheel is built with the profile PROFILE (dev by default, whose crates the Rust tests have built; `pip install .`
# takes the optimised profile of wheels).
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
PROFILE=${PROFILE:-dev}
root=$PWD
work=$root/target/python
tests=crates/gromov-python/tests
dist=$work/dist

mkdir -p "$work"
rm -rf "$dist"
if ! cmp -s $tests/build.txt "$work/build/done.txt"; then
    rm -rf "$work/build"
    "$PYTHON" -m venv "$work/build"
    "$work/build/bin/python" -m pip install --quiet --disable-pip-version-check -r $tests/build.txt
    cp $tests/build.txt "$work/build/done.txt"
fi
"$work/build/bin/maturin" sdist --quiet --out "$dist" 2>/dev/null || "$work/build/bin/maturin" sdist --out "$dist"
# crates of others are taken from the target folder; those of the project are in another folder, and built anew
PATH="$work/build/bin:$PATH" CARGO_TARGET_DIR=$root/target "$work/build/bin/python" -m pip wheel --quiet \
    --disable-pip-version-check --no-deps --no-build-isolation --config-settings build-args="--profile $PROFILE" --wheel-dir "$dist" "$dist"/*.tar.gz
ls "$dist"
[ "${1:-}" = test ] || exit 0

environment=$work/environment
if ! cmp -s $tests/requirements.txt "$environment/done.txt"; then
    rm -rf "$environment"
    "$PYTHON" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r $tests/requirements.txt
    cp $tests/requirements.txt "$environment/done.txt"
fi
python=$environment/bin/python
"$python" -m pip uninstall --quiet --yes gromov 2>/dev/null || true
"$python" -m pip install --quiet --disable-pip-version-check "$dist"/*.whl
"$python" -m ruff check .
"$python" -m ruff format --check .
# from elsewhere, so that the installed package is what is looked at
cd "$work"
"$python" -m mypy --config-file "$root/pyproject.toml" -p gromov
"$python" -m mypy.stubtest gromov --mypy-config-file "$root/pyproject.toml"
"$python" -m pytest -c "$root/$tests/pytest.ini" "$root/$tests"
"$python" -m pytest -c "$root/$tests/pytest.ini" --doctest-modules --pyargs gromov
mkdir -p examples
for example in "$root"/examples/*.py; do
    case $example in *check_certificate.py) continue ;; esac
    echo "example $(basename "$example")"
    (cd examples && MPLBACKEND=Agg "$python" "$example")
done
