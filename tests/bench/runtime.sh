#!/bin/bash
# myrun beside crun, runc and `unshare`: start-up, run, create, start, delete.
# Run by run.sh, which has made a place where all of them work.
set -eu
. "$(dirname "$0")/lib.sh"
. "$SOURCE/tests/helpers/common.bash"
. "$SOURCE/tests/helpers/bundle.bash"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

make_bundle "$WORK/full"
make_bundle "$WORK/no-network"
remove_namespace network
BUNDLE=$WORK/full
runtimes=("myrun $MYRUN")
for peer in crun runc; do
        have $peer && runtimes+=("$peer $(command -v $peer)") || echo "$peer is not installed"
done

# Every runtime with its own state directory and container id.
each_runtime() {
        local name path

        for runtime in "${runtimes[@]}"; do
                read -r name path <<<"$runtime"
                "$1" "$name" "$path --root $WORK/state-$name" "bench-$name"
        done
}

run_full() {
        echo "$1||$2 run --bundle $WORK/full $3|$2 delete --force $3"
}

run_no_network() {
        echo "$1||$2 run --bundle $WORK/no-network $3|$2 delete --force $3"
}

create() {
        echo "$1||$2 create --bundle $WORK/full $3|$2 delete --force $3"
}

start() {
        echo "$1|$2 create --bundle $WORK/full $3|$2 start $3|$2 delete --force $3"
}

delete() {
        echo "$1|$2 create --bundle $WORK/full $3; $2 start $3|$2 delete --force $3|"
}

state() {
        echo "$1|$2 create --bundle $WORK/full $3|$2 state $3|$2 delete --force $3"
}

status=0
{
        echo "/bin/true||/bin/true|"
        echo "myrun||$MYRUN --version|"
        for peer in crun runc; do
                ! have $peer || echo "$peer||$peer --version|"
        done
} | contest "start-up: --version" /bin/true || status=1
{
        each_runtime run_full
        echo "unshare -pmnuif true||unshare -pmnuif true|"
} | contest "run of \`true\`, five namespaces" crun || status=1
{
        each_runtime run_no_network
        echo "unshare -pmuif true||unshare -pmuif true|"
} | contest "run of \`true\` in the caller's network" crun || status=1
for step in create start state delete; do
        each_runtime $step | contest "$step" crun || status=1
done
exit $status
