# dnsname: containers of a network find each other by name.

load ../helpers/common
load ../helpers/network
load ../helpers/cni

DNS=/run/netplug/dnsname

setup() {
        require_program dnsmasq
        leaks_begin
        cni_setup
        CHAIN="$CNI_PLUGINS/bridge $CNI_PLUGINS/dnsname"
        DOMAIN=dns.test
        make_container c1
        make_container c2
        BEFORE=$(host_state)
}

teardown() {
        for network in "$NETWORK" "${NETWORK}b"; do
                RESULT=null cni GC dnsname c1 "$(named_conf ".name = \"$network\" | .[\"cni.dev/valid-attachments\"] = []")" || true
        done
        cni_teardown
        refute_exists "$DNS/$NETWORK"
}

# named_conf [JQ EXPRESSION]
named_conf() {
        plugin_conf dnsname ".domainName = \"$DOMAIN\" | ${1:-.}"
}

# name_container CONTAINER NAME [ALIAS...]: attaches it.
name_container() {
        RESULT=$(cni ADD bridge "$1" "$(bridge_conf "${BRIDGE:-.}")")
        RESULT=$(CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAME=$2" cni ADD dnsname "$1" "$(named_conf \
                ".runtimeConfig.aliases = {\"$NETWORK\": $(jq -cn '$ARGS.positional' --args "${@:3}")}")")
}

# name_four: attaches c1 to c4 by their names.
name_four() {
        make_container c3
        make_container c4
        for name in c1 c2 c3 c4; do
                name_container $name $name
        done
}

# ask CONTAINER NAME [TYPE [SERVER]]
ask() {
        in_container "$1" dig +short +time=2 +tries=1 "@${4:-10.77.0.1}" "$2" "${3:-A}"
}

server_pids() {
        pgrep -f -- "--conf-file=$DNS/$NETWORK/dnsmasq.conf" || true
}

# take_port: another server listens at port 53 of all addresses; sets SPAWNED.
take_port() {
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- socat UDP6-LISTEN:53,ipv6only=0 -
        SERVERS+=("$SPAWNED")
        wait_until in_host bash -c "ss -Hlun 'sport = 53' | grep -q ."
}

# kill_server: as if it had crashed.
kill_server() {
        kill -9 "$(server_pids)"
        wait_while in_host bash -c "ss -Hlun 'sport = 53' | grep -q ."
}

@test "containers find each other by name and alias, on both address families, as soon as ADD is done" {
        require_program dig
        name_container c1 web www shop
        assert_equal "$(jq -c .dns <<<"$RESULT")" '{"nameservers":["10.77.0.1","fd77::1"],"search":["dns.test"]}'
        name_container c2 db
        for name in web www shop web.dns.test; do
                assert_equal "$(ask c2 $name)" 10.77.0.2
                assert_equal "$(ask c2 $name AAAA fd77::1)" fd77::2
        done
        assert_equal "$(ask c1 db.dns.test)" 10.77.0.3
        # What nobody is called is unknown, and not asked elsewhere.
        run in_container c1 dig +time=2 +tries=1 @10.77.0.1 nobody.dns.test
        assert_output_contains NXDOMAIN
        # It listens at the network's link alone.
        assert_equal "$(in_host ss -Hlun 'sport = 53' | awk '{ print $4 }' | grep -v '%br-test' | sort | tr '\n' ' ')" \
                "10.77.0.1:53 [fd77::1]:53 "
        assert_equal "$(server_pids | wc -l)" 1
        run cni CHECK dnsname c2 "$(named_conf)"
        assert_success
        cni DEL dnsname c1 "$(named_conf)"
        wait_until -t 2 bash -c "[ -z \"\$(nsenter --net=/run/netns/$HOST_NETNS-c2 dig +short @10.77.0.1 web.dns.test)\" ]"
        assert_equal "$(ask c2 db)" 10.77.0.3
        cni DEL dnsname c2 "$(named_conf)"
        cni DEL dnsname c2 "$(named_conf)"
        assert_equal "$(server_pids)" ""
        refute_exists "$DNS/$NETWORK"
}

@test "a server that died is told by CHECK and started again by the next ADD" {
        require_program dig
        name_container c1 web
        kill_server
        run cni CHECK dnsname c1 "$(named_conf)"
        assert_cni_error 100 "name server of network $NETWORK does not run" "next ADD"
        name_container c2 db
        assert_equal "$(ask c2 web)" 10.77.0.2
        kill -STOP "$(server_pids)"
        run cni CHECK dnsname c2 "$(named_conf)"
        assert_cni_error 100 "10.77.0.1 does not answer"
        kill -CONT "$(server_pids)"
        rm "$DNS/$NETWORK/names/c2:eth0.names"
        run cni CHECK dnsname c2 "$(named_conf)"
        assert_cni_error 100 "names of container c2 are gone"
}

@test "GC takes back the names of attachments that are not valid, and then the server" {
        name_container c1 web
        name_container c2 db
        cni GC dnsname c1 "$(named_conf '.["cni.dev/valid-attachments"] = [{containerID: "c2", ifname: "eth0"}]')"
        assert_equal "$(ls "$DNS/$NETWORK/names")" c2:eth0.names
        cni GC dnsname c1 "$(named_conf '.["cni.dev/valid-attachments"] = []')"
        assert_equal "$(server_pids)" ""
        refute_exists "$DNS/$NETWORK"
}

@test "other names go to remoteServers, or where the host asks" {
        require_program dig
        spawn nsenter --net="/run/netns/$OUTSIDE_NETNS" -- dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts \
                --address=/example.org/192.0.2.7 --listen-address=$OUTSIDE_ADDRESS --bind-interfaces
        SERVERS+=("$SPAWNED")
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        RESULT=$(cni ADD dnsname c1 "$(named_conf ".remoteServers = [\"$OUTSIDE_ADDRESS\"]")")
        wait_until bash -c "[ \"\$(nsenter --net=/run/netns/$HOST_NETNS-c1 dig +short @10.77.0.1 www.example.org)\" = 192.0.2.7 ]"
        # Its own name is its id where the engine gives none.
        assert_equal "$(ask c1 c1.dns.test)" 10.77.0.2
        run cat "$DNS/$NETWORK/dnsmasq.conf"
        assert_output_contains no-resolv "server=$OUTSIDE_ADDRESS"
}

@test "with multiDomain a container finds those of other networks by their domain" {
        require_program dig
        name_container c1 web
        first=$NETWORK
        NETWORK=${first}b DOMAIN=other.test
        RESULT=$(cni ADD bridge c2 "$(bridge_conf '.bridge = "br-other" | .ipam.ranges = [[{subnet: "10.78.0.0/24"}]]')")
        CNI_ARGS="K8S_POD_NAME=db" cni ADD dnsname c2 "$(named_conf '.multiDomain = true')"
        run cat "$DNS/$NETWORK/domains"
        refute_output_contains 10.77.0.1
        NETWORK=$first DOMAIN=dns.test
        make_container c3
        RESULT=$(cni ADD bridge c3 "$(bridge_conf)")
        CNI_ARGS="K8S_POD_NAME=app" cni ADD dnsname c3 "$(named_conf '.multiDomain = true')"
        wait_until bash -c "[ \"\$(nsenter --net=/run/netns/$HOST_NETNS-c2 dig +short @10.78.0.1 web.dns.test)\" = 10.77.0.2 ]"
        assert_equal "$(ask c1 db.other.test)" 10.78.0.2
}

@test "only the network's own containers and this host are answered" {
        require_program dig
        name_container c1 web
        first=$RESULT
        RESULT=$(cni ADD bridge c2 "$(bridge_conf '.name = "other" | .bridge = "br-other" |
                .ipam.ranges = [[{subnet: "10.78.0.0/24"}], [{subnet: "fd78::/64"}]]')")
        in_outside ip route add 10.77.0.0/24 via $HOST_ADDRESS
        in_outside ip route add fd77::/64 via $HOST_ADDRESS6
        for server in 10.77.0.1 fd77::1; do
                run in_outside dig +time=1 +tries=1 @$server web.dns.test
                assert_failure
                run ask c2 web.dns.test A $server
                assert_failure
                assert_equal "$(ask c1 web.dns.test A $server)" 10.77.0.2
                assert_equal "$(in_host dig +short @$server web.dns.test)" 10.77.0.2
        done
        run in_host dig +time=1 +tries=1 @127.0.0.1 web.dns.test
        assert_failure
        RESULT=$first
        cni DEL dnsname c1 "$(named_conf)"
}

# pair_conf [JQ EXPRESSION]
pair_conf() {
        bridge_conf '.type = "ptp" | del(.bridge, .isDefaultGateway, .hairpinMode)' | jq -c "${1:-.}"
}

@test "the server of pairs goes on answering at all its addresses when some of them go" {
        require_program dig
        make_container c3
        for families in . '.ipam.ranges |= .[:1]'; do
                for name in c1 c2 c3; do
                        RESULT=$(cni ADD ptp $name "$(pair_conf "$families")")
                        cni ADD dnsname $name "$(named_conf)"
                done
                server=$(server_pids)
                left=$(address_of "$RESULT")
                for name in c1 c2; do
                        cni DEL dnsname $name "$(named_conf)"
                        cni DEL ptp $name "$(pair_conf "$families")"
                        # It asks at each of the server's addresses.
                        cni CHECK dnsname c3 "$(named_conf)"
                        assert_equal "$(ask c3 c3.dns.test)" "$left"
                done
                assert_equal "$(server_pids)" "$server"
                cni DEL dnsname c3 "$(named_conf)"
                cni DEL ptp c3 "$(pair_conf "$families")"
        done
}

@test "the server of pairs keeps its sockets however fast links come and go" {
        require_program dig
        for families in . '.ipam.ranges |= .[:1]' '.ipam.ranges |= .[1:]'; do
                conf=$(pair_conf "$families")
                RESULT=$(cni ADD ptp c1 "$conf")
                named=$(named_conf)
                cni ADD dnsname c1 "$named"
                left=c1
                for round in $(seq 30); do
                        joined=$([ $left = c2 ] && echo c1 || echo c2)
                        cni ADD ptp $joined "$conf"
                        cni DEL ptp $left "$conf"
                        cni CHECK dnsname c1 "$named"
                        left=$joined
                done
                cni DEL dnsname c1 "$named"
                cni DEL ptp $left "$conf"
        done
}

@test "the server of pairs starts without the addresses of a container that went without a DEL" {
        require_program dig
        RESULT=$(cni ADD ptp c1 "$(pair_conf)")
        cni ADD dnsname c1 "$(named_conf)"
        in_container c1 ip link del eth0
        moved='.ipam.ranges = [[{subnet: "10.79.0.0/24"}], [{subnet: "fd79::/64"}]]'
        RESULT=$(cni ADD ptp c2 "$(pair_conf "$moved")")
        cni ADD dnsname c2 "$(named_conf)"
        for server in 10.79.0.1 fd79::1; do
                assert_equal "$(ask c2 c2.dns.test A $server)" 10.79.0.2
        done
        cni DEL dnsname c1 "$(named_conf)"
        cni CHECK dnsname c2 "$(named_conf)"
        cni DEL dnsname c2 "$(named_conf)"
}

@test "a network of pairs has one server for all of them, which does not start again for each" {
        require_program dig
        RESULT=$(cni ADD ptp c1 "$(pair_conf)")
        CNI_ARGS="K8S_POD_NAME=web" cni ADD dnsname c1 "$(named_conf)"
        server=$(server_pids)
        RESULT=$(cni ADD ptp c2 "$(pair_conf)")
        CNI_ARGS="K8S_POD_NAME=db" cni ADD dnsname c2 "$(named_conf)"
        assert_equal "$(server_pids)" "$server"
        for container in c1 c2; do
                assert_equal "$(ask $container web.dns.test)" 10.77.0.2
                assert_equal "$(ask $container db.dns.test)" 10.77.0.3
        done
}

@test "what cannot be is said: no dnsmasq, no gateway, port 53 taken, bad names" {
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        run unshare --mount bash -c "mount --bind /dev/null /usr/sbin/dnsmasq; $(declare -f cni in_host); \
                HOST_NETNS=$HOST_NETNS CNI_PLUGINS=$CNI_PLUGINS; cni STATUS dnsname c1 '$(named_conf)'"
        assert_cni_error 50 "dnsmasq, the name server, is not installed" "dnsmasq-base"
        run cni ADD dnsname c1 "$(named_conf '.runtimeConfig.aliases = ["-web"]')"
        assert_cni_error 7 "runtimeConfig.aliases[0]" "-web"
        run cni ADD dnsname c1 "$(named_conf '.domainName = "a b"')"
        assert_cni_error 7 domainName "a b"
        run cni ADD dnsname c1 "$(named_conf 'del(.prevResult)')"
        assert_cni_error 7 prevResult
        take_port
        run cni ADD dnsname c1 "$(named_conf)"
        assert_cni_error 100 "10.77.0.1" "failed to create listening socket" "Address already in use" "port 53"
        refute_exists "$DNS/$NETWORK"
        RESULT=$(cni ADD bridge c2 "$(bridge_conf '.bridge = "br-plain" | .isDefaultGateway = false | .isGateway = false')")
        run cni ADD dnsname c2 "$(named_conf)"
        assert_cni_error 7 "br-plain has no address" "isGateway"
}

@test "a container without a name whose id is longer than a name may be is known by the first 12 characters" {
        require_program dig
        export NETNS=/run/netns/$HOST_NETNS-c1
        id=0123456789ab$(printf 'c%.0s' {1..52})
        RESULT=$(cni ADD bridge "$id" "$(bridge_conf)")
        cni ADD dnsname "$id" "$(named_conf)"
        assert_equal "$(ask c1 0123456789ab.dns.test)" 10.77.0.2
        run cni CHECK dnsname "$id" "$(named_conf)"
        assert_success
        cni DEL dnsname "$id" "$(named_conf)"
        refute_exists "$DNS/$NETWORK"
        # 63 characters are a name.
        cni ADD dnsname "${id%?}" "$(named_conf)"
        assert_equal "$(ask c1 "${id%?}.dns.test")" 10.77.0.2
        cni DEL dnsname "${id%?}" "$(named_conf)"
}

@test "names that nobody could ask for are left out with a warning, and the container has the others" {
        require_program dig
        long=$(printf 'c%.0s' {1..64})
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        for name in "$long" "www.$long" a..b end.; do
                CNI_ARGS="K8S_POD_NAME=$name" run cni ADD dnsname c1 \
                        "$(named_conf ".runtimeConfig.aliases = [\"x$name\", \"web\"]")"
                assert_success
                assert_output_contains "name ${name:0:64} is left out, and the container goes by c1: " "alias x${name:0:60}"
                assert_equal "$(ask c1 web.dns.test)" 10.77.0.2
                assert_equal "$(ask c1 c1.dns.test)" 10.77.0.2
                cni DEL dnsname c1 "$(named_conf)"
        done
        # These would be lines or options of their own.
        for name in 'a b' '-a' $'a\nserver=10.0.0.1' 'a#'; do
                CNI_ARGS="K8S_POD_NAME=$name" run cni ADD dnsname c1 "$(named_conf)"
                assert_cni_error 4 "K8S_POD_NAME" "cannot be a name of a host"
        done
        refute_exists "$DNS/$NETWORK"
}

@test "names of ids that are too long for a file's name are kept apart and found by CHECK, DEL and GC" {
        export NETNS=/run/netns/$HOST_NETNS-c1
        start=$(printf 'a%.0s' {1..254})
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        cni DEL dnsname "${start}b" "$(named_conf)"
        for id in "${start}b" "${start}c"; do
                cni ADD dnsname "$id" "$(named_conf)"
                cni CHECK dnsname "$id" "$(named_conf)"
                IFNAME=averylonglink-1 cni ADD dnsname "$id" "$(named_conf)"
        done
        assert_equal "$(ls "$DNS/$NETWORK/names" | wc -l)" 4
        valid="[{containerID: \"${start}b\", ifname: \"eth0\"}, {containerID: \"${start}b\", ifname: \"averylonglink-1\"}]"
        cni GC dnsname c1 "$(named_conf ".[\"cni.dev/valid-attachments\"] = $valid")"
        assert_equal "$(ls "$DNS/$NETWORK/names" | wc -l)" 2
        cni DEL dnsname "${start}b" "$(named_conf)"
        IFNAME=averylonglink-1 cni DEL dnsname "${start}b" "$(named_conf)"
        refute_exists "$DNS/$NETWORK"
}

@test "DEL and GC take names back where the server of those that stay cannot be started" {
        name_four
        kill_server
        take_port
        run cni DEL dnsname c1 "$(named_conf)"
        assert_success
        assert_output_contains "cannot be started" "Address already in use"
        run cni GC dnsname c1 "$(named_conf '.["cni.dev/valid-attachments"] = [{containerID: "c3", ifname: "eth0"}, {containerID: "c4", ifname: "eth0"}]')"
        assert_success
        assert_output_contains "cannot be started"
        run unshare --mount bash -c "mount --bind /dev/null /usr/sbin/dnsmasq; $(declare -f cni in_host); \
                HOST_NETNS=$HOST_NETNS CNI_PLUGINS=$CNI_PLUGINS; cni DEL dnsname c3 '$(named_conf)'"
        assert_success
        assert_output_contains "not installed"
        assert_equal "$(ls "$DNS/$NETWORK/names")" c4:eth0.names
        cni DEL dnsname c4 "$(named_conf)"
        refute_exists "$DNS/$NETWORK"
}

@test "what dnsmasq says of its failure is told, without a hint that has nothing to do with it" {
        RESULT=$(cni ADD bridge c1 "$(bridge_conf)")
        printf '#!/bin/sh\nprintf "\\ndnsmasq: bad option at line 3\\n" >&2\nexit 1\n' >"$BATS_TEST_TMPDIR/dnsmasq"
        chmod +x "$BATS_TEST_TMPDIR/dnsmasq"
        PATH=$BATS_TEST_TMPDIR:$PATH run cni ADD dnsname c1 "$(named_conf)"
        assert_cni_error 100 "cannot be started: dnsmasq: bad option at line 3"
        refute_output_contains "port 53"
}

@test "a server that does not answer does not hold up other networks" {
        name_container c1 web
        stopped=$(server_pids)
        kill -STOP "$stopped"
        RESULT=$(cni ADD bridge c2 "$(bridge_conf)")
        cni ADD dnsname c2 "$(named_conf)" >"$BATS_TEST_TMPDIR/answer" 2>/dev/null 3>&- &
        asking=$!
        wait_until [ -e "$DNS/$NETWORK/names/c2:eth0.names" ]
        # Nobody is held up by the lock of all names, while that ADD asks for three seconds.
        wait_until -t 2 flock --nonblock "$DNS/.lock" true
        not wait $asking
        output=$(cat "$BATS_TEST_TMPDIR/answer")
        status=1
        assert_cni_error 100 "10.77.0.1 does not answer" "port 53"
        kill -CONT "$stopped"
        # Nor by the end of a server that is stopped.
        kill -STOP "$stopped"
        begin=${EPOCHREALTIME/./}
        cni DEL dnsname c1 "$(named_conf)"
        [ $((${EPOCHREALTIME/./} - begin)) -lt $((1500000 * ${WAIT_FACTOR:-1})) ]
        assert_equal "$(server_pids)" ""
}

@test "no process that only has the server's argument counts as the server" {
        require_program dig setpriv
        name_container c1 web
        kill_server
        argument=--conf-file=$DNS/$NETWORK/dnsmasq.conf
        # Another program of root's, and dnsmasq of a user who may not listen at port 53, or only in a user namespace.
        mkfifo "$BATS_TEST_TMPDIR/never"
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- bash -c "exec 3<>'$BATS_TEST_TMPDIR/never'; read -r <&3" bash "$argument"
        SERVERS+=("$SPAWNED")
        port=5353
        for unshare in "" "unshare --user --map-root-user"; do
                spawn nsenter --net="/run/netns/$HOST_NETNS" -- setpriv --reuid=65534 --regid=65534 --clear-groups \
                        $unshare dnsmasq --no-daemon --port=$((++port)) "$argument"
                SERVERS+=("$SPAWNED")
                wait_until in_host bash -c "ss -Hlunp 'sport = $port' | grep -q 'pid=$SPAWNED,'"
        done
        run cni CHECK dnsname c1 "$(named_conf)"
        assert_cni_error 100 "name server of network $NETWORK does not run"
        name_container c2 db
        assert_equal "$(ask c2 web)" 10.77.0.2
        cni DEL dnsname c1 "$(named_conf)"
        cni DEL dnsname c2 "$(named_conf)"
        refute_exists "$DNS/$NETWORK"
        for pid in "${SERVERS[@]}"; do
                kill -0 "$pid"
        done
}

@test "a server whose program was replaced by an upgrade is still the server" {
        require_program dig
        mkdir "$BATS_TEST_TMPDIR/bin"
        cp /usr/sbin/dnsmasq "$BATS_TEST_TMPDIR/bin/dnsmasq"
        PATH=$BATS_TEST_TMPDIR/bin:$PATH name_container c1 web
        ours=$(server_pids)
        cp /usr/sbin/dnsmasq "$BATS_TEST_TMPDIR/bin/new"
        mv "$BATS_TEST_TMPDIR/bin/new" "$BATS_TEST_TMPDIR/bin/dnsmasq"
        run readlink "/proc/$ours/exe"
        assert_output_contains "bin/dnsmasq (deleted)"
        run cni CHECK dnsname c1 "$(named_conf)"
        assert_success
        name_container c2 db
        assert_equal "$(server_pids)" "$ours"
        cni DEL dnsname c1 "$(named_conf)"
        cni DEL dnsname c2 "$(named_conf)"
        assert_equal "$(server_pids)" ""
}

@test "DEL and GC take names back whatever is wrong with the options, and the server keeps those it has" {
        require_program dig
        name_four
        before=$(cat "$DNS/$NETWORK/dnsmasq.conf")
        ours=$(server_pids)
        cni DEL dnsname c1 "$(named_conf '.remoteServers = ["nonsense"]')"
        cni DEL dnsname c2 "$(named_conf '.domainName = "a b"')"
        cni GC dnsname c1 "$(named_conf '.multiDomain = "yes" | .["cni.dev/valid-attachments"] = [{containerID: "c4", ifname: "eth0"}]')"
        assert_equal "$(ls "$DNS/$NETWORK/names")" c4:eth0.names
        assert_equal "$(cat "$DNS/$NETWORK/dnsmasq.conf")" "$before"
        assert_equal "$(server_pids)" "$ours"
        assert_equal "$(ask c4 c4.dns.test)" "$(address_of "$RESULT")"
        wait_until -t 2 bash -c "[ -z \"\$(nsenter --net=/run/netns/$HOST_NETNS-c4 dig +short @10.77.0.1 c3.dns.test)\" ]"
        cni DEL dnsname c4 "$(named_conf '.remoteServers = 7')"
        refute_exists "$DNS/$NETWORK"
}

@test "the server of another host's network of the same name is left alone" {
        name_container c1 web
        ours=$(server_pids)
        # Another host: a network namespace and a /run of its own, among the same processes.
        answer=$(nsenter --net="/run/netns/$OUTSIDE_NETNS" -- env PLUGINS="$CNI_PLUGINS" BRIDGE_CONF="$(bridge_conf \
                ".ipam.dataDir = \"$LEASES-other\"")" CONF="$(plugin_conf dnsname '.prevResult = null')" \
                unshare --mount --propagation private bash -ec '
                        mount -t tmpfs tmpfs /run
                        mkdir /run/netns
                        ip netns add c1
                        export CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH=$PLUGINS
                        result=$(CNI_COMMAND=ADD "$PLUGINS/bridge" <<<"$BRIDGE_CONF")
                        CONF=$(jq -c --argjson result "$result" ".prevResult = \$result" <<<"$CONF")
                        CNI_COMMAND=ADD "$PLUGINS/dnsname" <<<"$CONF" >/dev/null
                        CNI_COMMAND=CHECK "$PLUGINS/dnsname" <<<"$CONF"
                        pgrep -f -- "--conf-file=.*/$1/dnsmasq.conf" | wc -l
                        CNI_COMMAND=DEL "$PLUGINS/dnsname" <<<"$CONF"
                        CNI_COMMAND=DEL "$PLUGINS/bridge" <<<"$BRIDGE_CONF"' other "$NETWORK")
        assert_equal "$answer" 2
        assert_equal "$(server_pids)" "$ours"
        run cni CHECK dnsname c1 "$(named_conf)"
        assert_success
}
