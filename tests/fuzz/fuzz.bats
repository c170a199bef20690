#!/usr/bin/env bats
# Every fuzz target over its seeds and a bounded number of inputs made of them, the same ones each time.
# `make fuzz` goes on from there for as long as one likes.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}

# Those that write files or make many system calls an input get fewer of them, so that the suite stays short.
amount() {
        case $1 in
        layer | lease | names | netlink | plugin | resources) echo 4000 ;;
        config | seccomp | state) echo 10000 ;;
        *) echo 20000 ;;
        esac
}

targets() {
        basename -a -s _fuzz.c "$ROOT"/tests/fuzz/*_fuzz.c
}

fuzzer_works() {
        echo 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return data == 0 && size > 0; }' |
                clang -x c -fsanitize=fuzzer,address,undefined -o "$BATS_FILE_TMPDIR/probe" - 2>/dev/null
}

# All run here, as many at a time as there are processors; each test tells of one.
setup_file() {
        export BUILD ROOT
        fuzzer_works || return 0
        touch "$BATS_FILE_TMPDIR/works"
        env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" -j "$(nproc)" BUILD="$BUILD" fuzz-programs \
                >"$BATS_FILE_TMPDIR/build.log" 2>&1 3>&- || {
                cat "$BATS_FILE_TMPDIR/build.log"
                return 1
        }
        for name in $(targets); do
                echo "$name $(amount "$name")"
        done | xargs -P "$(nproc)" -L 1 bash -c '
                "$ROOT/tests/fuzz/run.sh" --runs "$2" "$1" >"$BATS_FILE_TMPDIR/$1.log" 2>&1 3>&-
                echo $? >"$BATS_FILE_TMPDIR/$1.status"' fuzz
}

holds() {
        [ -e "$BATS_FILE_TMPDIR/works" ] || skip "needs clang with libFuzzer (packages clang and libclang-rt-14-dev)"
        cat "$BATS_FILE_TMPDIR/$1.log"
        [ "$(cat "$BATS_FILE_TMPDIR/$1.status")" = 0 ]
        # Not only the seeds.
        grep -qE "^$1 +[0-9]{4,} inputs" "$BATS_FILE_TMPDIR/$1.log"
}

@test "every fuzz target has a test here" {
        for name in $(targets); do
                grep -q "^ *holds $name\$" "$BATS_TEST_FILENAME"
        done
}

@test "no input breaks the JSON parser, and what it wrote it reads again" {
        holds json
}

@test "no config.json breaks myrun before anything is made, and what it wrote it reads again" {
        holds config
}

@test "no process object of exec breaks myrun" {
        holds process
}

@test "no resources break myrun or lead to a file outside the cgroup" {
        holds resources
}

@test "no seccomp profile breaks myrun or makes a program that the kernel would not take" {
        holds seccomp
}

@test "no state.json breaks myrun" {
        holds state
}

@test "no plugin's answer, error or network list breaks who reads it" {
        holds cni
}

@test "no configuration or environment breaks a plugin of netplug" {
        holds plugin
}

@test "no answer of the kernel on netlink breaks netplug" {
        holds netlink
}

@test "no lease file breaks host-local, and garbage is neither given out nor taken away" {
        holds lease
}

@test "no file of names breaks dnsname" {
        holds names
}

@test "no index, manifest or config of an image breaks mymgr" {
        holds image
}

@test "no tar of a layer breaks mymgr or changes what is outside its directory" {
        holds layer
}

@test "no record or state of a container breaks mymgr" {
        holds record
}

@test "no --format template breaks mymgr" {
        holds template
}

@test "no Dockerfile instruction breaks mymgr" {
        holds changes
}

@test "no reference, port, subnet, size, span or path breaks mymgr" {
        holds arguments
}
