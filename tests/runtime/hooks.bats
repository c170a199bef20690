#!/usr/bin/env bats
# Hooks: when they run, what they are told, and what their failure means.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        LOG=$BATS_TEST_TMPDIR/hooks
}

teardown() {
        runtime_teardown
}

# add_hook POINT COMMAND: a shell command as a hook.
add_hook() {
        edit_config '.hooks[$point] += [{path: "/bin/sh", args: ["sh", "-c", $command], env: ["PATH=/bin:/usr/bin"]}]' \
                --arg point "$1" --arg command "$2"
}

@test "hooks run in the order of the specification" {
        for point in poststop poststart createContainer createRuntime prestart; do
                add_hook $point "echo $point >>$LOG"
        done
        # Of the container: it can leave a word only there.
        add_hook startContainer 'cat /tmp/before 2>/dev/null; echo startContainer >/tmp/hook'
        set_args sh -c 'cat /tmp/hook'
        run myrun run "$ID"
        assert_success
        assert_output startContainer
        assert_equal "$(cat "$LOG")" "prestart
createRuntime
createContainer
poststart
poststop"
}

@test "hooks get the state on standard input" {
        edit_config '.annotations = {key: "value"}'
        add_hook createRuntime "cat >$LOG.createRuntime"
        add_hook createContainer "cat >$LOG.createContainer"
        add_hook poststop "cat >$LOG.poststop"
        set_args sleep 100
        myrun create "$ID" >/dev/null 2>&1
        pid=$(init_pid "$ID")
        for point in createRuntime createContainer; do
                assert_equal "$(jq -r '[.id, .pid, .status, .bundle, .annotations.key] | join(" ")' "$LOG.$point")" \
                        "$ID $pid creating $BUNDLE value"
        done
        myrun delete --force "$ID"
        assert_equal "$(jq -r '.id + " " + .status' "$LOG.poststop")" "$ID stopped"
}

# The namespaces a process is in, one a line: mnt, pid, net, ipc, uts.
NAMESPACES='for kind in mnt net ipc uts; do readlink /proc/self/ns/$kind; done'

@test "hooks of the runtime run in the caller's namespaces" {
        for point in prestart createRuntime poststart poststop; do
                add_hook $point "{ $NAMESPACES; } >$LOG.$point"
        done
        set_args true
        run myrun run "$ID"
        assert_success
        for point in prestart createRuntime poststart poststop; do
                assert_equal "$(cat "$LOG.$point")" "$(eval "$NAMESPACES")"
        done
}

@test "createContainer runs in the container's namespaces, with its path looked up in the caller's" {
        printf '#!/bin/sh\n%s\ncat /proc/self/mountinfo\n' "{ $NAMESPACES; } >$LOG; exit" >"$BATS_TEST_TMPDIR/hook"
        chmod 755 "$BATS_TEST_TMPDIR/hook"
        refute_exists "rootfs$BATS_TEST_TMPDIR/hook"
        edit_config '.hooks.createContainer = [{path: $path, env: ["PATH=/bin:/usr/bin"]}]' \
                --arg path "$BATS_TEST_TMPDIR/hook"
        set_args sleep 100
        myrun create "$ID" >/dev/null 2>&1
        pid=$(init_pid "$ID")
        assert_equal "$(cat "$LOG")" "$(for kind in mnt net ipc uts; do readlink "/proc/$pid/ns/$kind"; done)"
}

@test "createContainer runs before the root is changed, with the container's mounts in place" {
        add_hook createContainer "grep -c ' $BUNDLE/rootfs/proc ' /proc/self/mountinfo >$LOG; test -d /usr/lib && echo host >>$LOG"
        set_args true
        run myrun run "$ID"
        assert_success
        assert_equal "$(cat "$LOG")" "1
host"
}

@test "startContainer runs in the container, with its path looked up there and the program's rights" {
        printf '#!/bin/sh\n{ %s; pwd; id -u; ls /; } >/tmp/start\n' "$NAMESPACES" >rootfs/start-hook
        chmod 755 rootfs/start-hook
        edit_config '.hooks.startContainer = [{path: "/start-hook", env: ["PATH=/bin"]}] | .process.user.uid = 1000'
        set_args sleep 100
        start_detached "$ID"
        pid=$(init_pid "$ID")
        assert_equal "$(sed -n 1,4p rootfs/tmp/start)" "$(for kind in mnt net ipc uts; do readlink "/proc/$pid/ns/$kind"; done)"
        assert_equal "$(sed -n 5,6p rootfs/tmp/start)" "/
1000"
        grep -qx start-hook rootfs/tmp/start
}

@test "each hook is told the state that the container is in" {
        for point in prestart createRuntime createContainer poststart poststop; do
                add_hook $point "cat >$LOG.$point"
        done
        add_hook startContainer "cat >/tmp/state"
        set_args sleep 0.3
        run myrun run "$ID"
        assert_success
        for row in prestart=creating createRuntime=creating createContainer=creating poststart=running poststop=stopped; do
                assert_equal "$(jq -r '[.id, .status, .bundle] | join(" ")' "$LOG.${row%=*}")" "$ID ${row#*=} $BUNDLE"
        done
        assert_equal "$(jq -r '[.id, .status, .bundle] | join(" ")' rootfs/tmp/state)" "$ID created $BUNDLE"
        # The main process, as the host sees it, all along; none when it is over.
        assert_equal "$(jq .pid "$LOG.prestart")" "$(jq .pid "$LOG.poststart")"
        assert_equal "$(jq '.pid // 0' "$LOG.poststop")" 0
}

@test "createRuntime runs once the namespaces are there, and before the program is looked for" {
        add_hook createRuntime "pid=\$(sed 's/.*\"pid\":\([0-9]*\).*/\1/'); readlink /proc/\$pid/ns/net >$LOG;
                printf '#!/bin/sh\necho made\n' >$BUNDLE/rootfs/made-by-hook; chmod 755 $BUNDLE/rootfs/made-by-hook"
        set_args /made-by-hook
        run myrun run "$ID"
        assert_success
        assert_output made
        [ "$(cat "$LOG")" != "$(readlink /proc/self/ns/net)" ]
}

@test "args and env of a hook are its own" {
        edit_config '.hooks.createRuntime = [{path: "/bin/bash", args: ["x", "-c", "echo $WORD $HOME $0 >$LOG", "zero"],
                env: ["WORD=given", "LOG=\($log)"]}]' --arg log "$LOG"
        HOME=/caller run myrun run "$ID"
        assert_success
        assert_equal "$(cat "$LOG")" "given zero"
}

@test "a failing hook before start destroys the container: an error, no program, and poststop runs" {
        for point in prestart createRuntime createContainer; do
                edit_config 'del(.hooks)'
                add_hook $point true
                add_hook $point 'echo the reason >&2; exit 3'
                add_hook $point "echo third >>$LOG"
                add_hook poststop "echo $point poststop >>$LOG"
                set_args sh -c 'echo ran'
                run myrun create "$ID"
                assert_clear_error "hooks.$point[1]" "status 3" "the reason"
                refute_output_contains ran
                run myrun list -q
                assert_output ""
                # The hooks behind the failing one did not run.
                assert_equal "$(cat "$LOG")" "$point poststop"
                rm "$LOG"
        done
}

@test "a failing startContainer hook fails start and destroys the container, and the program does not run" {
        add_hook startContainer 'exit 4'
        add_hook poststart "echo poststart >>$LOG"
        add_hook poststop "echo poststop >>$LOG"
        set_args sh -c 'echo ran >/tmp/ran'
        myrun create "$ID" >/dev/null 2>&1
        pid=$(init_pid "$ID")
        run myrun start "$ID"
        assert_clear_error "hooks.startContainer[0]" "status 4"
        wait_until process_gone "$pid"
        run myrun state "$ID"
        assert_clear_error "does not exist"
        assert_equal "$(cat "$LOG")" poststop
        refute_exists rootfs/tmp/ran
}

@test "a failing poststart hook fails start and destroys the container" {
        add_hook poststart 'exit 5'
        add_hook poststart "echo second >>$LOG"
        add_hook poststop "echo poststop >>$LOG"
        set_args sleep 100
        myrun create "$ID" >/dev/null 2>&1
        pid=$(init_pid "$ID")
        run myrun start "$ID"
        assert_clear_error "hooks.poststart[0]"
        wait_until process_gone "$pid"
        run myrun list -q
        assert_output ""
        assert_equal "$(cat "$LOG")" poststop
}

@test "run fails with a failing hook at every point, and leaves nothing" {
        for point in prestart createRuntime createContainer startContainer poststart; do
                for detach in "" -d; do
                        edit_config 'del(.hooks)'
                        add_hook $point 'exit 6'
                        add_hook poststop "echo poststop >>$LOG"
                        set_args sleep 100
                        # shellcheck disable=SC2086
                        status=0
                        "$MYRUN" --root "$ROOT" run $detach "$ID" </dev/null >"$LOG.out" 2>&1 || status=$?
                        output=$(cat "$LOG.out")
                        assert_clear_error "hooks.$point[0]" "status 6"
                        run myrun list -q
                        assert_output ""
                        assert_equal "$(cat "$LOG")" poststop
                        rm "$LOG"
                done
        done
}

@test "a failing poststop hook is a warning, and the others still run" {
        add_hook poststop 'exit 6'
        add_hook poststop "echo second >>$LOG"
        run myrun run "$ID"
        assert_success
        assert_output_contains "hooks.poststop[0]"
        assert_equal "$(cat "$LOG")" second
}

@test "a hook that takes longer than its timeout is killed, at every point" {
        for point in createRuntime createContainer startContainer poststart; do
                edit_config 'del(.hooks) | .hooks[$point] = [{path: "/bin/sleep", args: ["sleep", "61"], timeout: 1}]' \
                        --arg point $point
                set_args sleep 100
                run myrun run "$ID"
                assert_clear_error "hooks.$point[0]" timeout
                run pgrep -fx "sleep 61"
                assert_failure
        done
        edit_config 'del(.hooks) | .hooks.poststop = [{path: "/bin/sleep", args: ["sleep", "61"], timeout: 1}]'
        set_args true
        run myrun run "$ID"
        assert_success
        assert_output_contains "hooks.poststop[0]" timeout
}

@test "a timeout that is not above 0 and a path that is not absolute are named" {
        edit_config '.hooks.createRuntime = [{path: "/bin/true", timeout: 0}]'
        run myrun run "$ID"
        assert_clear_error "hooks.createRuntime[0].timeout"
        edit_config '.hooks.createRuntime = [{path: "true"}]'
        run myrun run "$ID"
        assert_clear_error "hooks.createRuntime[0].path"
}

@test "a hook that is not there is named" {
        edit_config '.hooks.createRuntime = [{path: "/no/such/hook"}]'
        run myrun run "$ID"
        assert_clear_error "hooks.createRuntime[0]" "/no/such/hook"
}

@test "a hook without an environment of its own has the caller's, a startContainer hook the container's" {
        edit_config '.hooks.createRuntime = [{"path": "/bin/sh", "args": ["sh", "-c", "echo $WORD >out"]}] |
                .hooks.startContainer = [{"path": "/bin/sh", "args": ["sh", "-c", "echo $WORD >/tmp/out"]}] |
                .process.env += ["WORD=inside"]'
        set_args cat /tmp/out
        run env WORD=outside "$MYRUN" --root "$ROOT" run "$ID"
        assert_output inside
        run cat out
        assert_output outside
}

@test "a createContainer hook finds the container's files below its working directory" {
        edit_config '.hooks.createContainer = [{"path": "/bin/sh", "args": ["sh", "-c", "echo made >./tmp/mark"]}]'
        set_args cat /tmp/mark
        run myrun run "$ID"
        assert_output made
}

@test "a startContainer hook runs under the container's seccomp filter" {
        edit_config '.hooks.startContainer = [{"path": "/bin/mkdir", "args": ["mkdir", "/tmp/x"]}] |
                .process.noNewPrivileges = true | .linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]}'
        set_args true
        run myrun run "$ID"
        assert_clear_error "hooks.startContainer[0]"
        assert_output_contains "bad system call"
}
