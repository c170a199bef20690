#!/usr/bin/env bats
# mymgr exec: another process in a running container.

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

setup() {
        mymgr run -d --name box --network none -e FROM=run busybox sleep 1000 >/dev/null
}

@test "exec runs a command and ends with its exit status" {
        run mymgr exec box sh -c 'echo here; exit 6'
        assert_failure 6
        assert_output here
}

@test "exec -i passes standard input on" {
        run mymgr exec -i box cat <<<hello
        assert_success
        assert_output hello
}

@test "exec -it gives a terminal" {
        run script -qec "$(declare -f mymgr without_fds); mymgr exec -it box tty" /dev/null </dev/null
        assert_success
        assert_output_contains /dev/pts/
}

@test "exec -e, -u and -w set environment, user and directory" {
        run mymgr exec -e ADDED=1 -u 1234:5678 -w /tmp box sh -c 'echo $FROM $ADDED $(id -u) $(id -g) $(pwd)'
        assert_success
        assert_output "run 1 1234 5678 /tmp"
}

@test "exec -d returns at once" {
        run mymgr exec -d box sh -c 'touch /began; sleep 1000'
        assert_success
        wait_until mymgr exec box test -e /began
}

@test "exec has the container's capabilities, not more" {
        run mymgr exec box grep CapEff /proc/self/status
        assert_output_contains 00000000a80425fb
}

@test "exec of a command that is not there ends with 127" {
        run mymgr exec box /no/such
        assert_failure 127
}

@test "exec in a container that does not run or exist is refused" {
        mymgr create --name still --network none busybox true
        run mymgr exec still true
        assert_clear_error "not running"
        run mymgr exec nobody true
        assert_clear_error "No such container: nobody"
}

@test "exec leaves nothing in the run directory" {
        mymgr exec box true
        run find "$MANAGER_DIR/run" -name 'exec.*'
        assert_output ""
}
