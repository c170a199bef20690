# The system tests of Podman and Buildah, with the runtime below them and they unchanged. Sourced by inside.sh, whose
# variables these are.

# The files whose cases start containers; the others are about images, registries, systemd's units and completion.
PODMAN_FILES='^(030|032|035|040|045|050|055|060|065|070|075|080|090|130|140|160|170|180|190|200|220|260|270|280|400|410|420|450|500|520|700)-'

# suite_value FILE PREFIX NAME: what a suite's own assignments of that prefix come to, such as an image's whole name.
suite_value() {
        (. <(grep "^$2" "$1") && echo "${!3}")
}

# What Podman and Buildah read and keep: nothing of the machine's; limits that need no CAP_SYS_RESOURCE, and no journal.
configure_engines() {
        local etc=$WORK/containers name

        PODMAN_IMAGE=$(suite_value "$WORK/suites/libpod/test/system/helpers.bash" PODMAN_TEST_IMAGE PODMAN_TEST_IMAGE_FQN)
        mkdir -p "$etc/registries.conf.d"
        cp /etc/containers/policy.json "$etc/"
        printf '[aliases]\n"testimage" = "%s"\n' "${PODMAN_IMAGE%:*}" >"$etc/registries.conf.d/aliases.conf"
        cat >"$etc/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$WORK/podman/storage"
runroot = "$WORK/podman/run"
rootless_storage_path = "/home/rootless/storage"
END
        cat >"$etc/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
init_path = "/usr/bin/catatonit"
[engine.runtimes]
crun = ["$WORK/bin/crun"]
[network]
cni_plugin_dirs = ["/usr/lib/cni"]
END
        mount --bind "$etc" /etc/containers
        # What they would keep on the machine, in this room alone.
        for name in /etc/cni/net.d /var/lib/cni /var/lib/containers; do
                mkdir -p "$name" "$WORK/podman$name"
                mount --bind "$WORK/podman$name" "$name"
        done
        # Cases with a configuration of their own find the runtime in the usual place.
        [ "$RUNTIME" = crun ] || mount --bind "$WORK/bin/$RUNTIME" "$(PATH=/usr/sbin:/usr/bin command -v crun)"
        # Where cases look for the state of containers.
        case $SUITE in
        *-rootless)
                name=/run/user/2000
                # For slirp4netns.
                mknod -m 666 "$WORK/tun" c 10 200
                mount --bind "$WORK/tun" /dev/net/tun
                ;;
        *) name=/run ;;
        esac
        [ "$RUNTIME" = crun ] || as_user ln -s "$RUNTIME" "$name/crun"
}

# Cases of NOTIFY_SOCKET ask first whether systemd is there, and then need nothing of it.
stand_in_for_systemctl() {
        printf '#!/bin/sh\n[ "$1" = list-units ]\n' >"$WORK/bin/systemctl"
        chmod 755 "$WORK/bin/systemctl"
}

run_podman() {
        local file

        configure_engines
        stand_in_for_systemctl
        export PATH=$WORK/bin:$PATH
        export PODMAN=/usr/bin/podman PODMAN_TIMEOUT=60
        as_user "$PODMAN" import --change 'WORKDIR /home/podman' --change 'LABEL created_by=test/system/build-testimage' \
                --change 'LABEL created_at=2022-06-15T00:00:00Z' \
                --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
                --change 'CMD ["/bin/echo", "This container is intended for podman CI testing"]' \
                "$WORK/suites/podman-image.tar" "$PODMAN_IMAGE" || exit 125
        cd "$WORK/suites/libpod/test/system" || exit 125
        for file in *.bats; do
                [[ ! $file =~ $PODMAN_FILES ]] || run_file "$file" bats --tap "$file"
        done
}

# import_image TAR NAME: an image as Buildah's cases look for it before they download it.
import_image() {
        local container

        container=$("${BUILDAH[@]}" from scratch)
        "${BUILDAH[@]}" add --quiet "$container" "$1" / >/dev/null
        "${BUILDAH[@]}" config --cmd /bin/sh --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
        "${BUILDAH[@]}" commit --quiet "$container" "dir:$_BUILDAH_IMAGE_CACHEDIR/$(tr -c a-zA-Z0-9.- - <<<"$2")" >/dev/null
        "${BUILDAH[@]}" rm "$container" >/dev/null
}

run_buildah() {
        local file image architecture

        configure_engines
        export BUILDAH_BINARY=/usr/bin/buildah COPY_BINARY=$(dirname "$0")/copy-image.sh BUILDAH_TIMEOUT=60
        export BUILDAH_RUNTIME=$WORK/bin/crun STORAGE_DRIVER=vfs
        export _BUILDAH_IMAGE_CACHEDIR=$WORK/tmp/images PATH=$WORK/bin:$PATH
        BUILDAH=("$BUILDAH_BINARY" --storage-driver vfs --root "$WORK/buildah" --runroot "$WORK/buildah-run")
        mkdir "$_BUILDAH_IMAGE_CACHEDIR"
        architecture=$(go env GOARCH)
        for image in docker.io/library/alpine docker.io/library/busybox \
                "$(suite_value "$WORK/suites/buildah/tests/helpers.bash" SAFEIMAGE SAFEIMAGE)"; do
                import_image "$WORK/suites/podman-image.tar" "$image"
        done
        import_image "$WORK/suites/runc/tests/integration/testdata/debian-$architecture.tar.xz" docker.io/library/debian
        cd "$WORK/suites/buildah/tests" || exit 125
        for file in run.bats namespaces.bats; do
                run_file "$file" bats --tap "$file"
        done
}
