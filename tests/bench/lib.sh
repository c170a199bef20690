# What the parts of the benchmark share: timing in turns and the table.

# contest TITLE REFERENCE...: reads contestants (measure.c) from stdin, times them in turns and prints them
# as a table of Markdown, with the ratio of the medians to each contestant named as a reference.
contest() {
        local title=$1 results

        shift
        results=$("$BENCH/measure" "$ROUNDS")
        awk -F'|' -v title="$title" -v rounds="$ROUNDS" -v references="$(printf '%s|' "$@")" '
                BEGIN { last = split(references, reference, "|") - 1 }
                { line[NR] = $0; median[$1] = $2 }
                END {
                        printf "\n| %s (%d rounds) | median ms | best ms | CPU ms | peak KiB |", title, rounds
                        for (r = 1; r <= last; r++)
                                printf " to %s |", reference[r]
                        printf "\n|---|--:|--:|--:|--:|"
                        for (r = 1; r <= last; r++)
                                printf "--:|"
                        printf "\n"
                        for (i = 1; i <= NR; i++) {
                                split(line[i], f, "|")
                                printf "| %s | %.2f | %.2f | %.2f | %d |", f[1], f[2] / 1000, f[3] / 1000, f[4] / 1000, f[5]
                                for (r = 1; r <= last; r++)
                                        printf " %s |", median[reference[r]] ? sprintf("%.2f", f[2] / median[reference[r]]) : "-"
                                printf "%s\n", f[6] ? " " f[6] " of the runs FAILED" : ""
                                bad += f[6]
                        }
                        exit bad > 0
                }' <<<"$results"
}

# row CELL...: a line of a table of Markdown.
row() {
        printf '|'
        printf ' %s |' "$@"
        printf '\n'
}

# heading TITLE COLUMN...: how a table begins; the columns are numbers.
heading() {
        printf '\n'
        row "$@"
        printf '|---|'
        printf -- '--:|%.0s' "${@:2}"
        printf '\n'
}

have() {
        command -v "$1" >/dev/null
}
