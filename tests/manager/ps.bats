#!/usr/bin/env bats
# mymgr ps: which containers there are and how they are.

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

@test "ps shows what runs, ps -a everything" {
        mymgr run -d --name up --network none busybox sleep 1000
        mymgr run --name down --network none busybox sh -c 'exit 3' || true
        mymgr create --name new --network none busybox true
        run mymgr ps
        assert_output_contains up "Up "
        refute_output_contains down new
        run mymgr ps -a
        assert_output_contains up down new "Exited (3)" Created '"sleep 1000"'
}

@test "ps -q prints short ids, --no-trunc whole ones" {
        id=$(mymgr run -d --network none busybox sleep 1000)
        run mymgr ps -q
        assert_output "${id:0:12}"
        run mymgr ps -q --no-trunc
        assert_output "$id"
}

@test "ps --format prints by a template or as JSON" {
        mymgr run -d --name shown --network none --label a=b busybox sleep 1000
        run mymgr ps --format '{{.Names}} {{.State}} {{.Image}} {{.Labels}}'
        assert_output "shown running busybox a=b"
        run mymgr ps --format json
        assert_equal "$(jq -r .Names <<<"$output")" shown
}

@test "ps --filter chooses by name, status, label and exit status" {
        mymgr run -d --name one --network none --label k=v busybox sleep 1000
        mymgr run -d --name two --network none busybox sleep 1000
        mymgr run --name three --network none busybox sh -c 'exit 9' || true
        assert_equal "$(mymgr ps --filter name=one --format '{{.Names}}')" one
        assert_equal "$(mymgr ps --filter label=k=v --format '{{.Names}}')" one
        assert_equal "$(mymgr ps --filter status=exited --format '{{.Names}}')" three
        assert_equal "$(mymgr ps -a --filter exited=9 --format '{{.Names}}')" three
        run mymgr ps --filter nosuch=1
        assert_clear_error nosuch
}

@test "pause freezes a container and ps says so, unpause thaws it" {
        mymgr run -d --name ice --network none busybox sleep 1000
        mymgr pause ice
        run mymgr ps
        assert_output_contains "(Paused)"
        run mymgr exec ice true
        assert_clear_error paused
        mymgr unpause ice
        mymgr exec ice true
}

@test "top lists the processes of a container" {
        mymgr run -d --name busy --network none busybox sleep 1234
        run mymgr top busy
        assert_success
        assert_output_contains PID "sleep 1234"
}

@test "rename gives a container another name and frees the old one" {
        mymgr create --name old --network none busybox true
        mymgr rename old new
        assert_equal "$(mymgr ps -a --format '{{.Names}}')" new
        mymgr create --name old --network none busybox true
}

@test "a container whose record is damaged hides no other, and what it may use is kept" {
        mymgr volume create kept
        mymgr run -d --name whole --network none busybox sleep 1000
        damaged=$(mymgr create --name damaged --network none -v kept:/data busybox true)
        record=$MANAGER_DIR/root/containers/$damaged/config.json
        mv "$record" "$BATS_TEST_TMPDIR/record"
        for change in 'del(.image)' 'del(.layers)' '.mounts = [{}]' '.created = "now"'; do
                jq -c "$change" "$BATS_TEST_TMPDIR/record" >"$record"
                run mymgr ps -a
                assert_failure
                assert_output_contains whole "$record: "
        done
        run mymgr volume rm kept
        assert_clear_error "$record"
        run mymgr rmi -f busybox
        assert_clear_error "$record"
        mv "$BATS_TEST_TMPDIR/record" "$record"
        run mymgr volume rm kept
        assert_clear_error "in use"
        mymgr rm -f whole damaged
        mymgr volume rm kept
}
