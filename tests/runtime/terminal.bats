#!/usr/bin/env bats
# process.terminal: relayed in the foreground, or handed to a console socket.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        require_program python3 script
        runtime_setup
        edit_config '.process.terminal = true'
}

teardown() {
        [ -z "${HOLDER:-}" ] || kill "$HOLDER" 2>/dev/null || true
        runtime_teardown
}

# Receives one terminal on a socket and copies what it says to a file; sets HOLDER.
hold_console() {
        CONSOLE=$BATS_TEST_TMPDIR/console.sock
        spawn python3 -c '
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
peer, _ = server.accept()
name, control, _, _ = peer.recvmsg(4096, 4096)
fd = array.array("i", control[0][2])[0]
out = open(sys.argv[2], "wb", buffering=0)
out.write(b"name " + name + b"\n")
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    out.write(data)
' "$CONSOLE" "$BATS_TEST_TMPDIR/console.out"
        HOLDER=$SPAWNED
        wait_until -t 60 test -S "$CONSOLE"
}

said() {
        grep -q "$1" "$BATS_TEST_TMPDIR/console.out"
}

@test "a terminal in the foreground is relayed, with /dev/console and the size asked for" {
        edit_config '.process.consoleSize = {height: 31, width: 91}'
        set_args sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo all; stty size; test -c /dev/console && echo console'
        run myrun run "$ID"
        assert_success
        assert_output_contains /dev/pts/0 all "31 91" console
}

@test "what is typed reaches the program" {
        set_args sh -c 'read word; echo "got $word"'
        run bash -c 'echo typed | "$0" --root "$1" run "$2"' "$MYRUN" "$ROOT" "$ID"
        assert_success
        assert_output_contains "got typed"
}

@test "the size of the caller's terminal is passed on" {
        set_args stty size
        run script -qec "stty rows 33 cols 77; $MYRUN --root $ROOT run $ID" /dev/null
        assert_output_contains "33 77"
}

@test "the exit status of a program with a terminal is passed on" {
        set_args sh -c 'exit 21'
        run myrun run "$ID"
        assert_failure 21
}

@test "create hands the terminal to --console-socket" {
        hold_console
        set_args sh -c 'tty; echo said; sleep 100'
        myrun create --console-socket "$CONSOLE" "$ID" >/dev/null 2>&1
        myrun start "$ID"
        wait_until said said
        assert_equal "$(head -n 1 "$BATS_TEST_TMPDIR/console.out")" "name /dev/pts/0"
}

@test "a detached container with a terminal needs --console-socket, and the other way round" {
        run myrun create "$ID"
        assert_clear_error --console-socket
        edit_config '.process.terminal = false'
        run myrun create --console-socket "$BATS_TEST_TMPDIR/none" "$ID"
        assert_clear_error --console-socket
}

@test "exec -t gives a terminal" {
        edit_config '.process.terminal = false'
        set_args sleep 100
        start_detached "$ID"
        run myrun exec -t "$ID" sh -c 'tty; exit 3'
        assert_failure 3
        assert_output_contains /dev/pts/0
        run myrun exec "$ID" tty
        assert_output_contains "not a tty"
}

@test "a detached exec hands its terminal to --console-socket" {
        edit_config '.process.terminal = false'
        set_args sleep 100
        start_detached "$ID"
        hold_console
        myrun exec -d -t --console-socket "$CONSOLE" "$ID" sh -c 'echo from exec; sleep 100' >/dev/null 2>&1
        wait_until said "from exec"
}

@test "a terminal without devpts is refused" {
        edit_config '.mounts |= map(select(.type != "devpts"))'
        run myrun run "$ID"
        assert_clear_error process.terminal
}

@test "the user owns the terminal" {
        edit_config '.process.user.uid = 1000'
        set_args sh -c 'stat -c %u $(tty); echo ok >/dev/tty'
        run myrun run "$ID"
        assert_success
        assert_output_contains 1000 ok
}
