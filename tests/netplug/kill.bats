# kill -9 at every step of every plugin of a chain: DEL, or GC, leaves nothing of it.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

setup_file() {
        gcc -O1 -o "$BATS_FILE_TMPDIR/kill_at" "$BATS_TEST_DIRNAME/../helpers/kill_at.c" -lseccomp
}

setup() {
        leaks_begin
        cni_setup
        make_container c1
        DATA=$BATS_TEST_TMPDIR/tuning
        # A chain that drops, so that firewall has something to do.
        in_host nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
}

teardown() {
        cni_teardown
}

# What plugins leave on the host: links (with them go addresses and routes), queues, rules, leases, records.
state() {
        in_host bash -c 'ip -o link | sed "s/^[0-9]*: //; s/[@:].*//" | grep -vx br-test
                tc qdisc | grep -E "tbf|htb|ingress" | sed "s/dev [^ ]*//"; nft -s list ruleset'
        [ ! -d /run/netplug ] || find /run/netplug -type f ! -name .lock
        pgrep -a dnsmasq
        find "$LEASES" "$DATA" \( -type f -o -type l \) ! -name lock ! -name 'last_reserved_ip.*' 2>/dev/null
        true
}

# killed N COMMAND PLUGIN CONF: 0 if the plugin was killed, 3 if it ended before that.
killed() {
        local answer

        printf '#!/bin/sh\nexec %s -c 0 %s %s\n' "$BATS_FILE_TMPDIR/kill_at" "$1" "$CNI_PLUGINS/$3" >"$BATS_TEST_TMPDIR/killed"
        chmod +x "$BATS_TEST_TMPDIR/killed"
        answer=$(cni "$2" "$BATS_TEST_TMPDIR/killed" c1 "$4" 2>&1)
        case $?:$answer in
        0:* | 3:*) [[ $answer != *'"code"'* ]] || assert_fail "$3 $2: $answer" ;;
        *) assert_fail "$3 $2: $answer" ;;
        esac
        [[ $answer =~ ^[0-9] ]]
}

conf_for() {
        case $1 in
        bridge) bridge_conf ;;
        portmap) plugin_conf portmap '.runtimeConfig.portMappings = [{hostPort: 8080, containerPort: 80, protocol: "tcp"}]' ;;
        bandwidth) plugin_conf bandwidth '.ingressRate = 8000000 | .ingressBurst = 800000 | .egressRate = 8000000 | .egressBurst = 800000' ;;
        tuning) plugin_conf tuning ".dataDir = \"$DATA\" | .mtu = 1400 | .sysctl = {\"net.ipv4.conf.IFNAME.arp_filter\": \"1\"}" ;;
        dnsname) plugin_conf dnsname '.domainName = "dns.test"' ;;
        *) plugin_conf "$1" ;;
        esac
}

# take_back N PLUGIN CONF: by DEL or, every other time, by GC.
take_back() {
        if [ $(($1 % 2)) = 0 ]; then
                cni DEL "$2" c1 "$3"
        else
                cni GC "$2" c1 "$(jq -c '.["cni.dev/valid-attachments"] = []' <<<"$3")"
        fi
}

# kill_everywhere PLUGIN...: each plugin after those before it in the chain.
kill_everywhere() {
        local plugin conf before n ended

        for plugin in "$@"; do
                conf=$(conf_for "$plugin")
                before=$(state)
                ended=
                for n in $(seq 80); do
                        killed $n ADD "$plugin" "$conf" || ended=yes
                        take_back $n "$plugin" "$conf"
                        assert_equal "$(state)" "$before" || assert_fail "$plugin: ADD killed at $n"
                        [ -z "$ended" ] || break
                done
                [ -n "$ended" ] && [ "$n" -gt 4 ] || assert_fail "$plugin: ADD ended at $n"
                ended=
                for n in $(seq 80); do
                        cni ADD "$plugin" c1 "$conf" >/dev/null
                        killed $n DEL "$plugin" "$conf" || ended=yes
                        take_back $n "$plugin" "$conf"
                        assert_equal "$(state)" "$before" || assert_fail "$plugin: DEL killed at $n"
                        [ -z "$ended" ] || break
                done
                [ -n "$ended" ] && [ "$n" -gt 1 ] || assert_fail "$plugin: DEL ended at $n"
                RESULT=$(cni ADD "$plugin" c1 "$conf")
        done
}

@test "bridge with host-local and masquerade, then portmap" {
        kill_everywhere bridge portmap
}

@test "firewall, tuning and bandwidth behind a bridge" {
        RESULT=$(cni ADD bridge c1 "$(bridge_conf '.ipMasq = false')")
        first=$RESULT
        for plugin in firewall tuning bandwidth; do
                kill_everywhere $plugin
                cni DEL $plugin c1 "$(conf_for $plugin)"
                RESULT=$first
        done
}

@test "dnsname behind a bridge" {
        require_program dnsmasq
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        kill_everywhere dnsname
        cni DEL dnsname c1 "$(conf_for dnsname)"
}

@test "ptp, macvlan and host-device" {
        conf_for() {
                case $1 in
                ptp) bridge_conf '.type = "ptp"' ;;
                macvlan) bridge_conf '.type = "macvlan" | .master = "uplink0" | .mtu = 1400' ;;
                host-device) bridge_conf '.type = "host-device" | .device = "dev0"' ;;
                esac
        }
        in_host ip link add dev0 type veth peer name dev1
        # Each ADD would else try its IPv6 addresses for two seconds, with a step every 20 ms.
        in_container c1 sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
        for plugin in ptp macvlan host-device; do
                # What is in a container's namespace can only be found there.
                kill_in_container $plugin
        done
}

kill_in_container() {
        local conf before n ended=

        conf=$(conf_for "$1")
        before=$(state; in_container c1 ip -o link | wc -l)
        for n in $(seq 60); do
                killed $n ADD "$1" "$conf" || ended=yes
                cni DEL "$1" c1 "$conf"
                assert_equal "$(state; in_container c1 ip -o link | wc -l)" "$before" || assert_fail "$1: ADD killed at $n"
                [ -z "$ended" ] || break
                cni ADD "$1" c1 "$conf" >/dev/null
                killed $n DEL "$1" "$conf" || true
                cni DEL "$1" c1 "$conf"
                assert_equal "$(state; in_container c1 ip -o link | wc -l)" "$before" || assert_fail "$1: DEL killed at $n"
        done
        [ -n "$ended" ] || assert_fail "$1: ADD did not end"
}
