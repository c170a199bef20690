#!/bin/sh
# The main job from end to end on the default image, with every command shown:
# a web server in a container, its port published, fetched, looked at, removed.
#
#     make demo                 in a network namespace that plays the host
#     DEMO_HOST=1 make demo     on the real host network
set -eu

BUILD=${BUILD:-$(cd "$(dirname "$0")/.." && pwd)/build}
PATH=$BUILD/bin:$PATH
work=$(mktemp -d /tmp/mymgr-demo.XXXXXX)
netns=mymgr-demo-$$
port=${DEMO_PORT:-8080}

say() {
        printf '\n# %s\n' "$*"
}

# Shows a command, then runs it.
show() {
        printf '$ %s\n' "$*"
        "$@"
}

die() {
        printf 'demo: %s\n' "$*" >&2
        exit 1
}

in_host() {
        if [ -n "${DEMO_HOST:-}" ]; then
                "$@"
        else
                nsenter --net="/run/netns/$netns" -- "$@"
        fi
}

mymgr() {
        in_host "$BUILD/bin/mymgr" --root "$work/lib" --run-root "$work/run" "$@"
}

fetch() {
        printf '$ curl %s\n' "$1" >&2
        in_host curl --silent --show-error --fail --retry 20 --retry-delay 1 --retry-connrefused --max-time 30 "$1"
}

# What the machine holds, for comparing before and after; what others do meanwhile is not ours to count.
inventory() {
        awk -v work="$work" 'index($0, work) { print "mount " $5 }' /proc/self/mountinfo
        # The container's own marks: its name in /run/netns, its id in the cgroup tree.
        [ ! -e /run/netns/web-demo ] || echo "network namespace web-demo"
        if [ -n "${id:-}" ]; then
                find /sys/fs/cgroup -type d -name "*$id*" 2>/dev/null | sed 's/^/cgroup /'
                [ ! -e "/run/netns/$id" ] || echo "network namespace $id"
        fi
        in_host ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print "link " $2 }'
}

undo() {
        status=$?
        trap - EXIT INT TERM
        if [ "$status" != 0 ]; then
                mymgr rm -f web-demo >/dev/null 2>&1 || true
                mymgr network rm demo >/dev/null 2>&1 || true
        fi
        [ -n "${DEMO_HOST:-}" ] || ip netns del "$netns" 2>/dev/null || true
        rm -rf "$work"
        exit "$status"
}

[ "$(id -u)" = 0 ] || die "run it as root: it makes namespaces and mounts"
[ -x "$BUILD/bin/mymgr" ] || die "$BUILD/bin/mymgr is missing: run make first"
mkdir "$work/lib" "$work/run" "$work/page"
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "${DEMO_HOST:-}" ]; then
        say "DEMO_HOST is set: port $port is published on this machine's own network."
else
        say "The demo's host is a network namespace ($netns): no route, link or rule of this machine changes."
        ip netns add "$netns"
        ip -n "$netns" link set lo up
fi
before=$(inventory)

say "The default image comes with the program; no registry is asked."
show mymgr run --rm --network none busybox echo 'Hello from a container.'

say "A web server in a container, port 80 published as port $port."
echo 'It works: this page comes out of a container.' >"$work/page/index.html"
show mymgr network create --driver bridge --subnet 10.89.77.0/24 demo
show mymgr run -d --name web-demo --network demo -p "$port:80" -v "$work/page:/www:ro" busybox httpd -f -v -h /www
id=$(mymgr inspect -f '{{.Id}}' web-demo)

say "The page, through the published port."
page=$(fetch "http://127.0.0.1:$port/") || die "the page did not come"
printf '%s\n' "$page"
case $page in
*'It works'*) ;;
*) die "that is not our page" ;;
esac

say "What runs, what it logged, what is known about it."
show mymgr ps
mymgr ps | grep -q web-demo || die "ps does not list web-demo"
show mymgr logs web-demo
show mymgr inspect -f '{{.Name}} {{.State.Status}} {{.NetworkSettings.Networks.demo.IPAddress}}' web-demo

say "A command inside it: processes and addresses are the container's own."
show mymgr exec web-demo ps
show mymgr exec web-demo ip -4 addr show eth0

say "Stop it and remove everything."
show mymgr stop -t 2 web-demo
show mymgr ps -a
show mymgr rm web-demo
show mymgr network rm demo

# The kernel takes a moment to free what the last process held.
tries=50
while after=$(inventory) && [ "$after" != "$before" ]; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ]; then
                printf 'before:\n%s\nafter:\n%s\n' "$before" "$after" >&2
                die "something was left behind"
        fi
        sleep 0.1
done
say "Nothing is left: no mount, no network namespace, no cgroup, no link. The demo succeeded."
