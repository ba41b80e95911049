#!/bin/sh
# Called by cargo in place of rustc: coverage for the code that is fuzzed. The flags work on stable
# Rust; what is missing of libFuzzer's runtime comes with the crate libfuzzer-sys.
set -eu
crate=
previous=
for argument in "$@"; do
    [ "$previous" = --crate-name ] && crate=$argument
    previous=$argument
done
case $crate in
    gromov | gromov_fuzz | csv | npyz | ply_rs_bw | png | zip | miniz_oxide | flate2 | fdeflate)
        set -- "$@" -Cpasses=sancov-module \
            -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table
        [ "${COMPARES:-1}" = 0 ] || set -- "$@" -Cllvm-args=-sanitizer-coverage-trace-compares
        exec "$@"
        ;;
    *) exec "$@" ;;
esac
