# What every suite needs: the programs, waiting for a condition, assertions that
# say what they saw, and leak checks.
#
#     load ../helpers/common        (bats finds it relative to the suite)
#
# Set here: BUILD, MYRUN, MYMGR, NETPLUG, CNI_PLUGINS (the directory of our plugins).

HELPERS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(cd "$HELPERS/../.." && pwd)
export BUILD=${BUILD:-$SOURCE/build}
# use_runtime PROGRAM: MYRUN_PROGRAM is the program under test, MYRUN what tests call: that, with the options
# of MYRUN_OPTIONS ("--systemd-cgroup") at every call.
use_runtime() {
        export MYRUN_PROGRAM=$1 MYRUN=$1
        [ -n "${MYRUN_OPTIONS:-}" ] && [ -n "${BATS_RUN_TMPDIR:-}" ] || return 0
        MYRUN=$BATS_RUN_TMPDIR/with-options/${1//\//-}
        [ ! -x "$MYRUN" ] || return 0
        mkdir -p "${MYRUN%/*}"
        printf '#!/bin/sh\nexec %q %s "$@"\n' "$1" "$MYRUN_OPTIONS" >"$MYRUN"
        chmod 755 "${MYRUN%/*}" "$MYRUN"
}
use_runtime "${MYRUN_PROGRAM:-${MYRUN:-$BUILD/bin/myrun}}"
export MYMGR=${MYMGR:-$BUILD/bin/mymgr}
export NETPLUG=${NETPLUG:-$BUILD/bin/netplug}
export CNI_PLUGINS=${CNI_PLUGINS:-$BUILD/libexec/netplug}
# script(1) gives its command to $SHELL, and ours are bash's.
export SHELL=/bin/bash

# Before each command bats notes where it stands, for the message of one that fails: half a millisecond a command,
# some on an emulated processor. In a helper it is the helper's call in the test that matters.
if declare -F bats_debug_trap >/dev/null; then
        note=$(declare -f bats_debug_trap)
        eval "bats_debug_trap() {
                case \$1 in */helpers/*.bash | */bats-core/*) return 0 ;; esac
                ${note#*\{}"
        unset note
fi

# A short word that no other test process uses: for names of namespaces, containers, links.
token() {
        printf 't%x' "$BASHPID"
}

require_root() {
        [ "$(id -u)" = 0 ] || skip "needs root"
}

# require_program NAME...: skips the test where a peer or tool is not installed.
require_program() {
        local name

        for name in "$@"; do
                command -v "$name" >/dev/null || skip "$name is not installed"
        done
}

# helper_program NAME [LIBRARY...]: compiles NAME.c of this directory once, and prints where the program is.
helper_program() {
        local name=$1 program=$BUILD/helpers/$1

        shift
        if [ ! "$program" -nt "$HELPERS/$name.c" ]; then
                mkdir -p "$BUILD/helpers"
                # Static: it runs in containers and virtual machines, too. Two suites may get here at once.
                cc -O1 -static -o "$program.$BASHPID" "$HELPERS/$name.c" "$@" && mv "$program.$BASHPID" "$program" || return
        fi
        echo "$program"
}

# wait_until [-t SECONDS] COMMAND...: runs the command until it succeeds; fails after SECONDS (10),
# or a multiple of them where WAIT_FACTOR says that the machine is slow.
wait_until() {
        local limit=10 end

        if [ "$1" = -t ]; then
                limit=$2
                shift 2
        fi
        limit=$((limit * ${WAIT_FACTOR:-1}))
        end=$((SECONDS + limit))
        until "$@" >/dev/null 2>&1; do
                if [ "$SECONDS" -ge "$end" ]; then
                        echo "not within $limit s: $*" >&2
                        return 1
                fi
                sleep 0.02
        done
}

# wait_while [-t SECONDS] COMMAND...: runs the command until it fails.
wait_while() {
        if [ "$1" = -t ]; then
                wait_until -t "$2" not "${@:3}"
        else
                wait_until not "$@"
        fi
}

not() {
        ! "$@"
}

# without_fds COMMAND...: replaces this (sub)shell by the command, with only stdin, stdout and stderr
# open: bats waits for every process that holds one of the fds it passes to tests.
without_fds() {
        local fd

        # bats's own trap costs more than a command.
        trap - DEBUG
        for fd in "/proc/$BASHPID/fd"/*; do
                fd=${fd##*/}
                [ "$fd" -le 2 ] || exec {fd}>&-
        done
        exec "$@"
}

# spawn COMMAND...: starts a program (not a function) in the background; sets SPAWNED to its pid.
spawn() {
        (without_fds "$@") </dev/null >/dev/null 2>&1 &
        SPAWNED=$!
}

process_gone() {
        [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

# ---- assertions; each looks at $status and $output as bats' `run` sets them ----

assert_fail() {
        printf '%s\n' "$@" >&2
        return 1
}

assert_success() {
        [ "$status" -eq 0 ] || assert_fail "expected success, got status $status with:" "$output"
}

# assert_failure [STATUS]
assert_failure() {
        [ "$status" -ne 0 ] || assert_fail "expected failure, got success with:" "$output"
        [ $# -eq 0 ] || [ "$status" -eq "$1" ] || assert_fail "expected status $1, got $status with:" "$output"
}

assert_output() {
        [ "$output" = "$1" ] || assert_fail "expected output:" "$1" "got:" "$output"
}

assert_output_contains() {
        local text

        for text in "$@"; do
                [[ "$output" == *"$text"* ]] || assert_fail "expected to see: $text" "in:" "$output" || return 1
        done
}

refute_output_contains() {
        local text

        for text in "$@"; do
                [[ "$output" != *"$text"* ]] || assert_fail "did not expect to see: $text" "in:" "$output" || return 1
        done
}

# assert_output_matches REGEX (extended)
assert_output_matches() {
        [[ "$output" =~ $1 ]] || assert_fail "expected a match of: $1" "in:" "$output"
}

# assert_equal ACTUAL EXPECTED
assert_equal() {
        [ "$1" = "$2" ] || assert_fail "expected: $2" "got:      $1"
}

assert_exists() {
        [ -e "$1" ] || [ -L "$1" ] || assert_fail "missing: $1"
}

refute_exists() {
        [ ! -e "$1" ] && [ ! -L "$1" ] || assert_fail "still there: $1"
}

# assert_clear_error TEXT...: the last `run` failed with a message for people: it names each TEXT,
# is short, and shows neither a helper's name nor a crash.
assert_clear_error() {
        assert_failure || return 1
        [ "$status" -lt 128 ] || assert_fail "killed by signal $((status - 128)):" "$output" || return 1
        assert_output_contains "$@" || return 1
        refute_output_contains "Sanitizer" "runtime error:" "Assertion" "core dumped" || return 1
        [ "${#output}" -lt 2000 ] || assert_fail "the message is too long: ${#output} bytes" "${output:0:2000}"
}

# ---- leaks: what the machine holds, one thing a line, before and after ----

# The lists avoid programs, as they are made twice a test, also on emulated processors.

# Mount points of this mount namespace, and directories in every cgroup hierarchy.
# /run/netns itself becomes a mount with the first `ip netns add` and stays one.
list_mounts_and_cgroups() {
        local at rest
        local -A tops=()

        while read -r _ _ _ _ at rest; do
                case $at in
                /run/netns | /var/run/netns) ;;
                *) printf 'mount %s\n' "$at" ;;
                esac
                case $rest in
                *" - cgroup "* | *" - cgroup2 "*) tops[$at]=1 ;;
                esac
        done </proc/self/mountinfo
        [ ${#tops[@]} -eq 0 ] || find "${!tops[@]}" -mindepth 1 -type d -printf 'cgroup %p\n' 2>/dev/null || true
}

list_named_netns() {
        local file

        for file in /run/netns/*; do
                [ ! -e "$file" ] || printf 'netns %s\n' "${file##*/}"
        done
}

# Links and firewall rules of this network namespace.
list_network() {
        local name

        while IFS=' :' read -r name _; do
                case $name in
                Inter-* | face) ;;
                *) printf 'link %s\n' "$name" ;;
                esac
        done </proc/net/dev
        [ "${LEAK_RULES:-}" = no ] ||
                nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*/counter/; s/^/nft /'
}

# Processes that were started with our environment variable of this suite.
list_processes() {
        local environ pid

        for environ in /proc/[0-9]*/environ; do
                pid=${environ#/proc/}
                pid=${pid%/environ}
                [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] || continue
                if grep -qzx "LEAK_MARK=$LEAK_MARK" "$environ" 2>/dev/null; then
                        echo "process $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
                fi
        done
}

leaks_list() {
        {
                # bats's own trap costs more than a line that is read.
                trap - DEBUG
                list_mounts_and_cgroups
                list_named_netns
                list_network
        } | sort
}

# leaks_begin: remembers what there is. Call it first in setup or setup_file.
leaks_begin() {
        export LEAK_MARK=${LEAK_MARK:-$(token)}
        LEAK_FILE=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/leaks.before
        export LEAK_FILE
        leaks_list >"$LEAK_FILE"
}

leaks_now() {
        if [ "${LEAK_SCOPE:-}" = all ]; then
                leaks_list | comm -13 "$LEAK_FILE" -
        else
                # Others work on this machine too: count only what carries a name of ours.
                leaks_list | comm -13 "$LEAK_FILE" - |
                        grep -F -e "$LEAK_MARK" -e "${BATS_RUN_TMPDIR:-/nonexistent}" ${LEAK_NAMES:+-e "$LEAK_NAMES"} || true
        fi
}

no_leaks() {
        [ -z "$(leaks_now)" ]
}

# leaks_check: fails and shows what is there now and was not at leaks_begin. What a process
# that is just going away still holds gets two seconds.
leaks_check() {
        wait_until -t 2 no_leaks 2>/dev/null || assert_fail "left behind:" "$(leaks_now)"
}
