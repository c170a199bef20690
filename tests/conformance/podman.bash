# Podman's own system tests, with the runtime below an unchanged Podman. Sourced by inside.sh, whose variables these are.

# The files whose cases start containers; the others are about images, registries, systemd's units and completion.
PODMAN_FILES='^(030|032|035|040|045|050|055|060|065|070|075|080|090|130|140|160|170|180|190|200|220|260|270|280|400|410|420|450|500|520|700)-'
PODMAN_IMAGE=quay.io/libpod/testimage:20220615

# Nothing of the machine's own configuration; limits that need no CAP_SYS_RESOURCE, and no journal.
configure_podman() {
        local etc=$WORK/containers name

        mkdir -p "$etc/registries.conf.d"
        cp /etc/containers/policy.json "$etc/"
        printf '[aliases]\n"testimage" = "quay.io/libpod/testimage"\n' >"$etc/registries.conf.d/aliases.conf"
        cat >"$etc/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$WORK/podman/storage"
runroot = "$WORK/podman/run"
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
        # What Podman and its networks would keep on the machine, in this room alone.
        for name in /etc/cni/net.d /var/lib/cni /var/lib/containers; do
                mkdir -p "$name" "$WORK/podman$name"
                mount --bind "$WORK/podman$name" "$name"
        done
        # Where cases look for the state of containers.
        [ "$RUNTIME" != myrun ] || { mkdir /run/myrun && ln -s myrun /run/crun; }
}

run_podman() {
        local file

        configure_podman
        export PODMAN=/usr/bin/podman PODMAN_TIMEOUT=60
        "$PODMAN" import --change 'WORKDIR /home/podman' --change 'LABEL created_by=test/system/build-testimage' \
                --change 'LABEL created_at=2022-06-15T00:00:00Z' \
                --change 'CMD ["/bin/echo", "This container is intended for podman CI testing"]' \
                "$WORK/suites/podman-image.tar" "$PODMAN_IMAGE" || exit 125
        cd "$WORK/suites/libpod/test/system" || exit 125
        for file in *.bats; do
                [[ ! $file =~ $PODMAN_FILES ]] || run_file "$file" bats --tap "$file"
        done
}
