#!/bin/sh
# Installs what is missing for `make ci`: rustfmt, clippy, g++, a browser with its driver, a Python
# environment in .venv. Does nothing where all is there. With the argument `bench`: the peers into .venv and
# nothing else; with `fuzz`: g++ alone. PYTHON, CHROMIUM and CHROMEDRIVER override what is used.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
BROWSER=${CHROMIUM:-/usr/bin/chromium}
DRIVER=${CHROMEDRIVER:-/usr/bin/chromedriver}
case "${1:-}" in
    "") REQUIREMENTS=tests/page/requirements.txt ;;
    bench) REQUIREMENTS=benches/requirements.txt ;;
    fuzz) REQUIREMENTS= ;;
    *) echo "usage: $0 [bench | fuzz]" >&2; exit 2 ;;
esac

fail() {
    echo "setup: $1" >&2
    exit 1
}

# install PACKAGE...: with apt-get, as root or through sudo without a password
install() {
    command -v apt-get >/dev/null || fail "$* missing and there is no apt-get; install by hand"
    if [ "$(id -u)" = 0 ]; then
        root=""
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        root="sudo"
    else
        fail "$* missing; run as root: apt-get update && apt-get install $*"
    fi
    echo "setup: installing $*"
    $root apt-get update -qq || fail "apt-get update failed"
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        || fail "apt-get could not install $*"
}

command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.89 or newer"
[ "${1:-}" = bench ] || command -v g++ >/dev/null || install g++
if [ "${1:-}" = fuzz ]; then
    echo "setup: ready"
    exit
fi

[ "${1:-}" = bench ] || for part in fmt clippy; do
    cargo "$part" --version >/dev/null 2>&1 && continue
    command -v rustup >/dev/null || fail "cargo $part is missing and there is no rustup to add it"
    case $part in fmt) rustup component add rustfmt ;; *) rustup component add "$part" ;; esac
done

if [ -z "${1:-}" ]; then
    [ -n "${CHROMIUM:-}" ] || [ -x "$BROWSER" ] || install chromium
    [ -n "${CHROMEDRIVER:-}" ] || [ -x "$DRIVER" ] || install chromium-driver
    [ -x "$BROWSER" ] || fail "no browser at $BROWSER; set CHROMIUM"
    [ -x "$DRIVER" ] || fail "no driver at $DRIVER; set CHROMEDRIVER"
fi

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    command -v "$PYTHON" >/dev/null || install python3
    rm -rf .venv
    if ! "$PYTHON" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        install python3-venv
        "$PYTHON" -m venv .venv || fail "$PYTHON -m venv failed"
    fi
fi
done_file=".venv/$(echo "$REQUIREMENTS" | tr / -)"
if ! cmp -s "$REQUIREMENTS" "$done_file"; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$REQUIREMENTS" \
        || fail "pip could not install $REQUIREMENTS"
    cp "$REQUIREMENTS" "$done_file"
fi
echo "setup: ready"
