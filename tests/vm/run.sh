#!/bin/bash
# Runs test suites in a virtual machine with a pure cgroup v2, and prints their TAP.
#
#     tests/vm/run.sh [SUITE...]              plain cgroup v2
#     tests/vm/run.sh --systemd [SUITE...]    with systemd as process 1, and --systemd-cgroup at every call
#     tests/vm/run.sh [--systemd] --run COMMAND [ARG...]
#                                             any command, with the sources and programs at the same paths
#
# Environment:
#     BUILD        where the programs are, and where the machine is kept (default: build)
#     MYRUN        the runtime under test inside (default: $BUILD/bin/myrun)
#     BATS_FILTER  run only tests whose names match this regular expression
#     VM_TIME      seconds after which the machine is stopped (default 1800)
#     VM_BOOT      seconds for it to start the suites (default 180)
#     VM_SILENCE   seconds after which it has stood still when no suite has ended (default 420)
#
# Exit status: that of the suites or the command; 124 when the machine was stopped.
# What the kernel said is in $BUILD/vm/console.*.log.
set -u

here=$(cd "$(dirname "$0")" && pwd)
SOURCE=$(cd "$here/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$SOURCE/build}")
MYRUN=${MYRUN:-$BUILD/bin/myrun}
QEMU=qemu-system-x86_64
init=/sbin/vm-init
flavour=cgroup2
command=() suites=()

while [ $# -gt 0 ]; do
        case $1 in
        --systemd)
                init=/lib/systemd/systemd
                flavour=systemd
                ;;
        --run)
                shift
                command=("$@")
                break
                ;;
        -*)
                sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
                exit 2
                ;;
        *) break ;;
        esac
        shift
done

# By default the runtime's suites, apart from reading bad documents and schemas and from thousands of kills, which are
# the same everywhere; of netplug what needs another kernel than the host's.
default_suites() {
        printf '%s\n' tests/vm/{cgroup2,podman}.bats
        case $flavour in
        systemd) printf '%s\n' tests/vm/systemd.bats ;;
        cgroup2) printf '%s\n' tests/netplug/bridge-vlan.bats ;;
        esac
        printf '%s\n' tests/runtime/*.bats | grep -vE '/(bad-input|kill|schema)\.bats$'
}

skip_all() {
        echo "1..1"
        echo "ok 1 the suites in a virtual machine with $flavour # skip $1"
        exit 0
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
command -v "$QEMU" >/dev/null || skip_all "$QEMU is not installed (package qemu-system-x86)"

if [ ${#command[@]} -eq 0 ]; then
        cd "$SOURCE" || exit 1
        [ $# -gt 0 ] || mapfile -t default < <(default_suites)
        [ $# -gt 0 ] || set -- "${default[@]}"
        # The longest first, so that the processors end together.
        mapfile -t suites < <(find "$@" -name '*.bats' -printf '%s %p\n' | sort -rn | cut -d' ' -f2-)
        command=("$here/inside.sh" "${suites[@]}")
fi

mkdir -p "$BUILD/vm"
"$here/make.sh" >"$BUILD/vm/make.log" 2>&1 || {
        cat "$BUILD/vm/make.log" >&2
        echo "tests/vm/make.sh: the virtual machine could not be made" >&2
        exit 1
}

# Made here because the virtual machine would need ten seconds for it, and has no compiler.
(. "$here/../helpers/common.bash" && . "$here/../helpers/bundle.bash" && base_rootfs && helper_program swap &&
        helper_program kill_at -lseccomp) >/dev/null || exit 1

work=$(mktemp -d "$BUILD/vm/run.XXXXXX")
qemu=
clean() {
        [ -z "$qemu" ] || kill "$qemu" 2>/dev/null
        rm -rf "$work"
}
trap clean EXIT
trap 'exit 143' TERM INT

# pack COMMAND [ARG...]: the disk with what the machine runs, and what that needs.
pack() {
        mkdir -p "$work/vm"
        write_command "$@" >"$work/vm/command"
        tar -c -P -f "$work/disk" --transform "s,^$work/vm,/vm," "$work/vm" "${present[@]}"
}

write_command() {
        printf 'export BUILD=%q MYRUN=%q BATS_FILTER=%q V=1 VM_TIME=%q BATS_TEST_TIMEOUT=300 WAIT_FACTOR=4\n' "$BUILD" "$MYRUN" "${BATS_FILTER:-}" "${VM_TIME:-1800}"
        # A room would hide systemd and its cgroups.
        [ "$flavour" != systemd ] || echo 'export MYRUN_OPTIONS=--systemd-cgroup ROOM=no'
        printf 'echo vm: started\ncd %q || exit 1\n' "$SOURCE"
        printf '%q ' "$@"
        echo
}

wanted=("$SOURCE/tests" "$BUILD/bin" "$MYRUN"
        "$BUILD/libexec" "$BUILD/helpers" "$BUILD/images/busybox-rootfs")
present=()
for path in "${wanted[@]}"; do
        [ ! -e "$path" ] || present+=("$path")
done

# What makes emulated processors slow is left out: translated code is found again only at the same address (norandmaps:
# programs start three times as fast), a repeated byte move is a loop of its own (erms, fsrm: pages are cleared and copied).
append="console=ttyS0 loglevel=5 no_timer_check panic=-1 net.ifnames=0 norandmaps mitigations=off vm.init=$init"
# A kernel whose processors wait for each other for a minute says where, and ends (see below).
append="$append softlockup_panic=1 watchdog_thresh=30"
[ "$flavour" != systemd ] || append="$append systemd.wants=suite.service systemd.show_status=false"
console=$BUILD/vm/console.$flavour.log
mkfifo "$work/serial"

# Which machine a test ran in is seen by its name.
report() {
        if [[ $1 =~ ^((not )?ok [0-9]+ )(.*)$ ]]; then
                printf '%s[%s] %s\n' "${BASH_REMATCH[1]}" "$flavour" "${BASH_REMATCH[3]}"
        else
                printf '%s\n' "$1"
        fi
}

# boot: runs what is packed; sets exit_status, or leaves it empty where the machine ended before or stood still (sets
# stood_still), and status to qemu's.
boot() {
        local line limit=${VM_BOOT:-180} silence=${VM_SILENCE:-420}

        # A command says nothing while it works.
        [ ${#suites[@]} -gt 0 ] || silence=${VM_TIME:-1800}
        exit_status='' stood_still=''
        # TMPDIR: where the writes of the root disk go, which end with the machine.
        TMPDIR=$work timeout --kill-after=5 "${VM_TIME:-1800}" "$QEMU" \
                -M q35 -accel tcg,thread=multi -cpu max,-erms,-fsrm,-la57 -smp 2 -m 2G -nodefaults -display none -no-reboot \
                -kernel "$BUILD/vm/vmlinuz" -initrd "$BUILD/vm/initramfs" -append "$append" \
                -drive "file=$BUILD/vm/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
                -drive "file=$work/disk,format=raw,if=virtio,readonly=on" \
                -serial "file:$console" -serial "file:$work/serial" </dev/null 2>"$work/qemu.log" &
        qemu=$!
        while :; do
                IFS= read -r -t "$limit" line
                case $? in
                0) limit=$silence ;;
                1) break ;;
                *)
                        stood_still=yes
                        kill "$qemu"
                        break
                        ;;
                esac
                case $line in
                "vm: started") ;;
                "vm: exit status "*) exit_status=${line##* } ;;
                *) report "$line" ;;
                esac
                [[ ! $line =~ ^(tests/[^ ]+\.bats)\ +[0-9]+\ passed ]] || ended[${BASH_REMATCH[1]}]=yes
                [[ ! $line =~ ^not\ ok ]] || failed=1
        done <"$work/serial"
        wait "$qemu"
        status=$?
        qemu=
}

declare -A ended
failed=0
pack "${command[@]}"
boot
# Emulated processors have been seen to stand still for ever, once in some twenty runs: the kernel tells of a lockup, or
# qemu goes round its own interrupts. The suites that had not ended then run in another machine; a second time, that is a
# failure.
if [ -z "$exit_status" ] && [ ${#suites[@]} -gt 0 ] &&
        { [ -n "$stood_still" ] || grep -q "Kernel panic.*softlockup" "$console"; }; then
        rest=()
        for suite in "${suites[@]}"; do
                [ -n "${ended[$suite]:-}" ] || rest+=("$suite")
        done
        echo "# the emulated processors stood still; in another machine: ${rest[*]}"
        mv "$console" "$console.stood-still"
        pack "$here/inside.sh" "${rest[@]}"
        boot
        [ "$exit_status" != 0 ] || exit_status=$failed
fi

if [ -z "$exit_status" ]; then
        [ "$status" -eq 124 ] || status=1
        echo "The virtual machine ended before the suites did; the last words of its kernel:" >&2
        { cat "$work/qemu.log"; tail -n 20 "$console"; } >&2
        exit "$status"
fi
exit "$exit_status"
