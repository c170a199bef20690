#!/usr/bin/env bats
# mymgr volume, -v, --mount and --tmpfs.

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

@test "-v mounts a directory of the host, :ro read-only" {
        mkdir "$BATS_TEST_TMPDIR/shared"
        mymgr run --rm --network none -v "$BATS_TEST_TMPDIR/shared:/data" busybox touch /data/made
        assert_exists "$BATS_TEST_TMPDIR/shared/made"
        run mymgr run --rm --network none -v "$BATS_TEST_TMPDIR/shared:/data:ro" busybox touch /data/refused
        assert_failure
        assert_output_contains "Read-only"
}

@test "a named volume outlives its containers" {
        mymgr run --rm --network none -v stays:/data busybox sh -c 'echo kept >/data/file'
        run mymgr run --rm --network none -v stays:/data busybox cat /data/file
        assert_output kept
        run mymgr volume ls
        assert_output_contains stays local
        mymgr volume rm stays
        assert_equal "$(mymgr volume ls -q)" ""
}

@test "volume create, inspect, and rm of one in use" {
        mymgr volume create v1
        run mymgr volume inspect -f '{{.Name}} {{.Driver}}' v1
        assert_output "v1 local"
        mymgr create --name has --network none -v v1:/x busybox true
        run mymgr volume rm v1
        assert_clear_error "in use" has
        mymgr rm has
        mymgr volume rm v1
        run mymgr volume rm v1
        assert_clear_error "no such volume: v1"
}

@test "an unnamed volume goes with its --rm container" {
        mymgr run --rm --network none -v /data busybox touch /data/x
        assert_equal "$(mymgr volume ls -q)" ""
}


@test "a new volume begins with what the image has there" {
        run mymgr run --rm --network none -v filled:/etc busybox cat /etc/passwd
        assert_output_contains root:
        run mymgr run --rm --network none -v filled:/other busybox sh -c 'stat -c "%a %u" /other/passwd; rm /other/passwd'
        assert_output "644 0"
        run mymgr run --rm --network none -v filled:/etc busybox test -e /etc/passwd
        assert_failure
        mymgr volume rm filled
}

@test "--mount and --tmpfs" {
        run mymgr run --rm --network none --mount "type=bind,source=$BATS_TEST_TMPDIR,target=/b,readonly" \
                --mount type=tmpfs,target=/t --tmpfs /u:size=1m busybox grep -E ' /(b|t|u) ' /proc/self/mounts
        assert_success
        assert_output_matches ' /b [a-z0-9]+ ro'
        assert_output_contains "tmpfs /t tmpfs" "size=1024k"
}

@test "a mount point behind a link of the image stays inside the container" {
        mkdir "$BATS_TEST_TMPDIR/source" "$BATS_TEST_TMPDIR/target"
        mymgr run --name trap --network none busybox \
                sh -c 'mkdir -p "$1" && ln -s "$1" /link' - "$BATS_TEST_TMPDIR/target"
        mymgr commit trap trap-image
        mymgr run --rm --network none -v "$BATS_TEST_TMPDIR/source:/link/deep" trap-image true
        assert_equal "$(ls "$BATS_TEST_TMPDIR/target")" ""
        mymgr rm trap
        mymgr rmi trap-image
}

@test "bad specifications are refused" {
        run mymgr run --network none -v relative:not-absolute busybox true
        assert_clear_error not-absolute absolute
        run mymgr run --network none -v /a:/b:nosuchmode busybox true
        assert_clear_error nosuchmode
        run mymgr run --network none --mount type=bind,source=/no/such,target=/x busybox true
        assert_clear_error /no/such
        run mymgr run --network none -v /tmp:/x -v /tmp:/x busybox true
        assert_clear_error "Duplicate mount point: /x"
        assert_equal "$(mymgr ps -aq)" ""
}
