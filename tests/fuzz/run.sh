#!/bin/bash
# Runs fuzz targets (tests/fuzz/NAME_fuzz.c, built by `make fuzz-programs`).
#
#     tests/fuzz/run.sh --seconds N [NAME...]   for N seconds each; what they learn stays in $BUILD/fuzz/corpus
#     tests/fuzz/run.sh --runs N [NAME...]      the seeds and then N inputs, the same ones each time
#
# Without a NAME, every target. An input that breaks one is kept as $BUILD/fuzz/found/NAME-KIND-HASH; the
# target run on that file alone shows it again. The exit status is 1 when one was found.
set -u

SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$SOURCE/build}
SPECS=$SOURCE/../shared/specs
FUZZ=$BUILD/fuzz

# Every complete config.json there is.
configs() {
        find "$SOURCE/tests/helpers" "$SOURCE/bundles" -name config.json
        find "$SOURCE/tests/fuzz/seeds/config" "$SPECS/runtime/schema/test/config" -name '*.json' 2>/dev/null
}

# part FILTER FILE...: that part of each document which has it.
parts() {
        local filter=$1 file i=0

        shift
        for file; do
                i=$((i + 1))
                jq -c "$filter | select(. != null)" "$file" >"$seeds/part-$i" 2>/dev/null
                [ -s "$seeds/part-$i" ] || rm -f "$seeds/part-$i"
        done
}

copies() {
        local file i=0

        for file; do
                i=$((i + 1))
                cp "$file" "$seeds/copy-$i"
        done
}

# Fills $seeds for a target: its own files, and samples that are there for other reasons.
collect_seeds() {
        local -a all

        rm -rf "$seeds"
        mkdir -p "$seeds"
        if [ -d "$SOURCE/tests/fuzz/seeds/$1" ]; then
                cp -r "$SOURCE/tests/fuzz/seeds/$1/." "$seeds"
        fi
        mapfile -t all < <(configs)
        case $1 in
        config | json) copies "${all[@]}" ;;
        process) parts .process "${all[@]}" ;;
        resources) parts .linux.resources "${all[@]}" ;;
        seccomp) parts .linux.seccomp "${all[@]}" ;;
        layer | netlink) python3 "$SOURCE/tests/fuzz/$1_seeds.py" "$seeds" ;;
        state)
                mapfile -t all < <(find "$SPECS/runtime/schema/test/state" -name '*.json' 2>/dev/null)
                copies "${all[@]}"
                ;;
        esac
        # A run of nothing but random bytes would say little.
        [ -n "$(ls "$seeds")" ] || {
                echo "tests/fuzz/run.sh: $1: no seeds in tests/fuzz/seeds/$1" >&2
                return 1
        }
}

# The words that the sources compare input with, as a dictionary.
collect_words() {
        local rooms

        case $1 in
        config | process | resources | seccomp | state) rooms="spec/runtime_config*.c runtime/linux runtime/container" ;;
        image | template | changes | arguments) rooms="spec/image*.c manager/image manager/cli/template*.c manager/network" ;;
        layer) rooms=manager/image ;;
        record) rooms=manager/container ;;
        json) rooms=lib ;;
        *) rooms="spec/cni*.c netplug" ;;
        esac
        # shellcheck disable=SC2086
        (cd "$SOURCE" && grep -rhoE --include='*.c' '"[][A-Za-z0-9_./:=,@#*{}$ -]{1,40}"' $rooms) | sort -u
}

run_target() {
        local name=$1 seeds=$FUZZ/seeds/$1 corpus limit status length=16384 scratch

        collect_seeds "$name" || return 1
        case $name in
        arguments | changes | lease | names | template) length=2048 ;;
        esac
        mkdir -p "$FUZZ/found" "$FUZZ/words"
        collect_words "$name" >"$FUZZ/words/$name"
        if [ "$mode" = --runs ]; then
                corpus=$(mktemp -d "$FUZZ/run.XXXXXX")
                limit=(-runs="$amount" -seed=1)
        else
                corpus=$FUZZ/corpus/$name
                mkdir -p "$corpus"
                limit=(-max_total_time="$amount")
        fi
        scratch=$(mktemp -d /dev/shm/fuzz.XXXXXX 2>/dev/null || mktemp -d)
        TMPDIR=$scratch FUZZ=$FUZZ ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1 \
                nice "$FUZZ/$name" "${limit[@]}" -timeout=30 -rss_limit_mb=1024 -max_len=$length -close_fd_mask=1 \
                -print_final_stats=1 -dict="$FUZZ/words/$name" -artifact_prefix="$FUZZ/found/$name-" \
                "$corpus" "$seeds" >"$FUZZ/$name.log" 2>&1
        status=$?
        rm -rf "$scratch"
        [ "$mode" != --runs ] || rm -rf "$corpus"
        if [ $status -ne 0 ]; then
                echo "$name: broken by an input of $FUZZ/found:"
                sed -n '/ERROR: \|runtime error: \|^fuzz: /,$p' "$FUZZ/$name.log" | head -n 60
                return 1
        fi
        awk -v name="$name" '/^stat::number_of_executed_units/ { runs = $2 } / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
                /^stat::peak_rss_mb/ { rss = $2 } END { printf "%-12s %9d inputs, %5d edges, %4d MB\n", name, runs, cov, rss }' "$FUZZ/$name.log"
}

case ${1:-} in
--seconds | --runs) mode=$1 amount=${2:?} ;;
*)
        echo "usage: tests/fuzz/run.sh --seconds N | --runs N [NAME...]" >&2
        exit 2
        ;;
esac
shift 2
if [ $# -eq 0 ]; then
        for source in "$SOURCE"/tests/fuzz/*_fuzz.c; do
                name=$(basename "$source" _fuzz.c)
                set -- "$@" "$name"
        done
fi
failed=0
for name; do
        run_target "$name" || failed=1
done
exit $failed
