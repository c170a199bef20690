#!/usr/bin/env bats
# What Podman has the runtime do and the machine that runs the tests cannot: checkpoints, whose kernel criu must know,
# and cgroups of systemd's.

load ../helpers/common
load ../helpers/bundle

setup_file() {
        local manager=cgroupfs

        command -v podman >/dev/null || return 0
        [ ! -d /run/systemd/system ] || manager=systemd
        export CONTAINERS_CONF=$BATS_FILE_TMPDIR/containers.conf MANAGER=$manager
        printf '[containers]\nlog_driver = "k8s-file"\n[engine]\ncgroup_manager = "%s"\nevents_logger = "file"\n' \
                "$manager" >"$CONTAINERS_CONF"
        mkdir -p /etc/containers
        [ -e /etc/containers/policy.json ] || echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
        tar -C "$(base_rootfs)" -cf "$BATS_FILE_TMPDIR/busybox.tar" .
        podman import -q "$BATS_FILE_TMPDIR/busybox.tar" busybox >/dev/null
}

setup() {
        require_program podman
        NAME=$(token)
}

teardown() {
        [ -n "${NAME:-}" ] || return 0
        podman rm -f -a -t 0 >/dev/null
        assert_equal "$("$MYRUN_PROGRAM" list -q)" ""
        assert_equal "$(find /sys/fs/cgroup -name "*libpod-[0-9a-f]*" -not -name "*conmon*")" ""
}

podman() {
        command podman --root "$BATS_FILE_TMPDIR/root" --runroot "$BATS_FILE_TMPDIR/runroot" --storage-driver vfs \
                --runtime "$MYRUN_PROGRAM" "$@"
}

# A container that counts in /count/n: on a tmpfs, which is saved with the processes. Podman saves the files of the
# image apart, later where the container goes on, and criu would miss those that were open.
start_counting() {
        podman run -d --network none --tmpfs /count --name "$NAME" busybox \
                sh -c 'i=0; while :; do i=$((i+1)); echo $i >/count/new; mv /count/new /count/n; sleep 0.1; done' >/dev/null
        wait_until counted_to 3
}

count() {
        podman exec "$NAME" cat /count/n
}

counted_to() {
        [ "$(count)" -ge "$1" ]
}

@test "a container that was checkpointed goes on where it was" {
        local before

        start_counting
        before=$(count)
        podman container checkpoint "$NAME"
        assert_equal "$(podman inspect --format '{{.State.Status}}' "$NAME")" exited
        podman container restore "$NAME"
        wait_until counted_to $((before + 3))
        assert_equal "$(podman inspect --format '{{.State.Running}}' "$NAME")" true
}

@test "an exported checkpoint comes back as a container of another name" {
        local before

        start_counting
        before=$(count)
        podman container checkpoint --leave-running --export "$BATS_TEST_TMPDIR/saved.tar.gz" "$NAME"
        assert_equal "$(podman inspect --format '{{.State.Running}}' "$NAME")" true
        podman rm -f -t 0 "$NAME" >/dev/null
        podman container restore --import "$BATS_TEST_TMPDIR/saved.tar.gz" --name "$NAME-2"
        NAME=$NAME-2
        wait_until counted_to $((before + 3))
}

@test "limits are those of the container's cgroup, and change with update" {
        local cgroup

        podman run -d --network none --name "$NAME" --memory 64m --pids-limit 33 --cpus 0.5 busybox sleep 1000 >/dev/null
        cgroup=/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(podman inspect --format '{{.State.Pid}}' "$NAME")/cgroup")
        [ "$MANAGER" = cgroupfs ] || [[ $cgroup == *"/machine.slice/libpod-"*.scope* ]]
        [ -e "$cgroup/memory.max" ] || cgroup=${cgroup%/*}
        assert_equal "$(cat "$cgroup/memory.max") $(cat "$cgroup/pids.max") $(cat "$cgroup/cpu.max")" "67108864 33 50000 100000"
        podman pause "$NAME" >/dev/null
        assert_equal "$(podman inspect --format '{{.State.Status}}' "$NAME")" paused
        podman unpause "$NAME" >/dev/null
        run podman exec "$NAME" cat /proc/self/cgroup
        assert_success
        podman update --memory 96m --cpus 0.25 "$NAME" >/dev/null
        assert_equal "$(cat "$cgroup/memory.max") $(cat "$cgroup/cpu.max")" "100663296 25000 100000"
        run podman stats --no-stream --format '{{.PIDs}}' "$NAME"
        assert_output 1
}
