# Sources of Debian packages, fetched at test time below $FETCHED and never kept in the repository.
#
#     FETCHED=$BUILD/sources; mkdir -p "$FETCHED"
#     . tests/helpers/debian-source.bash
#     fetch runc "$FETCHED/runc"

# apt with its own lists, and with each source of the machine asked for sources; the machine's files stay as they are.
apt() {
        apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$FETCHED/apt/sources" \
                -o Dir::State::lists="$FETCHED/apt/lists" -o Dir::Cache="$FETCHED/apt/cache" -o APT::Sandbox::User=root \
                -o Acquire::Retries=3 "$@"
}

configure_apt() {
        local file

        mkdir -p "$FETCHED/apt/sources" "$FETCHED/apt/lists/partial" "$FETCHED/apt/cache/archives/partial"
        for file in /etc/apt/sources.list.d/*.sources; do
                [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$FETCHED/apt/sources/${file##*/}"
        done
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
                [ ! -e "$file" ] || sed -n 's/^deb /deb-src /p' "$file" >"$FETCHED/apt/sources/$(basename "$file" .list)-sources.list"
        done
        apt update
}

# fetch PACKAGE DIRECTORY: the unpacked source.
fetch() {
        local package=$1 directory=$2

        [ ! -d "$directory" ] || return 0
        [ -d "$FETCHED/apt" ] || configure_apt
        (
                cd "$FETCHED"
                apt source --download-only "$package"
                dpkg-source -q -x "$package"_*.dsc "$directory.new"
        )
        mv "$directory.new" "$directory"
}
