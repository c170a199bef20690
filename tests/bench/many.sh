#!/bin/bash
# Runs a runtime's command for many containers, one after the other or all at once.
#
#     many.sh sequence|parallel COUNT PREFIX COMMAND...      the ids are PREFIX-1 to PREFIX-COUNT
set -u
way=$1 count=$2 prefix=$3
shift 3
status=0
case $way in
sequence)
        for ((i = 1; i <= count; i++)); do
                "$@" "$prefix-$i" || status=1
        done
        ;;
parallel)
        for ((i = 1; i <= count; i++)); do
                "$@" "$prefix-$i" &
        done
        for ((i = 1; i <= count; i++)); do
                wait -n || status=1
        done
        ;;
esac
exit $status
