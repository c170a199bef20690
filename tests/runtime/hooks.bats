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

@test "createContainer runs in the container's namespaces, createRuntime in the host's" {
        add_hook createRuntime "readlink /proc/self/ns/net >>$LOG"
        add_hook createContainer "readlink /proc/self/ns/net >>$LOG"
        set_args true
        run myrun run "$ID"
        assert_success
        assert_equal "$(sed -n 1p "$LOG")" "$(readlink /proc/self/ns/net)"
        [ "$(sed -n 2p "$LOG")" != "$(readlink /proc/self/ns/net)" ]
}

@test "args and env of a hook are its own" {
        edit_config '.hooks.createRuntime = [{path: "/bin/sh", args: ["x", "-c", "echo $WORD $HOME $0 >$LOG", "zero"],
                env: ["WORD=given", "LOG=\($log)"]}]' --arg log "$LOG"
        HOME=/caller run myrun run "$ID"
        assert_success
        assert_equal "$(cat "$LOG")" "given zero"
}

@test "a failing hook before start stops the container and says why" {
        for point in prestart createRuntime createContainer; do
                edit_config 'del(.hooks)'
                add_hook $point 'echo the reason >&2; exit 3'
                set_args sh -c 'echo ran'
                run myrun run "$ID"
                assert_clear_error "hooks.$point[0]" "status 3" "the reason"
                refute_output_contains ran
                run myrun list -q
                assert_output ""
        done
}

@test "a failing startContainer hook fails start, and the program does not run" {
        add_hook startContainer 'exit 4'
        set_args sh -c 'echo ran >/tmp/ran'
        myrun create "$ID" >/dev/null 2>&1
        run myrun start "$ID"
        assert_clear_error "hooks.startContainer[0]" "status 4"
        wait_until has_status "$ID" stopped
        refute_exists rootfs/tmp/ran
}

@test "a failing poststart hook stops the container" {
        add_hook poststart 'exit 5'
        set_args sleep 100
        myrun create "$ID" >/dev/null 2>&1
        run myrun start "$ID"
        assert_clear_error "hooks.poststart[0]"
        wait_until has_status "$ID" stopped
}

@test "a failing poststop hook is a warning, and the others still run" {
        add_hook poststop 'exit 6'
        add_hook poststop "echo second >>$LOG"
        run myrun run "$ID"
        assert_success
        assert_output_contains "hooks.poststop[0]"
        assert_equal "$(cat "$LOG")" second
}

@test "a hook that takes longer than its timeout is killed" {
        edit_config '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "60"], timeout: 1}]'
        run myrun run "$ID"
        assert_clear_error "hooks.createRuntime[0]" timeout
}

@test "a hook that is not there is named" {
        edit_config '.hooks.createRuntime = [{path: "/no/such/hook"}]'
        run myrun run "$ID"
        assert_clear_error "hooks.createRuntime[0]" "/no/such/hook"
}
