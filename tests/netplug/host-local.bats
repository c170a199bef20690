# host-local: ranges, requests, leases on disk.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup() {
        leaks_begin
        cni_setup
        make_container c1
}

teardown() {
        cni_teardown
}

ipam() {
        bridge_conf ".ipam.ranges = [[{subnet: \"10.77.0.0/24\"}]] | ${1:-.}"
}

@test "addresses are given out in turn, one lease file each, as the reference plugin keeps them" {
        run cni ADD host-local c1 "$(ipam)"
        assert_success
        assert_equal "$(address_of "$output")" 10.77.0.2
        assert_equal "$(jq -r '.ips[0].gateway' <<<"$output")" 10.77.0.1
        assert_equal "$(od -c -An "$LEASES/$NETWORK/10.77.0.2" | tr -d ' \n')" 'c1\r\neth0'
        assert_equal "$(cat "$LEASES/$NETWORK/last_reserved_ip.0")" 10.77.0.2
        cni DEL host-local c1 "$(ipam)"
        refute_exists "$LEASES/$NETWORK/10.77.0.2"
        run cni ADD host-local c1 "$(ipam)"
        assert_equal "$(address_of "$output")" 10.77.0.3
}

@test "the reference plugin and ours see each other's leases" {
        [ -x /usr/lib/cni/host-local ] || skip "no reference plugin"
        make_container c2
        CNI_VERSION=1.0.0
        run cni ADD /usr/lib/cni/host-local c1 "$(ipam)"
        assert_equal "$(address_of "$output")" 10.77.0.2
        run cni ADD host-local c2 "$(ipam)"
        assert_equal "$(address_of "$output")" 10.77.0.3
        cni DEL host-local c1 "$(ipam)"
        refute_exists "$LEASES/$NETWORK/10.77.0.2"
        cni DEL /usr/lib/cni/host-local c2 "$(ipam)"
        refute_exists "$LEASES/$NETWORK/10.77.0.3"
}

@test "rangeStart, rangeEnd and gateway bound what is given out" {
        conf=$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/24", rangeStart: "10.77.0.10", rangeEnd: "10.77.0.12", gateway: "10.77.0.11"}]]')
        for expected in 10.77.0.10 10.77.0.12; do
                run cni ADD host-local c1 "$conf"
                assert_equal "$(address_of "$output")" $expected
                IFNAME=eth1 run cni ADD host-local c1 "$conf"
                [ "$expected" = 10.77.0.12 ] || assert_equal "$(address_of "$output")" 10.77.0.12
                cni DEL host-local c1 "$conf"
                IFNAME=eth1 cni DEL host-local c1 "$conf"
        done || true
}

@test "the subnet in the old style works" {
        run cni ADD host-local c1 "$(bridge_conf '.ipam |= {type, dataDir, subnet: "10.79.0.0/24", routes: [{dst: "0.0.0.0/0"}]}')"
        assert_success
        assert_equal "$(address_of "$output")" 10.79.0.2
        assert_equal "$(jq -r '.routes[0].dst' <<<"$output")" 0.0.0.0/0
}

@test "addresses can be asked for by argument and by the runtime" {
        CNI_ARGS=IP=10.77.0.50 run cni ADD host-local c1 "$(ipam)"
        assert_equal "$(address_of "$output")" 10.77.0.50
        IFNAME=eth1 run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.77.0.60/24"]')"
        assert_equal "$(address_of "$output")" 10.77.0.60
        IFNAME=eth2 run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.77.0.60"]')"
        assert_cni_error 100 "10.77.0.60 is taken by container c1 eth1"
        CNI_ARGS=IP=10.77.0 IFNAME=eth2 run cni ADD host-local c1 "$(ipam)"
        assert_cni_error 4 "10.77.0' is not an IP address"
        IFNAME=eth2 run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.77.0"]')"
        assert_cni_error 7 "10.77.0' is not an IP address"
        IFNAME=eth2 run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.99.0.1"]')"
        assert_cni_error 7 "10.99.0.1 is in no range"
        IFNAME=eth2 run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.77.0.1"]')"
        assert_cni_error 100 "gateway"
        assert_equal "$(find "$LEASES/$NETWORK" -name '10.*' | wc -l)" 2
}

@test "an empty IP= in CNI_ARGS asks for nothing" {
        CNI_ARGS="IgnoreUnknown=1;IP=;MAC=" run cni ADD host-local c1 "$(ipam)"
        assert_success
        assert_equal "$(address_of "$output")" 10.77.0.2
        IFNAME=eth1 CNI_ARGS=IP= run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.77.0.60"]')"
        assert_success
        assert_equal "$(address_of "$output")" 10.77.0.60
}

@test "runtimeConfig.ipRanges comes before the configuration's ranges" {
        run cni ADD host-local c1 "$(ipam '.runtimeConfig.ipRanges = [[{subnet: "10.80.0.0/24"}]]')"
        assert_success
        assert_equal "$(jq -r '[.ips[].address] | join(" ")' <<<"$output")" "10.80.0.2/24 10.77.0.2/24"
}

@test "a full pool is a clear error, and an address given back can be had again" {
        conf=$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/29"}]]')
        for i in 1 2 3 4 5; do
                IFNAME=e$i cni ADD host-local c1 "$conf"
        done
        IFNAME=e6 run cni ADD host-local c1 "$conf"
        assert_cni_error 100 "no free address in 10.77.0.0/29" "larger subnet"
        IFNAME=e3 cni DEL host-local c1 "$conf"
        IFNAME=e6 run cni ADD host-local c1 "$conf"
        assert_equal "$(address_of "$output")" 10.77.0.4
}

@test "after a reboot the leases of before are given back, and none that was made since" {
        conf=$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/29"}]]')
        for i in 1 2 3 4 5; do
                IFNAME=e$i cni ADD host-local c1 "$conf"
        done
        assert_equal "$(cat "$LEASES/$NETWORK/lock")" "$(cat /proc/sys/kernel/random/boot_id)"
        # As after a reboot, but for one that the reference plugin has made since; one file is garbage.
        echo -n 00000000-0000-4000-8000-000000000000 >"$LEASES/$NETWORK/lock"
        echo garbage >"$LEASES/$NETWORK/10.77.0.3"
        touch -d '20 years ago' "$LEASES/$NETWORK"/10.77.0.[2345]
        # The very attachment that had an address before may have one again.
        output=$(IFNAME=e1 cni ADD host-local c1 "$conf" 2>"$BATS_TEST_TMPDIR/said")
        assert_equal "$(address_of "$output")" 10.77.0.2
        grep -q "10.77.0.3 is garbage" "$BATS_TEST_TMPDIR/said"
        assert_equal "$(cd "$LEASES/$NETWORK" && echo 10.*)" "10.77.0.2 10.77.0.3 10.77.0.6"
        assert_equal "$(cat "$LEASES/$NETWORK/lock")" "$(cat /proc/sys/kernel/random/boot_id)"
        # Within a boot nothing is forgotten, however old it looks.
        touch -d '20 years ago' "$LEASES/$NETWORK/10.77.0.2"
        IFNAME=e2 cni ADD host-local c1 "$conf"
        assert_exists "$LEASES/$NETWORK/10.77.0.2"
}

@test "when the second set is full the first address is given back" {
        conf=$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/24"}], [{subnet: "10.78.0.0/30"}]]')
        cni ADD host-local c1 "$conf"
        IFNAME=eth1 run cni ADD host-local c1 "$conf"
        assert_cni_error 100 "10.78.0.0/30"
        assert_equal "$(find "$LEASES/$NETWORK" -name '10.*' | wc -l)" 2
}

@test "a second ADD of the same attachment is refused" {
        cni ADD host-local c1 "$(ipam)"
        run cni ADD host-local c1 "$(ipam)"
        assert_cni_error 100 "10.77.0.2" "detach it first"
}

@test "a lease that is garbage is reported and its address not given out" {
        local garbage=('' '\n' '\0' '../c1' 'c1\r\n' 'c1\n\neth0' '\nc1\r\neth0' 'c1\r\neth0\0' '../c1\r\neth0'
                'c1\r\neth0\r\nmore' 'c1\r\nname-of-16-chars' 'c1\r\neth0:1' 'c1\r\n../eth0' 'A\n\xff\x80\x1b[2J\x01\xfe'
                "c1\\r\\n$(printf '%1000s')") expected=() i
        mkdir -p "$LEASES/$NETWORK"
        for i in "${!garbage[@]}"; do
                printf '%b' "${garbage[i]}" >"$LEASES/$NETWORK/10.77.0.$((i + 2))"
                expected+=("10.77.0.$((i + 2)) is garbage")
        done
        run cni ADD host-local c1 "$(ipam)"
        assert_success
        assert_output_contains "${expected[@]}" "\"10.77.0.$((i + 3))/24\""
        IFNAME=eth1 run cni ADD host-local c1 "$(ipam '.runtimeConfig.ips = ["10.77.0.2"]')"
        assert_failure
        assert_output_contains "garbage" "remove the file"
        cni DEL host-local c1 "$(ipam)"
        assert_exists "$LEASES/$NETWORK/10.77.0.2"
        refute_exists "$LEASES/$NETWORK/10.77.0.$((i + 3))"
}

@test "a lease of an old plugin, which names no link, is its container's" {
        mkdir -p "$LEASES/$NETWORK"
        printf c1 >"$LEASES/$NETWORK/10.77.0.2"
        printf c2 >"$LEASES/$NETWORK/10.77.0.3"
        run cni ADD host-local c3 "$(ipam)"
        assert_equal "$(address_of "$output")" 10.77.0.4
        cni DEL host-local c1 "$(ipam)"
        refute_exists "$LEASES/$NETWORK/10.77.0.2"
        cni GC host-local c1 "$(ipam '."cni.dev/valid-attachments" = [{containerID: "c2", ifname: "eth0"}]')"
        assert_exists "$LEASES/$NETWORK/10.77.0.3"
        refute_exists "$LEASES/$NETWORK/10.77.0.4"
        cni GC host-local c1 "$(ipam '."cni.dev/valid-attachments" = null')"
        refute_exists "$LEASES/$NETWORK/10.77.0.3"
}

@test "garbage as the last address only means to begin at the start" {
        mkdir -p "$LEASES/$NETWORK"
        echo "nonsense" >"$LEASES/$NETWORK/last_reserved_ip.0"
        run cni ADD host-local c1 "$(ipam)"
        assert_equal "$(address_of "$output")" 10.77.0.2
}

@test "bad ranges name the field" {
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "10.77.0.1/24"}]]')"
        assert_cni_error 7 "ipam.ranges[0][0].subnet" "10.77.0.0/24"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/31"}]]')"
        assert_cni_error 7 "too small"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/24", rangeStart: "10.78.0.1"}]]')"
        assert_cni_error 7 "rangeStart"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/24"}, {subnet: "fd00::/64"}]]')"
        assert_cni_error 7 "IPv4 and IPv6"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/24"}], [{subnet: "10.77.0.0/16"}]]')"
        assert_cni_error 7 "overlaps"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "10.77.0.0/24", gateway: "fd05::1"}]]')"
        assert_cni_error 7 "ipam.ranges[0][0].gateway" "fd05::1" "family"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = [[{subnet: "fd77::/64", gateway: "10.77.0.1"}]]')"
        assert_cni_error 7 "ipam.ranges[0][0].gateway" "10.77.0.1" "family"
        run cni ADD host-local c1 "$(ipam '.ipam.ranges = []')"
        assert_cni_error 7 "ranges"
}

@test "resolvConf becomes the result's dns" {
        printf 'nameserver 10.0.0.53 # ours\n\t search example.org example.net\noptions ndots:2\ndomain  example.com and more\n' >"$BATS_TEST_TMPDIR/resolv.conf"
        run cni ADD host-local c1 "$(ipam ".ipam.resolvConf = \"$BATS_TEST_TMPDIR/resolv.conf\"")"
        assert_success
        assert_equal "$(jq -c .dns <<<"$output")" '{"nameservers":["10.0.0.53"],"domain":"example.com","search":["example.org","example.net"],"options":["ndots:2"]}'
}

@test "CHECK tells when the lease is gone or another's" {
        RESULT=$(cni ADD host-local c1 "$(ipam)")
        conf=$(ipam ".prevResult = $RESULT")
        cni CHECK host-local c1 "$conf"
        printf 'other\r\neth0' >"$LEASES/$NETWORK/10.77.0.2"
        run cni CHECK host-local c1 "$conf"
        assert_cni_error 100 "10.77.0.2" "other"
        rm "$LEASES/$NETWORK/10.77.0.2"
        run cni CHECK host-local c1 "$conf"
        assert_cni_error 100 "10.77.0.2"
}

@test "DEL of what was never attached succeeds" {
        run cni DEL host-local c1 "$(ipam)"
        assert_success
        refute_exists "$LEASES"
}

@test "DEL looks for the lease where the note of its addresses is stale" {
        # As a DEL and an ADD that were killed leave it: the note is of the former, the lease of the latter.
        mkdir -p "$LEASES/$NETWORK/.owners"
        ln -s 10.77.0.2 "$LEASES/$NETWORK/.owners/c1:eth0"
        printf 'c1\r\neth0' >"$LEASES/$NETWORK/10.77.0.3"
        printf 'c2\r\neth0' >"$LEASES/$NETWORK/10.77.0.4"
        cni DEL host-local c1 "$(ipam)"
        assert_equal "$(cd "$LEASES/$NETWORK" && find . -name '10.*' -o -name 'c*')" ./10.77.0.4
        # One of two that the note names is another's by now.
        ln -s "10.77.0.4 10.77.0.5" "$LEASES/$NETWORK/.owners/c1:eth0"
        printf 'c1\r\neth0' | tee "$LEASES/$NETWORK/10.77.0.5" >"$LEASES/$NETWORK/10.77.0.6"
        cni DEL host-local c1 "$(ipam)"
        assert_equal "$(cd "$LEASES/$NETWORK" && find . -name '10.*' -o -name 'c*')" ./10.77.0.4
}

@test "GC removes the notes of attachments that are not valid, also where the lease is gone" {
        mkdir -p "$LEASES/$NETWORK/.owners"
        ln -s 10.77.0.9 "$LEASES/$NETWORK/.owners/k:eth0"
        cni ADD host-local c1 "$(ipam)"
        IFNAME=eth1 cni ADD host-local c1 "$(ipam)"
        cni GC host-local c1 "$(ipam '."cni.dev/valid-attachments" = [{containerID: "c1", ifname: "eth1"}]')"
        assert_equal "$(ls "$LEASES/$NETWORK/.owners")" c1:eth1
        assert_equal "$(cd "$LEASES/$NETWORK" && echo 10.*)" 10.77.0.3
        ln -s 10.77.0.9 "$LEASES/$NETWORK/.owners/k:eth0"
        cni GC host-local c1 "$(ipam '."cni.dev/valid-attachments" = []')"
        assert_equal "$(find "$LEASES/$NETWORK" -name '10.*' -o -type l)" ""
}
