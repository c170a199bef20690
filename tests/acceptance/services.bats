#!/usr/bin/env bats
# Real services end to end: images made from Debian's packages, a network of the
# user's, redis and a Flask application on it, nginx beside it, reached from
# everywhere a user would reach them from.

load ../helpers/common
load ../helpers/network
load ../helpers/manager

GATEWAY=10.77.0.1

setup_file() {
        require_root
        leaks_begin
        manager_begin
        export IMAGES=$BUILD/images
        load_busybox
        mymgr load -i "$IMAGES/redis.oci.tar.gz"
        mymgr load -i "$IMAGES/flask.docker.tar"
        mymgr import -c 'CMD ["nginx"]' -c 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin' "$IMAGES/nginx.tar" nginx
        mymgr network create --driver bridge --subnet 10.77.0.0/24 services
        mymgr run -d --name redis --network services redis
        wait_until mymgr exec redis redis-cli ping
        REDIS_ADDRESS=$(container_address redis services)
        export REDIS_ADDRESS
        mymgr run -d --name flask --network services -p 8080:5000 -e "REDIS_HOST=$REDIS_ADDRESS" flask
        wait_until -t 30 in_host curl -sf --max-time 5 "http://127.0.0.1:8080/"
}

teardown_file() {
        manager_end
}

visit() {
        "$1" curl --silent --show-error --fail --max-time 10 "http://$2/"
}

@test "a docker archive, an OCI archive and a root filesystem become images" {
        run mymgr images
        assert_success
        assert_output_matches 'redis +latest'
        assert_output_matches 'flask +latest'
        assert_output_matches 'nginx +latest'
}

@test "the whiteout in a peer's archive removed the file below it" {
        run mymgr exec redis ls /etc
        assert_success
        refute_output_contains ld.so.conf.d .wh.
}

@test "ps shows both services and the published port" {
        run mymgr ps
        assert_success
        assert_output_contains redis flask "8080->5000/tcp" Up
}

@test "flask reaches redis by its address: every visit counts" {
        first=$(visit in_host 127.0.0.1:8080 | sed 's/.*number \([0-9]*\) .*/\1/')
        second=$(visit in_host 127.0.0.1:8080 | sed 's/.*number \([0-9]*\) .*/\1/')
        assert_equal "$second" $((first + 1))
        run mymgr exec redis redis-cli get visits
        assert_success
        assert_output "$second"
}

@test "the host reaches flask through the published port, by 127.0.0.1" {
        run visit in_host 127.0.0.1:8080
        assert_success
        assert_output_contains "Hello from"
}

@test "the host reaches flask through the published port, by localhost's name" {
        run visit in_host localhost:8080
        assert_success
        assert_output_contains "Hello from"
}

@test "the host reaches flask through the published port, by its own address" {
        run visit in_host "$HOST_ADDRESS:8080"
        assert_success
        assert_output_contains "Hello from"
}

@test "the host reaches flask through the published port, by the bridge's address" {
        run visit in_host "$GATEWAY:8080"
        assert_success
        assert_output_contains "Hello from"
}

@test "the host reaches flask by the container's address" {
        run visit in_host "$(container_address flask services):5000"
        assert_success
        assert_output_contains "Hello from"
}

@test "the outside reaches flask through the published port, and flask sees the outside's address" {
        run visit in_outside "$HOST_ADDRESS:8080"
        assert_success
        assert_output_contains "Hello from" "by $OUTSIDE_ADDRESS"
}

@test "a container reaches flask through the published port of the host" {
        run mymgr run --rm --network services busybox wget -q -O - "http://$GATEWAY:8080/"
        assert_success
        assert_output_contains "Hello from"
}

@test "flask reaches its own published port" {
        run mymgr exec flask python3 -c "
import urllib.request
print(urllib.request.urlopen('http://$GATEWAY:8080/', timeout=10).read().decode())"
        assert_success
        assert_output_contains "Hello from"
}

@test "containers ping each other" {
        run mymgr exec flask ping -c 1 -W 5 "$REDIS_ADDRESS"
        assert_success
        run mymgr exec redis ping -c 1 -W 5 "$(container_address flask services)"
        assert_success
}

@test "containers ping the gateway" {
        run mymgr exec flask ping -c 1 -W 5 "$GATEWAY"
        assert_success
}

@test "containers ping the outside" {
        run mymgr exec flask ping -c 1 -W 5 "$OUTSIDE_ADDRESS"
        assert_success
}

@test "the outside sees containers under the host's address" {
        serve_outside 7000
        run mymgr run --rm --network services busybox wget -q -O - "http://$OUTSIDE_ADDRESS:7000/"
        stop_outside
        assert_success
        assert_output "you are $HOST_ADDRESS"
}

@test "logs show what the services wrote" {
        run mymgr logs redis
        assert_success
        assert_output_contains "Ready to accept connections"
        visit in_host 127.0.0.1:8080
        wait_until logs_contain flask "GET /"
}

@test "ip netns lists each container's namespace, and ip netns exec works there" {
        run ip netns list
        assert_success
        for container in redis flask; do
                id=$(mymgr inspect -f '{{.Id}}' "$container")
                name=$(ip netns list | awk '{ print $1 }' | grep -xE "$container|$id|${id:0:12}")
                [ -n "$name" ] || assert_fail "no namespace of $container in:" "$output"
                address=$(container_address "$container" services)
                run ip netns exec "$name" ip -4 -o addr show
                assert_success
                assert_output_contains "$address"
                output=
        done
}

@test "nginx is reached through its published port" {
        mymgr run -d --name nginx -p 8081:80 nginx
        wait_until in_host curl -sf --max-time 5 http://127.0.0.1:8081/
        run visit in_outside "$HOST_ADDRESS:8081"
        assert_success
        assert_output "Served by nginx in a container."
        run mymgr rm -f nginx
        assert_success
        run visit in_host 127.0.0.1:8081
        assert_failure
}

@test "a committed container runs again with its change" {
        mymgr run -d --name page nginx
        mymgr exec page sh -c 'echo changed > /var/www/html/index.html; rm /etc/nginx/mime.types'
        run mymgr commit -m "another page" page nginx:changed
        assert_success
        mymgr rm -f page

        mymgr run -d --name again -p 8082:80 nginx:changed
        wait_until in_host curl -sf --max-time 5 http://127.0.0.1:8082/
        run visit in_host 127.0.0.1:8082
        assert_success
        assert_output changed
        run mymgr exec again ls /etc/nginx
        assert_success
        refute_output_contains mime.types
        mymgr rm -f again

        run mymgr run --rm nginx cat /var/www/html/index.html
        assert_success
        assert_output "Served by nginx in a container."
        run mymgr rmi nginx:changed
        assert_success
}

@test "everything works where the host's FORWARD policy is DROP" {
        in_host iptables -P FORWARD DROP
        mymgr run -d --name behind --network services -p 8083:80 nginx
        wait_until in_host curl -sf --max-time 5 http://127.0.0.1:8083/

        run visit in_outside "$HOST_ADDRESS:8083"
        assert_success
        assert_output_contains "Served by nginx"
        run mymgr exec behind ping -c 1 -W 5 "$OUTSIDE_ADDRESS"
        assert_success
        run mymgr exec behind ping -c 1 -W 5 "$REDIS_ADDRESS"
        assert_success
        mymgr rm -f behind
        in_host iptables -P FORWARD ACCEPT
}

@test "a restart keeps the container's files and publishes its port again" {
        mymgr exec flask sh -c 'echo kept > /kept'
        mymgr stop -t 1 flask
        run visit in_host 127.0.0.1:8080
        assert_failure
        mymgr start flask
        wait_until -t 30 in_host curl -sf --max-time 5 http://127.0.0.1:8080/
        run mymgr exec flask cat /kept
        assert_success
        assert_output kept
}
