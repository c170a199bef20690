#!/usr/bin/env bats
# Podman drives the runtime through conmon, unchanged.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers

setup_file() {
        command -v podman >/dev/null || return 0
        peers_begin
        mkdir "$PEER_DIR/networks"
        # Nothing of the machine's own configuration; limits that need no CAP_SYS_RESOURCE.
        cat >"$PEER_DIR/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
infra_image = "localhost/busybox"
infra_command = "sleep 1000"
[network]
network_config_dir = "$PEER_DIR/networks"
cni_plugin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
END
        cat >"$PEER_DIR/podman" <<END
#!/bin/sh
export CONTAINERS_CONF="$PEER_DIR/containers.conf"
exec nsenter --net="/run/netns/$PEER_NETNS" -- podman --root "$PEER_DIR/root" --runroot "$PEER_DIR/runroot" \
        --tmpdir "$PEER_DIR/tmp" --storage-driver overlay --runtime "$PEER_RUNTIME" "\$@"
END
        chmod 755 "$PEER_DIR/podman"
        podman import -q "$PEER_DIR/busybox.tar" busybox >/dev/null
}

teardown_file() {
        command -v podman >/dev/null || return 0
        umount -q "$PEER_DIR/root/overlay" || true
        peers_end libpod_parent
}

setup() {
        require_root
        require_program podman script
        NAME=$(token)
}

# Nothing of any container may be left, in the runtime's own directory either.
teardown() {
        [ -n "${NAME:-}" ] || return 0
        podman pod rm -af -t 0 >/dev/null
        podman rm -af -t 0 >/dev/null
        run podman ps -aq
        assert_output ""
        [ "$PEER_RUNTIME" != "$MYRUN" ] || assert_equal "$("$MYRUN" list -q | grep "${CONTAINER_ID:-none}")" ""
}

podman() {
        (without_fds "$PEER_DIR/podman" "$@")
}

# run_ [OPTION...] IMAGE COMMAND...: a container without a network, in the foreground.
run_() {
        podman run --rm --network none "$@"
}

# start [OPTION...] IMAGE COMMAND...: the same in the background, under the name $NAME.
start() {
        podman run -d --name "$NAME" --network none "$@" >"$BATS_TEST_TMPDIR/start" 2>&1 ||
                assert_fail "$(cat "$BATS_TEST_TMPDIR/start")"
        CONTAINER_ID=$(tail -n 1 "$BATS_TEST_TMPDIR/start")
}

field() {
        podman inspect --format "{{.$1}}" "${2:-$NAME}"
}

has_status() {
        [ "$(field State.Status)" = "$1" ]
}

logs_show() {
        podman logs "$NAME" 2>&1 | grep -qF -- "$1"
}

@test "podman run passes input, output and the exit status on" {
        run run_ -i busybox sh -c 'cat; echo error >&2; exit 7' <<<hello
        assert_failure 7
        assert_output_contains hello error
}

@test "podman run -it gives the program a terminal, and what is typed there reaches it" {
        run on_terminal "$PEER_DIR/podman" run --rm -it --network none busybox sh <<<'tty; echo $((40 + 2)); exit 9'
        assert_failure 9
        assert_output_contains /dev/pts/0 42
}

@test "podman run says 127 for a program that is not there and 126 for one that cannot be run" {
        run -127 run_ busybox no-such-program
        run -127 run_ busybox /no/such/program
        run run_ busybox /etc
        assert_failure 126
        run run_ busybox /etc/passwd
        assert_failure 126
}

@test "podman exec runs programs in a container with their own user, environment and directory" {
        start busybox sleep 1000
        run podman exec -e WORD='two words' -w /tmp -u 1000:2000 "$NAME" sh -c 'pwd; id -u; id -g; echo "$WORD"; exit 5'
        assert_failure 5
        assert_output $'/tmp\n1000\n2000\ntwo words'
        run podman exec -i "$NAME" cat <<<hello
        assert_success
        assert_output hello
        run on_terminal "$PEER_DIR/podman" exec -it "$NAME" sh <<<'tty; exit 8'
        assert_failure 8
        assert_output_contains /dev/pts/
        run -127 podman exec "$NAME" no-such-program
        run podman exec "$NAME" /etc/passwd
        assert_failure 126
        podman exec -d "$NAME" touch /tmp/detached
        wait_until podman exec "$NAME" test -e /tmp/detached
}

@test "podman stop asks the program to end, and kills it when it does not" {
        start busybox sh -c 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        podman stop -t 20 "$NAME"
        wait_until has_status exited
        assert_equal "$(field State.ExitCode)" 3
        logs_show bye
        podman rm "$NAME"
        start busybox sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        podman stop -t 1 "$NAME"
        wait_until has_status exited
        assert_equal "$(field State.ExitCode)" 137
}

@test "podman kill sends any signal, and KILL by default" {
        start busybox sh -c 'trap "echo got USR1" USR1; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        podman kill -s USR1 "$NAME"
        wait_until logs_show "got USR1"
        podman kill "$NAME"
        run podman wait "$NAME"
        assert_output 137
}

@test "podman rm -f removes a running container with its processes and cgroups" {
        start busybox sh -c 'sleep 1000 & sleep 1000'
        pid=$(field State.Pid)
        podman rm -f -t 0 "$NAME"
        process_gone "$pid"
        for top in $(cgroup_hierarchies); do
                run find "$top" -type d -name "*$CONTAINER_ID*"
                assert_output ""
        done
}

@test "podman restart and start run the program again" {
        start busybox sh -c 'echo run >>/runs; sleep 1000'
        podman restart -t 0 "$NAME"
        wait_until podman exec "$NAME" grep -c run /runs
        podman stop -t 0 "$NAME"
        podman start "$NAME"
        wait_until has_status running
        wait_until eval '[ "$(podman exec "$NAME" cat /runs | wc -l)" = 3 ]'
}

@test "podman attach shows what the program writes and passes its status on" {
        podman create -i --name "$NAME" --network none busybox sh -c 'read line; echo "got $line"; exit 4' >/dev/null
        run podman start -ai "$NAME" <<<word
        assert_failure 4
        assert_output "got word"
}

@test "podman pause stops every process, unpause lets them go on" {
        start busybox sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; done'
        pid=$(field State.Pid)
        wait_until test -s "/proc/$pid/root/count"
        podman pause "$NAME"
        has_status paused
        count=$(cat "/proc/$pid/root/count")
        read -r -t 0.3 <> <(:) || true
        assert_equal "$(cat "/proc/$pid/root/count")" "$count"
        podman unpause "$NAME"
        has_status running
        wait_until eval '[ "$(cat "/proc/$pid/root/count")" != "$count" ]'
}

@test "podman stats and top see the container's processes" {
        start busybox sh -c 'sleep 1000 & sleep 1000 & wait'
        wait_until eval 'podman top "$NAME" | grep -c sleep | grep -x 3'
        run podman stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$NAME"
        assert_success
        assert_output_matches '^3 [1-9][0-9.]*[kM]B / '
}

@test "podman's --memory, --cpus, --pids-limit and --cpuset-cpus reach the kernel, and update changes them" {
        start --memory 64m --cpus 0.5 --pids-limit 33 --cpuset-cpus 0 --cpu-shares 512 busybox sleep 1000
        pid=$(field State.Pid)
        assert_equal "$(memory_limit "$pid")" 67108864
        assert_equal "$(cpu_limit "$pid")" "50000 100000"
        assert_equal "$(pids_limit "$pid")" 33
        assert_equal "$(cpuset_of "$pid")" 0
        podman update --cpus 0.25 --memory 32m "$NAME" >/dev/null
        assert_equal "$(cpu_limit "$pid")" "25000 100000"
        assert_equal "$(memory_limit "$pid")" 33554432
}

@test "a program of podman's that takes more memory than --memory is killed" {
        run run_ --memory 8m --memory-swap 8m busybox \
                sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1'
        assert_failure 137
}

@test "podman's --cap-drop, --cap-add and --privileged choose the capabilities" {
        run run_ --cap-drop all busybox grep CapEff /proc/self/status
        assert_output $'CapEff:\t0000000000000000'
        run run_ --cap-drop all --cap-add net_raw busybox grep CapEff /proc/self/status
        assert_output $'CapEff:\t0000000000002000'
        run run_ --privileged busybox sh -c 'mount -t tmpfs none /mnt && grep " /mnt " /proc/mounts'
        assert_success
        assert_output_contains tmpfs
}

@test "podman's --security-opt chooses seccomp profile and no-new-privileges" {
        cat >"$BATS_TEST_TMPDIR/profile.json" <<'END'
{"defaultAction": "SCMP_ACT_ALLOW",
 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
END
        run run_ --security-opt seccomp="$BATS_TEST_TMPDIR/profile.json" busybox mkdir /tmp/a
        assert_failure
        assert_output_contains "No space left"
        run run_ busybox grep -E '^Seccomp:|NoNewPrivs' /proc/self/status
        assert_output $'NoNewPrivs:\t0\nSeccomp:\t2'
        run run_ --security-opt seccomp=unconfined --security-opt no-new-privileges busybox \
                grep -E '^Seccomp:|NoNewPrivs' /proc/self/status
        assert_output $'NoNewPrivs:\t1\nSeccomp:\t0'
}

@test "podman's --user, --group-add, --workdir, --env and --hostname are what the program sees" {
        run run_ --user user --group-add 2000 --workdir /tmp --env WORD=x --hostname box busybox \
                sh -c 'id -u; id -G; pwd; echo $WORD; hostname'
        assert_success
        assert_output $'1000\n1000 2000\n/tmp\nx\nbox'
}

@test "podman's --read-only makes the root read-only but for --tmpfs" {
        run run_ --read-only --tmpfs /scratch busybox sh -c 'touch /scratch/file && echo written; touch /file'
        assert_failure
        assert_output_contains written "Read-only file system"
}

@test "podman's -v shows directories, files and volumes, read-only where asked" {
        mkdir "$BATS_TEST_TMPDIR/data"
        echo content >"$BATS_TEST_TMPDIR/data/file"
        run run_ -v "$BATS_TEST_TMPDIR/data:/data" -v "$BATS_TEST_TMPDIR/data:/read:ro" \
                -v "$BATS_TEST_TMPDIR/data/file:/etc/one:ro" -v "$NAME:/volume" busybox \
                sh -c 'cat /data/file /etc/one; echo new >/data/new; echo kept >/volume/kept; touch /read/no'
        assert_failure
        assert_output_contains $'content\ncontent' "Read-only file system"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/data/new")" new
        run run_ -v "$NAME:/volume" busybox cat /volume/kept
        assert_output kept
        podman volume rm "$NAME"
}

@test "podman's --device and --sysctl reach the container, other devices do not" {
        run run_ --device /dev/fuse --sysctl net.ipv4.ip_unprivileged_port_start=99 busybox \
                sh -c 'ls -l /dev/fuse; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; mknod /tmp/mem c 1 1; cat /tmp/mem'
        assert_failure
        assert_output_matches '^crw.*/dev/fuse'
        assert_output_contains $'\n99\n'
}

@test "podman's --uidmap gives the container users of its own" {
        run run_ --uidmap 0:100000:2000 --gidmap 0:100000:2000 busybox \
                sh -c 'cat /proc/self/uid_map; id -u; touch /file && stat -c %u /file'
        assert_success
        assert_output_matches '^ +0 +100000 +2000
0
0$'
}

@test "podman's containers share the namespaces of another" {
        start --hostname shared busybox sleep 1000
        run podman run --rm --network "container:$NAME" --pid "container:$NAME" --uts "container:$NAME" \
                --ipc "container:$NAME" busybox sh -c 'hostname; ps | grep -c "sleep 1000"'
        assert_output_matches '^shared
[1-9]'
        run podman run --rm --pid host --network host --ipc host busybox \
                sh -c 'readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc'
        assert_output "$(readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc)"
}

@test "podman's health check runs in the container" {
        start --health-cmd 'test -e /healthy' --health-interval disable --health-retries 1 busybox sleep 1000
        run podman healthcheck run "$NAME"
        assert_failure 1
        assert_equal "$(field State.Health.Status)" unhealthy
        podman exec "$NAME" touch /healthy
        podman healthcheck run "$NAME"
        assert_equal "$(field State.Health.Status)" healthy
}

@test "a pod of podman's holds containers that share its network" {
        podman pod create --name "$NAME" --network none --infra-image localhost/busybox --infra-command "sleep 1000" >/dev/null
        podman run -d --pod "$NAME" --name "$NAME-web" busybox httpd -f -p 127.0.0.1:80 -h /etc >/dev/null
        run podman run --rm --pod "$NAME" busybox wget -q -O - http://127.0.0.1/group
        assert_success
        assert_output_contains root:x:0:
        podman pod pause "$NAME"
        podman pod unpause "$NAME"
        podman pod stop -t 0 "$NAME"
        podman pod rm "$NAME"
}

@test "podman publishes a port of a container on a bridge" {
        podman run -d --name "$NAME" -p 8080:80 busybox httpd -f -h /etc >/dev/null
        address=$(field NetworkSettings.IPAddress)
        wait_until in_peers curl -sf "http://$address/group"
        run in_peers curl -sf http://127.0.0.1:8080/group
        assert_success
        assert_output_contains root:x:0:
}

@test "podman build runs its instructions" {
        mkdir "$BATS_TEST_TMPDIR/context"
        cat >"$BATS_TEST_TMPDIR/context/Containerfile" <<'END'
FROM localhost/busybox
RUN echo "made as $(id -u)" >/made
USER 1000
CMD ["sh", "-c", "cat /made; id -u"]
END
        podman build --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --isolation oci -q -t "$NAME" "$BATS_TEST_TMPDIR/context"
        run run_ "$NAME"
        assert_output $'made as 0\n1000'
        podman rmi "$NAME"
}
