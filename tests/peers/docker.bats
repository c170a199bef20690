#!/usr/bin/env bats
# dockerd drives the runtime through containerd's shim, unchanged: as one more runtime
# (--add-runtime), which is also the default one.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers
load ../helpers/engine
load ../helpers/dockerd

setup_file() {
        dockerd_begin
}

teardown_file() {
        dockerd_end
}

setup() {
        dockerd_setup
}

teardown() {
        dockerd_teardown
}

@test "dockerd runs containers with the runtime as its default one" {
        run docker info --format '{{.DefaultRuntime}}'
        assert_output ours
        start busybox sleep 1000
        assert_equal "$(field HostConfig.Runtime)" ours
}

@test "docker run passes input, output and the exit status on" {
        engine_passes_output_and_status
}

@test "docker run -it gives the program a terminal, and what is typed there reaches it" {
        engine_gives_a_terminal
}

@test "docker run -it passes the size of the terminal on" {
        engine_resizes_the_terminal
}

@test "docker run says 127 for a program that is not there and 126 for one that cannot be run" {
        engine_says_126_and_127
}

@test "docker exec runs programs in a container with their own user, environment and directory" {
        engine_executes
}

@test "docker exec runs several programs at once, each with its own exit status" {
        engine_execs_in_parallel
}

@test "docker attach shows what the program writes and passes its status on" {
        engine_attaches
        docker rm "$NAME"
        start -i busybox sh -c 'read line; echo "got $line"; exit 6'
        # dockerd lets go of the output, too, where the input ends.
        run docker attach "$NAME" < <(echo again; wait_while has_status running)
        assert_failure 6
        assert_output "got again"
}

@test "docker stop asks the program to end, and kills it when it does not" {
        engine_stops
}

@test "docker kill sends any signal, and KILL by default" {
        engine_kills
}

@test "docker rm -f removes a running container with its processes and cgroups" {
        engine_removes_all_of_it
}

@test "docker restart and a restart policy run the program again" {
        start --restart on-failure:2 busybox sh -c 'echo run >>/runs; [ $(grep -c run /runs) -gt 2 ] || exit 1; sleep 1000'
        wait_until -t 30 lines_of /runs 3
        docker restart -t 0 "$NAME"
        wait_until lines_of /runs 4
}

@test "docker pause stops every process, unpause lets them go on" {
        engine_pauses
}

@test "docker stats and top see the container's processes" {
        engine_shows_stats_and_top
}

@test "docker's limits reach the kernel, and update changes them" {
        engine_limits
        docker update --pids-limit 44 "$NAME" >/dev/null
        assert_equal "$(pids_limit "$(field State.Pid)")" 44
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
        engine_kills_what_takes_too_much_memory
}

@test "docker's capabilities, seccomp profile and users are what the program gets" {
        engine_chooses_rights
        engine_chooses_users
}

@test "docker's --privileged lets the program mount" {
        engine_is_privileged_where_asked
}

@test "docker's --device, --ulimit and --sysctl are what the program gets" {
        engine_gives_devices_limits_and_sysctls
}

@test "docker's -v, --tmpfs and --read-only are what the program sees" {
        engine_mounts
}

@test "docker's mount propagation lets a container mount for the host" {
        engine_propagates_mounts
}

@test "docker cp, diff, export and commit see what the program wrote" {
        engine_copies_and_commits
        run docker diff "$NAME"
        assert_output_contains "A /made" "A /tmp/file"
        docker export "$NAME" | tar -tf - made tmp/file
}

@test "docker logs shows what the program wrote, and follows it" {
        engine_keeps_logs
}

@test "docker's --init reaps and passes signals on" {
        engine_has_an_init
}

@test "docker's health check turns a container healthy" {
        start --health-cmd 'test -e /healthy' --health-interval 200ms --health-retries 1 busybox sleep 1000
        wait_until -t 30 has_health unhealthy
        docker exec "$NAME" touch /healthy
        wait_until -t 30 has_health healthy
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

@test "docker's containers on a network of their own find each other by name and alias" {
        docker network create "$NAME" >/dev/null
        docker network create --internal "$NAME-back" >/dev/null
        docker run -d --name "$NAME-web" --network "$NAME" --network-alias web busybox httpd -f -h /etc >/dev/null
        docker network connect --alias store "$NAME-back" "$NAME-web"
        run docker run --rm --network "$NAME" busybox wget -q -O - "http://$NAME-web/group" http://web/group
        assert_success
        assert_output_contains root:x:0:
        run docker run --rm --network "$NAME-back" busybox wget -q -O - http://store/group
        assert_success
        docker rm -f "$NAME-web" >/dev/null
        docker network rm "$NAME" "$NAME-back" >/dev/null
}

@test "docker's containers share the namespaces of another" {
        engine_shares_namespaces
}

# The classic builder: Debian has no buildx, which the client wants for BuildKit.
@test "docker build runs the instructions of a Dockerfile, from scratch and from an image" {
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
