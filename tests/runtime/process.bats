#!/usr/bin/env bats
# What the program gets: arguments, user, limits, capabilities.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        runtime_teardown
}

@test "args, env and cwd arrive as they are written" {
        mkdir -p "rootfs/a directory"
        edit_config '.process.cwd = "/a directory" | .process.env += ["WORD=two words", "EMPTY="]'
        set_args sh -c 'pwd; echo "$WORD"; echo "${EMPTY-unset}"; printf "%s\n" "$@"' x 'a b' '' '*'
        run myrun run "$ID"
        assert_success
        assert_output "/a directory
two words

a b

*"
}

@test "the program is found in the container's PATH" {
        mkdir rootfs/opt
        printf '#!/bin/sh\necho found\n' >rootfs/opt/tool
        chmod 755 rootfs/opt/tool
        edit_config '.process.env = ["PATH=/bin:/opt"]'
        set_args tool
        run myrun run "$ID"
        assert_output found
}

@test "a program that is not there, no program, or a directory is an error at create" {
        for args in no-such-program /no/such/program /etc /etc/passwd; do
                set_args "$args"
                run myrun create "$ID"
                assert_clear_error "process.args" "$args"
                run myrun list -q
                assert_output ""
        done
}

@test "user, group, additional groups and umask are set" {
        edit_config '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 2000], umask: 63}'
        set_args sh -c 'id -u; id -g; grep ^Groups /proc/self/status; umask'
        run myrun run "$ID"
        assert_success
        assert_output_matches "^1000
1001
Groups:.5 2000 ?
0077$"
}

@test "an id that setresuid(2) would take for no change is refused, and nothing runs as root" {
        for user in '{uid: 4294967295, gid: 1}' '{uid: 1, gid: 4294967295}' '{uid: 1, gid: 1, additionalGids: [4294967295]}'; do
                edit_config ".process.user = $user"
                run myrun run "$ID"
                assert_clear_error process.user 4294967295
        done
        edit_config '.process.user = {uid: 4294967294, gid: 4294967294}'
        set_args sleep 100
        start_detached "$ID"
        run myrun exec "$ID" sh -c 'id -u; id -g'
        assert_output "4294967294
4294967294"
        echo '{"cwd": "/", "args": ["id"], "user": {"uid": 4294967295, "gid": 0}}' >process.json
        run myrun exec --process process.json "$ID"
        assert_failure 255
        assert_output_contains user.uid 4294967295
}

@test "without additional groups none are inherited" {
        set_args grep ^Groups: /proc/self/status
        run myrun run "$ID"
        assert_output_matches '^Groups:[[:space:]]*(0 ?)?$'
}

@test "HOME comes from the container's passwd file unless it is set" {
        edit_config '.process.env = ["PATH=/bin"]'
        set_args sh -c 'echo $HOME'
        run myrun run "$ID"
        assert_output /root
        edit_config '.process.user.uid = 4711'
        run myrun run "$ID"
        assert_output /
        edit_config '.process.env += ["HOME=/elsewhere"]'
        run myrun run "$ID"
        assert_output /elsewhere
}

@test "capabilities are those of the config" {
        edit_config '.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"],
                permitted: ["CAP_KILL", "CAP_CHOWN"], inheritable: ["CAP_CHOWN"], ambient: []}'
        edit_config '.process.user.uid = 0'
        set_args grep ^Cap /proc/self/status
        run myrun run "$ID"
        assert_success
        assert_output_matches 'CapBnd:.0000000000000021'
        assert_output_matches 'CapInh:.0000000000000001'
        assert_output_matches 'CapPrm:.0000000000000021'
}

@test "ambient capabilities reach a program of another user" {
        edit_config '.process.user.uid = 1000 | .process.capabilities = (["CAP_NET_BIND_SERVICE"] | {bounding: .,
                effective: ., permitted: ., inheritable: ., ambient: .})'
        set_args grep ^CapEff /proc/self/status
        run myrun run "$ID"
        assert_output_matches '0000000000000400'
}

@test "without capabilities in the config the program has none" {
        edit_config 'del(.process.capabilities)'
        set_args grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status
        run myrun run "$ID"
        assert_equal "$(grep -c 0000000000000000 <<<"$output")" 3
}

@test "capabilities that this process does not hold are left out with a warning" {
        run sh -c "grep CapEff /proc/self/status | grep -q 1ffffffffff"
        [ "$status" -ne 0 ] || skip "this process holds all capabilities"
        edit_config '.process.capabilities |= map_values(. + ["CAP_SYS_RESOURCE"])'
        set_args true
        run myrun run "$ID"
        assert_success
        assert_output_contains CAP_SYS_RESOURCE
}

@test "capabilities that another set does not allow are left out with a warning" {
        edit_config '.process.capabilities = {bounding: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"],
                effective: ["CAP_CHOWN", "CAP_KILL"], inheritable: ["CAP_CHOWN", "CAP_NET_RAW"],
                ambient: ["CAP_CHOWN", "CAP_FOWNER"]} | .process.user.uid = 1000'
        set_args grep ^Cap /proc/self/status
        run myrun run "$ID"
        assert_success
        assert_output_contains "effective: CAP_KILL" "inheritable: CAP_NET_RAW" "ambient: CAP_FOWNER"
        assert_equal "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000001$' <<<"$output")" 5
        # A log that the caller reads takes the warnings alone.
        "$MYRUN" --root "$ROOT" --log "$BATS_TEST_TMPDIR/log" run "$ID" </dev/null >/dev/null 2>stderr
        assert_equal "$(cat stderr)" ""
        assert_equal "$(grep -c level=warning "$BATS_TEST_TMPDIR/log")" 3
        # Root has no use for ambient ones, which engines ask for without letting them be inherited.
        edit_config '.process.user.uid = 0 | .process.capabilities = {bounding: ["CAP_KILL"], permitted: ["CAP_KILL"],
                effective: ["CAP_KILL"], ambient: ["CAP_KILL"]}'
        set_args true
        run myrun run "$ID"
        assert_output ""
}

@test "rlimits are set" {
        edit_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200},
                {type: "RLIMIT_CORE", soft: 0, hard: 0}]'
        set_args sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
        run myrun run "$ID"
        assert_output "100
200
0"
}

@test "a hard limit that may not be raised is named with its number" {
        setpriv --bounding-set -sys_resource true 2>/dev/null || skip "setpriv is not installed"
        edit_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1024, hard: 1073741816}]'
        run setpriv --bounding-set -sys_resource "$MYRUN" --root "$ROOT" run "$ID"
        assert_clear_error "process.rlimits[0] RLIMIT_NOFILE" 1073741816
}

@test "an unknown rlimit, or one given twice, is an error" {
        edit_config '.process.rlimits = [{type: "RLIMIT_NONSENSE", soft: 1, hard: 1}]'
        run myrun run "$ID"
        assert_clear_error RLIMIT_NONSENSE
        edit_config '.process.rlimits = [{type: "RLIMIT_CORE", soft: 1, hard: 1}, {type: "RLIMIT_CORE", soft: 1, hard: 1}]'
        run myrun run "$ID"
        assert_clear_error RLIMIT_CORE
}

@test "noNewPrivileges and oomScoreAdj are set" {
        edit_config '.process.oomScoreAdj = 321'
        set_args sh -c 'grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj'
        run myrun run "$ID"
        assert_output_matches "NoNewPrivs:.1
321"
        edit_config '.process.noNewPrivileges = false'
        run myrun run "$ID"
        assert_output_matches "NoNewPrivs:.0"
}

@test "seccomp filters what the profile names" {
        edit_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
                syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28}]}'
        set_args mkdir /tmp/new
        run myrun run "$ID"
        assert_failure
        assert_output_contains "No space left on device"
        edit_config '.process.noNewPrivileges = false'
        run myrun run "$ID"
        assert_output_contains "No space left on device"
}

@test "no file of the runtime or its caller is open in the program" {
        exec 9</etc/hostname
        set_args sh -c 'ls /proc/self/fd | wc -l; ls /proc/1/fd'
        run myrun run "$ID"
        exec 9<&-
        # 0, 1, 2 and the directory that ls itself reads
        assert_equal "${lines[0]}" 4
        refute_output_contains 9
}

@test "--preserve-fds passes on exactly what was asked for" {
        set_args sh -c 'cat <&3; exec ls /proc/self/fd'
        echo passed >"$BATS_TEST_TMPDIR/file"
        run bash -c '"$0" --root "$1" run --preserve-fds 1 "$2" 3<"$3" 4</dev/null </dev/null' "$MYRUN" "$ROOT" "$ID" \
                "$BATS_TEST_TMPDIR/file"
        assert_success
        # 4 is the directory that ls itself reads
        assert_output "passed
0
1
2
3
4"
}

@test "--preserve-fds passes what is open and warns of what is not" {
        set_args ls /proc/self/fd
        run bash -c '"$0" --root "$1" run --preserve-fds 8 "$2" </dev/null 2>"$3" \
                3<&- 4</dev/null 5<&- 6<&- 7</dev/null 8<&- 9<&- 10<&-' "$MYRUN" \
                "$ROOT" "$ID" "$BATS_TEST_TMPDIR/warnings"
        assert_success
        # 3 is the directory that ls itself reads
        assert_output "0
1
2
3
4
7"
        run cat "$BATS_TEST_TMPDIR/warnings"
        assert_output_contains "--preserve-fds: file descriptor 3 is not open"
}

@test "a working directory that the image lacks is made, also below a read-only root" {
        edit_config '.process.cwd = "/not/there" | .root.readonly = true'
        set_args pwd
        run myrun run "$ID"
        assert_success
        assert_output /not/there
}

@test "of a variable given twice the last value counts" {
        edit_config '.process.env += ["WORD=first", "WORD=last"]'
        set_args sh -c 'echo $WORD; env | grep -c ^WORD='
        run myrun run "$ID"
        assert_output "last
1"
}

@test "the caller's groups stay where the annotation of podman's keep-groups asks for it" {
        edit_config '.annotations["run.oci.keep_original_groups"] = "1"'
        set_args id -G
        run setpriv --groups 7,8 "$MYRUN" --root "$ROOT" run "$ID"
        assert_output "0 7 8"
}

# One that is the host's could not be saved by criu, and leads to a mount of the host.
@test "standard streams on the null device are on the container's own" {
        set_args sh -c 'stat -L -c %d /dev/null /proc/self/fd/0 /proc/self/fd/2 | sort -u | wc -l'
        run sh -c '"$1" --root "$2" run "$3" </dev/null 2>/dev/null' sh "$MYRUN" "$ROOT" "$ID"
        assert_success
        assert_output 1
}
