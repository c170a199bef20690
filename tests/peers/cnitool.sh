#!/bin/bash
# Makes $BUILD/cnitool, CNI's own command line, from Debian's source of libcni; once. It needs a
# way to the packages, so it runs before the suites are in their rooms.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$HERE/../../build}
FETCHED=$BUILD/sources
. "$HERE/../helpers/debian-source.bash"

[ ! -x "$BUILD/cnitool" ] || exit 0
command -v go >/dev/null && command -v dpkg-source >/dev/null || exit 0
mkdir -p "$FETCHED/gopath/src/github.com/containernetworking"
fetch golang-github-appc-cni "$FETCHED/cni"
ln -sfn "$FETCHED/cni" "$FETCHED/gopath/src/github.com/containernetworking/cni"
cd "$FETCHED"
GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 GOCACHE=$FETCHED/gocache GOPATH=$FETCHED/gopath \
        go build -o "$BUILD/cnitool.new" github.com/containernetworking/cni/cnitool
mv "$BUILD/cnitool.new" "$BUILD/cnitool"
