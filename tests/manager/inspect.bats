#!/usr/bin/env bats
# mymgr inspect: everything in docker's words, and templates over it.

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

@test "inspect shows docker's members" {
        mymgr run -d --name seen --network none -e A=b -l k=v --memory 64m --restart on-failure:3 busybox sleep 1000
        run mymgr inspect seen
        assert_success
        for path in Id Created Path Args State.Status State.Running State.Pid State.StartedAt Image ResolvConfPath \
                HostsPath LogPath Name RestartCount Config.Env Config.Cmd Config.Labels.k HostConfig.Memory \
                HostConfig.NetworkMode HostConfig.RestartPolicy.Name Mounts NetworkSettings.Networks NetworkSettings.Ports; do
                jq -e "first | .$path != null" <<<"$output" >/dev/null || assert_fail "no $path" || return 1
        done
        assert_equal "$(jq -r '.[0].State.Pid' <<<"$output")" "$(mymgr inspect -f '{{.State.Pid}}' seen)"
}

@test "templates: fields, json, index, range, if, pipes" {
        mymgr create --name t --network none --label com.example.key=value busybox echo x
        assert_equal "$(mymgr inspect -f '{{.Name}}' t)" /t
        assert_equal "$(mymgr inspect -f '{{json .Config.Cmd}}' t)" '["echo","x"]'
        assert_equal "$(mymgr inspect -f '{{index .Config.Labels "com.example.key"}}' t)" value
        assert_equal "$(mymgr inspect -f '{{range $i, $e := .Config.Cmd}}{{$i}}={{$e}};{{end}}' t)" "0=echo;1=x;"
        assert_equal "$(mymgr inspect -f '{{if .State.Running}}up{{else}}down{{end}}' t)" down
        assert_equal "$(mymgr inspect -f '{{len .Config.Cmd}} {{upper .State.Status}}' t)" "2 CREATED"
        assert_equal "$(mymgr inspect -f '{{.State.Status | json}}' t)" '"created"'
}

@test "labels that the record could not tell apart are refused" {
        run mymgr create --name t --network none --label $'a\xff=1' --label $'a\xfe=2' busybox true
        assert_clear_error --label "not UTF-8"
        run mymgr ps -a
        assert_success
}

@test "templates that are wrong say what is" {
        mymgr create --name t --network none busybox true
        run mymgr inspect -f '{{.NoSuchField}}' t
        assert_clear_error NoSuchField
        run mymgr inspect -f '{{.Name' t
        assert_clear_error unclosed
        run mymgr inspect -f '{{range .Mounts}}x' t
        assert_clear_error end
}

@test "inspect finds images, networks and volumes too" {
        assert_equal "$(mymgr inspect -f '{{index .RepoTags 0}}' busybox)" busybox:latest
        assert_equal "$(mymgr inspect -f '{{.Driver}}' bridge)" bridge
        run mymgr inspect nosuchthing
        assert_clear_error "No such object: nosuchthing"
}
