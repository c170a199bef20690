# myrun in tests: a state directory and a container id of the test's own, and
# nothing left of either afterwards. Load after common and bundle.
#
#     setup()    { runtime_setup; }
#     teardown() { runtime_teardown; }

runtime_setup() {
        require_root
        ID=$(token)
        export LEAK_MARK=$ID
        ROOT=$BATS_TEST_TMPDIR/state
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        cd "$BUNDLE"
        leaks_begin
}

# Removes what the test made and fails if something stays behind.
runtime_teardown() {
        local id

        [ -n "${ID:-}" ] || return 0
        cd /
        for id in $(myrun list -q 2>/dev/null); do
                myrun delete --force "$id"
        done
        leaks_check
}

# The runtime under test. stdin is nothing, so that no test waits for a person.
myrun() {
        "$MYRUN" --root "$ROOT" "$@" </dev/null
}

# bats waits for all holders of its output: a container that outlives the command gets none of it.
start_detached() {
        myrun run -d "$@" >"$BATS_TEST_TMPDIR/$ID.out" 2>&1
}

container_status() {
        myrun state "$1" | jq -r .status
}

has_status() {
        [ "$(container_status "$1")" = "$2" ]
}

init_pid() {
        myrun state "$1" | jq -r .pid
}
