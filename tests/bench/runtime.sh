#!/bin/bash
# myrun beside crun, runc and `unshare`: each command alone, a hundred runs, a thousand
# containers, system calls. Run by run.sh, which has made a place where all of them work.
set -eu
. "$(dirname "$0")/lib.sh"
. "$SOURCE/tests/helpers/common.bash"
. "$SOURCE/tests/helpers/bundle.bash"

# docker's default profile, as Podman's package has it.
PROFILE=/usr/share/containers/seccomp.json
PRESENT=${PRESENT:-1000}
MANY="$SOURCE/tests/bench/many.sh"

WORK=$(mktemp -d)
STATES=$WORK/run
mkdir "$STATES"
# State is where it usually is: /run is in memory.
mount -t tmpfs -o mode=700 tmpfs "$STATES"

runtimes=("myrun $MYRUN")
for peer in crun runc; do
        have $peer && runtimes+=("$peer $(command -v $peer)") || echo "$peer is not installed"
done

# each_runtime FUNCTION: called with a name, the command with its own state directory, and a container's id.
each_runtime() {
        local name path runtime

        for runtime in "${runtimes[@]}"; do
                read -r name path <<<"$runtime"
                "$1" "$name" "$path --root $STATES/$name" "bench-$name"
        done
}

remove_all() {
        local id

        for id in $($2 list -q); do
                $2 delete --force "$id"
        done
}

clean() {
        each_runtime remove_all 2>/dev/null
        umount "$STATES"
        rm -rf "$WORK"
}
trap clean EXIT

# The profile's rules for a container without capabilities on this architecture.
add_seccomp() {
        edit_config '.linux.seccomp = ($profile[0] | {
                defaultAction, defaultErrnoRet,
                architectures: (.archMap[0] | [.architecture] + .subArchitectures),
                syscalls: [.syscalls[]
                        | select((.includes.caps // []) == [] and (.includes.minKernel // "") == "")
                        | select((.includes.arches // ["amd64"]) | index("amd64"))
                        | {names, action, args: (.args // []), errnoRet}
                        | with_entries(select(.value != null))]})' --slurpfile profile "$PROFILE"
}

make_bundle "$WORK/full"
make_bundle "$WORK/no-network"
remove_namespace network
make_bundle "$WORK/sleep"
set_args sleep 1000
make_bundle "$WORK/seccomp"
add_seccomp

# Contestants as measure.c reads them: LABEL|PREPARE|COMMAND|CLEANUP.
run_full() { echo "$1||$2 run --bundle $WORK/full $3|$2 delete --force $3"; }
run_no_network() { echo "$1||$2 run --bundle $WORK/no-network $3|$2 delete --force $3"; }
run_seccomp() { echo "$1||$2 run --bundle $WORK/seccomp $3|$2 delete --force $3"; }
step_create() { echo "$1||$2 create --bundle $WORK/full $3|$2 delete --force $3"; }
step_start() { echo "$1|$2 create --bundle $WORK/full $3|$2 start $3|$2 delete --force $3"; }
step_state() { echo "$1|$2 create --bundle $WORK/full $3|$2 state $3|$2 delete --force $3"; }
step_exec() { echo "$1|$2 run --detach --bundle $WORK/sleep $3|$2 exec $3 true|$2 delete --force $3"; }
step_kill() { echo "$1|$2 run --detach --bundle $WORK/sleep $3|$2 kill $3 KILL|$2 delete --force $3"; }
step_delete() { echo "$1|$2 create --bundle $WORK/full $3; $2 start $3|$2 delete --force $3|"; }
sequence() { echo "$1||bash $MANY sequence 100 $3 $2 run --bundle $WORK/full|"; }
parallel() { echo "$1||bash $MANY parallel 100 $3 $2 run --bundle $WORK/full|"; }
list() { echo "$1||$2 list|"; }

create_many() {
        bash "$MANY" sequence "$PRESENT" many $2 create --bundle "$WORK/full" </dev/null >/dev/null 2>&1
}

# How many system calls a run takes, in all its processes.
count_calls() {
        local counts=$WORK/calls.$1

        strace -f -c -o "$counts" $2 run --bundle "$WORK/full" "$3" >/dev/null 2>&1 || true
        printf '| %s | %d |\n' "$1" "$(awk '$NF == "total" { print $4 }' "$counts")"
}

# One container of ours alone, or beside many: the same commands must cost the same.
alone_or_beside() {
        local ours="$MYRUN --root $STATES/myrun" other="$MYRUN --root $STATES/alone"

        echo "state, alone|$other create --bundle $WORK/full one|$other state one|$other delete --force one"
        echo "state, beside $PRESENT|$ours create --bundle $WORK/full one|$ours state one|$ours delete --force one"
        echo "kill, alone|$other create --bundle $WORK/full one|$other kill one KILL|$other delete --force one"
        echo "kill, beside $PRESENT|$ours create --bundle $WORK/full one|$ours kill one KILL|$ours delete --force one"
        echo "run, alone||$other run --bundle $WORK/full one|"
        echo "run, beside $PRESENT||$ours run --bundle $WORK/full one|"
}

status=0
{
        echo "/bin/true||/bin/true|"
        echo "myrun||$MYRUN --version|"
        for peer in crun runc; do
                ! have $peer || echo "$peer||$peer --version|"
        done
} | contest "start-up, \`--version\`" /bin/true || status=1
{
        each_runtime run_full
        echo "unshare -pmnuif true||unshare -pmnuif true|"
} | contest "\`run\` of \`true\`, five namespaces" crun "unshare -pmnuif true" || status=1
{
        each_runtime run_no_network
        echo "unshare -pmuif true||unshare -pmuif true|"
} | contest "\`run\` of \`true\` in the caller's network" crun "unshare -pmuif true" || status=1
# Where a hierarchy of v2 is all there is, as on most hosts: the machine's own, put over those of v1. crun 1.8 does not
# work in one without controllers.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
{
        run_full myrun "$MYRUN --root $STATES/myrun" bench-myrun
        ! have runc || run_full runc "$(command -v runc) --root $STATES/runc" bench-runc
        echo "unshare -pmnuif true||unshare -pmnuif true|"
} | contest "\`run\` of \`true\`, cgroup v2 alone" "unshare -pmnuif true" || status=1
umount -l /sys/fs/cgroup
each_runtime run_seccomp | contest "\`run\` of \`true\` with docker's seccomp profile" crun || status=1
for step in create start state exec kill delete; do
        each_runtime step_$step | contest "\`$step\`" crun || status=1
done

rounds=$ROUNDS
ROUNDS=$((rounds < 20 ? 1 : rounds / 20))
each_runtime sequence | contest "100 runs, one after the other" crun || status=1
each_runtime parallel | contest "100 runs at once" crun || status=1

ROUNDS=$((rounds < 4 ? 1 : rounds / 4))
each_runtime create_many
each_runtime list | contest "\`list\` of $PRESENT containers" crun || status=1
ROUNDS=$rounds
alone_or_beside | contest "one container, alone or beside $PRESENT" "run, alone" || status=1

if have strace; then
        printf '\n| `run` | system calls of all its processes |\n|---|--:|\n'
        each_runtime remove_all
        each_runtime count_calls
fi
exit $status
