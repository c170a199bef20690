#!/bin/sh
# Refreshes the part of a manual page that lists commands and options: it comes
# from the program's own --help, which comes from its tables.
#
#     sh docs/manual.sh [--check] PROGRAM PAGE        e.g. build/bin/mymgr docs/mymgr.1
#
# The part lies between two comment lines of the page. With --check nothing is
# written, and the exit status says whether the page is as the program is.
set -eu

check=
if [ "${1:-}" = --check ]; then
        check=yes
        shift
fi
if [ $# != 2 ]; then
        echo "usage: manual.sh [--check] PROGRAM PAGE" >&2
        exit 2
fi
program=$1
page=$2

# The names after "Commands:" in a help text.
command_names() {
        awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && NF { print $1 }'
}

# One help text as mdoc: its usage, summary and options. $1: the command with the group it belongs to.
as_mdoc() {
        awk -v program="$(basename "$program")" -v command="$1" '
        function text(line) {
                gsub(/\\/, "\\e", line)
                gsub(/^[.\047]/, "\\\\\\&&", line)
                return line
        }
        # The words of a macro line: quoted where mdoc would read them as a macro or as punctuation.
        function word(w) {
                return w ~ /^[][().,:;|?!]$/ || w ~ /^[A-Z][a-z]$/ ? "\\&" w : w
        }
        function option(line, words, n, i, out) {
                n = split(line, words, " ")
                out = ".It"
                for (i = 1; i <= n; i++) {
                        if (words[i] ~ /^-.,$/)
                                out = out " Fl " substr(words[i], 2, 1) " ,"
                        else if (words[i] ~ /^--/)
                                out = out " Fl -" substr(words[i], 3)
                        else if (words[i] ~ /^-.$/)
                                out = out " Fl " substr(words[i], 2, 1)
                        else
                                out = out " Ar " word(words[i])
                }
                return out
        }
        /^Usage: / {
                sub(/^Usage: /, "")
                sub("^" program " *", "")
                # A group may list a command that is known outside of it, too ("image load").
                n = split(command, parts, " ")
                for (i = 1; i <= n; i++)
                        sub("^" parts[i] " *", "")
                print ".It Nm Ic " text(command (length($0) ? " " $0 : ""))
                next
        }
        /^(Options|Commands):/ {
                part = $1
                if (part == "Options:") {
                        print ".Bl -tag -width Ds -compact"
                        open = 1
                }
                next
        }
        part == "Options:" && /^ +-/ {
                line = $0
                sub(/^ +/, "", line)
                # The spelling ends at two blanks, or at one where the value reaches the column.
                if (match(line, /  +/)) {
                        print option(substr(line, 1, RSTART - 1))
                        print text(substr(line, RSTART + RLENGTH))
                } else {
                        match(line, /^(-., )?--[^ ]+( [^ a-z]+)?/)
                        print option(substr(line, 1, RLENGTH))
                        print text(substr(line, RLENGTH + 2))
                }
                next
        }
        part == "Commands:" || !NF { next }
        !part {
                print text(toupper(substr($0, 1, 1)) substr($0, 2)) "."
        }
        END { if (open) print ".El" }'
}

# The command that has been listed with the same options, if they are many.
same_options() {
        options=$(printf '%s\n' "$help" | sed -n '/^Options:/,/^Commands:/p')
        [ "$(printf '%s\n' "$options" | wc -l)" -gt 8 ] || return 0
        digest=$(printf '%s\n' "$options" | cksum | tr ' ' -)
        if [ -e "$work/$digest" ]; then
                cat "$work/$digest"
        else
                printf '%s\n' "$1" >"$work/$digest"
        fi
}

commands() {
        for name in $("$program" "$@" --help | command_names); do
                command="$*${1:+ }$name"
                help=$("$program" "$@" "$name" --help 2>/dev/null) || {
                        # Listed, and refused for good: its row in the list says why.
                        printf '.It Nm Ic %s\n' "$command"
                        "$program" "$@" --help | sed -n "s/^  $name  *\(.*\)/\1./p"
                        continue
                }
                same=$(same_options "$command")
                if [ -n "$same" ]; then
                        printf '%s\n' "$help" | sed '/^Options:/,$d' | as_mdoc "$command"
                        printf 'Its options are those of\n.Ic %s .\n' "$same"
                else
                        printf '%s\n' "$help" | as_mdoc "$command"
                fi
                case $help in *"
Commands:"*) commands "$@" "$name" ;; esac
        done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
new=$work/page
{
        sed '/^\.\\" commands begin/q' "$page"
        echo '.Bl -tag -width Ds'
        commands
        echo '.El'
        sed -n '/^\.\\" commands end/,$p' "$page"
} >"$new"
if [ -n "$check" ]; then
        diff -u "$page" "$new"
else
        cat "$new" >"$page"
fi
