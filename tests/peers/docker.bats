#!/usr/bin/env bats
# dockerd drives the runtime through containerd's shim, unchanged: as one more runtime
# (--add-runtime), which is also the default one.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers

installed() {
        command -v dockerd >/dev/null && command -v docker >/dev/null
}

setup_file() {
        installed || return 0
        peers_begin
        export DOCKER_HOST=unix://$PEER_DIR/docker.sock DOCKER_CONFIG=$PEER_DIR/config
        echo '{}' >"$PEER_DIR/daemon.json"
        start_dockerd
        docker import "$PEER_DIR/busybox.tar" busybox >/dev/null
}

start_dockerd() {
        start_daemon dockerd dockerd --config-file "$PEER_DIR/daemon.json" --data-root "$PEER_DIR/root" \
                --exec-root "$PEER_DIR/exec" --pidfile "$PEER_DIR/dockerd-own.pid" -H "$DOCKER_HOST" \
                --add-runtime ours="$PEER_RUNTIME" --default-runtime ours \
                --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$PEER_CGROUP" \
                --storage-driver overlay2 --userland-proxy=false
        wait_until -t 60 docker version || assert_fail "$(tail -n 30 "$PEER_DIR/dockerd.log")"
}

teardown_file() {
        installed || return 0
        stop_daemon dockerd
        peers_end
}

setup() {
        require_root
        require_program dockerd docker script
        NAME=$(token)
}

teardown() {
        local ids

        [ -n "${NAME:-}" ] || return 0
        ids=$(docker ps -aq)
        [ -z "$ids" ] || docker rm -f $ids >/dev/null
        run find "$PEER_DIR"/exec/runtime-*/moby -mindepth 1 -maxdepth 1 ! -name .seccomp
        assert_output ""
}

docker() {
        (without_fds docker "$@")
}

# run_ [OPTION...] IMAGE COMMAND...: a container without a network, in the foreground.
run_() {
        docker run --rm --network none "$@"
}

# start [OPTION...] IMAGE COMMAND...: the same in the background, under the name $NAME.
start() {
        docker run -d --name "$NAME" --network none "$@" >"$BATS_TEST_TMPDIR/start" 2>&1 ||
                assert_fail "$(cat "$BATS_TEST_TMPDIR/start")"
        CONTAINER_ID=$(tail -n 1 "$BATS_TEST_TMPDIR/start")
}

field() {
        docker inspect --format "{{.$1}}" "${2:-$NAME}"
}

has_status() {
        [ "$(field State.Status)" = "$1" ]
}

logs_show() {
        docker logs "$NAME" 2>&1 | grep -qF -- "$1"
}

@test "dockerd runs containers with the runtime as its default one" {
        run docker info --format '{{.DefaultRuntime}}'
        assert_output ours
        start busybox sleep 1000
        assert_equal "$(field HostConfig.Runtime)" ours
}

@test "docker run passes input, output and the exit status on" {
        run run_ -i busybox sh -c 'cat; echo error >&2; exit 7' <<<hello
        assert_failure 7
        assert_output_contains hello error
}

@test "docker run -it gives the program a terminal, and what is typed there reaches it" {
        run on_terminal docker run --rm -it --network none busybox sh <<<'tty; echo $((40 + 2)); exit 9'
        assert_failure 9
        assert_output_contains /dev/pts/0 42
}

@test "docker run says 127 for a program that is not there and 126 for one that cannot be run" {
        run -127 run_ busybox no-such-program
        run -127 run_ busybox /no/such/program
        run run_ busybox /etc
        assert_failure 126
        run run_ busybox /etc/passwd
        assert_failure 126
}

@test "docker exec runs programs in a container with their own user, environment and directory" {
        start busybox sleep 1000
        run docker exec -e WORD='two words' -w /tmp -u 1000:2000 "$NAME" sh -c 'pwd; id -u; id -g; echo "$WORD"; exit 5'
        assert_failure 5
        assert_output $'/tmp\n1000\n2000\ntwo words'
        run docker exec -i "$NAME" cat <<<hello
        assert_success
        assert_output hello
        run on_terminal docker exec -it "$NAME" sh <<<'tty; exit 8'
        assert_failure 8
        assert_output_contains /dev/pts/
        run docker exec --privileged "$NAME" grep CapBnd /proc/self/status
        refute_output_contains 00000000a80425fb
        # dockerd of 20.10 says 126 here, later ones 127.
        run docker exec "$NAME" no-such-program
        assert_failure
        assert_output_contains "no-such-program"
        run docker exec "$NAME" /etc/passwd
        assert_failure 126
        docker exec -d "$NAME" touch /tmp/detached
        wait_until docker exec "$NAME" test -e /tmp/detached
}

@test "docker attach shows what the program writes and passes its status on" {
        docker create -i --name "$NAME" --network none busybox sh -c 'read line; echo "got $line"; exit 4' >/dev/null
        run docker start -ai "$NAME" <<<word
        assert_failure 4
        assert_output "got word"
        docker rm "$NAME"
        start -i busybox sh -c 'read line; echo "got $line"; exit 6'
        # dockerd lets go of the output, too, where the input ends.
        run docker attach "$NAME" < <(echo again; wait_while has_status running)
        assert_failure 6
        assert_output "got again"
}

@test "docker stop asks the program to end, and kills it when it does not" {
        start busybox sh -c 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        docker stop -t 20 "$NAME"
        assert_equal "$(field State.ExitCode)" 3
        logs_show bye
        docker rm "$NAME"
        start busybox sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        docker stop -t 1 "$NAME"
        assert_equal "$(field State.ExitCode)" 137
}

@test "docker kill sends any signal, and KILL by default" {
        start busybox sh -c 'trap "echo got USR1" USR1; echo ready; while :; do sleep 0.1; done'
        wait_until logs_show ready
        docker kill -s USR1 "$NAME"
        wait_until logs_show "got USR1"
        docker kill "$NAME"
        run docker wait "$NAME"
        assert_output 137
}

@test "docker rm -f removes a running container with its processes and cgroups" {
        start busybox sh -c 'sleep 1000 & sleep 1000'
        pid=$(field State.Pid)
        docker rm -f "$NAME"
        process_gone "$pid"
        for top in $(cgroup_hierarchies); do
                run find "$top" -type d -name "*$CONTAINER_ID*"
                assert_output ""
        done
}

@test "docker restart and a restart policy run the program again" {
        start --restart on-failure:2 busybox sh -c 'echo run >>/runs; [ $(grep -c run /runs) -gt 2 ] || exit 1; sleep 1000'
        wait_until -t 30 docker exec "$NAME" grep -c run /runs
        wait_until -t 30 eval '[ "$(docker exec "$NAME" cat /runs | wc -l)" = 3 ]'
        docker restart -t 0 "$NAME"
        wait_until eval '[ "$(docker exec "$NAME" cat /runs | wc -l)" = 4 ]'
}

@test "docker pause stops every process, unpause lets them go on" {
        start busybox sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; done'
        pid=$(field State.Pid)
        wait_until test -s "/proc/$pid/root/count"
        docker pause "$NAME"
        has_status paused
        count=$(cat "/proc/$pid/root/count")
        read -r -t 0.3 <> <(:) || true
        assert_equal "$(cat "/proc/$pid/root/count")" "$count"
        docker unpause "$NAME"
        has_status running
        wait_until eval '[ "$(cat "/proc/$pid/root/count")" != "$count" ]'
}

@test "docker stats and top see the container's processes" {
        start busybox sh -c 'sleep 1000 & sleep 1000 & wait'
        wait_until eval 'docker top "$NAME" | grep -c sleep | grep -x 3'
        run docker stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$NAME"
        assert_success
        assert_output_matches '^3 [1-9][0-9.]*[kKM]i?B / '
}

@test "docker's limits reach the kernel, and update changes them" {
        start --memory 64m --cpus 0.5 --pids-limit 33 --cpuset-cpus 0 busybox sleep 1000
        pid=$(field State.Pid)
        assert_equal "$(memory_limit "$pid")" 67108864
        assert_equal "$(cpu_limit "$pid")" "50000 100000"
        assert_equal "$(pids_limit "$pid")" 33
        assert_equal "$(cpuset_of "$pid")" 0
        docker update --cpus 0.25 --memory 32m --memory-swap 64m --pids-limit 44 --cpuset-cpus 0-1 "$NAME" >/dev/null
        assert_equal "$(cpu_limit "$pid")" "25000 100000"
        assert_equal "$(memory_limit "$pid")" 33554432
        assert_equal "$(pids_limit "$pid")" 44
        assert_equal "$(cpuset_of "$pid")" 0-1
}

@test "docker update gives limits to a container that began without any" {
        start busybox sleep 1000
        pid=$(field State.Pid)
        docker update --cpus 0.25 --memory 32m --memory-swap 64m --cpuset-cpus 1 "$NAME" >/dev/null
        assert_equal "$(cpu_limit "$pid")" "25000 100000"
        assert_equal "$(memory_limit "$pid")" 33554432
        assert_equal "$(cpuset_of "$pid")" 1
}

@test "a program of docker's that takes more memory than --memory is killed" {
        run run_ --memory 8m --memory-swap 8m busybox dd if=/dev/zero of=/dev/null bs=64M count=1
        assert_failure 137
}

@test "docker's capabilities, seccomp profile and users are what the program gets" {
        run run_ busybox grep -E '^(CapEff|Seccomp|NoNewPrivs):' /proc/self/status
        assert_output $'CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2'
        run run_ --cap-drop all --cap-add net_raw --security-opt seccomp=unconfined --security-opt no-new-privileges \
                busybox grep -E '^(CapEff|Seccomp|NoNewPrivs):' /proc/self/status
        assert_output $'CapEff:\t0000000000002000\nNoNewPrivs:\t1\nSeccomp:\t0'
        cat >"$BATS_TEST_TMPDIR/profile.json" <<'END'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
END
        run run_ --security-opt seccomp="$BATS_TEST_TMPDIR/profile.json" busybox mkdir /tmp/a
        assert_failure
        assert_output_contains "Operation not permitted"
        run run_ --user user --group-add 2000 --workdir /tmp --env WORD=x --hostname box busybox \
                sh -c 'id -u; id -G; pwd; echo $WORD; hostname'
        assert_output $'1000\n1000 2000\n/tmp\nx\nbox'
}

@test "docker's --privileged lets the program mount" {
        run run_ --privileged busybox sh -c 'mount -t tmpfs none /mnt && grep " /mnt " /proc/mounts'
        assert_success
        assert_output_contains tmpfs
}

@test "docker's --device, --ulimit and --sysctl are what the program gets" {
        run run_ --device /dev/fuse --ulimit nofile=512:512 --sysctl net.ipv4.ip_unprivileged_port_start=99 busybox \
                sh -c 'ls -l /dev/fuse; ulimit -n; cat /proc/sys/net/ipv4/ip_unprivileged_port_start'
        assert_success
        assert_output_contains /dev/fuse $'\n512\n99'
}

@test "docker's -v, --tmpfs and --read-only are what the program sees" {
        mkdir "$BATS_TEST_TMPDIR/data"
        echo content >"$BATS_TEST_TMPDIR/data/file"
        run run_ --read-only --tmpfs /scratch -v "$BATS_TEST_TMPDIR/data:/data" -v "$BATS_TEST_TMPDIR/data:/read:ro" \
                -v "$NAME:/volume" busybox \
                sh -c 'cat /data/file; touch /scratch/a /data/new /volume/kept; touch /read/no; touch /no'
        assert_failure
        assert_output_contains content "/read/no: Read-only file system" "/no: Read-only file system"
        assert_exists "$BATS_TEST_TMPDIR/data/new"
        run run_ -v "$NAME:/volume" busybox ls /volume
        assert_output kept
        docker volume rm "$NAME" >/dev/null
}

@test "docker's --init reaps and passes signals on" {
        start --init busybox sleep 1000
        docker exec "$NAME" sh -c 'sleep 0 & exec sleep 0'
        docker stop -t 20 "$NAME"
        assert_equal "$(field State.ExitCode)" 143
}

@test "docker's health check turns a container healthy" {
        start --health-cmd 'test -e /healthy' --health-interval 200ms --health-retries 1 busybox sleep 1000
        wait_until -t 30 eval '[ "$(field State.Health.Status)" = unhealthy ]'
        docker exec "$NAME" touch /healthy
        wait_until -t 30 eval '[ "$(field State.Health.Status)" = healthy ]'
}

@test "docker's containers on a bridge reach each other, and the host a published port" {
        docker run -d --name "$NAME" -p 8080:80 busybox httpd -f -h /etc >/dev/null
        address=$(field NetworkSettings.IPAddress)
        wait_until in_peers curl -sf "http://$address/group"
        run docker run --rm busybox wget -q -O - "http://$address/group"
        assert_output_contains root:x:0:
        run in_peers curl -sf "http://$(in_peers ip -4 -o addr show docker0 | sed 's/.*inet \([0-9.]*\).*/\1/'):8080/group"
        assert_output_contains root:x:0:
}

@test "docker's containers share the namespaces of another" {
        start --hostname shared --ipc shareable busybox sleep 1000
        run docker run --rm --network "container:$NAME" --pid "container:$NAME" --ipc "container:$NAME" busybox \
                sh -c 'hostname; ps | grep -c "sleep 1000"'
        assert_output_matches '^shared
[1-9]'
}

@test "docker build runs the instructions of a Dockerfile from scratch and from an image" {
        # BuildKit would run the instructions with a runc of its own.
        export DOCKER_BUILDKIT=0
        mkdir "$BATS_TEST_TMPDIR/context"
        cp "$PEER_DIR/busybox.tar" "$BATS_TEST_TMPDIR/context/"
        cat >"$BATS_TEST_TMPDIR/context/Dockerfile" <<'END'
FROM scratch
ADD busybox.tar /
RUN echo "made as $(id -u)" >/made
USER 1000
CMD ["sh", "-c", "cat /made; id -u"]
END
        docker build --network none -q -t "$NAME" "$BATS_TEST_TMPDIR/context"
        run run_ "$NAME"
        assert_output $'made as 0\n1000'
        cat >"$BATS_TEST_TMPDIR/context/Dockerfile" <<END
FROM $NAME
RUN id -u >/tmp/second
CMD ["cat", "/tmp/second"]
END
        docker build --network none -q -t "$NAME-second" "$BATS_TEST_TMPDIR/context"
        run run_ "$NAME-second"
        assert_output 1000
        docker rmi -f "$NAME-second" "$NAME" >/dev/null
}

@test "dockerd keeps sight of its containers over a restart of its own" {
        start busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
        docker exec "$NAME" true
        docker kill -s KILL "$NAME" >/dev/null
        stop_daemon dockerd
        start_dockerd
        docker start "$NAME" >/dev/null
        has_status running
}
