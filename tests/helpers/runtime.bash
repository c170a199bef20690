# myrun in tests: a state directory and a container id of the test's own, and
# nothing left of either afterwards. Load after common and bundle.
#
#     setup()    { runtime_setup; }
#     teardown() { runtime_teardown; }

runtime_setup() {
        require_root
        ID=$(token)
        # No rule of a firewall is myrun's.
        export LEAK_MARK=$ID LEAK_RULES=no
        ROOT=$BATS_TEST_TMPDIR/state
        make_bundle "$BATS_TEST_TMPDIR/bundle"
        cd "$BUNDLE"
        leaks_begin
}

# Removes what the test made and fails if something stays behind.
runtime_teardown() {
        local id

        [ -n "${ID:-}" ] || return 0
        cd /
        for id in $(myrun list -q 2>/dev/null); do
                myrun delete --force "$id"
        done
        leaks_check
}

# use_cgroup NAME: gives the bundle's container a cgroup path with this name in it, in the form the driver
# wants; sets CGROUP_PATH to where that is below the hierarchy's mount.
use_cgroup() {
        local value=/$1

        CGROUP_PATH=/$1
        if uses_systemd; then
                value=system.slice:test:$1
                CGROUP_PATH=/system.slice/test-$1.scope
        fi
        set_cgroups_path "$value"
}

# By text like set_args where the config has none yet, as in the setup of a suite.
set_cgroups_path() {
        local config

        read -r -d '' config <"$BUNDLE/config.json" || true
        if [[ "$config" == *'"cgroupsPath"'* ]]; then
                edit_config '.linux.cgroupsPath = $path' --arg path "$1"
        else
                printf '%s\n' "${config/$'\n  "linux": {'/$'\n  "linux": {\n    "cgroupsPath": "'"$1"'",'}" >"$BUNDLE/config.json"
        fi
}

uses_systemd() {
        [[ ${MYRUN_OPTIONS:-} == *systemd* ]]
}

# session_begin UID: under systemd the service manager of a user whom /etc/passwd knows. Where SESSION is in its
# environment, a program of the user's finds it.
session_begin() {
        SESSION=()
        uses_systemd || return 0
        systemctl start "user@$1.service"
        SESSION=("XDG_RUNTIME_DIR=/run/user/$1")
}

session_end() {
        ! uses_systemd || systemctl stop "user@$1.service"
}

# The runtime under test. stdin is nothing, so that no test waits for a person.
myrun() {
        "$MYRUN" --root "$ROOT" "$@" </dev/null
}

# bats waits for all holders of its output: a container that outlives the command gets none of it.
start_detached() {
        myrun run -d "$@" >"$BATS_TEST_TMPDIR/$ID.out" 2>&1 || assert_fail "no container:" "$(cat "$BATS_TEST_TMPDIR/$ID.out")"
}

# state_member ID NAME: a string or number of `myrun state`, as jq has it but without a program.
state_member() {
        local state

        state=$(myrun state "$1") || return
        [[ "$state" =~ \"$2\":\ \"?([^\",]*) ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

container_status() {
        state_member "$1" status
}

has_status() {
        [ "$(container_status "$1")" = "$2" ]
}

init_pid() {
        state_member "$1" pid
}
