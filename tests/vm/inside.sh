#!/bin/bash
# Runs inside the virtual machine: suites side by side, one a processor, each with its
# TAP in one piece when it ends. Exit status 1 if any failed.
#
#     tests/vm/inside.sh SUITE.bats...
export HERE=${BASH_SOURCE[0]%/*} OUTPUT=/tmp/output
mkdir -p "$OUTPUT"
# What has not ended half a minute before the machine is stopped is stopped here: then it can say how far it came.
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' bash -c '
        read -r up _ </proc/uptime
        export TIME_LIMIT=$((VM_TIME - ${up%.*} - 30))
        [ "$TIME_LIMIT" -gt 0 ] || TIME_LIMIT=1
        "$HERE/../run.sh" "$1" >"$OUTPUT/$$" 2>&1
        status=$?
        flock "$OUTPUT" sed "/^[0-9]* passed, [0-9]* failed/d" "$OUTPUT/$$"
        [ $status -eq 0 ]' suite '{}' || exit 1
