#!/usr/bin/env bats
# An engine beyond one machine, on one: a Swarm of one node whose service has its replicas run by the
# runtime, scaled, updated, killed and replaced; and dockerd's own options that change what it asks for.

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
        [ -n "${NAME:-}" ] || return 0
        docker swarm leave --force >/dev/null 2>&1 || true
        dockerd_teardown
}

# runs COUNT: so many containers of the service run, and the runtime knows of as many.
runs() {
        [ "$(docker ps -q --filter "label=com.docker.swarm.service.name=$NAME" | wc -l)" = "$1" ] &&
                [ "$("$PEER_RUNTIME" --root "$PEER_DIR"/exec/runtime-*/moby list -q | wc -l)" = "$1" ]
}

# all_have VARIABLE COUNT: so many of its containers run with the variable.
all_have() {
        local id count=0

        for id in $(docker ps -q --filter "label=com.docker.swarm.service.name=$NAME"); do
                docker inspect --format '{{.Config.Env}}' "$id" | grep -q "$1" && count=$((count + 1))
        done
        [ "$count" = "$2" ]
}

@test "a service of 20 replicas is scaled down and up, updated and healed, all by our runtime" {
        local pid

        ip -n "$PEER_NETNS" address add 10.9.9.1/32 dev lo
        docker swarm init --advertise-addr 10.9.9.1 --listen-addr 10.9.9.1 --task-history-limit 0 >/dev/null
        docker service create --detach --no-resolve-image -q --name "$NAME" --network host --replicas 20 \
                --restart-delay 0s --stop-grace-period 1s --update-parallelism 10 --update-monitor 100ms \
                busybox sleep 1000 >/dev/null
        wait_until -t 120 runs 20
        docker service scale --detach "$NAME=3" >/dev/null
        wait_until -t 120 runs 3
        docker service scale --detach "$NAME=20" >/dev/null
        wait_until -t 120 runs 20
        for pid in $(docker ps -q --filter "label=com.docker.swarm.service.name=$NAME" | head -n 3); do
                kill -KILL "$(field State.Pid "$pid")"
        done
        wait_while runs 20
        wait_until -t 120 runs 20
        docker service update --detach --no-resolve-image -q --env-add ROUND=2 "$NAME" >/dev/null
        wait_until -t 120 all_have ROUND=2 20
        docker service rm "$NAME" >/dev/null
        wait_until -t 120 runs 0
}

@test "containers live on while dockerd is away, with --live-restore" {
        echo '{"live-restore": true}' >"$PEER_DIR/daemon.json"
        stop_daemon dockerd
        start_dockerd
        start busybox sh -c 'trap "exit 3" TERM; i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
        pid=$(field State.Pid)
        wait_until docker exec "$NAME" test -s /count
        stop_daemon dockerd
        run process_gone "$pid"
        assert_failure
        start_dockerd
        has_status running
        assert_equal "$(field State.Pid)" "$pid"
        docker exec "$NAME" test -s /count
        docker stop -t 20 "$NAME"
        assert_equal "$(field State.ExitCode)" 3
}

@test "dockerd keeps sight of its containers over a restart of its own" {
        echo '{}' >"$PEER_DIR/daemon.json"
        start busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
        docker exec "$NAME" true
        docker kill -s KILL "$NAME" >/dev/null
        stop_daemon dockerd
        start_dockerd
        docker start "$NAME" >/dev/null
        has_status running
}
