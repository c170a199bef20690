# criu in tests.

# Why criu cannot work here: nothing if it can. `criu check` knows by trying.
criu_refusal() {
        local output

        command -v criu >/dev/null || {
                echo "criu is not installed"
                return
        }
        # The machine's settings may have it write into a file of the current directory instead.
        output=$(criu check --no-default-config 2>&1) && return
        echo "criu $(criu --version | sed -n 's/^Version: //p') cannot work on Linux $(uname -r):" \
                "$(sed -nE '/exited, status=|[Tt]un/d; s/^.*Error \([^)]*\): //p' <<<"$output" | head -n 1)"
}

# For setup_file: asks once.
criu_ask() {
        CRIU_REFUSAL=$(criu_refusal)
        export CRIU_REFUSAL
}

require_criu() {
        [ -z "$CRIU_REFUSAL" ] || skip "$CRIU_REFUSAL"
}
