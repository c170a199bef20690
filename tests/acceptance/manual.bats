#!/usr/bin/env bats
# The manual pages say what the programs do.

load ../helpers/common

@test "the pages are well-formed" {
        require_program mandoc
        run mandoc -Tlint -W warning "$SOURCE"/docs/*.[1-8]
        assert_success
}

@test "myrun(1) lists every command and option of myrun" {
        run sh "$SOURCE/docs/manual.sh" --check "$MYRUN" "$SOURCE/docs/myrun.1"
        assert_success
}

@test "mymgr(1) lists every command and option of mymgr" {
        run sh "$SOURCE/docs/manual.sh" --check "$MYMGR" "$SOURCE/docs/mymgr.1"
        assert_success
}

@test "the pages name every global option" {
        for program in myrun mymgr; do
                for option in $("$BUILD/bin/$program" --help | sed -n '/^Commands/q; s/^ .*--\([a-z-]*\).*/\1/p'); do
                        grep -q -e "Fl -$option" "$SOURCE/docs/$program.1" || assert_fail "$program.1 lacks --$option"
                done
        done
}

@test "every program explains itself and refuses what it does not know" {
        for program in "$MYRUN" "$MYMGR"; do
                run "$program" --help
                assert_success
                assert_output_contains Usage Commands
                run "$program" --version
                assert_success
                run "$program" nosuchcommand
                assert_clear_error nosuchcommand
                run "$program" --nosuchoption
                assert_clear_error nosuchoption
        done
}
