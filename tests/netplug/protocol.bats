# The CNI protocol: variables, versions, error objects.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        BEFORE=$(host_state)
}

teardown() {
        cni_teardown
}

@test "without CNI_COMMAND netplug explains itself" {
        run env -u CNI_COMMAND "$NETPLUG"
        assert_success
        assert_output_contains "Usage:" "bridge" "host-local" "portmap" "firewall" "loopback"
}

@test "--help and --version answer" {
        run "$NETPLUG" --help
        assert_success
        assert_output_contains "CNI_COMMAND"
        run "$NETPLUG" --version
        assert_success
        assert_output_contains "netplug version" "1.1.0"
}

@test "VERSION lists the versions, also without standard input" {
        run in_host env CNI_COMMAND=VERSION "$CNI_PLUGINS/bridge" </dev/null
        assert_success
        for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
                jq -e --arg v $version '.supportedVersions | index($v)' <<<"$output"
        done
        run in_host env CNI_COMMAND=VERSION "$CNI_PLUGINS/portmap" <<<'{"cniVersion": "0.4.0"}'
        assert_success
        assert_equal "$(jq -r .cniVersion <<<"$output")" 0.4.0
        run in_host env CNI_COMMAND=VERSION "$CNI_PLUGINS/portmap" <<<'{"cniVersion":'
        assert_success
        assert_equal "$(jq -r .cniVersion <<<"$output")" 1.1.0
}

@test "the type in the configuration chooses the plugin when run as netplug" {
        run cni ADD "$NETPLUG" c1 "$(bridge_conf)"
        assert_success
        assert_equal "$(jq -r '.interfaces | length' <<<"$output")" 3
        run cni DEL "$NETPLUG" c1 "$(bridge_conf)"
        assert_success
}

@test "a type that is not built gives an error object" {
        run cni ADD "$NETPLUG" c1 "$(bridge_conf '.type = "ipvlan"')"
        assert_cni_error 7 "ipvlan: not supported in this build"
}

@test "results come in the version that was asked for" {
        for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
                CNI_VERSION=$version
                run cni ADD bridge c1 "$(bridge_conf)"
                assert_success
                assert_equal "$(jq -r .cniVersion <<<"$output")" $version
                assert_equal "$(jq -r '.ips[0].address' <<<"$output" | cut -d. -f1-3)" 10.77.0
                case $version in
                0.*) assert_equal "$(jq -c '[.ips[].version]' <<<"$output")" '["4","6"]' ;;
                *) assert_equal "$(jq -c '[.ips[].version]' <<<"$output")" '[null,null]' ;;
                esac
                case $version in
                1.1.0) jq -e '.interfaces[2].mtu == 1500' <<<"$output" ;;
                *) jq -e '.interfaces[2] | has("mtu") | not' <<<"$output" ;;
                esac
                RESULT=$output
                run cni DEL bridge c1 "$(conf_of bridge)"
                assert_success
                assert_output ""
        done
        assert_nothing_left "$BEFORE"
}

@test "a version nobody speaks is refused with code 1" {
        run cni ADD bridge c1 "$(bridge_conf '.cniVersion = "9.9.9"')"
        assert_cni_error 1 "9.9.9" "supported"
        for without in 'del(.cniVersion)' '.cniVersion = ""'; do
                run cni ADD bridge c1 "$(bridge_conf "$without")"
                assert_cni_error 1 "cniVersion: required, but missing"
        done
}

@test "GC without a list of attachments is refused, and null is an empty list" {
        cni ADD bridge c1 "$(bridge_conf)"
        run cni GC bridge c1 "$(bridge_conf)"
        assert_cni_error 7 "cni.dev/valid-attachments"
        in_container c1 ip link show eth0
        cni GC bridge c1 "$(bridge_conf '.["cni.dev/valid-attachments"] = null')"
        run in_container c1 ip link show eth0
        assert_failure
        cni DEL bridge c1 "$(bridge_conf)"
        assert_nothing_left "$BEFORE"
}

@test "DEL cleans up whatever else is wrong with the configuration" {
        for change in '.hairpinMode = true | .promiscMode = true' '.mtu = -1' '.vlan = 5000' '.vlanTrunk = 3' \
                '.bridge = "a-name-that-is-too-long"' '.ipMasq = "yes"' '.ipMasqBackend = "none"' \
                '.args.cni.mac = "nonsense"' '.disableContainerInterface = true' '.prevResult = 7' \
                '.prevResult = {cniVersion: "0.2.0"}' '.["cni.dev/valid-attachments"] = 7' \
                '.prevResult = {cniVersion: "1.0.0", interfaces: [], ips: [{address: "10.77.0.2/24", interface: 9}]}' \
                '.prevResult = {cniVersion: "1.0.0", ips: [{address: "here"}]}'; do
                cni ADD bridge c1 "$(bridge_conf)" >/dev/null
                run cni DEL bridge c1 "$(bridge_conf "$change")"
                assert_success
                assert_nothing_left "$BEFORE" || assert_fail "$change"
                run cni ADD ptp c1 "$(bridge_conf '.type = "ptp"')"
                assert_success
                run cni DEL ptp c1 "$(bridge_conf ".type = \"ptp\" | $change")"
                assert_success
                assert_nothing_left "$BEFORE" || assert_fail "ptp: $change"
        done
        for plugin in portmap firewall tuning bandwidth; do
                run cni DEL $plugin c1 "$(bridge_conf ".type = \"$plugin\" | .prevResult = {cniVersion: \"1.0.0\", ips: [{}]}")"
                assert_success
        done
}

@test "members are known whatever the case of their names, as by the reference plugins" {
        run cni ADD bridge c1 "$(bridge_conf '.RuntimeConfig = {MAC: "02:00:00:00:00:07"} | .MTU = 1400')"
        assert_success
        assert_equal "$(jq -r '.interfaces[2].mac' <<<"$output")" 02:00:00:00:00:07
        assert_equal "$(jq -r '.interfaces[2].mtu' <<<"$output")" 1400
        cni DEL bridge c1 "$(bridge_conf)"
        run cni ADD bridge c1 "$(bridge_conf '.MTU = 1300 | .mtu = 1400')"
        assert_equal "$(jq -r '.interfaces[2].mtu' <<<"$output")" 1400
}

@test "CHECK needs 0.4.0, STATUS and GC need 1.1.0" {
        run cni CHECK bridge c1 "$(bridge_conf '.cniVersion = "0.3.1"')"
        assert_cni_error 1 "CHECK"
        run cni GC bridge c1 "$(bridge_conf '.cniVersion = "1.0.0"')"
        assert_cni_error 1 "GC"
}

@test "a delegate gets what the runtime sent, and what it says of its STATUS comes back" {
        mkdir "$BATS_TEST_TMPDIR/plugins"
        cat >"$BATS_TEST_TMPDIR/plugins/strange" <<END
#!/bin/sh
cat >"$BATS_TEST_TMPDIR/input.\$CNI_COMMAND"
[ \$CNI_COMMAND != STATUS ] || { echo '{"cniVersion": "1.1.0", "code": 51, "msg": "the store is away"}'; exit 1; }
END
        chmod +x "$BATS_TEST_TMPDIR/plugins/strange"
        CNI_DIRECTORIES=$BATS_TEST_TMPDIR/plugins
        conf=$(bridge_conf '.ipam = {type: "strange"} | .cniVersions = ["1.0.0", "1.1.0"] |
                .["cni.dev/valid-attachments"] = [{containerID: "c2", ifname: "eth0"}] |
                .prevResult = {cniVersion: "1.1.0", ips: [{address: "10.77.0.9/24"}]}')
        run cni STATUS bridge c1 "$conf"
        assert_cni_error 51 "the store is away"
        run cni STATUS macvlan c1 "$(bridge_conf '.master = "nothing0" | del(.ipam)')"
        assert_cni_error 50 "nothing0"
        for command in GC DEL CHECK; do
                cni $command bridge c1 "$conf" || [ $command = CHECK ]
                assert_equal "$(jq -cS . "$BATS_TEST_TMPDIR/input.$command")" "$(jq -cS . <<<"$conf")"
        done
}

@test "missing or bad variables are refused with code 4" {
        run in_host env CNI_COMMAND=ADD CNI_NETNS=/run/netns/x CNI_IFNAME=eth0 "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        assert_cni_error 4 "CNI_CONTAINERID"
        run in_host env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        assert_cni_error 4 "CNI_NETNS"
        run in_host env CNI_COMMAND=DEL CNI_CONTAINERID=c1 "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        assert_cni_error 4 "CNI_IFNAME"
        run in_host env CNI_COMMAND=ADD "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        assert_cni_error 4 "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"
        for arguments in FOO "IP=10.77.0.9;FOO" =10.77.0.9; do
                CNI_ARGS=$arguments run cni ADD bridge c1 "$(bridge_conf)"
                assert_cni_error 4 "CNI_ARGS: '${arguments##*;}'"
        done
        run in_host env CNI_COMMAND=PAINT "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        assert_cni_error 4 "PAINT" "ADD, DEL"
        IFNAME=a/b run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 4 "a/b"
        IFNAME=averyveryverylongname run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 4 "averyvery"
        run in_host env CNI_COMMAND=ADD CNI_CONTAINERID=../x CNI_NETNS=/run/netns/x CNI_IFNAME=eth0 \
                "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        assert_cni_error 4 "../x"
        assert_nothing_left "$BEFORE"
}

@test "a result that nobody takes is taken back" {
        add() {
                in_host env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS="/run/netns/$HOST_NETNS-c1" CNI_IFNAME=eth0 \
                        CNI_PATH="$CNI_PLUGINS" "$CNI_PLUGINS/bridge" <<<"$(bridge_conf)"
        }
        status=0
        add >/dev/full || status=$?
        assert_equal "$status" 1
        assert_nothing_left "$BEFORE"
        # A pipe whose reader has gone: an error, no signal.
        mkfifo "$BATS_TEST_TMPDIR/pipe"
        exec {reader}<>"$BATS_TEST_TMPDIR/pipe"
        exec {writer}>"$BATS_TEST_TMPDIR/pipe"
        exec {reader}<&-
        status=0
        add >&$writer || status=$?
        exec {writer}>&-
        assert_equal "$status" 1
        assert_nothing_left "$BEFORE"
        run in_container c1 ip link show eth0
        assert_failure
}

@test "addresses come from plugins for addresses alone, and go back where their result makes no sense" {
        for command in ADD DEL; do
                run cni $command bridge c1 "$(bridge_conf '.ipam.type = "bridge"')"
                assert_cni_error 7 "ipam.type: bridge is no plugin for addresses"
        done
        mkdir "$BATS_TEST_TMPDIR/plugins"
        printf '#!/bin/sh\necho "$CNI_COMMAND" >>%s\ncat >/dev/null\necho "{"\n' "$BATS_TEST_TMPDIR/calls" \
                >"$BATS_TEST_TMPDIR/plugins/strange"
        chmod 755 "$BATS_TEST_TMPDIR/plugins/strange"
        CNI_DIRECTORIES=$BATS_TEST_TMPDIR/plugins run cni ADD macvlan c1 \
                "$(bridge_conf '.ipam.type = "strange" | .master = "uplink0"')"
        assert_failure
        assert_output_contains "its result"
        assert_equal "$(cat "$BATS_TEST_TMPDIR/calls")" "$(printf 'ADD\nDEL')"
        assert_nothing_left "$BEFORE"
}

@test "DEL and GC do without a place for leases that no ADD could have used, STATUS without a container" {
        relative='.ipam.dataDir = "leases"'
        run cni ADD host-local c1 "$(bridge_conf "$relative")"
        assert_cni_error 7 "absolute path"
        run cni DEL host-local c1 "$(bridge_conf "$relative")"
        assert_success
        run cni GC host-local c1 "$(bridge_conf "$relative | .[\"cni.dev/valid-attachments\"] = []")"
        assert_success
        NETNS=/run/netns/nowhere run cni STATUS bridge c1 "$(bridge_conf)"
        assert_success
}

@test "bad JSON is refused with code 6" {
        run cni ADD bridge c1 '{"cniVersion": "1.0.0",'
        assert_cni_error 6 "standard input"
        run cni ADD bridge c1 '[]'
        assert_cni_error 6 "object"
        run cni ADD bridge c1 "$(printf '[%.0s' $(seq 1000))"
        assert_cni_error 6
}

@test "a wrong type names the field" {
        run cni ADD bridge c1 "$(bridge_conf '.isGateway = "yes"')"
        assert_cni_error 7 "isGateway"
        run cni ADD bridge c1 "$(bridge_conf '.name = "a/b"')"
        assert_cni_error 7 "name" "a/b"
}

@test "CVE-2021-20206: a plugin's type is never a path" {
        # It is there, and would be run.
        mkdir "$BATS_TEST_TMPDIR/plugins"
        printf '#!/bin/sh\ntouch %s\n' "$BATS_TEST_TMPDIR/ran" >"$BATS_TEST_TMPDIR/program"
        chmod 755 "$BATS_TEST_TMPDIR/program"
        CNI_DIRECTORIES=$BATS_TEST_TMPDIR/plugins run cni ADD bridge c1 "$(bridge_conf '.ipam.type = "../program"')"
        assert_cni_error 7 "ipam.type" "../program" "not the name of a plugin"
        refute_exists "$BATS_TEST_TMPDIR/ran"
        assert_nothing_left "$BEFORE"
}

@test "a missing or bad network namespace is refused" {
        NETNS=/run/netns/nowhere run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 3 "/run/netns/nowhere"
        NETNS=/etc/passwd run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 3 "/etc/passwd"
        # IPAM is about addresses alone.
        NETNS=/run/netns/nowhere cni ADD host-local c1 "$(bridge_conf)"
        NETNS=/run/netns/nowhere cni DEL host-local c1 "$(bridge_conf)"
        assert_nothing_left "$BEFORE"
}

@test "the plugin's own network namespace is refused" {
        NETNS=/run/netns/$HOST_NETNS run cni ADD bridge c1 "$(bridge_conf)"
        assert_cni_error 4 "itself"
        # On DEL the container's is gone, and its path has become another's: the rest goes.
        cni ADD bridge c1 "$(bridge_conf)"
        NETNS=/run/netns/$HOST_NETNS run cni DEL bridge c1 "$(bridge_conf)"
        assert_success
        assert_nothing_left "$BEFORE"
}
