# A dockerd of the suite's own whose default runtime is ours. Load after common, bundle, peers and engine.
#
#     setup_file()    { dockerd_begin [OPTION...]; }
#     teardown_file() { dockerd_end; }
#     setup()         { dockerd_setup; }
#     teardown()      { dockerd_teardown; }

dockerd_installed() {
        command -v dockerd >/dev/null && command -v docker >/dev/null
}

# dockerd_begin: starts it, with the image busybox. Further options are kept in DOCKERD_OPTIONS.
dockerd_begin() {
        dockerd_installed || return 0
        peers_begin
        export DOCKER_HOST=unix://$PEER_DIR/docker.sock DOCKER_CONFIG=$PEER_DIR/config
        export DOCKERD_OPTIONS="$*"
        echo '{}' >"$PEER_DIR/daemon.json"
        start_dockerd
        docker import "$PEER_DIR/busybox.tar" busybox >/dev/null
}

start_dockerd() {
        # shellcheck disable=SC2086 # options without spaces
        start_daemon dockerd dockerd --config-file "$PEER_DIR/daemon.json" --data-root "$PEER_DIR/root" \
                --exec-root "$PEER_DIR/exec" --pidfile "$PEER_DIR/dockerd-own.pid" -H "$DOCKER_HOST" \
                --add-runtime ours="$PEER_RUNTIME" --default-runtime ours \
                --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$PEER_CGROUP" \
                --storage-driver overlay2 --userland-proxy=false $DOCKERD_OPTIONS
        wait_until -t 60 docker version || assert_fail "$(tail -n 30 "$PEER_DIR/dockerd.log")"
}

dockerd_end() {
        local containerd

        dockerd_installed || return 0
        containerd=$(cat "$PEER_DIR/exec/containerd/containerd.pid")
        stop_daemon dockerd
        # A dockerd that had to be killed leaves its containerd.
        wait_until process_gone "$containerd" || kill -KILL "$containerd"
        peers_end
}

dockerd_setup() {
        ENGINE=(docker)
        require_program dockerd
        engine_setup
}

# Nothing of any container may be left, in the runtime's own directory either.
dockerd_teardown() {
        local ids

        [ -n "${NAME:-}" ] || return 0
        ids=$(docker ps -aq)
        # shellcheck disable=SC2086
        [ -z "$ids" ] || docker rm -f $ids >/dev/null
        run find "$PEER_DIR"/exec/runtime-*/moby -mindepth 1 -maxdepth 1 ! -name .seccomp
        assert_output ""
}

docker() {
        (without_fds docker "$@")
}
