#!/usr/bin/env bats
# Podman drives the runtime through conmon, unchanged.

bats_require_minimum_version 1.5.0

load ../helpers/common
load ../helpers/bundle
load ../helpers/peers
load ../helpers/engine
load ../helpers/criu

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
infra_image = "localhost/infra"
infra_command = "sleep 1000"
init_path = "/usr/bin/catatonit"
runtime_supports_json = ["myrun", "$PEER_RUNTIME"]
runtime_supports_nocgroup = ["myrun", "$PEER_RUNTIME"]
[network]
network_config_dir = "$PEER_DIR/networks"
cni_plugin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
END
        cat >"$PEER_DIR/podman" <<END
#!/bin/sh
# conmon leaves a file "oom" where it was started.
cd "$PEER_DIR"
export CONTAINERS_CONF="$PEER_DIR/containers.conf"
exec nsenter --net="/run/netns/$PEER_NETNS" -- podman --root "$PEER_DIR/root" --runroot "$PEER_DIR/runroot" \
        --tmpdir "$PEER_DIR/tmp" --storage-driver overlay --runtime "$PEER_RUNTIME" "\$@"
END
        chmod 755 "$PEER_DIR/podman"
        podman import -q "$PEER_DIR/busybox.tar" busybox >/dev/null
        # What holds a pod's namespaces, for `play kube` has no option for its command.
        podman import -q --change 'CMD ["sleep", "1000"]' "$PEER_DIR/busybox.tar" infra >/dev/null
}

teardown_file() {
        command -v podman >/dev/null || return 0
        peers_end libpod_parent
}

setup() {
        require_program podman
        ENGINE=("$PEER_DIR/podman")
        engine_setup
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

@test "podman run passes input, output and the exit status on" {
        engine_passes_output_and_status
}

@test "podman run -it gives the program a terminal, and what is typed there reaches it" {
        engine_gives_a_terminal
}

@test "podman run says 127 for a program that is not there and 126 for one that cannot be run" {
        engine_says_126_and_127
}

@test "podman exec runs programs in a container with their own user, environment and directory" {
        engine_executes
}

@test "podman stop asks the program to end, and kills it when it does not" {
        engine_stops
}

@test "podman kill sends any signal, and KILL by default" {
        engine_kills
}

@test "podman container checkpoint passes on why criu cannot save a container, which goes on" {
        local refusal

        require_program criu
        [ "$PEER_RUNTIME" = "$MYRUN" ] || skip "the words are those of myrun"
        refusal=$(criu_refusal)
        [ -n "$refusal" ] || skip "criu can do it here"
        start busybox sleep 1000
        run podman container checkpoint "$NAME"
        assert_failure
        assert_output_contains "criu cannot save the container: ${refusal#*: }" dump.log
        has_status running
        podman exec "$NAME" true
}

@test "podman rm -f removes a running container with its processes and cgroups" {
        engine_removes_all_of_it
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
        engine_attaches
}

@test "podman pause stops every process, unpause lets them go on" {
        engine_pauses
}

@test "podman stats and top see the container's processes" {
        engine_shows_stats_and_top
}

@test "podman's --memory, --cpus, --pids-limit and --cpuset-cpus reach the kernel, and update changes them" {
        engine_limits
}

@test "a program of podman's that takes more memory than --memory is killed" {
        engine_kills_what_takes_too_much_memory
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
        engine_chooses_rights
}

@test "podman's --user, --group-add, --workdir, --env and --hostname are what the program sees" {
        engine_chooses_users
}

@test "podman's --read-only makes the root read-only but for --tmpfs" {
        run run_ --read-only --tmpfs /scratch busybox sh -c 'touch /scratch/file && echo written; touch /file'
        assert_failure
        assert_output_contains written "Read-only file system"
}

@test "podman's -v shows directories, files and volumes, read-only where asked" {
        engine_mounts
}

@test "podman's --device and --sysctl reach the container, other devices do not" {
        engine_gives_devices_limits_and_sysctls
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
        engine_shares_namespaces
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

@test "podman run -it passes the size of the terminal on" {
        engine_resizes_the_terminal
}

@test "podman exec runs several programs at once, each with its own exit status" {
        engine_execs_in_parallel
}

@test "podman cp and commit see what the program wrote" {
        engine_copies_and_commits
}

@test "podman logs shows what the program wrote, and follows it" {
        engine_keeps_logs
}

@test "podman's --init reaps and passes signals on" {
        [ -x /usr/bin/catatonit ] || skip "catatonit is not installed"
        engine_has_an_init
}

@test "podman's mount propagation lets a container mount for the host" {
        engine_propagates_mounts
}

@test "podman's -v changes owners with :U and maps ids with :idmap" {
        mkdir "$BATS_TEST_TMPDIR/data"
        touch "$BATS_TEST_TMPDIR/data/file"
        run run_ -v "$BATS_TEST_TMPDIR/data:/data:U" --user 1000:1000 busybox stat -c '%u %g' /data
        assert_output "1000 1000"
        chown -R 5:6 "$BATS_TEST_TMPDIR/data"
        run run_ --uidmap 0:100000:2000 --gidmap 0:100000:2000 -v "$BATS_TEST_TMPDIR/data:/data:idmap" busybox \
                stat -c '%u %g' /data/file
        assert_success
        assert_output "5 6"
}

@test "podman's --userns auto takes ids that are free" {
        echo containers:200000:65536 >"$BATS_TEST_TMPDIR/subid"
        run unshare --mount sh -c 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"' \
                "$BATS_TEST_TMPDIR/subid" "${ENGINE[@]}" run --rm --network none --userns auto:size=500 busybox cat /proc/self/uid_map
        assert_success
        assert_output_matches '^ +0 +200000 +500$'
}

@test "podman's init containers run before the others of their pod" {
        podman pod create --name "$NAME" --network none --infra-image localhost/busybox --infra-command "sleep 1000" >/dev/null
        podman create --pod "$NAME" --init-ctr always --name "$NAME-first" -v "$NAME:/v" busybox \
                sh -c 'echo first >/v/order' >/dev/null
        podman create --pod "$NAME" --name "$NAME-then" -v "$NAME:/v" busybox sh -c 'cat /v/order; sleep 1000' >/dev/null
        podman pod start "$NAME" >/dev/null
        wait_until eval 'podman logs "$NAME-then" | grep -x first'
        podman pod rm -f -t 0 "$NAME" >/dev/null
        podman volume rm "$NAME" >/dev/null
}

@test "podman play kube runs the pod of a manifest" {
        cat >"$BATS_TEST_TMPDIR/pod.yaml" <<END
apiVersion: v1
kind: Pod
metadata:
  name: $NAME
spec:
  containers:
  - name: web
    image: localhost/busybox:latest
    imagePullPolicy: Never
    command: ["sh", "-c", "echo from kube; sleep 1000"]
    resources: {limits: {memory: 64Mi}}
    securityContext: {runAsUser: 1000, capabilities: {drop: [ALL]}}
END
        podman play kube --network none "$BATS_TEST_TMPDIR/pod.yaml" >/dev/null
        wait_until eval 'podman logs "$NAME-web" | grep "from kube"'
        assert_equal "$(memory_limit "$(field State.Pid "$NAME-web")")" 67108864
        run podman exec "$NAME-web" sh -c 'id -u; grep CapEff /proc/self/status'
        assert_output $'1000\nCapEff:\t0000000000000000'
        podman play kube --down "$BATS_TEST_TMPDIR/pod.yaml" >/dev/null
}

@test "podman's rarer options are what the program sees" {
        run run_ --umask 0077 --oom-score-adj 500 --personality LINUX32 --cgroupns private \
                --security-opt mask=/etc/group:/proc/cpuinfo --security-opt proc-opts=hidepid=2 busybox \
                sh -c 'umask; cat /proc/self/oom_score_adj; uname -m; sed "s/.*://" /proc/self/cgroup | sort -u
                        wc -c </etc/group; wc -c </proc/cpuinfo; grep -c "^proc /proc proc .*hidepid" /proc/mounts'
        assert_success
        assert_output $'0077\n500\ni686\n/\n0\n0\n1'
        run "${ENGINE[@]}" run --rm --network none --preserve-fds 1 busybox sh -c 'cat <&3' 3<<<passed
        assert_output passed
        run run_ --systemd always busybox sh -c 'tr "\0" "\n" </proc/1/environ | grep ^container='
        assert_output container=podman
        run run_ --cgroups disabled busybox echo without
        assert_output without
        run podman run --rm --network none --rootfs "$(base_rootfs):O" sh -c 'touch /new && echo written'
        assert_output written
}
