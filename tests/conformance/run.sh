#!/bin/bash
# Runs test suites by others against myrun and, on the same machine, against the runtime each suite
# was written for or is usually run with; prints the counts of both and every case that passes
# there and not here (docs/conformance.md explains them).
#
#     tests/conformance/run.sh [SUITE...]
#
# Suites: runc, runc-rootless, runc-rootless-idmap, crun, crun-rootless, podman, podman-rootless, buildah (default: all).
#
# The suites come from Debian's source packages, fetched below $BUILD/conformance (sources.sh);
# nothing of them is kept here. Each run is in a room of its own (tests/helpers/room.sh).
#
# Environment:
#     BUILD        where the programs are (default: build beside the tests)
#     FILES        run only the files of a suite whose names match this regular expression ("^(exec|run)")
#     ONLY         ours | theirs: run one runtime alone and take the other's results of the last run
#     TIME_LIMIT   seconds for one file of a suite (default 600; crun: 120)
#     V=1          print what failing cases said
#
# The exit status is 0 when every case that passes there passes here, too, or is in expected.txt.
set -u

HERE=$(cd "$(dirname "$0")" && pwd)
SOURCE=$(cd "$HERE/../.." && pwd)
export BUILD=${BUILD:-$SOURCE/build}
export CONFORMANCE=$BUILD/conformance
RESULTS=$CONFORMANCE/results

# The runtime that a suite was written for, or is usually run with.
peer_of() {
        case $1 in
        runc*) echo runc ;;
        crun* | podman* | buildah) echo crun ;;
        *) return 1 ;;
        esac
}

# run_suite SUITE RUNTIME: leaves $RESULTS/SUITE.RUNTIME, one line a case: "pass|fail|skip FILE: NAME".
run_suite() {
        local suite=$1 runtime=$2 started=$SECONDS

        "$SOURCE/tests/helpers/room.sh" "$HERE/inside.sh" "$suite" "$runtime" "$(peer_of "$suite")" \
                >"$RESULTS/$suite.$runtime.log" 2>&1 </dev/null
        awk -f "$HERE/tap.awk" "$RESULTS/$suite.$runtime.log" >"$RESULTS/$suite.$runtime"
        echo "$((SECONDS - started))" >"$RESULTS/$suite.$runtime.seconds"
}

count() {
        grep -c "^$1 " "$2"
}

print_counts() {
        local suite=$1 runtime=$2 file=$RESULTS/$1.$2

        [ -e "$file" ] || return 0
        printf '%-22s %-8s %4d passed %4d failed %4d skipped %6d s\n' "$suite" "$runtime" "$(count pass "$file")" \
                "$(count fail "$file")" "$(count skip "$file")" "$(cat "$file.seconds")"
}

# Cases that pass with the peer and not with myrun, as "SUITE FILE: NAME".
departures() {
        [ -e "$RESULTS/$1.myrun" ] && [ -e "$RESULTS/$1.$2" ] || return 0
        awk -v suite="$1" '
                { word = $1; sub(/^[a-z]+ /, ""); }
                NR == FNR { ours[$0] = word; next }
                word == "pass" && ours[$0] != "pass" { print suite, $0 }' "$RESULTS/$1.myrun" "$RESULTS/$1.$2"
}

[ $# -gt 0 ] || set -- runc runc-rootless runc-rootless-idmap crun crun-rootless podman podman-rootless buildah
for suite; do
        peer_of "$suite" >/dev/null || {
                echo "tests/conformance/run.sh: $suite: no such suite" >&2
                exit 2
        }
done
[ "$(id -u)" = 0 ] || {
        echo "tests/conformance/run.sh: needs root" >&2
        exit 1
}
mkdir -p "$RESULTS"
echo "Fetching and building the suites (kept in $CONFORMANCE) ..."
"$HERE/sources.sh" >"$CONFORMANCE/sources.log" 2>&1 || {
        tail -n 20 "$CONFORMANCE/sources.log"
        echo "tests/conformance/run.sh: the suites could not be made ready" >&2
        exit 1
}

for suite; do
        peer=$(peer_of "$suite")
        [ "${ONLY:-}" = theirs ] || run_suite "$suite" myrun
        [ "${ONLY:-}" = ours ] || run_suite "$suite" "$peer"
        [ -z "${V:-}" ] || tr -d '\r' <"$RESULTS/$suite.myrun.log" | grep -A 30 -E '^not ok'
        print_counts "$suite" myrun
        print_counts "$suite" "$peer"
        departures "$suite" "$peer" >"$RESULTS/$suite.departures"
done

all=0
for suite; do
        while read -r line; do
                # What is expected of a suite is expected of its variants.
                if grep -qxF -e "$line" -e "${line/#$suite /${suite%%-*} }" "$HERE/expected.txt"; then
                        echo "passes there and not here, explained: $line"
                else
                        echo "passes there and not here: $line"
                        all=1
                fi
        done <"$RESULTS/$suite.departures"
done
exit $all
