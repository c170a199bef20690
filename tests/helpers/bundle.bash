# OCI bundles for tests: a busybox root filesystem and a config.json edited by jq.
#
#     make_bundle "$BATS_TEST_TMPDIR/bundle"     sets BUNDLE
#     set_args sh -c 'echo hello'
#     edit_config '.process.cwd = "/tmp"'

# The rootfs of every bundle is a copy of this one.
base_rootfs() {
        local base=$BUILD/images/busybox-rootfs staged applet

        if [ ! -d "$base" ]; then
                mkdir -p "$BUILD/images"
                staged=$(mktemp -d "$BUILD/images/rootfs.XXXXXX")
                chmod 755 "$staged"
                mkdir -p "$staged"/{bin,dev,etc,proc,root,run,sys,usr,var,mnt}
                mkdir -m 1777 "$staged/tmp"
                cp "$(command -v busybox)" "$staged/bin/busybox"
                for applet in $(busybox --list); do
                        ln -sfn busybox "$staged/bin/$applet"
                done
                rm -f "$staged/bin/busybox"
                cp "$(command -v busybox)" "$staged/bin/busybox"
                printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n' >"$staged/etc/passwd"
                printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$staged/etc/group"
                # Two suites may get here at once: the first one wins.
                mv -T "$staged" "$base" 2>/dev/null || rm -rf "$staged"
        fi
        echo "$base"
}

# make_bundle DIR: a bundle that runs `true`; sets BUNDLE to DIR.
make_bundle() {
        BUNDLE=$1
        mkdir -p "$BUNDLE"
        # Nearly all are links of busybox's: with owners and times there would be thrice the calls.
        cp -dR --preserve=mode "$(base_rootfs)" "$BUNDLE/rootfs"
        cp "$HELPERS/config.json" "$BUNDLE/config.json"
}

# edit_config EXPRESSION [JQ OPTION...]: changes $BUNDLE/config.json.
edit_config() {
        local expression=$1

        shift
        jq "$expression" "$BUNDLE/config.json" "$@" >"$BUNDLE/config.json.new"
        mv "$BUNDLE/config.json.new" "$BUNDLE/config.json"
}

# set_args COMMAND [ARG...]: what the container runs. By text, as nearly every test does this and an emulated
# processor needs a third of a second for jq: .process.args has lines of its own, in config.json as in what jq writes.
set_args() {
        local config rest args= word IFS=

        read -r -d '' config <"$BUNDLE/config.json" || true
        rest=${config#*$'\n    "args": [\n'}
        if [ "$rest" = "$config" ] || [[ "${*//[$'\n\t']/}" == *[[:cntrl:]]* ]]; then
                edit_config '.process.args = $ARGS.positional' --args -- "$@"
                return
        fi
        for word; do
                word=${word//\\/\\\\}
                word=${word//\"/\\\"}
                word=${word//$'\n'/\\n}
                args=$args${args:+,}$'\n      "'${word//$'\t'/\\t}'"'
        done
        printf '%s\n    "args": [%s%s\n' "${config%%$'\n    "args": [\n'*}" "$args" \
                "${rest#"${rest%%$'\n    ]'*}"}" >"$BUNDLE/config.json"
}

# remove_namespace TYPE: the container shares the host's.
remove_namespace() {
        edit_config 'del(.linux.namespaces[] | select(.type == $type))' --arg type "$1"
}

# add_mount DESTINATION TYPE SOURCE [OPTION...]: one more mount, after the others.
add_mount() {
        jq '.mounts += [{destination: $d, type: $t, source: $s, options: $ARGS.positional}]' "$BUNDLE/config.json" \
                --arg d "$1" --arg t "$2" --arg s "$3" --args -- "${@:4}" >"$BUNDLE/config.json.new"
        mv "$BUNDLE/config.json.new" "$BUNDLE/config.json"
}
