#!/usr/bin/env bats
# What a service manager passes on: NOTIFY_SOCKET, and the sockets of LISTEN_FDS.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        require_program python3
        runtime_setup
        MESSAGES=$BATS_TEST_TMPDIR/messages
        # nc of busybox has no datagrams: the program sends by a socket of python's where it must send.
        cat >"$BATS_TEST_TMPDIR/send.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
for message in sys.argv[2:]:
    s.send(message.encode().decode("unicode_escape").encode())
END
}

teardown() {
        [ -z "${MANAGER:-}" ] || kill "$MANAGER" 2>/dev/null || true
        runtime_teardown
}

start_manager() {
        spawn python3 "$HELPERS/notify-manager.py" "$BATS_TEST_TMPDIR/manager" "$MESSAGES"
        MANAGER=$SPAWNED
        wait_until -t 60 test -S "$BATS_TEST_TMPDIR/manager"
        export NOTIFY_SOCKET=$BATS_TEST_TMPDIR/manager
}

# say MESSAGE...: as a program of the container would: to the socket that it sees.
say() {
        local socket

        socket=/proc/$(init_pid "$ID")/root/run/notify/notify.sock
        wait_until test -S "$socket"
        python3 "$BATS_TEST_TMPDIR/send.py" "$socket" "$@"
}

told() {
        grep -qx "$1" "$MESSAGES"
}

@test "start waits for READY, and tells the manager so, with the container's pid to watch" {
        start_manager
        set_args sh -c 'echo $NOTIFY_SOCKET >/tmp/socket; sleep 100'
        myrun create "$ID" >/dev/null 2>&1
        spawn "$MYRUN" --root "$ROOT" start "$ID"
        wait_until test -s rootfs/tmp/socket
        assert_equal "$(cat rootfs/tmp/socket)" /run/notify/notify.sock
        # Not ready yet: start is still there, the container runs and can be looked at.
        assert_equal "$(container_status "$ID")" running
        say STATUS=halfway
        kill -0 "$SPAWNED"
        say 'STATUS=done\nREADY=1\nMAINPID=1'
        wait_until process_gone "$SPAWNED"
        assert_equal "$(cat "$MESSAGES")" "READY=1
MAINPID=$(init_pid "$ID")
BARRIER=1 +fd"
}

@test "run --detach returns when the container is ready" {
        start_manager
        set_args sleep 100
        spawn "$MYRUN" --root "$ROOT" run --detach "$ID"
        wait_until has_status "$ID" running
        wait_until test -S "$ROOT/$ID/notify/notify.sock"
        say READY=1
        wait_until process_gone "$SPAWNED"
        wait_until told "MAINPID=$(init_pid "$ID")"
}

@test "run in the foreground is itself the process to watch" {
        start_manager
        set_args sleep 100
        spawn "$MYRUN" --root "$ROOT" run "$ID"
        wait_until has_status "$ID" running
        say READY=1
        wait_until told "MAINPID=$SPAWNED"
        kill -KILL "$(init_pid "$ID")"
        wait_until process_gone "$SPAWNED"
}

@test "a container that ends without being ready does not keep start waiting" {
        start_manager
        set_args true
        myrun create "$ID" >/dev/null 2>&1
        run timeout 20 "$MYRUN" --root "$ROOT" start "$ID"
        assert_success
        assert_equal "$(cat "$MESSAGES")" ""
}

@test "a container cannot reach the manager itself, or put something else in the place of its socket" {
        start_manager
        set_args sh -c 'ls -a /run/notify; rm -f /run/notify/notify.sock; touch /run/notify/x; ls /run/notify'
        export NOTIFY_SOCKET
        run timeout 20 "$MYRUN" --root "$ROOT" run "$ID"
        assert_output_contains "Read-only file system"
        refute_output_contains manager
}

@test "an abstract socket of a manager is reached" {
        spawn python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + sys.argv[1])
open(sys.argv[2], "w").close()
s.settimeout(60)
open(sys.argv[2], "w").write(s.recv(100).decode())
' "myrun-$ID" "$MESSAGES"
        MANAGER=$SPAWNED
        wait_until -t 60 test -e "$MESSAGES"
        export NOTIFY_SOCKET=@myrun-$ID
        set_args sleep 100
        spawn "$MYRUN" --root "$ROOT" run "$ID"
        wait_until has_status "$ID" running
        say READY=1
        wait_until told READY=1
}

@test "without NOTIFY_SOCKET there is none in the container" {
        unset NOTIFY_SOCKET
        set_args sh -c 'ls -d /run/notify; echo "${NOTIFY_SOCKET-unset}"'
        run myrun run "$ID"
        assert_output_contains unset "No such file"
}

# What sd_listen_fds(3) needs, and the fds themselves.
SHOW='echo "$LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES"; cat <&3; cat <&4; ls /proc/self/fd | tr "\n" " "'

@test "LISTEN_FDS are passed on with LISTEN_PID set to the program, and --preserve-fds behind them" {
        set_args sh -c "$SHOW"
        echo three >"$BATS_TEST_TMPDIR/3"
        echo four >"$BATS_TEST_TMPDIR/4"
        run bash -c 'exec 3<"$3/3" 4<"$3/4" 5</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=web
                exec "$0" --root "$1" run --preserve-fds 1 "$2" </dev/null' "$MYRUN" "$ROOT" "$ID" "$BATS_TEST_TMPDIR"
        assert_success
        # 5 is the directory that ls itself reads
        assert_output "1 1 web
three
four
0 1 2 3 4 5 "
}

@test "LISTEN_FDS meant for another process are not passed on" {
        set_args sh -c 'echo "${LISTEN_FDS-none}"; ls /proc/self/fd | tr "\n" " "'
        run bash -c 'exec 3</dev/null; export LISTEN_FDS=1 LISTEN_PID=1; exec "$0" --root "$1" run "$2" </dev/null' \
                "$MYRUN" "$ROOT" "$ID"
        assert_success
        assert_output "none
0 1 2 3 "
}

@test "exec passes LISTEN_FDS and --preserve-fds on, too" {
        set_args sleep 100
        start_detached "$ID"
        echo three >"$BATS_TEST_TMPDIR/3"
        echo four >"$BATS_TEST_TMPDIR/4"
        run bash -c 'exec 3<"$3/3" 4<"$3/4" 5</dev/null; export LISTEN_FDS=1; unset LISTEN_PID LISTEN_FDNAMES
                exec "$0" --root "$1" exec --preserve-fds 1 "$2" sh -c "$4" </dev/null' \
                "$MYRUN" "$ROOT" "$ID" "$BATS_TEST_TMPDIR" "$SHOW"
        assert_success
        assert_output_matches '^1 [0-9]+ 
three
four
0 1 2 3 4 5 $'
        run bash -c 'exec 3>&-; "$0" --root "$1" exec --preserve-fds 30 "$2" true </dev/null' "$MYRUN" "$ROOT" "$ID"
        assert_success
        assert_output_contains "warning: --preserve-fds: file descriptor"
}
