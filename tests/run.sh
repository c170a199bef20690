#!/bin/bash
# Runs the tests: C unit tests ($BUILD/unit/*) and bats suites, each in a room of
# its own (helpers/room.sh), and prints the result of each as it ends. The last
# line is "N passed, N failed" or "N passed, N failed, N skipped"; the exit status
# is 0 only when something ran and nothing failed.
#
#     tests/run.sh                          everything
#     tests/run.sh tests/manager            the suites below a directory
#     tests/run.sh unit tests/manager/ps.bats
#
# Environment:
#     BUILD        where the programs are (default: build beside this directory)
#     TIME_LIMIT   seconds for one file (default 600)
#     ROOM=no      run on the machine itself, without a room
#     V=1          show every test, not only those that fail
#     BATS_FILTER  run only tests whose names match this regular expression
set -u

SOURCE=$(cd "$(dirname "$0")/.." && pwd)
export BUILD=${BUILD:-$SOURCE/build}
LOGS=$BUILD/test-logs
TIME_LIMIT=${TIME_LIMIT:-600}
export TERM=${TERM:-dumb}
passed=0 failed=0 skipped=0

# A sanitizer's report must fail the test it appears in.
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

# One suite's log is TAP: tests that the plan promised and that did not come count as failed.
count() {
        local name=$1 log=$2 status=$3 seconds=$4 ok not_ok skip planned missing

        # cmocka writes a skipped test as "not ok N # SKIP".
        not_ok=$(grep '^not ok ' "$log" | grep -cvE '^not ok [0-9]+ # SKIP')
        skip=$(grep -ciE '^ok .* # skip|^not ok [0-9]+ # skip' "$log")
        ok=$(($(grep -c '^ok ' "$log") - $(grep -ciE '^ok .* # skip' "$log")))
        planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
        missing=$((${planned:-0} - ok - skip - not_ok))
        [ "$missing" -ge 0 ] || missing=0
        if [ "$status" -ne 0 ] && [ $((not_ok + missing)) -eq 0 ]; then
                missing=1
        fi
        if [ -n "${V:-}" ]; then
                cat "$log"
        elif [ $((not_ok + missing)) -gt 0 ]; then
                # Failed tests with what they said, and what was said outside any test.
                awk '/^ok /{ show = 0; next } /^not ok /{ show = 1 } /^1\.\.[0-9]/{ next } show || !/^#/' "$log"
        fi
        if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
                echo "  $name: stopped after $TIME_LIMIT s"
        fi
        printf '%-44s %4d passed %4d failed %4d skipped %6d s\n' \
                "$name" "$ok" $((not_ok + missing)) "$skip" "$seconds"
        passed=$((passed + ok))
        failed=$((failed + not_ok + missing))
        skipped=$((skipped + skip))
}

# run_one NAME COMMAND...: within the time limit, output to a log of its own.
run_one() {
        local name=$1 log started=$SECONDS status

        shift
        log=$LOGS/$(tr '/ ' '--' <<<"$name").tap
        # timeout makes a process group of its own for what it runs and signals that alone.
        timeout --kill-after=10 "$TIME_LIMIT" "$@" >"$log" 2>&1 </dev/null
        status=$?
        count "$name" "$log" "$status" $((SECONDS - started))
}

# All unit tests share one room: making one takes longer than most of them.
unit_tests() {
        local program name
        local -a programs=()

        for program in "$BUILD"/unit/*; do
                [ -x "$program" ] && [ ! -d "$program" ] || continue
                # Only what still has a source: $BUILD may hold programs of tests that are gone.
                [ -e "$SOURCE/tests/unit/$(basename "$program").c" ] || continue
                programs+=("$program")
        done
        rm -f "$LOGS"/unit-*
        LOGS=$LOGS TIME_LIMIT=$TIME_LIMIT CMOCKA_MESSAGE_OUTPUT=tap "${room[@]}" bash -c '
                for program; do
                        name=unit-${program##*/}
                        started=$SECONDS
                        timeout --kill-after=10 "$TIME_LIMIT" "$program" >"$LOGS/$name.tap" 2>&1 </dev/null
                        echo "$? $((SECONDS - started))" >"$LOGS/$name.status"
                done' unit "${programs[@]}"
        for program in "${programs[@]}"; do
                name=$(basename "$program")
                read -r status seconds 2>/dev/null <"$LOGS/unit-$name.status" || status=1 seconds=0
                touch "$LOGS/unit-$name.tap"
                count "unit/$name" "$LOGS/unit-$name.tap" "$status" "$seconds"
        done
}

# The room is tried once; without it leak checks look only at what carries a suite's names.
room=()
choose_room() {
        if [ "${ROOM:-}" = no ] || [ "$(id -u)" != 0 ]; then
                return
        fi
        if "$SOURCE/tests/helpers/room.sh" true 2>/dev/null; then
                room=("$SOURCE/tests/helpers/room.sh")
        else
                echo "This machine allows no namespaces of its own for each suite: they run on the machine itself."
        fi
}

suites=()
want_unit=
for argument in "$@"; do
        case $argument in
        unit | tests/unit) want_unit=1 ;;
        tests/vm | tests/vm/) suites+=(tests/vm/run.sh) ;;
        *.bats | */vm/run.sh) suites+=("$argument") ;;
        *)
                if [ ! -d "$argument" ]; then
                        echo "tests/run.sh: $argument: no such suite" >&2
                        failed=$((failed + 1))
                        continue
                fi
                while read -r file; do
                        suites+=("$file")
                done < <(find "$argument" -name '*.bats' | sort)
                ;;
        esac
done
if [ $# -eq 0 ]; then
        want_unit=1
        cd "$SOURCE" || exit 1
        for file in tests/{fuzz,runtime,netplug,manager,acceptance,peers}/*.bats tests/vm/run.sh; do
                [ ! -e "$file" ] || suites+=("$file")
        done
fi

mkdir -p "$LOGS"
choose_room

# The images of the acceptance tests are made here because a room has no way to the outside.
if printf '%s\n' "${suites[@]:-}" | grep -q acceptance/services; then
        started=$SECONDS
        echo "Making the test images (once; kept in $BUILD/images) ..."
        "$SOURCE/tests/images/make.sh" >"$LOGS/images.log" 2>&1 || {
                echo "The test images could not be made:"
                tail -n 20 "$LOGS/images.log"
        }
        echo "... $((SECONDS - started)) s"
fi

if printf '%s\n' "${suites[@]:-}" | grep -q peers/cni; then
        "$SOURCE/tests/peers/cnitool.sh" >"$LOGS/cnitool.log" 2>&1 || {
                echo "cnitool could not be made:"
                tail -n 20 "$LOGS/cnitool.log"
        }
fi

if [ -n "$want_unit" ]; then
        # They free what they make; memory that a program holds at its end is no leak to us (lib/memory.c).
        ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} unit_tests
fi
for suite in "${suites[@]:-}"; do
        [ -n "$suite" ] || continue
        case $suite in
        *.sh)
                # A virtual machine is a room of its own, and prints the TAP of what ran inside.
                limit=$TIME_LIMIT
                TIME_LIMIT=1860
                run_one "${suite#"$SOURCE"/}" "$suite"
                run_one "${suite#"$SOURCE"/} --systemd" "$suite" --systemd
                TIME_LIMIT=$limit
                continue
                ;;
        esac
        run_one "${suite#"$SOURCE"/}" "${room[@]}" bats --tap ${BATS_FILTER:+--filter "$BATS_FILTER"} "$suite"
done

if [ $((passed + failed)) -eq 0 ]; then
        echo "No test ran." >&2
        failed=1
fi
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
