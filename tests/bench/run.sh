#!/bin/bash
# Measures myrun and netplug beside their peers, in one run on one machine.
#
#     tests/bench/run.sh [runtime] [netplug]        all parts by default
#
# Environment: ROUNDS (default 100), BUILD.
set -eu

SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
export SOURCE BUILD=${BUILD:-$SOURCE/build} ROUNDS=${ROUNDS:-100}
export BENCH=$BUILD/bench

# crun 1.8 refuses a host that has cgroup v1 controllers and a cgroup2 beside them. All contestants
# therefore run in a mount namespace in which that cgroup2 is covered.
if [ "${BENCH_ROOM:-}" != made ]; then
        export BENCH_ROOM=made
        exec unshare --mount --propagation private bash "$0" "$@"
fi
if [ -d /sys/fs/cgroup/unified ]; then
        # crun leaves a few bytes there for each container.
        mount -t tmpfs -o size=16m tmpfs /sys/fs/cgroup/unified
fi

mkdir -p "$BENCH"
${CC:-gcc} -std=gnu17 -O2 -Wall -Wextra -static -D_GNU_SOURCE -o "$BENCH/measure" "$SOURCE/tests/bench/measure.c"

echo "$(uname -sr), $(nproc) CPUs, $(awk -F': *' '/model name/ { print $2; exit }' /proc/cpuinfo)"
for peer in "$BUILD/bin/myrun" crun runc; do
        "$peer" --version 2>/dev/null | head -n 1 || echo "$peer: missing"
done

[ $# -gt 0 ] || set -- runtime netplug
status=0
for part in "$@"; do
        if [ ! -e "$SOURCE/tests/bench/$part.sh" ]; then
                echo "tests/bench/$part.sh: no such part" >&2
                status=1
                continue
        fi
        bash "$SOURCE/tests/bench/$part.sh" || status=1
done
exit $status
