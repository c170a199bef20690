# Images: what load, import, tag, rmi and commit's other half, the store, do with
# archives of every maker, and with archives no decent program would make.

load ../helpers/common

setup() {
        require_root
        ROOT=$BATS_TEST_TMPDIR/root
        DIR=$BATS_TEST_TMPDIR/dir
        mkdir -p "$DIR"
        cd "$DIR" || return 1
}

mymgr() {
        "$MYMGR" --root "$ROOT" --run-root "$BATS_TEST_TMPDIR/run" --runtime "$MYRUN" "$@"
}

teardown() {
        local ids

        ids=$(mymgr ps -aq 2>/dev/null) || return 0
        [ -z "$ids" ] || mymgr rm -f $ids
}

archive() {
        python3 "$SOURCE/tests/manager/archives.py" "$@"
}

# A small root file system in ./rootfs.
make_rootfs() {
        mkdir -p rootfs/bin rootfs/etc rootfs/tmp
        cp "$(command -v busybox)" rootfs/bin/busybox
        ln -s busybox rootfs/bin/sh
        echo "made by ${1:-a test}" >rootfs/etc/motd
        chmod 1777 rootfs/tmp
}

# layer_of IMAGE [N]: the directory of its Nth layer, 0 being the lowest; the topmost without N.
layer_of() {
        local id

        id=$(mymgr image inspect "$1" | jq -er ".[0].RootFS.Layers[${2:--1}]")
        echo "$ROOT/layers/${id#sha256:}"
}

image_id() {
        mymgr image inspect "$1" | jq -er '.[0].Id'
}

run_in() {
        mymgr run --rm --network none "$@"
}

# Nothing in the store but its empty index.
assert_store_empty() {
        local left

        left=$(find "$ROOT/images/blobs" "$ROOT/layers" "$ROOT/staging" -type f -o -type d -path '*/layers/*')
        [ -z "$left" ] || assert_fail "left in the store:" "$left" || return 1
        assert_equal "$(jq '.manifests | length' "$ROOT/images/index.json")" 0
}

# import_entries ENTRY...: imports a tar of these entries as "made".
import_entries() {
        archive tar made.tar "$@"
        mymgr import made.tar made
}

# ---- what peers make ----

# peer_archive DESTINATION: an image that umoci made from ./rootfs, copied by skopeo to the destination.
peer_archive() {
        make_rootfs "$1"
        umoci init --layout layout
        umoci new --image layout:v1
        umoci unpack --image layout:v1 bundle >/dev/null
        cp -a rootfs/. bundle/rootfs/
        umoci repack --image layout:v1 bundle >/dev/null
        umoci config --image layout:v1 --config.cmd /bin/sh --config.env A=b
        skopeo copy -q --insecure-policy "oci:layout:v1" "$1"
}

@test "an OCI archive made by skopeo is loaded under its name and keeps its manifest's digest" {
        require_program umoci skopeo
        peer_archive oci-archive:peer.tar:web/site:1.0
        run mymgr load -i peer.tar
        assert_success
        assert_output "Loaded image: web/site:1.0"
        assert_equal "$(skopeo inspect oci:"$ROOT/images:web/site:1.0" | jq -r .Digest)" \
                "$(skopeo inspect oci-archive:peer.tar | jq -r .Digest)"
        assert_equal "$(cat "$(layer_of web/site:1.0)/etc/motd")" "made by oci-archive:peer.tar:web/site:1.0"
        assert_equal "$(mymgr image inspect web/site:1.0 | jq -c '.[0].Config.Cmd')" '["/bin/sh"]'
}

@test "a docker-archive made by skopeo is loaded and keeps the image's id" {
        require_program umoci skopeo
        peer_archive docker-archive:peer.tar:docker.io/library/site:latest
        run mymgr load -i peer.tar
        assert_success
        assert_output "Loaded image: site:latest"
        assert_equal "$(image_id site)" \
                "sha256:$(tar -xOf peer.tar manifest.json | jq -r '.[0].Config' | sed 's/\.json$//')"
        skopeo inspect oci:"$ROOT/images:site:latest" >/dev/null
}

@test "archives of podman save are loaded, docker-archive and OCI archive alike, with several images in one" {
        require_program podman
        make_rootfs
        podman() { command podman --root "$DIR/ps" --runroot "$DIR/psrun" --storage-driver vfs "$@"; }
        tar -C rootfs -cf - . | podman import -q - localhost/one:1 >/dev/null
        echo two >>rootfs/etc/motd
        tar -C rootfs -cf - . | podman import -q - localhost/two:2 >/dev/null
        podman save -q --format oci-archive -o oci.tar localhost/one:1
        podman save -q -m -o docker.tar localhost/one:1 localhost/two:2
        run mymgr load -i oci.tar
        assert_output "Loaded image: one:1"
        run mymgr load -i docker.tar
        assert_success
        assert_output_contains "Loaded image: one:1" "Loaded image: two:2"
        assert_equal "$(tail -n1 "$(layer_of two:2)/etc/motd")" two
}

@test "an image of a buildah container is loaded with all its layers" {
        require_program buildah
        make_rootfs
        buildah() { command buildah --root "$DIR/bs" --runroot "$DIR/bsrun" --storage-driver vfs "$@"; }
        container=$(buildah from scratch)
        buildah copy -q "$container" rootfs / >/dev/null
        buildah config --cmd /bin/sh --port 8080 --label maker=buildah "$container"
        buildah commit -q "$container" base:1 >/dev/null
        buildah copy -q "$container" rootfs/etc/motd /second >/dev/null
        buildah commit -q "$container" "oci-archive:$DIR/b.tar:built:1" >/dev/null
        run mymgr load <b.tar
        assert_success
        assert_output_contains "built:1"
        assert_equal "$(mymgr image inspect built:1 | jq -r '.[0].Config.Labels.maker')" buildah
        assert_exists "$(layer_of built:1)/second"
}

@test "the store itself is a layout that skopeo and umoci read" {
        require_program skopeo umoci
        make_rootfs
        tar -C rootfs -c . | gzip | mymgr import - mine:1
        skopeo copy -q oci:"$ROOT/images:mine:1" dir:out
        umoci unpack --image "$ROOT/images:mine:1" bundle >/dev/null
        cmp rootfs/etc/motd bundle/rootfs/etc/motd
}

@test "an image that another tool copied into the store is found, and its layers are unpacked when asked for" {
        require_program skopeo umoci
        peer_archive oci-archive:peer.tar:x:1
        mymgr images -q
        skopeo copy -q oci-archive:peer.tar oci:"$ROOT/images:other:1"
        run mymgr images --format '{{.Repository}}:{{.Tag}}'
        assert_output "other:1"
        run run_in other:1 busybox cat /etc/motd
        assert_output_contains "made by"
        assert_exists "$(layer_of other:1)/etc/motd"
}

@test "archives compressed with gzip, zstd, bzip2 and xz are loaded from a pipe" {
        require_program gzip zstd bzip2 xz
        make_rootfs
        tar -C rootfs -cf layer.tar .
        archive oci image.tar --name=packed:1 layer.tar
        for tool in gzip zstd bzip2 xz; do
                rm -rf "$ROOT"
                $tool -c image.tar | mymgr load
                assert_equal "$(cat "$(layer_of packed:1)/etc/motd")" "made by a test"
        done
}

@test "layers compressed with gzip, zstd, bzip2 and xz are imported, and skopeo reads what is stored" {
        require_program skopeo zstd bzip2 xz
        make_rootfs
        tar -C rootfs -cf layer.tar .
        for tool in gzip zstd bzip2 xz cat; do
                $tool <layer.tar | mymgr import - "by-$tool"
                assert_equal "$(cat "$(layer_of "by-$tool")/etc/motd")" "made by a test"
                skopeo copy -q oci:"$ROOT/images:by-$tool:latest" "dir:out-$tool"
        done
        # The same content is one layer.
        assert_equal "$(find "$ROOT/layers" -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
}

@test "a docker-archive's layers that are links to each other are one layer" {
        archive tar a.tar file:a=1
        archive tar b.tar file:b=2
        archive docker image.tar --name=linked:1 a.tar b.tar a.tar
        run mymgr load -i image.tar
        assert_success
        assert_equal "$(mymgr image inspect linked:1 | jq '.[0].RootFS.Layers | length')" 3
        assert_equal "$(find "$ROOT/layers" -mindepth 1 -maxdepth 1 -type d | wc -l)" 2
}

@test "an archive that is both docker's and OCI's is loaded once" {
        archive tar a.tar file:a=1
        archive both image.tar --name=twice:1 a.tar
        run mymgr load -i image.tar
        assert_success
        assert_output "Loaded image: twice:1"
        assert_equal "$(mymgr images -q | wc -l)" 1
}

@test "an image without a name is loaded and told by its id" {
        archive tar a.tar file:a=1
        archive docker image.tar a.tar
        run mymgr load -i image.tar
        assert_output_matches '^Loaded image ID: sha256:[0-9a-f]{64}$'
        id=${output##*:}
        run mymgr images
        assert_output_contains "<none>" "${id:0:12}"
        mymgr tag "${id:0:6}" named:1
        run mymgr images
        refute_output_contains "<none>"
}

@test "of an index for several platforms, this machine's image is loaded" {
        archive tar a.tar file:a=1
        archive oci image.tar --name=p:1 --platform=windows/amd64 a.tar
        run mymgr load -i image.tar
        assert_clear_error "no image for linux/"
        assert_store_empty
}

@test "what save writes is read by load, skopeo and podman, under its names" {
        require_program skopeo podman
        make_rootfs
        id=$(tar -C rootfs -c . | mymgr import - one:1)
        archive tar b.tar file:b=1
        mymgr import b.tar example.org:5000/team/two:2
        mymgr save -o saved.tar one:1 example.org:5000/team/two:2
        mymgr save one:1 >again.tar
        assert_equal "$(skopeo inspect docker-archive:saved.tar:one:1 | jq -r '.Layers | length')" 1
        assert_equal "$(skopeo inspect oci-archive:again.tar:one:1 | jq -r .Digest)" \
                "$(mymgr image inspect -f '{{.Digest}}' one:1)"
        run podman --root "$DIR/ps" --runroot "$DIR/psrun" --storage-driver vfs load -q -i saved.tar
        assert_output_contains "one:1" "example.org:5000/team/two:2"
        mymgr rmi one:1 example.org:5000/team/two:2
        run mymgr load -i saved.tar
        assert_output_contains "Loaded image: one:1" "Loaded image: example.org:5000/team/two:2"
        assert_equal "$(image_id one:1)" "$id"
        run mymgr save -o missing.tar nope
        assert_clear_error "no such image: nope"
        refute_exists missing.tar
        assert_equal "$(ls ./*.tmp 2>/dev/null)" ""
}

# ---- files of every kind ----

@test "a file system keeps owners, modes, times, links, devices, attributes and holes" {
        make_rootfs
        (
                cd rootfs
                cp bin/busybox bin/su
                chown 12:34 bin/su
                chmod 6755 bin/su
                ln etc/motd etc/hard
                mkfifo pipe
                mknod dev c 1 3
                truncate -s 50M sparse
                echo end >>sparse
                setfattr -n user.note -v yes etc/motd
                setcap cap_net_raw+ep bin/busybox
                long=$(printf 'long%.0s' {1..50})
                mkdir -p "$long/$long"
                echo deep >"$long/$long/file"
                echo u >"ünïcode"
                printf l >$'lat\xe9n'
                ln -s "zïel" "lïnk"
                touch -d '2001-02-03 04:05:06' etc/motd etc tmp
                touch -h -d '2002-03-04 05:06:07' bin/sh
                chown -h 7:8 bin/sh
        )
        tar -C rootfs --format=pax --sparse --xattrs --xattrs-include='*' -c . | mymgr import - full:1
        layer=$(layer_of full:1)
        snapshot() {
                (
                        cd "$1"
                        find . -printf '%p %y %m %U:%G %s %T@ %l %n\n' | sort
                        getfattr -hRm - -d . | grep -v '^#' | sort
                        find . -type f -exec sha256sum {} + | sort -k 2
                )
        }
        diff <(snapshot rootfs) <(snapshot "$layer")
        [ "$(du -k "$layer/sparse" | cut -f 1)" -lt 1024 ]
}

@test "whiteouts become overlay's, in any order with what the layer itself brings" {
        import_entries dir:d file:d/.wh.gone= dir:o file:o/new=1 file:o/.wh..wh..opq= \
                file:.wh.replaced= file:replaced=again file:.wh.again= dir:again file:again/in=1 \
                dir:kept file:kept/in=1 file:.wh.kept=
        layer=$(layer_of made)
        assert_equal "$(stat -c %F,%t,%T "$layer/d/gone")" "character special file,0,0"
        assert_equal "$(getfattr --only-values -n trusted.overlay.opaque "$layer/o")" y
        assert_equal "$(cat "$layer/replaced")" again
        # A directory in place of a whiteout must not show what lower layers have there.
        assert_equal "$(getfattr --only-values -n trusted.overlay.opaque "$layer/again")" y
        assert_equal "$(getfattr --only-values -n trusted.overlay.opaque "$layer/kept")" y
        assert_exists "$layer/kept/in"
        refute_exists "$layer/o/.wh..wh..opq"
}

@test "a file replaced by a directory and a directory by a file, in one layer, end as the last one" {
        import_entries file:a=1 dir:a file:a/in=2 dir:b file:b/in=1 file:b=3 dir:c dir:c/d file:c/d/e=1 symlink:c=a
        layer=$(layer_of made)
        assert_equal "$(cat "$layer/a/in")" 2
        assert_equal "$(cat "$layer/b")" 3
        assert_equal "$(readlink "$layer/c")" a
}

# ---- hostile archives ----

@test "names with .. are refused, and nothing is left" {
        for name in ../escape a/../../escape ./../escape a/..; do
                run import_entries dir:a "file:$name=x"
                assert_clear_error "$name" '".."'
                refute_exists "$ROOT/layers/escape"
                refute_exists "$DIR/escape"
                assert_store_empty
        done
}

@test "absolute names lose their slash" {
        import_entries file:/etc/absolute=x file://double//slash=y
        assert_exists "$(layer_of made)/etc/absolute"
        assert_exists "$(layer_of made)/double/slash"
        refute_exists /etc/absolute
}

@test "entries behind a symlink that leads out stay in the layer" {
        mkdir outside
        import_entries "symlink:out=$DIR/outside" dir:up symlink:up/out=../../../../../../../../../../.. \
                file:up/out/from-up=x dir:etc symlink:abs=/etc file:abs/file=x
        layer=$(layer_of made)
        assert_equal "$(ls outside)" ""
        assert_exists "$layer/from-up"
        assert_exists "$layer/etc/file"
        refute_exists /from-up
        refute_exists /etc/file
        # The link's target does not exist in the layer: an error, not a file elsewhere.
        run import_entries "symlink:out=$DIR/outside" file:out/x=1
        assert_failure
        assert_equal "$(ls outside)" ""
}

@test "a symlink put in place of a directory does not lead later entries out" {
        mkdir outside
        run import_entries dir:a "symlink:a=$DIR/outside" file:a/x=1
        assert_failure
        assert_equal "$(ls outside)" ""
}

@test "a file does not go through a symlink of its own name" {
        echo precious >outside
        import_entries "symlink:f=$DIR/outside" file:f=overwritten
        assert_equal "$(cat outside)" precious
        assert_equal "$(cat "$(layer_of made)/f")" overwritten
}

@test "hard links to what is outside the layer are refused" {
        echo precious >outside
        for target in "$DIR/outside" ../../../../../../../../etc/passwd /etc/passwd; do
                run import_entries "hardlink:h=$target"
                assert_clear_error "hard link" "not in this layer"
                assert_store_empty
        done
        run import_entries symlink:out=/ "hardlink:h=out$DIR/outside"
        assert_clear_error "hard link"
        assert_equal "$(stat -c %h outside)" 1
}

@test "whiteouts of the root, of . and of .. are refused" {
        for name in .wh. .wh.. .wh... a/.wh.. a/.wh...; do
                run import_entries dir:a "file:$name="
                assert_clear_error "whiteout" "refused"
                assert_store_empty
        done
        for entry in file:.wh.a/b=1 file:.wh.a/.wh.b= file:a/.wh.b/.wh..wh..opq=; do
                run import_entries dir:a "$entry"
                assert_clear_error "whiteout"
        done
}

@test "a root that is no directory is refused" {
        for entry in symlink:.=/ hardlink:.=a; do
                run import_entries file:a=1 "$entry"
                assert_clear_error "root of a layer"
        done
}

@test "overlay's own attributes in an archive are left out" {
        import_entries xattr:f=trusted.overlay.redirect xattr:g=trusted.overlay.opaque xattr:h=user.note
        layer=$(layer_of made)
        run getfattr -d -m - "$layer/f" "$layer/g"
        refute_output_contains overlay
        assert_equal "$(getfattr --only-values -n user.note "$layer/h")" y
}

@test "directories nested without end are refused" {
        deep=$(printf 'd/%.0s' {1..300})
        run import_entries "file:${deep}f=1"
        assert_clear_error "directories deep"
        assert_store_empty
        # The same depth by way of links.
        part=$(printf 'd/%.0s' {1..100})
        run import_entries "file:${part}f=1" "symlink:a=${part}" "file:a/${part}f=1" "symlink:b=a/${part}" \
                "file:b/${part}f=1"
        assert_clear_error "directories deep"
        assert_store_empty
}

@test "truncated archives are refused at any length, and nothing is left" {
        make_rootfs
        tar -C rootfs -cf layer.tar .
        gzip -k layer.tar
        archive oci image.tar --name=cut:1 layer.tar.gz
        gzip -k image.tar
        size=$(stat -c %s image.tar)
        for cut in 1 511 700 100000 $((size / 2)) $((size - 20000)); do
                head -c "$cut" image.tar >cut.tar
                run mymgr load -i cut.tar
                assert_clear_error "cut.tar"
                assert_store_empty
        done
        head -c 100000 layer.tar.gz >cut.gz
        run mymgr import cut.gz cut:1
        assert_clear_error "runcated"
        assert_store_empty
        head -c 100000 layer.tar >cut
        run mymgr import cut cut:1
        assert_clear_error "runcated"
        assert_store_empty
}

@test "what is wrong inside an image archive is told, and nothing is left" {
        archive tar a.tar file:a=1
        for kind in oci docker; do
                for fault in diff-id missing-blob config-json layer-count; do
                        archive $kind bad.tar --name=bad:1 --break=$fault a.tar
                        run mymgr load -i bad.tar
                        assert_clear_error "load bad.tar"
                        assert_store_empty
                done
        done
        for fault in digest size index-type; do
                archive oci bad.tar --name=bad:1 --break=$fault a.tar
                run mymgr load -i bad.tar
                assert_clear_error "load bad.tar"
                assert_store_empty
        done
}

@test "what is no image is refused with a hint" {
        run mymgr load -i /bin/busybox
        assert_clear_error "not a readable archive" "hint"
        tar -cf plain.tar -C /etc passwd
        run mymgr load -i plain.tar
        assert_clear_error "neither index.json nor manifest.json" "mymgr import"
        run mymgr load -i "$DIR/none.tar"
        assert_clear_error "none.tar: No such file or directory"
        run mymgr import /bin/busybox x
        assert_failure
        run mymgr import - x </dev/null
        assert_clear_error "empty"
        assert_store_empty
}

# ---- names ----

@test "references are written in one form" {
        archive tar a.tar file:a=1
        for name in site localhost/site docker.io/library/site:latest library/site; do
                rm -rf "$ROOT"
                mymgr import a.tar "$name"
                run mymgr images --format '{{.Repository}}:{{.Tag}}'
                assert_output "site:latest"
        done
        for name in Site site: site:-x a//b a/ site@sha256:1 'a b' ''; do
                run mymgr import a.tar "$name"
                assert_clear_error "not an image reference"
        done
}

@test "an image is found by name, id, prefix of an id and digest" {
        archive tar a.tar file:a=1
        id=$(mymgr import a.tar here:1)
        digest=$(mymgr image inspect here:1 | jq -r '.[0].Digest')
        for name in here:1 localhost/here:1 "$id" "${id#sha256:}" "${id:7:12}" "${id:7:4}" "here@$digest" "$digest"; do
                assert_equal "$(image_id "$name")" "$id"
        done
        run mymgr image inspect here
        assert_clear_error "no such image: here" "mymgr load"
}

@test "a name moves to the newer image, and the older one stays without it" {
        archive tar a.tar file:a=1
        archive tar b.tar file:b=1
        first=$(mymgr import a.tar name:1)
        second=$(mymgr import b.tar name:1)
        assert_equal "$(image_id name:1)" "$second"
        run mymgr images --no-trunc
        assert_output_contains "$first" "<none>"
        mymgr rmi "$first"
        run mymgr images -q
        assert_output "${second:7:12}"
}

@test "rmi takes one name of several, then the image with its layers and blobs" {
        archive tar a.tar file:a=1
        id=$(mymgr import a.tar one:1)
        mymgr tag one:1 two:2
        run mymgr rmi "$id"
        assert_clear_error "2 names" "-f"
        run mymgr rmi one:1
        assert_output "Untagged: one:1"
        run mymgr rmi two:2
        assert_success
        assert_output_contains "Untagged: two:2" "Deleted: $id"
        assert_store_empty
        run mymgr rmi two:2
        assert_clear_error "no such image: two:2"
}

@test "rmi keeps a layer that another image has, too" {
        archive tar a.tar file:a=1
        archive tar b.tar file:b=1
        archive oci one.tar --name=one:1 a.tar
        archive oci two.tar --name=two:1 a.tar b.tar
        mymgr load -i one.tar
        mymgr load -i two.tar
        mymgr rmi two:1
        assert_exists "$(layer_of one:1)/a"
        assert_equal "$(find "$ROOT/layers" -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
}

@test "import applies Dockerfile instructions and a message" {
        archive tar a.tar file:a=1
        mymgr import -m "from a tar" -c 'CMD ["a", "b"]' -c 'ENTRYPOINT /run it' -c "ENV A=b C='d e'" \
                -c 'EXPOSE 80 53/udp' -c 'WORKDIR /srv' -c 'WORKDIR www' -c 'USER 1000:1000' -c 'VOLUME /data' \
                -c 'LABEL x=y' -c 'STOPSIGNAL SIGQUIT' -c 'HEALTHCHECK --interval=5s CMD true' a.tar changed:1
        run jq -ce '.[0].Config' <(mymgr image inspect changed:1)
        assert_output_contains '"Cmd":["a","b"]' '"Entrypoint":["/bin/sh","-c","/run it"]' '"Env":["A=b","C=d e"]' \
                '"80/tcp"' '"53/udp"' '"WorkingDir":"/srv/www"' '"User":"1000:1000"' '"/data"' '"x":"y"' SIGQUIT \
                '"Interval":5000000000' '"CMD-SHELL","true"'
        run mymgr history changed:1
        assert_output_contains "from a tar"
        run mymgr import -c 'RUN true' a.tar x
        assert_clear_error "RUN true" "CMD"
        run mymgr import -c 'EXPOSE 99999' a.tar x
        assert_clear_error "99999"
        run mymgr import -c $'VOLUME /a\xff /a\xfe' a.tar x
        assert_clear_error VOLUME "not UTF-8"
}

@test "images prints a table, ids, templates and JSON" {
        archive tar a.tar file:a=12345
        id=$(mymgr import a.tar show:1)
        run mymgr images
        assert_output_contains "REPOSITORY" "TAG" "IMAGE ID" "CREATED" "SIZE" "show" "${id:7:12}" "5B"
        run mymgr images -q --no-trunc
        assert_output "$id"
        run mymgr images --format json
        assert_equal "$(jq -r .Repository <<<"$output")" show
        run mymgr images other
        refute_output_contains show
        run mymgr images -f dangling=true -q
        assert_output ""
        run mymgr images --format '{{.Nope}}'
        assert_clear_error "Nope"
        run mymgr images -f nope=1
        assert_clear_error "unknown filter"
}

# ---- images under containers ----

@test "the image shipped with the program is found by run without being loaded" {
        run run_in busybox echo from the image
        assert_success
        assert_output "from the image"
        run mymgr images --format '{{.Repository}}:{{.Tag}}'
        assert_output "busybox:latest"
}

@test "rmi refuses an image that a container uses, and with -f takes its name alone" {
        mymgr create --name user --network none busybox true
        run mymgr rmi busybox
        assert_clear_error "a container uses the image"
        run mymgr rmi -f busybox
        assert_output "Untagged: busybox:latest"
        run mymgr images -q
        id=$output
        assert_output_matches '^[0-9a-f]{12}$'
        run mymgr rmi -f "$id"
        assert_clear_error "a container uses the image"
        mymgr rm user
        mymgr rmi "$id"
        assert_store_empty
}

@test "what commit made is run again, saved and loaded elsewhere with the same content" {
        mymgr run --name changed --network none busybox sh -c \
                'echo new >/file; rm /etc/shadow; rm -r /var/www; mkdir /var/www; echo only >/var/www/only'
        mymgr commit changed result:1
        mymgr rm changed
        mymgr save result:1 >"$DIR/result.tar"
        check='cat /file; ls /var/www; ls /etc/shadow 2>/dev/null'
        expected=$(printf 'new\nonly')
        run run_in result:1 sh -c "$check"
        assert_output "$expected"
        ROOT=$BATS_TEST_TMPDIR/other
        mymgr load -i "$DIR/result.tar"
        run run_in result:1 sh -c "$check"
        assert_output "$expected"
}

@test "an opaque root hides every layer below it" {
        make_rootfs
        archive tar below.tar file:below=1
        touch rootfs/.wh..wh..opq
        tar -C rootfs -cf above.tar .
        archive oci image.tar --name=opaque:1 below.tar above.tar
        mymgr load -i image.tar
        run run_in opaque:1 busybox ls /
        assert_success
        assert_output_contains etc
        refute_output_contains below
}

# ---- crashes and company ----

# Files that only a running command may have.
staged() {
        find "$ROOT/staging" -mindepth 1 -maxdepth 1 | wc -l
}

@test "a load killed at any moment leaves only what the next command removes" {
        make_rootfs
        for i in {1..200}; do
                mkdir -p "rootfs/d$i"
                cp rootfs/etc/motd "rootfs/d$i/file"
        done
        tar -C rootfs -cf layer.tar .
        gzip -1 -k layer.tar
        archive oci image.tar --name=killed:1 layer.tar.gz
        mymgr images -q
        for _ in {1..10}; do
                "$MYMGR" --root "$ROOT" load -i image.tar >/dev/null &
                pid=$!
                wait_until eval '[ "$(staged)" -gt 0 ] || ! kill -0 $pid 2>/dev/null'
                kill -9 "$pid" 2>/dev/null || true
                wait "$pid" 2>/dev/null || true
        done
        run mymgr images -q
        assert_success
        assert_equal "$(staged)" 0
        mymgr load -i image.tar
        assert_equal "$(cat "$(layer_of killed:1)/d200/file")" "made by a test"
        mymgr rmi killed:1
        assert_store_empty
}

@test "a load from a pipe that is killed halfway is cleaned up by the next one" {
        archive tar a.tar file:a=1
        archive oci image.tar --name=half:1 a.tar
        mkfifo pipe
        "$MYMGR" --root "$ROOT" load <pipe &
        pid=$!
        exec {feed}>pipe
        head -c 2000 image.tar >&"$feed"
        wait_until eval '[ -n "$(ls "$ROOT/staging" 2>/dev/null)" ]'
        # While it lives, nobody takes its files.
        mymgr images -q
        assert_equal "$(staged)" 1
        kill -9 "$pid"
        wait "$pid" || true
        exec {feed}>&-
        mymgr load -i image.tar
        assert_equal "$(staged)" 0
        assert_exists "$(layer_of half:1)/a"
}

@test "loads, imports, tags and removals at the same time leave a sound store" {
        make_rootfs
        tar -C rootfs -cf layer.tar .
        archive oci image.tar --name=same:1 layer.tar
        pids=()
        for i in {1..6}; do
                mymgr load -i image.tar >/dev/null & pids+=($!)
                archive tar "own$i.tar" "file:own=$i"
                mymgr import "own$i.tar" "own:$i" >/dev/null & pids+=($!)
        done
        for pid in "${pids[@]}"; do
                wait "$pid"
        done
        assert_equal "$(mymgr images -q | sort -u | wc -l)" 7
        pids=()
        for i in {1..6}; do
                mymgr rmi "own:$i" >/dev/null & pids+=($!)
                mymgr load -i image.tar >/dev/null & pids+=($!)
        done
        for pid in "${pids[@]}"; do
                wait "$pid"
        done
        assert_equal "$(mymgr images --format '{{.Repository}}:{{.Tag}}')" same:1
        assert_equal "$(cat "$(layer_of same:1)/etc/motd")" "made by a test"
        mymgr rmi same:1
        assert_store_empty
}
