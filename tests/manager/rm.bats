#!/usr/bin/env bats
# mymgr rm: the container goes, and all that was made for it.

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

@test "rm removes a stopped container and its files" {
        id=$(mymgr create --name gone --network none busybox true)
        run mymgr rm gone
        assert_success
        assert_output gone
        refute_exists "$MANAGER_DIR/root/containers/$id"
        refute_exists "$MANAGER_DIR/root/names/gone"
        refute_exists "$MANAGER_DIR/run/containers/$id"
}

@test "rm refuses a running container, rm -f kills it" {
        mymgr run -d --name runs --network none busybox sleep 1000
        run mymgr rm runs
        assert_clear_error "container is running" "rm -f"
        mymgr rm -f runs
        run mymgr ps -aq
        assert_output ""
}

@test "rm of an unknown container fails, with -f it only says so" {
        run mymgr rm nobody
        assert_clear_error "No such container: nobody"
        run mymgr rm -f nobody
        assert_success
}

@test "rm finds containers by the start of their id" {
        id=$(mymgr create --network none busybox true)
        mymgr rm "${id:0:6}"
        run mymgr ps -aq
        assert_output ""
}

@test "rm -v removes the unnamed volumes, and leaves the named ones" {
        mymgr create --name stores -v /unnamed -v kept:/kept --network none busybox true
        assert_equal "$(mymgr volume ls -q | wc -l)" 2
        mymgr rm -v stores
        assert_equal "$(mymgr volume ls -q)" kept
        mymgr volume rm kept
}

@test "the root file system of a running container is no mount of the host" {
        mymgr run -d --name hidden --network none busybox sleep 1000
        run grep -F "$MANAGER_DIR" /proc/self/mounts
        assert_output ""
}
