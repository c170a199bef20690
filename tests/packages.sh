#!/bin/sh
# Installs the Debian packages that building or testing needs, and only those
# that are missing; with nothing missing it touches nothing and needs no network.
#
#     tests/packages.sh build | test | all | conformance [--list]
set -eu

# What compiling, linking and the demo need.
build='
        gcc libc6-dev linux-libc-dev make pkg-config
        libarchive-dev libcap-dev libnl-3-dev
        libseccomp-dev libssl-dev libsystemd-dev libyajl-dev
        libacl1-dev libbz2-dev liblz4-dev liblzma-dev libzstd-dev nettle-dev zlib1g-dev
        busybox-static
        curl iproute2 procps util-linux
'

# What the tests, the linters and the benchmark need: tools, and the peers we are compared with.
test='
        attr bats bind9-dnsutils dnsmasq-base jq libcmocka-dev libnftables-dev
        clang clang-format clang-tidy cppcheck libclang-rt-14-dev mandoc
        iperf3 iptables iputils-ping nftables socat strace time xz-utils zstd
        buildah catatonit containerd containernetworking-plugins criu crun docker.io podman runc skopeo umoci
        debian-archive-keyring mmdebstrap
        e2fsprogs qemu-system-x86
        libasan8 libubsan1 uidmap
        dpkg-dev golang-go python3 python3-jsonschema
'

# What tests/conformance needs besides: the suites of other runtimes are built from their Debian sources.
conformance='
        bats gcc jq libc6-dev libseccomp-dev crun runc procps util-linux iproute2 busybox-static
        dpkg-dev gawk python3 uidmap
        buildah catatonit containernetworking-plugins iptables openssl podman skopeo slirp4netns socat
        golang-go golang-github-opencontainers-runc-dev golang-github-seccomp-libseccomp-golang-dev
'

case ${1:-all} in
conformance) wanted=$conformance ;;
build) wanted=$build ;;
test) wanted=$test ;;
all) wanted="$build $test" ;;
*)
        echo "usage: tests/packages.sh build | test | all | conformance [--list]" >&2
        exit 2
        ;;
esac

if [ "${2:-}" = --list ]; then
        printf '%s\n' $wanted
        exit
fi

missing=
for package in $wanted; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
        installed*) ;;
        *) missing="$missing $package" ;;
        esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
        echo "Missing Debian packages; as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
fi

export DEBIAN_FRONTEND=noninteractive

# Mirrors and their caches fail now and then.
retry() {
        tries=3
        until "$@"; do
                tries=$((tries - 1))
                [ $tries -gt 0 ] || return 1
                sleep 5
        done
}

# Installing a package must not start or configure anything on this machine: docker.io would start dockerd.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
fi

echo "Installing:$missing"
retry apt-get -q update
retry apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install --no-install-recommends $missing
