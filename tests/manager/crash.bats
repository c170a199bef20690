#!/usr/bin/env bats
# What is left when mymgr or a monitor is killed, and that it goes.

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

# state FIELD NAME
state() {
        jq -r ".$1" "$MANAGER_DIR/root/containers/$(mymgr inspect -f '{{.Id}}' "$2")/state.json"
}

@test "a container whose monitor was killed goes on, is shown, and can be stopped and removed" {
        mymgr run -d --name orphan -p 8090:80 busybox sleep 1000
        kill -KILL "$(state monitor orphan)"
        run mymgr ps
        assert_output_contains orphan Up
        mymgr exec orphan true
        mymgr stop -t 0 orphan
        run mymgr ps -a
        assert_output_contains orphan Dead
        mymgr rm orphan
        run ip netns list
        refute_output_contains orphan
        mymgr run -d --name orphan -p 8090:80 busybox sleep 1000
}

@test "a container whose monitor and init were killed is dead, and starts again" {
        mymgr run -d --name twice busybox sleep 1000
        pid=$(state pid twice) monitor=$(state monitor twice)
        kill -KILL "$monitor"
        kill -KILL "$pid"
        wait_until process_gone "$monitor"
        wait_until process_gone "$pid"
        assert_equal "$(container_state twice)" dead
        mymgr start twice
        is_running twice
}

@test "a foreground run that is killed leaves the container to its monitor" {
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- "$MYMGR" --root "$MANAGER_DIR/root" --run-root "$MANAGER_DIR/run" \
                run --name goes-on busybox sh -c 'while :; do echo tick; sleep 0.05; done'
        wait_until is_running goes-on
        kill -KILL "$SPAWNED"
        wait_until logs_contain goes-on tick
        is_running goes-on
}

@test "a name left by a create that was killed is free" {
        mkdir -p "$MANAGER_DIR/root/names"
        ln -s "$(printf '%064d' 7)" "$MANAGER_DIR/root/names/left"
        mymgr create --name left --network none busybox true
}

@test "a failed start undoes what it did" {
        before=$(ip netns list | sort)
        run mymgr run --name bad busybox /no/such
        assert_failure 127
        assert_equal "$(ip netns list | sort)" "$before"
        run in_host ip -o link
        refute_output_contains "master mymgr0"
        assert_equal "$(container_state bad)" created
        assert_equal "$(mymgr inspect -f '{{.State.ExitCode}}' bad)" 127
}

@test "twenty containers started at once all run, with addresses of their own" {
        for i in $(seq 20); do
                mymgr run -d --name "many$i" busybox sleep 1000 >/dev/null 3>&- &
        done
        wait
        assert_equal "$(mymgr ps -q | wc -l)" 20
        assert_equal "$(for i in $(seq 20); do container_address "many$i"; done | sort -u | wc -l)" 20
}

@test "of creates with one name at once one wins" {
        for i in $(seq 8); do
                mymgr create --name wanted --network none busybox true >/dev/null 2>&1 3>&- &
        done
        wait
        assert_equal "$(mymgr ps -aq | wc -l)" 1
}

@test "a monitor holds little memory of its own" {
        case $BUILD in
        */sanitize) skip "a sanitizer's own memory is counted" ;;
        esac
        mymgr run -d --name small --network none busybox sleep 1000
        memory=$(awk '/^RssAnon/ { print $2 }' "/proc/$(state monitor small)/status")
        [ "$memory" -lt 1500 ] || assert_fail "RssAnon is $memory kB"
}
