#!/usr/bin/env bats
# mymgr commit: an image of what a container changed.

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

@test "commit makes an image with the container's changes and the instructions given" {
        mymgr run --name changed --network none busybox sh -c 'echo new >/file; rm /etc/group; mkdir /dir'
        run mymgr commit -a somebody -m "a change" -c 'CMD ["cat", "/file"]' changed derived:v1
        assert_success
        [[ "$output" =~ ^sha256:[0-9a-f]{64}$ ]] || assert_fail "no id: $output"
        assert_equal "$(mymgr run --rm --network none derived:v1)" new
        run mymgr run --rm --network none derived:v1 ls -d /dir /etc/group
        assert_failure
        assert_output_contains "/etc/group" "/dir"
        mymgr rm changed
        mymgr rmi derived:v1
}

@test "commit of a running container freezes it only for a moment" {
        mymgr run -d --name runs --network none busybox sleep 1000
        mymgr commit runs from-running
        mymgr exec runs true
        is_running runs
        mymgr rm -f runs
        mymgr rmi from-running
}

@test "what the manager mounts into a container is not part of the image" {
        mymgr run --name plain --network none -v /data busybox sh -c 'echo x >/data/x; echo y >/etc/hosts'
        mymgr commit plain plain-image
        run mymgr run --rm --network none plain-image cat /data/x
        assert_failure
        run mymgr run --rm --network none plain-image cat /etc/hosts
        refute_output_contains y$'\n'
        mymgr rm -v plain
        mymgr rmi plain-image
}

@test "commit of a container that is not there fails" {
        run mymgr commit nobody image
        assert_clear_error "No such container: nobody"
}

@test "commit refuses a file whose name would hide another in a layer" {
        mymgr run --name hides --network none busybox touch /tmp/.wh.passwd
        run mymgr commit hides hiding
        assert_clear_error "tmp/.wh.passwd" "hides another"
        run mymgr images -q hiding
        assert_output ""
        mymgr rm hides
}
