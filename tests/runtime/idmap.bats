#!/usr/bin/env bats
# Mounts whose ids are mapped: uidMappings and gidMappings, options idmap and ridmap.

load ../helpers/common
load ../helpers/bundle
load ../helpers/runtime

setup() {
        runtime_setup
        VOLUME=$BATS_TEST_TMPDIR/volume
        mkdir "$VOLUME"
        echo data >"$VOLUME/file"
        chown 1000:2000 "$VOLUME/file"
        set_args stat -c '%u:%g' /data/file
}

teardown() {
        umount "$VOLUME/below" 2>/dev/null || true
        runtime_teardown
}

# can_map TYPE: ext4 and others learned it with Linux 5.12, tmpfs later.
can_map() {
        [ "$1" != tmpfs ] || [ "$(printf '6.3\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.3 ] ||
                skip "a tmpfs cannot map ids before Linux 6.3"
}

# add_mapped MAPPINGS(JSON or null) SOURCE OPTION...: a bind mount on /data
add_mapped() {
        add_mount /data bind "${@:2}"
        [ "$1" = null ] || edit_config '.mounts[-1] += {uidMappings: $map, gidMappings: $map}' --argjson map "$1"
}

map_ids() {
        edit_config '.linux.namespaces += [{type: "user"}] |
                .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
                .linux.gidMappings = .linux.uidMappings'
        chown -R 100000:100000 rootfs
}

@test "uidMappings and gidMappings map the ids of a bind mount, both ways" {
        can_map "$(stat -f -c %T "$VOLUME")"
        add_mapped '[{"containerID": 0, "hostID": 5000, "size": 10000}]' "$VOLUME" bind
        edit_config '.process.capabilities |= map_values(["CAP_CHOWN"])'
        set_args sh -c "stat -c '%u:%g' /data/file; chown 7000:7001 /data/file; stat -c '%u:%g' /data/file"
        run myrun run "$ID"
        assert_success
        assert_output $'6000:7000\n7000:7001'
        assert_equal "$(stat -c %u:%g "$VOLUME/file")" 2000:2001
}

@test "ids that the map has no place for appear as nobody, and files cannot be made with them" {
        can_map "$(stat -f -c %T "$VOLUME")"
        add_mapped '[{"containerID": 0, "hostID": 5000, "size": 10}]' "$VOLUME" bind idmap
        set_args sh -c "stat -c '%u:%g' /data/file; touch /data/new"
        run myrun run "$ID"
        assert_failure
        assert_output_contains 65534:65534 /data/new
        refute_exists "$VOLUME/new"
}

@test "idmap without a map takes that of the container's user namespace" {
        can_map "$(stat -f -c %T "$VOLUME")"
        map_ids
        add_mapped null "$VOLUME" bind idmap
        run myrun run "$ID"
        assert_success
        assert_output 1000:2000
        edit_config '.mounts[-1].options = ["bind"]'
        run myrun run "$ID"
        assert_output 65534:65534
}

@test "idmap takes the map of a user namespace that is joined" {
        can_map "$(stat -f -c %T "$VOLUME")"
        map_ids
        set_args sleep 100
        start_detached "$ID"
        set_args stat -c '%u:%g' /data/file
        edit_config 'del(.linux.uidMappings, .linux.gidMappings) |
                (.linux.namespaces[] | select(.type == "user")).path = $path' \
                --arg path "/proc/$(init_pid "$ID")/ns/user"
        add_mapped null "$VOLUME" bind idmap
        run myrun run "$ID-2"
        assert_success
        assert_output 1000:2000
}

@test "idmap without any map is refused" {
        add_mapped null "$VOLUME" bind idmap
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data: option idmap: there is no map" uidMappings
}

@test "ridmap maps what is mounted below, idmap does not" {
        can_map tmpfs
        mkdir "$VOLUME/below"
        mount -t tmpfs tmpfs "$VOLUME/below"
        touch "$VOLUME/below/file"
        chown 1:1 "$VOLUME/below/file"
        set_args stat -c '%u:%g' /data/file /data/below/file
        add_mapped '[{"containerID": 0, "hostID": 5000, "size": 10000}]' "$VOLUME" rbind ridmap
        run myrun run "$ID"
        assert_success
        assert_output $'6000:7000\n5001:5001'
        edit_config '.mounts[-1].options = ["rbind", "idmap"]'
        run myrun run "$ID"
        assert_output $'6000:7000\n1:1'
}

@test "a file system that cannot map ids is named with the property" {
        add_mapped '[{"containerID": 0, "hostID": 5000, "size": 10}]' /sys/kernel bind
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data: uidMappings, gidMappings: the file system cannot map ids"
        map_ids
        edit_config 'del(.mounts[6])'
        add_mapped null /sys rbind ridmap
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data: option ridmap: the file system, or one mounted below it, cannot map ids"
}

@test "one of uidMappings and gidMappings alone is refused" {
        add_mapped '[{"containerID": 0, "hostID": 5000, "size": 10}]' "$VOLUME" bind
        edit_config 'del(.mounts[-1].gidMappings)'
        run myrun run "$ID"
        assert_clear_error "mounts[6]" "uidMappings and gidMappings must be given together"
}

@test "a new tmpfs can be mapped too" {
        can_map tmpfs
        add_mapped '[{"containerID": 0, "hostID": 5000, "size": 10}]' tmpfs
        edit_config '.mounts[-1].type = "tmpfs"'
        set_args stat -c '%u:%g' /data
        run myrun run "$ID"
        assert_success
        assert_output 5000:5000
}

@test "crun's idmap=uids=...;gids=... gives the map with the option, also relative to the container's" {
        can_map "$(stat -f -c %T "$VOLUME")"
        add_mapped null "$VOLUME" bind 'idmap=uids=0-5000-500#1000-7000-1;gids=2000-8000-1'
        run myrun run "$ID"
        assert_success
        assert_output 7000:8000
        map_ids
        edit_config '.mounts[-1].options = ["bind", "idmap=uids=@1000-5-1;gids=@2000-6-1"]'
        run myrun run "$ID"
        assert_output 5:6
        edit_config '.mounts[-1].options = ["bind", "idmap=uids=@1000-65536-1;gids=@2000-6-1"]'
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data: option idmap" "@1000-65536-1"
        edit_config '.mounts[-1].options = ["bind", "idmap=uids=nonsense;gids=1-2-3"]'
        run myrun run "$ID"
        assert_clear_error "mounts[6] /data: option idmap" nonsense
}

@test "features tells of id-mapped mounts" {
        run myrun features
        assert_equal "$(jq .linux.mountExtensions.idmap.enabled <<<"$output")" true
}
