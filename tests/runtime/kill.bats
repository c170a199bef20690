#!/usr/bin/env bats
# kill -9 of a command of myrun, or of the process it makes, at every system call: afterwards
# `delete --force` leaves no process, mount, cgroup or file.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime
load ../helpers/kill

setup_file() {
        require_root
        kill_begin
}

setup() {
        runtime_setup
        # Programs of the container that go on are what delete --force has to find.
        set_args sleep 100
}

teardown() {
        runtime_teardown
}

nothing() {
        :
}

created() {
        "$MYRUN" --root "$ROOT" create "$ID" </dev/null >/dev/null 2>&1
}

running() {
        "$MYRUN" --root "$ROOT" run -d "$ID" </dev/null >/dev/null 2>&1
}

# A container that waits for start; its init is the process to be killed.
created_init() {
        "$MYRUN" --root "$ROOT" create --pid-file "$FILES/pid" "$ID" </dev/null >/dev/null 2>&1 &&
                ATTACH=$(<"$FILES/pid")
}

@test "create is killed at every system call" {
        kill_sweep 0 nothing create --pid-file %FILES%/pid %ID%
}

@test "init is killed at every system call of a create" {
        kill_sweep 1 nothing create %ID%
}

@test "without a mount namespace, create and its init are killed at every third system call" {
        remove_namespace mount
        SWEEP_WORKERS=1 SWEEP_STEP=3 kill_sweep 0 nothing create %ID%
        SWEEP_WORKERS=1 SWEEP_STEP=3 kill_sweep 1 nothing create %ID%
}

@test "start is killed at every system call" {
        kill_sweep 0 created start %ID%
}

@test "init is killed at every system call of a start" {
        SWEEP_LEAST=5 kill_sweep 1 created_init start %ID%
}

@test "exec is killed at every system call" {
        kill_sweep 0 running exec -d --pid-file %FILES%/pid %ID% sleep 100
}

@test "the process of an exec is killed at every system call" {
        kill_sweep 1 running exec %ID% sleep 100
}

@test "delete is killed at every system call" {
        kill_sweep 0 created delete %ID%
}

@test "delete --force of a running container is killed at every system call" {
        SWEEP_STEP=2 kill_sweep 0 running delete --force %ID%
}

paused() {
        running && "$MYRUN" --root "$ROOT" pause "$ID"
}

@test "delete --force of a paused container is killed at every third system call" {
        SWEEP_STEP=3 kill_sweep 0 paused delete --force %ID%
}

@test "run is killed at every system call up to its end" {
        set_args true
        SWEEP_STEP=2 kill_sweep 0 nothing run %ID%
}
