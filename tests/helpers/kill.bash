# Killing a command of myrun at every system call, one after the other (helpers/kill_at.c), and
# looking for what is left after `delete --force`. Load after runtime.
#
#     kill_begin                    in setup_file: builds the tracer
#     kill_sweep ROLE PREPARE COMMAND [ARG...]
#
# The loop avoids subshells and programs: it runs some thousand times.

kill_begin() {
        KILL_AT=$(helper_program kill_at -lseccomp)
        export KILL_AT
}

# All that a container $ID of state directory $ROOT would leave, apart from processes.
left_behind() {
        local top found
        local -a mounts

        for found in "$ROOT"/*; do
                [ ! -e "$found" ] || echo "state: $found"
        done
        for top in "${HIERARCHIES[@]}"; do
                [ ! -d "$top/$ID" ] || echo "cgroup: $top/$ID with processes: $(<"$top/$ID/cgroup.procs")"
        done
        mapfile -t mounts </proc/self/mountinfo
        [ "${#mounts[@]}" = "$MOUNT_COUNT" ] || echo "mounts: ${#mounts[@]}, not $MOUNT_COUNT"
        for found in "$FILES"/*; do
                [ ! -e "$found" ] || [ "$found" = "$FILES/pid" ] || echo "file: $found"
        done
}

# "alive PID" for each of the processes that is more than a zombie.
still_alive() {
        local pid line

        for pid; do
                { read -r line <"/proc/$pid/stat"; } 2>/dev/null || continue
                [[ "$line" == *") Z "* ]] || [[ "$line" == *") X "* ]] || echo "process: $line"
        done
}

# nothing_left PID...: what is just going away gets two seconds.
nothing_left() {
        local try

        for try in 1 2 4 8 16 32 64 128 256 512 1024; do
                LEFT=$(left_behind; still_alive "$@")
                [ -n "$LEFT" ] || return 0
                sleep "$(printf '0.%03d' $((try > 999 ? 999 : try)))"
        done
        return 1
}

# One worker: calls FIRST, FIRST + STEP, ... of the process.
sweep_part() {
        local role=$1 prepare=$2 n=$3 step=$4 line status failures=0 ATTACH=
        local -a seen arguments

        shift 4
        ID=$ID-$n ROOT=$ROOT-$n FILES=$BATS_TEST_TMPDIR/files-$n
        mkdir -p "$FILES"
        arguments=("${@//%ID%/$ID}")
        arguments=("${arguments[@]//%FILES%/$FILES}")
        for (( ; ; n += step)); do
                rm -f "$FILES/pid"
                $prepare || return 1
                line=$("$KILL_AT" ${ATTACH:+-p "$ATTACH"} "$role" "$n" "$MYRUN" --root "$ROOT" "${arguments[@]}" \
                        </dev/null 2>"$BATS_TEST_TMPDIR/said-$ID") && status=0 || status=$?
                read -r -a seen <<<"$line"
                if ! "$MYRUN" --root "$ROOT" delete --force "$ID" 2>"$BATS_TEST_TMPDIR/deleted-$ID"; then
                        echo "call $n (${seen[-1]:-}): delete --force failed: $(<"$BATS_TEST_TMPDIR/deleted-$ID")"
                        failures=$((failures + 1))
                fi
                if [ $status -eq 3 ]; then
                        break
                elif [ $status -ne 0 ]; then
                        echo "call $n: $(<"$BATS_TEST_TMPDIR/said-$ID")"
                        failures=$((failures + 1))
                elif ! nothing_left "${seen[@]:0:${#seen[@]}-1}"; then
                        echo "killed at call $n (${seen[-1]}): $LEFT"
                        failures=$((failures + 1))
                fi
                [ $failures -lt 5 ] || return 1
        done
        echo "$n" >"$BATS_TEST_TMPDIR/points-$ID"
        [ $failures -eq 0 ]
}

# kill_sweep ROLE PREPARE COMMAND [ARG...]: "%ID%" in the arguments stands for the container, "%FILES%" for a
# directory in which nothing but "pid" may be left. PREPARE is
# a function that runs before each; it may set ATTACH to a pid for kill_at -p. SWEEP_STEP=3 takes every
# third call only; SWEEP_WORKERS=1 one after the other. Fails with every call after which something was left.
kill_sweep() {
        local role=$1 prepare=$2 worker workers=${SWEEP_WORKERS:-2} step failures=0 first most=0 points
        local -a jobs=()

        shift 2
        mapfile -t HIERARCHIES < <(awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo | sort -u)
        mapfile -t points </proc/self/mountinfo
        MOUNT_COUNT=${#points[@]}
        step=$((workers * ${SWEEP_STEP:-1}))
        for ((worker = 0; worker < workers; worker++)); do
                first=$((1 + worker * ${SWEEP_STEP:-1}))
                # bats waits for whoever holds its output.
                (sweep_part "$role" "$prepare" "$first" "$step" "$@") \
                        3>&- >"$BATS_TEST_TMPDIR/sweep-$worker" 2>&1 &
                jobs+=($!)
        done
        for ((worker = 0; worker < workers; worker++)); do
                wait "${jobs[worker]}" || failures=$((failures + 1))
                cat "$BATS_TEST_TMPDIR/sweep-$worker"
        done
        for points in "$BATS_TEST_TMPDIR"/points-*; do
                read -r first <"$points"
                [ "$first" -le "$most" ] || most=$first
                rm -f "$points"
        done
        echo "# $1, role $role: $((most - 1)) system calls" >&3
        # A tracer that never got to the process would find nothing.
        [ $failures -eq 0 ] && [ "$most" -gt "${SWEEP_LEAST:-10}" ]
}
