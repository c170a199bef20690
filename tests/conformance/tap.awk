# TAP of several files, each announced by "# FILE name", to one line a case: "pass|fail|skip FILE: NAME".
# Cases that a plan promised and that did not come (a file was stopped) are "fail FILE: case N".

# They come through a terminal.
{ sub(/\r$/, "") }

function missing() {
        for (; seen < planned; seen++)
                print "fail " file ": case " seen + 1
}

/^# FILE / {
        missing()
        file = $3
        planned = seen = 0
}

/^1\.\.[0-9]+$/ {
        planned = substr($0, 4) + 0
}

/^(not )?ok [0-9]+ / {
        seen++
        word = /^ok/ ? "pass" : "fail"
        if (match($0, / ?# ?(SKIP|skip).*$/)) {
                word = "skip"
                $0 = substr($0, 1, RSTART - 1)
        }
        sub(/^(not )?ok [0-9]+ (- )?/, "")
        sub(/ +$/, "")
        print word, file ": " $0
}

END {
        missing()
}
