#!/bin/bash
# Within a room: runs one suite against one runtime and prints its TAP, each file of it announced by "# FILE name".
#
#     inside.sh SUITE RUNTIME NAME
#
# NAME is what the suite calls its runtime: some look for it in what the runtime prints about itself.
set -u

SUITE=$1 RUNTIME=$2 NAME=$3
# crun's files are short, but a case of theirs may wait for ever.
case $SUITE in
crun*) TIME_LIMIT=${TIME_LIMIT:-120} ;;
*) TIME_LIMIT=${TIME_LIMIT:-600} ;;
esac
WORK=/run/conformance
SUBIDS=100000:65536

# All under /run, which is the room's: an unprivileged user need not be able to reach $BUILD.
mkdir -p "$WORK/bin" "$WORK/suites" "$WORK/tmp"
chmod 1777 "$WORK/tmp"
mount --bind "$CONFORMANCE" "$WORK/suites"
if [ "$RUNTIME" = myrun ]; then
        cp "$BUILD/bin/myrun" "$WORK/bin/"
else
        cp "$(command -v "$RUNTIME")" "$WORK/bin/"
fi
[ -e "$WORK/bin/$NAME" ] || ln -s "$RUNTIME" "$WORK/bin/$NAME"
export TMPDIR=$WORK/tmp HOME=/root
# runc's cases of checkpoint write criu's settings there.
mkdir -p /etc/criu
mount -t tmpfs tmpfs /etc/criu

# A hierarchy's place is a directory of the machine's tmpfs, in which suites make more of them: the room gets one of its own.
own_hierarchies() {
        local name

        stat -f -c %T /sys/fs/cgroup | grep -qx tmpfs || return 0
        mkdir "$WORK/cgroup"
        mount -t tmpfs -o mode=755 tmpfs "$WORK/cgroup"
        for name in $(ls /sys/fs/cgroup); do
                mountpoint -q "/sys/fs/cgroup/$name" || continue
                mkdir "$WORK/cgroup/$name"
                mount --move "/sys/fs/cgroup/$name" "$WORK/cgroup/$name"
        done
        umount /sys/fs/cgroup
        mount --move "$WORK/cgroup" /sys/fs/cgroup
}

# A process that a case left frozen cannot be killed, and the room would wait for it.
thaw() {
        local file

        while read -r file; do
                case $file in
                */freezer.state) echo THAWED >"$file" ;;
                *) echo 0 >"$file" ;;
                esac
        done < <(find /sys/fs/cgroup -mindepth 2 \( -name freezer.state -o -name cgroup.freeze \)) 2>/dev/null
}

# replace FILE: what comes on standard input in place of a file of the machine's, in this room alone.
replace() {
        cat >"$WORK/${1##*/}"
        mount --bind "$WORK/${1##*/}" "$1"
}

add_user() {
        { cat /etc/passwd; echo "rootless:x:2000:2000::/home/rootless:/bin/bash"; } | replace /etc/passwd
        { cat /etc/group; echo "rootless:x:2000:"; } | replace /etc/group
        if [ "$SUITE" != runc-rootless ]; then
                echo "rootless:$SUBIDS" | replace /etc/subuid
                echo "rootless:$SUBIDS" | replace /etc/subgid
        fi
        mount -t tmpfs tmpfs /home
        mkdir -p /home/rootless /run/user/2000
        chown 2000:2000 /home/rootless /run/user/2000
}

# Runs a command as the suite wants it: as root, or as an unprivileged user.
as_user() {
        case $SUITE in
        *-rootless*)
                setpriv --reuid 2000 --regid 2000 --clear-groups env HOME=/home/rootless USER=rootless \
                        XDG_RUNTIME_DIR=/run/user/2000 "$@"
                ;;
        *) "$@" ;;
        esac
}

# run_file NAME COMMAND...
run_file() {
        local name=$1

        [[ $name =~ ${FILES:-.} ]] || return 0
        shift
        echo "# FILE $name"
        # Both suites want a terminal: runc's foreground containers hold one, and crun's cases look for one.
        SHELL=/bin/bash as_user timeout --kill-after=10 "$TIME_LIMIT" script -qefc "$(printf '%q ' "$@")" /dev/null <&9
        [ $? -ne 124 ] || echo "# stopped after $TIME_LIMIT s"
        thaw
}

run_runc() {
        local file

        export RUNC=$WORK/bin/runc RUNC_USE_SYSTEMD
        unset RUNC_USE_SYSTEMD
        case $SUITE in
        *-idmap)
                export ROOTLESS_FEATURES=idmap ROOTLESS_UIDMAP_START=${SUBIDS%:*} ROOTLESS_UIDMAP_LENGTH=${SUBIDS#*:} \
                        ROOTLESS_GIDMAP_START=${SUBIDS%:*} ROOTLESS_GIDMAP_LENGTH=${SUBIDS#*:}
                export AUX_UID=1024 AUX_DIR=$WORK/tmp/aux
                mkdir "$AUX_DIR"
                chown $((ROOTLESS_UIDMAP_START - 1000 + AUX_UID)) "$AUX_DIR"
                ;;
        *) export ROOTLESS_FEATURES= ;;
        esac
        cd "$WORK/suites/runc/tests/integration" || exit 125
        for file in *.bats; do
                run_file "$file" bats --tap "$file"
        done
}

run_crun() {
        local file

        export OCI_RUNTIME=$WORK/bin/crun INIT=$WORK/suites/crun/tests/init PYTHONPATH=$WORK/suites/crun/tests
        export PYTHONDONTWRITEBYTECODE=1
        # Cases look for ./tests/init.
        as_user mkdir "$WORK/tmp/crun"
        ln -s "$WORK/suites/crun/tests" "$WORK/tmp/crun/tests"
        cd "$WORK/tmp/crun" || exit 125
        for file in "$WORK"/suites/crun/tests/test_*.py; do
                run_file "${file##*/}" /usr/bin/python3 "$file"
        done
}

. "$(dirname "$0")/engines.bash"
own_hierarchies
# crun 1.8.1 takes a cgroup2 mounted beside version 1 for the one to use, and fails where it has no controllers.
if [ "$RUNTIME" = crun ] && [ -d /sys/fs/cgroup/unified ]; then
        umount /sys/fs/cgroup/unified
fi
# The terminals' input, which never ends.
mkfifo "$WORK/input"
exec 9<>"$WORK/input"
# Suites know pids of five digits.
echo 10000 >/proc/sys/kernel/ns_last_pid
case $SUITE in
*-rootless*) add_user ;;
esac
"run_${SUITE%%-*}"
