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

# ask CONTAINER NAME [TYPE [SERVER]]
ask() {
        in_container "$1" dig +short +time=2 +tries=1 "@${4:-10.77.0.1}" "$2" "${3:-A}"
}

server_pids() {
        pgrep -f -- "--conf-file=$DNS/$NETWORK/dnsmasq.conf" || true
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
        # It serves the network alone.
        assert_equal "$(in_host ss -Hlun 'sport = 53' | awk '{ print $4 }' | sort | tr '\n' ' ')" "10.77.0.1:53 [fd77::1]:53 "
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
        kill -9 "$(server_pids)"
        wait_until [ -z "$(server_pids)" ]
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
        spawn nsenter --net="/run/netns/$HOST_NETNS" -- socat UDP6-LISTEN:53,ipv6only=0 -
        SERVERS+=("$SPAWNED")
        wait_until in_host bash -c "ss -Hlun 'sport = 53' | grep -q ."
        run cni ADD dnsname c1 "$(named_conf)"
        assert_cni_error 100 "10.77.0.1" "port 53"
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
        for alias in "$id" "www.$id"; do
                run cni ADD dnsname c1 "$(named_conf ".runtimeConfig.aliases = [\"$alias\"]")"
                assert_cni_error 7 "runtimeConfig.aliases[0]" "${alias:0:64}" "63 characters at most"
                refute_output_contains "port 53"
        done
        CNI_ARGS="K8S_POD_NAME=$id" run cni ADD dnsname c1 "$(named_conf)"
        assert_cni_error 4 "K8S_POD_NAME" "$id" "63 characters at most"
        refute_output_contains "port 53"
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
