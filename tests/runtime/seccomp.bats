#!/usr/bin/env bats
# Seccomp: filters as the program inside meets them.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        runtime_teardown
}

# set_seccomp JSON
set_seccomp() {
        edit_config '.linux.seccomp = $seccomp' --argjson seccomp "$1"
}

# The program sees its filter: Seccomp is 2 in its status.
filter_mode() {
        awk '/^Seccomp:/ { print $2 }' "/proc/$1/status"
}

@test "a filtered call fails with the errno of the rule" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}'
        set_args sh -c 'mkdir /tmp/x; ls -d /tmp/x'
        run myrun run "$ID"
        assert_output_contains "No space left on device" "No such file"
}

@test "the errno is EPERM where the rule names none" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}'
        set_args mkdir /tmp/x
        run myrun run "$ID"
        assert_failure 1
        assert_output_contains "Operation not permitted"
}

@test "a filtered call kills the program" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]}'
        set_args sh -c 'sh -c "mkdir /tmp/x; true"; echo "status $?"; mkdir /tmp/y; echo "status $?"'
        run myrun run "$ID"
        assert_output_contains "status 159"
}

@test "arguments are compared" {
        # chmod to 0700 passes, any mode with the set-user-id bit does not.
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod"], "action": "SCMP_ACT_ERRNO",
                "args": [{"index": 1, "value": 2048, "valueTwo": 2048, "op": "SCMP_CMP_MASKED_EQ"}]},
                {"names": ["fchmodat"], "action": "SCMP_ACT_ERRNO",
                "args": [{"index": 2, "value": 2048, "valueTwo": 2048, "op": "SCMP_CMP_MASKED_EQ"}]}]}'
        set_args sh -c 'touch /tmp/x; chmod 700 /tmp/x && echo plain; chmod 4700 /tmp/x'
        run myrun run "$ID"
        assert_output_contains plain "Operation not permitted"
}

@test "a container with an allow list runs, with and without no_new_privs" {
        # What busybox's true takes.
        set_seccomp '{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                "syscalls": [{"action": "SCMP_ACT_ALLOW", "names": ["execve", "brk", "arch_prctl", "set_tid_address",
                "set_robust_list", "rseq", "prlimit64", "readlinkat", "readlink", "getrandom", "mprotect", "exit_group",
                "prctl", "getuid", "setuid", "getgid", "setgid"]}]}'
        run myrun run "$ID"
        assert_success
        edit_config '.process.noNewPrivileges = false'
        run myrun run "$ID"
        assert_success
}

@test "nothing but execve is asked of the profile on the way to the program" {
        local user new_privileges

        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_KILL_PROCESS", "names": [
                "close_range", "getcwd", "chdir", "accept4", "recvmsg", "sendmsg", "capset", "capget", "setgroups",
                "setresuid", "setresgid", "umask", "rt_sigprocmask", "setrlimit", "sched_setaffinity", "dup", "dup2",
                "seccomp", "symlink", "mkdir"]}]}'
        for user in 0 1000; do
                for new_privileges in false true; do
                        edit_config '.process.user = {uid: $u, gid: $u} | .process.noNewPrivileges = $n' \
                                --argjson u "$user" --argjson n "$new_privileges"
                        set_args true
                        myrun run "$ID"
                        set_args sleep 1000
                        start_detached "$ID"
                        myrun exec "$ID" true
                        myrun delete --force "$ID"
                done
        done
}

@test "what loading the filter takes does not pass to the program" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}'
        edit_config '.process.noNewPrivileges = false |
                .process.capabilities = (["bounding", "effective", "inheritable", "permitted", "ambient"] |
                        map({key: ., value: ["CAP_KILL"]}) | from_entries)'
        for user in 0 1000; do
                edit_config '.process.user = {uid: $u, gid: $u}' --argjson u "$user"
                set_args grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status
                run myrun run "$ID"
                assert_success
                assert_equal "$(awk '{ print $2 }' <<<"$output" | sort -u)" 0000000000000020
        done
}

@test "exec runs under the same filter" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}'
        set_args sleep 100
        start_detached "$ID"
        assert_equal "$(filter_mode "$(init_pid "$ID")")" 2
        run myrun exec "$ID" mkdir /tmp/x
        assert_failure 1
        assert_output_contains "Operation not permitted"
}

@test "a compiled filter is kept and used again" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}'
        set_args mkdir /tmp/x
        run myrun run "$ID"
        assert_failure 1
        assert_equal "$(find "$ROOT/.seccomp" -type f | wc -l)" 1
        run myrun run "$ID"
        assert_failure 1
        assert_output_contains "Operation not permitted"
        assert_equal "$(find "$ROOT/.seccomp" -type f | wc -l)" 1
        # Nobody but root may look at it, for what is in it is run as a filter.
        assert_equal "$(stat -c %a "$ROOT/.seccomp") $(stat -c %a "$ROOT"/.seccomp/*)" "700 600"
        # The directory is not taken for a container.
        run myrun list -q
        assert_output ""
}

@test "a kept filter that somebody else could have written is not used" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}'
        set_args mkdir /tmp/x
        run myrun run "$ID"
        assert_failure 1
        truncate -s 100 "$ROOT"/.seccomp/*
        chmod 666 "$ROOT"/.seccomp/*
        run myrun run "$ID"
        assert_failure 1
        assert_output_contains "Operation not permitted"
        assert_equal "$(stat -c %a "$ROOT"/.seccomp/*)" 600
}

@test "what the profile gets wrong is named" {
        set_seccomp '{"defaultAction": "SCMP_ACT_MAYBE"}'
        run myrun run "$ID"
        assert_clear_error "linux.seccomp.defaultAction" SCMP_ACT_MAYBE
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]}'
        run myrun run "$ID"
        assert_clear_error "linux.seccomp.architectures" SCMP_ARCH_Z80
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"]}'
        run myrun run "$ID"
        assert_clear_error "linux.seccomp.flags" SECCOMP_FILTER_FLAG_X
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}'
        run myrun run "$ID"
        assert_clear_error "listenerPath"
        run myrun list -q
        assert_output ""
}

@test "a notified call is answered by the agent behind listenerPath" {
        local agent

        require_program python3
        spawn python3 "$HELPERS/seccomp-agent.py" "$BATS_TEST_TMPDIR/agent" "$BATS_TEST_TMPDIR/state.json"
        agent=$SPAWNED
        wait_until -t 60 test -S "$BATS_TEST_TMPDIR/agent"
        set_seccomp "$(jq -n --arg path "$BATS_TEST_TMPDIR/agent" '{"defaultAction": "SCMP_ACT_ALLOW",
                "listenerPath": $path, "listenerMetadata": "said so", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}')"
        set_args mkdir /tmp/x
        run myrun run "$ID"
        wait_until process_gone "$agent"
        assert_failure 1
        assert_output_contains "Exchange full"
        assert_equal "$(jq -r '[.fds[0], .metadata, .state.id, .pid > 0] | join(" ")' "$BATS_TEST_TMPDIR/state.json")" \
                "seccompFd said so $ID true"
}

@test "a listener that nobody waits for is named" {
        set_seccomp '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nowhere/agent", "syscalls": [
                {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}'
        run myrun run "$ID"
        assert_clear_error "/nowhere/agent"
        run myrun list -q
        assert_output ""
}

@test "exec hands its own listener to the agent" {
        local agent=$BATS_TEST_TMPDIR/agent

        spawn python3 "$HELPERS/seccomp-agent.py" "$agent" "$BATS_TEST_TMPDIR/first.json"
        wait_until -t 60 test -S "$agent"
        set_seccomp "$(jq -n --arg path "$agent" '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": $path,
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}')"
        set_args sleep 100
        start_detached "$ID"
        rm "$agent"
        spawn python3 "$HELPERS/seccomp-agent.py" "$agent" "$BATS_TEST_TMPDIR/second.json"
        wait_until -t 60 test -S "$agent"
        run myrun exec "$ID" mkdir /tmp/x
        assert_failure 1
        assert_output_contains "Exchange full"
        assert_equal "$(jq -r .state.status "$BATS_TEST_TMPDIR/second.json")" running
}
