#!/bin/bash
# Runs a command in a room of its own: private mounts, /run, process ids, network and cgroups.
# A test suite can then count exactly what it left behind, nothing of it reaches the machine,
# and when the command ends, whatever it started is killed with it.
#
#     tests/helpers/room.sh COMMAND [ARG...]
#
# Exit status: the command's; 125 when this machine does not allow such a room.
set -u

# "MOUNTPOINT TYPE SUPEROPTIONS" of every cgroup hierarchy.
hierarchies() {
        awk '{ for (i = 7; $i != "-"; i++) {}; if ($(i + 1) ~ /^cgroup2?$/) print $5, $(i + 1), $(i + 3) }' \
                /proc/self/mountinfo
}

# The part of the super options that chooses the hierarchy: "cpu,cpuacct" or "none,name=systemd".
controllers() {
        local option list=

        for option in ${1//,/ }; do
                case $option in
                rw | ro | xattr | nsdelegate | memory_recursiveprot | memory_localevents | favordynmods) ;;
                name=*) list=${list:+$list,}none,$option ;;
                *) list=${list:+$list,}$option ;;
                esac
        done
        echo "$list"
}

# Files of cgroupfs have no size, so they must be read.
has_controllers() {
        [ -n "$(cat "$1/cgroup.controllers" 2>/dev/null)" ]
}

# The directory of this process in the hierarchy mounted at $1, of type $2 with options $3.
own_directory() {
        local key=$3 path

        if [ "$2" = cgroup2 ]; then
                # Below a directory with processes, cgroup2 would hand out no controllers.
                if has_controllers "$1"; then
                        echo "$1"
                        return
                fi
                path=$(sed -n 's/^0:://p' /proc/self/cgroup)
        else
                key=$(controllers "$3")
                path=$(awk -F: -v key="${key#none,}" '$2 == key { print $3 }' /proc/self/cgroup)
        fi
        [ -d "$1$path" ] || path=
        echo "$1${path%/}"
}

enter_cgroups() {
        local top type options directory

        while read -r top type options; do
                directory=$(own_directory "$top" "$type" "$options")
                mkdir "$directory/$ROOM" || return 1
                if [ -e "$directory/$ROOM/cpuset.cpus" ] && [ "$type" = cgroup ]; then
                        cat "$directory/cpuset.cpus" >"$directory/$ROOM/cpuset.cpus"
                        cat "$directory/cpuset.mems" >"$directory/$ROOM/cpuset.mems"
                fi
                echo "$BASHPID" >"$directory/$ROOM/cgroup.procs" || return 1
        done < <(hierarchies)
}

remove_cgroups() {
        local top type options directory pid try

        while read -r top type options; do
                directory=$(own_directory "$top" "$type" "$options")/$ROOM
                for try in 1 2 3 4 5 6 7 8 9 10; do
                        [ -d "$directory" ] || break
                        find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null
                        [ ! -d "$directory" ] || sleep 0.1
                done
        done < <(hierarchies)
}

# Once the inside has its namespaces, the process that waits for it leaves the room's top cgroup2.
leave_top() {
        local top type options directory

        while read -r top type options; do
                [ "$type" = cgroup2 ] && has_controllers "$top" || continue
                directory=$(own_directory "$top" "$type" "$options")/$ROOM
                while [ ! -d "$directory/tests" ] && kill -0 "$inside" 2>/dev/null; do
                        # No controllers, no directory: see furnish.
                        [ ! -d "$directory" ] || has_controllers "$directory" || continue 2
                        sleep 0.05
                done
                [ -d "$directory/tests" ] && mkdir "$directory/outside" && echo "$inside" >"$directory/outside/cgroup.procs"
        done < <(hierarchies)
}

# Within the new namespaces: mounts that show only this room.
furnish() {
        local top type options list name

        list=$(hierarchies)
        while read -r top type options; do
                [ -n "$top" ] || continue
                umount "$top" && case $type in
                cgroup2) mount -t cgroup2 cgroup2 "$top" ;;
                *) mount -t cgroup -o "$(controllers "$options")" cgroup "$top" ;;
                esac || return 1
                if [ "$type" = cgroup2 ] && has_controllers "$top"; then
                        mkdir "$top/tests" && echo 0 >"$top/tests/cgroup.procs" || return 1
                        # A cgroup with processes hands down no controllers: leave_top moves the last one.
                        for _ in $(seq 600); do
                                [ -n "$(cat "$top/cgroup.procs")" ] || break
                                sleep 0.05
                        done
                        for name in $(cat "$top/cgroup.controllers"); do
                                echo "+$name" >"$top/cgroup.subtree_control" 2>/dev/null
                        done
                fi
        done <<<"$list"
        mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/lock /run/netns || return 1
        ip link set lo up
}

if [ "${1:-}" = --inside ]; then
        shift
        furnish || exit 125
        export LEAK_SCOPE=all
        "$@"
        exit
fi

ROOM=test-room-$$
trap remove_cgroups EXIT
trap 'exit 143' TERM INT
(
        enter_cgroups || exit 125
        exec unshare --mount --propagation private --cgroup --pid --net --ipc --fork --kill-child=KILL --mount-proc \
                bash "$0" --inside "$@"
) &
inside=$!
trap 'kill -KILL $inside 2>/dev/null; wait $inside; exit 143' TERM INT
leave_top
wait $inside
