# bridge: VLANs. Also run in tests/vm, whose kernel tells them apart.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
        make_container c2
        BEFORE=$(host_state)
        CHAIN=$CNI_PLUGINS/bridge
}

teardown() {
        cni_teardown
}

# no_vlans: true where the kernel's bridges do not tell VLANs apart.
no_vlans() {
        in_host ip link add br-probe type bridge
        ! in_host bridge vlan add dev br-probe vid 5 self 2>/dev/null
        local answer=$?
        in_host ip link del br-probe
        return $answer
}

@test "where the kernel does not tell VLANs apart, the error names the option, and nothing is left" {
        no_vlans || skip "the kernel's bridges tell VLANs apart"
        for option in '.vlan = 100' '.vlanTrunk = [{id: 5}]'; do
                run cni ADD bridge c1 "$(bridge_conf "$option | .isDefaultGateway = false")"
                assert_cni_error 2 "$(sed 's/^\.\([a-zA-Z]*\).*/\1/' <<<"$option"): this kernel's bridges"
                run cni ADD bridge c1 "$(bridge_conf "$option")"
                assert_cni_error 2 "$(sed 's/^\.\([a-zA-Z]*\).*/\1/' <<<"$option"): this kernel's bridges"
        done
        run find "$LEASES" -name '10.*'
        assert_output ""
}

@test "two containers of a VLAN reach each other, their gateway and the outside" {
        ! no_vlans || skip "the kernel's bridges do not tell VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)"
        BRIDGE='.vlan = 100 | .preserveDefaultVlan = false'
        attach c1
        assert_equal "$(jq -r '.interfaces[3].name' <<<"$RESULT")" br-test.100
        assert_equal "$(jq -r '.interfaces | length' <<<"$RESULT")" 4
        check c1
        run in_host bridge vlan show dev "$(jq -r '.interfaces[1].name' <<<"$RESULT")"
        assert_output_contains "100 PVID Egress Untagged"
        [ "$(grep -c . <<<"$output")" -eq 2 ] || assert_fail "more VLANs: $output"
        attach c2
        in_container c1 ping -c 1 -W 3 10.77.0.3
        in_container c1 ping -c 1 -W 3 fd77::3
        in_container c1 ping -c 1 -W 3 10.77.0.1
        in_container c1 ping -c 1 -W 3 $OUTSIDE_ADDRESS
}

@test "a container of another VLAN reaches nobody" {
        ! no_vlans || skip "the kernel's bridges do not tell VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)"
        BRIDGE='.vlan = 100 | .preserveDefaultVlan = false'
        attach c1
        BRIDGE='.vlan = 200 | .preserveDefaultVlan = false | .isDefaultGateway = false | .ipMasq = false'
        attach c2
        run in_container c2 ping -c 1 -W 1 10.77.0.2
        assert_failure
        in_host bridge vlan del dev "$(jq -r '.interfaces[1].name' <<<"$RESULT")" vid 200
        run check c2
        assert_cni_error 100 "VLAN 200"
}

@test "a port of a VLAN is published, where the host's own rules drop" {
        ! no_vlans || skip "the kernel's bridges do not tell VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)"
        CHAIN="$CNI_PLUGINS/bridge $CNI_PLUGINS/portmap $CNI_PLUGINS/firewall"
        in_host nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
        BRIDGE='.vlan = 100 | .preserveDefaultVlan = false'
        attach c1 '[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]'
        serve c1 80
        wait_until in_outside bash -c "exec 5<>/dev/tcp/$HOST_ADDRESS/8080"
}

@test "a trunk carries its VLANs with tags" {
        ! no_vlans || skip "the kernel's bridges do not tell VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)"
        BRIDGE='.vlanTrunk = [{id: 5}, {minID: 10, maxID: 12}] | .isDefaultGateway = false | .ipMasq = false'
        attach c1
        run in_host bridge vlan show dev "$(jq -r '.interfaces[1].name' <<<"$RESULT")"
        assert_output_contains "1 PVID Egress Untagged" "5" "10" "11" "12"
        refute_output_contains "13"
        check c1
        BRIDGE='.vlan = 11 | .preserveDefaultVlan = false | .isDefaultGateway = false | .ipMasq = false'
        attach c2
        in_container c1 ip link add link eth0 name eth0.11 type vlan id 11
        in_container c1 ip address flush dev eth0
        in_container c1 ip address add 10.77.0.200/24 dev eth0.11
        in_container c1 ip link set eth0.11 up
        in_container c1 ping -c 1 -W 3 10.77.0.3
}
