#!/usr/bin/env bats
# Documents that myrun writes, against the schemas of the runtime specification.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        SCHEMAS=${SPECS:-$SOURCE/../shared/specs}/runtime/schema
        [ -d "$SCHEMAS" ] || skip "the specification's schemas are not in $SCHEMAS (set SPECS)"
        /usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
        runtime_setup
}

teardown() {
        runtime_teardown
}

# assert_valid SCHEMA FILE
assert_valid() {
        run /usr/bin/python3 "$HELPERS/schema.py" "$SCHEMAS" "$1" <"$2"
        assert_success
}

@test "spec writes a valid config" {
        cd "$BATS_TEST_TMPDIR"
        myrun spec
        assert_valid config-schema.json config.json
        # And the check would notice if it were not.
        jq 'del(.ociVersion)' config.json >bad.json
        run /usr/bin/python3 "$HELPERS/schema.py" "$SCHEMAS" config-schema.json <bad.json
        assert_failure 1
}

@test "spec --rootless writes a valid config" {
        cd "$BATS_TEST_TMPDIR"
        myrun spec --rootless
        assert_valid config-schema.json config.json
}

@test "state is valid in every state" {
        set_args sleep 100
        edit_config '.annotations = {"org.example": "x"}'
        myrun create "$ID" >/dev/null 2>&1
        myrun state "$ID" >"$BATS_TEST_TMPDIR/created.json"
        assert_valid state-schema.json "$BATS_TEST_TMPDIR/created.json"
        myrun start "$ID"
        myrun state "$ID" >"$BATS_TEST_TMPDIR/running.json"
        assert_valid state-schema.json "$BATS_TEST_TMPDIR/running.json"
        myrun kill "$ID" KILL
        wait_until has_status "$ID" stopped
        myrun state "$ID" >"$BATS_TEST_TMPDIR/stopped.json"
        assert_valid state-schema.json "$BATS_TEST_TMPDIR/stopped.json"
}

@test "what a hook reads is a valid state" {
        edit_config '.hooks.createRuntime = [{"path": "/bin/sh", "args": ["sh", "-c", $command]}]' \
                --arg command "cat >$BATS_TEST_TMPDIR/hook.json"
        run myrun run "$ID"
        assert_success
        assert_valid state-schema.json "$BATS_TEST_TMPDIR/hook.json"
}
