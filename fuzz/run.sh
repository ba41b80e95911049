#!/bin/sh
# Builds the fuzzer on stable Rust and runs its targets, two at a time.
#
#   fuzz/run.sh time SECONDS [TARGET...]    so long each
#   fuzz/run.sh runs COUNT [TARGET...]      so many executions each
#
# The corpus in fuzz/corpus is read; what is found goes to target/fuzz/corpus, a crashing input to
# target/fuzz/artifacts. With DEEP=1 the parsers of other crates are covered too: all dependencies are
# then built once more, in target/fuzz (CARGO_TARGET_DIR is not heard). Exits with 1 if a target failed.
set -eu
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { echo "usage: $0 time SECONDS | runs COUNT [TARGET...]" >&2; exit 2; }
case $1 in
    # one seed, so that the gate does not depend on luck
    time) limit="-max_total_time=$2 -seed=1" ;;
    runs) limit="-runs=$2" ;;
    *) echo "usage: $0 time SECONDS | runs COUNT [TARGET...]" >&2; exit 2 ;;
esac
case $2 in
    "" | *[!0-9]* | 0*) echo "fuzz: $2 is no positive whole number" >&2; exit 2 ;;
esac
shift 2
[ $# -gt 0 ] || set -- $(ls fuzz/corpus)

command -v g++ >/dev/null || { echo "fuzz: g++ is missing; run scripts/setup.sh fuzz" >&2; exit 2; }
unset CARGO_TARGET_DIR
# the features of the whole workspace, so that what is built for the tests is used again
build="${CARGO:-cargo} build --locked --workspace --bin gromov-fuzz --features gromov-fuzz/libfuzzer"
if [ "${DEEP:-}" = 1 ]; then
    RUSTC_WRAPPER=$PWD/fuzz/rustc.sh $build --target-dir target/fuzz
    built=target/fuzz/debug/gromov-fuzz kind=deep
else
    # only the crates of this workspace are built anew; cargo keeps them apart from the others
    RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/rustc.sh $build --target-dir target
    built=target/debug/gromov-fuzz kind=quick
fi
# a copy, so that a build does not disturb a long run; quick and deep runs do not meet
work=target/fuzz/$kind
mkdir -p "$work"
cp "$built" "$work/program.new"
mv "$work/program.new" "$work/program"
# long runs of the solvers go without the tracing of comparisons, which takes most of their time
if [ "${DEEP:-}" = 1 ]; then
    RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/plain.sh $build
    cp target/debug/gromov-fuzz "$work/solve"
fi

cat > "$work/one.sh" <<'END'
set -eu
work=$1 limit=$2 target=$3
corpus=target/fuzz/corpus/$target artifacts=target/fuzz/artifacts/$target log=$work/$target.log
mkdir -p "$corpus" "$artifacts"
code=0
program=$work/program
[ "$target" = solve ] && [ -x "$work/solve" ] && program=$work/solve
TARGET=$target RAYON_NUM_THREADS=1 "$program" $limit -max_len=4096 -timeout=20 -rss_limit_mb=1024 \
    -artifact_prefix="$artifacts/" -print_final_stats=1 "$corpus" "fuzz/corpus/$target" > "$log" 2>&1 || code=$?
stat() { awk -v name="stat::$1:" '$1 == name { print $2 }' "$log"; }
covered=$(awk '$3 == "cov:" { n = $4 } END { print n }' "$log")
printf '%-8s exit %s  %10s executions  %6s a second  %5s edges  %4s MB\n' "$target" "$code" \
    "$(stat number_of_executed_units)" "$(stat average_exec_per_sec)" "$covered" "$(stat peak_rss_mb)"
[ "$code" = 0 ] && exit 0
grep -E -A2 'panicked|ERROR|SUMMARY|Test unit' "$log" | head -20
exit 1
END
printf '%s\n' "$@" | xargs -P 2 -I TARGET sh "$work/one.sh" "$work" "$limit" TARGET \
    || { echo "fuzz: a target failed; its input is in target/fuzz/artifacts" >&2; exit 1; }
