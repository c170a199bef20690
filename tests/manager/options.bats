#!/usr/bin/env bats
# mymgr run's options: each does in the container what it says.

load ../helpers/common
load ../helpers/network
load ../helpers/manager

setup_file() {
        require_root
        leaks_begin
        manager_begin
        load_busybox
}

teardown_file() {
        manager_end
}

teardown() {
        remove_all_containers
}

# once OPTION... -- COMMAND...: runs in a container without network.
once() {
        local -a options=()

        while [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        shift
        mymgr run --rm --network none "${options[@]}" busybox "$@"
}

# status_of FIELD OPTION...: a line of the container's /proc/self/status.
status_of() {
        once "${@:2}" -- awk -v field="$1:" '$1 == field { print $2 }' /proc/self/status
}

@test "-e, --env-file, -w, -h and the default environment" {
        printf '# comment\nFILE=1\nFROM_HERE\n' >"$BATS_TEST_TMPDIR/env"
        export FROM_HERE=2
        run once -e A=x -e FROM_HERE --env-file "$BATS_TEST_TMPDIR/env" -w /made/for/it -h name -- \
                sh -c 'echo $A $FILE $FROM_HERE $(pwd) $(hostname) $HOSTNAME $HOME'
        assert_output "x 1 2 /made/for/it name name /root"
}

@test "-u resolves names in the container's own files" {
        assert_equal "$(once -u nobody -- id -un)" nobody
        assert_equal "$(once -u 1234:4321 -- sh -c 'echo $(id -u) $(id -g)')" "1234 4321"
        run once -u nosuchuser -- true
        assert_clear_error nosuchuser passwd
}

@test "memory, cpu, cpuset and pids limits arrive in the cgroup" {
        [ -e /sys/fs/cgroup/memory/tasks ] || skip "needs cgroup v1"
        run once -m 100m --cpus 0.5 -c 512 --cpuset-cpus 0 --pids-limit 77 -- sh -c 'cd /sys/fs/cgroup
                cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max'
        assert_output $'104857600\n50000\n512\n0\n77'
}

@test "the one-dash spellings of the mydocker family" {
        [ -e /sys/fs/cgroup/memory/tasks ] || skip "needs cgroup v1"
        mymgr network create br0
        mymgr run -d -name old-style -net br0 -m 100m -cpuset 0 -cpushare 512 busybox top
        run mymgr exec old-style cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.shares
        assert_output $'104857600\n512'
        assert_equal "$(mymgr inspect -f '{{.HostConfig.NetworkMode}}' old-style)" br0
        mymgr rm -f old-style
        mymgr network rm br0
}

@test "docker's fourteen capabilities by default; --cap-add, --cap-drop, -u, --privileged" {
        assert_equal "$(status_of CapEff)" 00000000a80425fb
        assert_equal "$(status_of CapEff --cap-drop ALL --cap-add NET_ADMIN)" 0000000000001000
        assert_equal "$(status_of CapEff --cap-drop chown)" 00000000a80425fa
        assert_equal "$(status_of CapEff -u 1000)" 0000000000000000
        assert_equal "$(status_of Seccomp --privileged 2>/dev/null)" 0
        run once --cap-add NOSUCH -- true
        assert_clear_error NOSUCH
}

@test "the default seccomp policy filters, and can be replaced" {
        assert_equal "$(status_of Seccomp)" 2
        run once -- unshare -m true
        assert_failure
        assert_output_contains "not permitted"
        assert_equal "$(status_of Seccomp --security-opt seccomp=unconfined)" 0
        echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}' \
                >"$BATS_TEST_TMPDIR/policy.json"
        run once --security-opt "seccomp=$BATS_TEST_TMPDIR/policy.json" -- mkdir /x
        assert_failure
        run once --security-opt seccomp=/no/such/policy -- true
        assert_clear_error /no/such/policy
}

@test "--read-only, --tmpfs, --security-opt no-new-privileges, --shm-size" {
        run once --read-only --tmpfs /run -- sh -c 'touch /run/x && touch /x'
        assert_failure
        assert_output_contains "/x: Read-only"
        assert_equal "$(status_of NoNewPrivs --security-opt no-new-privileges)" 1
        run once --shm-size 1m -- grep /dev/shm /proc/self/mounts
        assert_output_contains size=1024k
}

@test "--ulimit sets a limit, and an unknown one is refused" {
        assert_equal "$(once --ulimit nofile=100:200 -- sh -c 'echo $(ulimit -n) $(ulimit -Hn)')" "100 200"
        run once --ulimit nosuch=1 -- true
        assert_clear_error nosuch
}

@test "--entrypoint replaces the image's, and its command" {
        run mymgr run --rm --network none --entrypoint echo busybox given
        assert_output given
        run mymgr run --rm --network none --entrypoint "" busybox echo plain
        assert_output plain
}

@test "--sysctl, --device and --cidfile" {
        assert_equal "$(once --sysctl net.ipv4.ip_forward=1 -- cat /proc/sys/net/ipv4/ip_forward)" 1
        run once --device /dev/null:/dev/own:rw -- sh -c 'echo x >/dev/own && ls /dev/own'
        assert_output /dev/own
        mymgr run --rm --network none --cidfile "$BATS_TEST_TMPDIR/cid" busybox true
        [[ "$(cat "$BATS_TEST_TMPDIR/cid")" =~ ^[0-9a-f]{64}$ ]]
        run once --cidfile "$BATS_TEST_TMPDIR/cid" -- true
        assert_clear_error "$BATS_TEST_TMPDIR/cid"
}

@test "masked and read-only paths" {
        run once -- sh -c 'wc -c </proc/keys; ls /sys/firmware | wc -l'
        assert_output $'0\n0'
        run once -- sh -c 'echo x >/proc/sys/kernel/domainname'
        assert_failure
        assert_output_contains "Read-only"
}

@test "no device but docker's can be used" {
        run once -- sh -c 'mknod /own c 1 11 && cat /own'
        assert_failure
        assert_output_contains "not permitted"
}

@test "options that are not built or make no sense are refused by name" {
        run once --init -- true
        assert_clear_error --init "not supported"
        run once --userns keep-id -- true
        assert_clear_error keep-id
        run mymgr run --rm --restart always --network none busybox true
        assert_clear_error --restart --rm
        run once -p 99999:80 -- true
        assert_clear_error 99999:80
        run once --memory 1k -- true
        assert_clear_error "minimum memory limit"
        assert_equal "$(mymgr ps -aq)" ""
}

@test "every command has a help" {
        for command in run create start stop restart kill rm ps logs exec attach inspect wait port top rename pause commit; do
                run mymgr "$command" --help
                assert_success || return 1
                assert_output_contains "$command" || return 1
        done
}
