#!/usr/bin/env bats
# Bad input: a clear error, and nothing left behind.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
}

teardown() {
        runtime_teardown
}

# The last `run` failed as it should, and there is no container.
assert_refused() {
        assert_clear_error "$@"
        run myrun list -q
        assert_output ""
}

@test "no arguments, unknown commands and unknown flags" {
        run myrun run
        assert_failure 1
        run myrun no-such-command
        assert_clear_error no-such-command
        run myrun state --no-such-flag "$ID"
        assert_clear_error no-such-flag
        run myrun kill
        assert_failure 1
}

@test "a bundle that is not there" {
        run myrun create --bundle /no/such/bundle "$ID"
        assert_refused /no/such/bundle
        rm config.json
        run myrun create "$ID"
        assert_refused config.json "No such file or directory"
}

@test "a rootfs that is not there, or is a file" {
        edit_config '.root.path = "no-such-rootfs"'
        run myrun create "$ID"
        assert_refused root.path no-such-rootfs
        edit_config '.root.path = "config.json"'
        run myrun create "$ID"
        assert_refused root.path
}

@test "ids that could mean another path" {
        for id in ../x a/b .. . /x "" "a b" "$(printf '%0300d' 1)"; do
                run myrun create -- "$id"
                assert_refused
        done
}

@test "broken JSON says where" {
        echo '{"ociVersion": "1.0.2", "process": {' >config.json
        run myrun create "$ID"
        assert_refused config.json
        : >config.json
        run myrun create "$ID"
        assert_refused config.json
        head -c 4096 /dev/urandom >config.json
        run myrun create "$ID"
        assert_refused config.json
}

@test "JSON that is too deep or too large" {
        printf '%.0s[' $(seq 100000) >config.json
        run myrun create "$ID"
        assert_refused config.json
        { printf '{"ociVersion": "'; head -c 20000000 /dev/zero | tr '\0' x; printf '"}'; } >config.json
        run myrun create "$ID"
        assert_refused config.json
}

@test "members of the wrong type are named" {
        for expression in '.process.args = "sh"' '.process.user.uid = "root"' '.process.user.uid = -1' \
                '.mounts = {}' '.mounts[0].destination = 5' '.linux.namespaces[0].type = "nonsense"' \
                '.root = "rootfs"' '.process.cwd = "relative"' '.ociVersion = 1' '.linux.uidMappings = [1]'; do
                cp "$HELPERS/config.json" config.json
                edit_config "$expression"
                run myrun create "$ID"
                assert_refused config.json
        done
}

@test "members that must be there" {
        for member in .process.args .process.cwd .root .ociVersion; do
                cp "$HELPERS/config.json" config.json
                edit_config "del($member)"
                run myrun create "$ID"
                assert_refused config.json
        done
}

@test "members that ask for nothing, or for what there is not, are named" {
        while read -r member expression; do
                cp "$HELPERS/config.json" config.json
                edit_config "$expression"
                run myrun create "$ID"
                assert_refused "$member"
        done <<'EOF'
linux.timeOffsets.realtime .linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {realtime: {secs: 1}}
linux.resources.blockIO.weightDevice[0] .linux.resources.blockIO = {weightDevice: [{major: 8, minor: 0}]}
linux.resources.rdma.mlx4_0 .linux.resources.rdma = {mlx4_0: {}}
linux.sysctl .linux.sysctl = {"kernel.hostname": "other"}
annotations .annotations = {"": "nameless"}
ociVersion .ociVersion = "1.02.0"
ociVersion .ociVersion = "1.2.0-"
EOF
}

@test "what is deprecated is warned of once, when the container is made" {
        edit_config '.mounts += [{destination: "mnt", type: "tmpfs", source: "tmpfs"}]'
        set_args sleep 100
        myrun create "$ID" >create.out 2>&1
        assert_equal "$(grep -c '"mnt" is not an absolute path' create.out)" 1
        for command in start exec "delete --force"; do
                # shellcheck disable=SC2086
                run myrun $command "$ID" $([ "$command" != exec ] || echo true)
                assert_success
                assert_output ""
        done
}

@test "commands on a container that does not exist" {
        for command in start state kill delete pause resume ps events update; do
                run myrun $command "$ID"
                assert_clear_error "container does not exist"
        done
        run myrun exec "$ID" true
        assert_failure 255
        assert_output_contains "container does not exist"
}

@test "a state file that is garbage does not stop list, and delete --force removes it" {
        set_args sleep 100
        start_detached "$ID"
        mkdir "$ROOT/$ID-broken"
        echo garbage >"$ROOT/$ID-broken/state.json"
        mkdir "$ROOT/$ID-empty"
        run myrun list
        assert_success
        assert_output_contains "$ID"
        run myrun state "$ID-broken"
        assert_clear_error state
        myrun delete --force "$ID-broken"
        myrun delete --force "$ID-empty"
        run myrun list -q
        assert_output "$ID"
}

@test "--log gets the error as one JSON object" {
        run myrun --log "$BATS_TEST_TMPDIR/log" --log-format json create --bundle /no/such "$ID"
        assert_failure 1
        assert_equal "$(jq -r .level "$BATS_TEST_TMPDIR/log")" error
        [[ "$(jq -r .msg "$BATS_TEST_TMPDIR/log")" == *"/no/such"* ]]
        run myrun --log-format nonsense list
        assert_clear_error --log-format
        run myrun --log-level nonsense list
        assert_clear_error --log-level
}
