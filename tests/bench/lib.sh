# What the parts of the benchmark share: timing in turns and the table.

# contest TITLE REFERENCE: reads contestants (measure.c) from stdin, times them in turns and prints
# them as a table with ratios to the contestant named REFERENCE.
contest() {
        local title=$1 reference=$2 results

        results=$("$BENCH/measure" "$ROUNDS")
        printf '\n%s (median of %s rounds)\n' "$title" "$ROUNDS"
        printf '  %-28s %10s %10s %10s %9s %10s\n' "" "median ms" "best ms" "CPU ms" "ratio" "peak KiB"
        awk -F'|' -v reference="$reference" '
                { line[NR] = $0; if ($1 == reference) base = $2 }
                END {
                        for (i = 1; i <= NR; i++) {
                                split(line[i], f, "|")
                                ratio = base ? sprintf("%.2f", f[2] / base) : "-"
                                printf "  %-28s %10.2f %10.2f %10.2f %9s %10d%s\n", f[1], f[2] / 1000, f[3] / 1000,
                                        f[4] / 1000, ratio, f[5], f[6] ? "   " f[6] " of the runs FAILED" : ""
                                if (f[6]) bad = 1
                        }
                        exit bad
                }' <<<"$results"
}

have() {
        command -v "$1" >/dev/null
}
