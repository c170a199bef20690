#!/usr/bin/env bats
# features: what this build says it can do is valid, complete, and true.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        myrun features >"$BATS_TEST_TMPDIR/features.json"
}

teardown() {
        runtime_teardown
}

# feature EXPRESSION: of the document
feature() {
        jq -r "$1" "$BATS_TEST_TMPDIR/features.json"
}

# The values that the specification's schema allows for a definition, sorted.
schema_names() {
        jq -r ".definitions.$1.enum[]" "$SCHEMAS/defs-linux.json" | sort
}

@test "the document is valid" {
        SCHEMAS=${SPECS:-$SOURCE/../shared/specs}/runtime/schema
        [ -d "$SCHEMAS" ] || skip "the specification's schemas are not in $SCHEMAS (set SPECS)"
        /usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
        run /usr/bin/python3 "$HELPERS/schema.py" "$SCHEMAS" features-schema.json <"$BATS_TEST_TMPDIR/features.json"
        assert_success
}

@test "the lists are those of the specification" {
        SCHEMAS=${SPECS:-$SOURCE/../shared/specs}/runtime/schema
        [ -d "$SCHEMAS" ] || skip "the specification's schemas are not in $SCHEMAS (set SPECS)"
        assert_equal "$(feature '.linux.namespaces[]' | sort)" "$(schema_names NamespaceType)"
        assert_equal "$(feature '.linux.seccomp.actions[]' | sort)" "$(schema_names SeccompAction)"
        assert_equal "$(feature '.linux.seccomp.operators[]' | sort)" "$(schema_names SeccompOperators)"
        assert_equal "$(feature '.linux.seccomp.knownFlags[]' | sort)" "$(schema_names SeccompFlag)"
        assert_equal "$(feature '.linux.memoryPolicy.modes[]' | sort)" "$(schema_names MemoryPolicyMode)"
        assert_equal "$(feature '.linux.memoryPolicy.flags[]' | sort)" "$(schema_names MemoryPolicyFlag)"
        assert_equal "$(feature '.hooks[]' | sort)" \
                "$(jq -r '.properties.hooks.properties | keys[]' "$SCHEMAS/config-schema.json" | sort)"
        # Architectures: those of the specification that Debian's libseccomp knows.
        assert_equal "$(comm -23 <(feature '.linux.seccomp.archs[]' | sort) <(schema_names SeccompArch))" ""
}

@test "the versions of the specification that it names are accepted" {
        for version in "$(feature .ociVersionMin)" "$(feature .ociVersionMax)"; do
                edit_config '.ociVersion = $version' --arg version "$version"
                run myrun run "$ID"
                assert_success
        done
}

@test "every mount option that it names is known: none reaches the file system as an option of its own" {
        # An option that the runtime does not know is the file system's, and tmpfs refuses it by name.
        feature '.mountOptions[]' | grep -vE '^(r?bind|remount|r?idmap|copy-symlink)$' >"$BATS_TEST_TMPDIR/options"
        for option in ro rw nosuid noexec nodev noatime relatime strictatime rro rnosuid rnodev rnoatime tmpcopyup; do
                grep -qx "$option" "$BATS_TEST_TMPDIR/options" || assert_fail "not named: $option"
        done
        jq --rawfile names "$BATS_TEST_TMPDIR/options" '.mounts += [$names | split("\n")[] | select(. != "") |
                {destination: "/mnt/\(.)", type: "tmpfs", source: "tmpfs", options: [.]}] |
                .process.args = ["true"]' config.json >config.json.new
        mv config.json.new config.json
        run myrun run "$ID"
        refute_output_contains "Invalid argument" "nknown"
}

@test "every seccomp action, operator and flag that it supports is accepted" {
        edit_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: $features[0].linux.seccomp.supportedFlags,
                syscalls: ([$features[0].linux.seccomp.actions[] | select(. != "SCMP_ACT_NOTIFY") |
                                {names: ["vmsplice"], action: ., args: [{index: 0, value: 4711, op: "SCMP_CMP_EQ"}]}][:1] +
                        [$features[0].linux.seccomp.operators | to_entries[] |
                                {names: [["tee", "vmsplice", "splice", "migrate_pages", "move_pages", "kcmp", "acct"][.key]],
                                action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 4711, valueTwo: 1, op: .value}]}])}' \
                --slurpfile features "$BATS_TEST_TMPDIR/features.json"
        run myrun run "$ID"
        assert_success
        for action in $(feature '.linux.seccomp.actions[]'); do
                [ "$action" != SCMP_ACT_NOTIFY ] || continue
                edit_config '.linux.seccomp.syscalls = [{names: ["vmsplice"], action: $action}]' --arg action "$action"
                run myrun run "$ID"
                assert_success
        done
}

@test "the capabilities that it names are those a process can get" {
        edit_config '.process.capabilities = ($features[0].linux.capabilities | {bounding: .})' \
                --slurpfile features "$BATS_TEST_TMPDIR/features.json"
        run myrun run "$ID"
        assert_success
        refute_output_contains unknown
        [ "$(feature '.linux.capabilities | length')" -ge 41 ]
}

@test "it says that it can save containers" {
        assert_equal "$(feature '.annotations["org.opencontainers.runc.checkpoint.enabled"]')" true
}

@test "it names the annotations that change what the runtime does, and the library it was built with" {
        assert_equal "$(feature '.potentiallyUnsafeConfigAnnotations | index("org.systemd.property.") != null')" true
        assert_equal "$(feature '.potentiallyUnsafeConfigAnnotations | index("run.oci.keep_original_groups") != null')" true
        assert_equal "$(feature '.annotations["io.github.seccomp.libseccomp.version"] | test("^2\\.[0-9.]+$")')" true
}
