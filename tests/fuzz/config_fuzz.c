/*
 * config.json, in both stages: the document (spec/runtime_config*.c), and what create makes of it before it changes
 * anything: mount options and id maps, capabilities, sysctls, the cgroup's path and the properties of systemd's unit.
 */
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../runtime/container/bundle.h"
#include "../../runtime/linux/capabilities.h"
#include "../../runtime/linux/cgroup_systemd.h"
#include "../../runtime/linux/idmap.h"
#include "../../runtime/linux/labels.h"
#include "../../runtime/linux/mount_options.h"
#include "../../runtime/linux/network_devices.h"
#include "../../runtime/linux/sysctl.h"
#include "../../spec/runtime_config.h"
#include "fuzz.h"

static char *write_config(const struct runtime_config *config) {
        struct json_writer writer = {0};

        runtime_config_write(&writer, config);
        return json_writer_take(&writer);
}

static void read_again(struct arena *arena, const struct runtime_config *config) {
        _cleanup_free_ char *first = write_config(config), *second = NULL;
        struct runtime_config again = {0};
        struct error err = {0};
        int r = runtime_config_parse(arena, fuzz_parse_own(arena, first), &again, &err);

        fuzz_require(r >= 0, "refuses the config it wrote: %s\n%s", err.message, first);
        second = write_config(&again);
        fuzz_same("config", first, second);
}

static void read_mount(struct arena *arena, const struct runtime_config *config, const struct runtime_mount *mount) {
        const struct idmap container = idmap_of(&config->linux_);
        struct mount_options options = {0};
        struct idmap map = {0};
        struct error err = {0};
        uint32_t host;

        mount_options_parse(arena, mount->options, &options);
        fuzz_require(options.fs && options.fs_set, "mount options without a list");
        if (options.idmap_text && fuzz_accepted(idmap_parse(arena, options.idmap_text, &container, &map, &err), &err)) {
                fuzz_require(idmap_equal(&map, &map), "an id map that is not itself");
                (void) idmap_to_host(&map.uids, 0, 1, &host);
        }
}

static void read_cgroup(struct arena *arena, const struct runtime_config *config) {
        const struct cgroup_request request = {.container_id = "fuzz", .cgroups_path = config->linux_.cgroups_path};
        const struct cgroup_mount mount = {.name = "memory", .mount = "/sys/fs/cgroup/memory", .own = "/own"};
        _cleanup_json_writer_ struct json_writer writer = {0};
        struct cgroup_unit unit = {0};
        struct error err = {0};
        const char *path = cgroup_host_path(arena, &mount, &request);

        fuzz_require(path[0] == '/' && !strstr(path, "/../"), "the cgroup %s", path);
        (void) fuzz_accepted(cgroup_unit_parse(arena, &request, &unit, &err), &err);
        error_clear(&err);
        json_begin_array(&writer, NULL);
        if (fuzz_accepted(cgroup_unit_put_annotations(&writer, &config->annotations, &err), &err)) {
                json_end_array(&writer);
                (void) fuzz_parse_own(arena, writer.out.data);
        }
}

static void read_process(const struct runtime_process *process) {
        struct capability_sets sets = {0};
        struct error err = {0};

        (void) fuzz_accepted(bundle_check_process(process, &err), &err);
        error_clear(&err);
        (void) fuzz_accepted(capabilities_resolve(process, true, &sets, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *root = fuzz_parse(arena, data, size);
        struct runtime_config config = {0};
        struct error err = {0};
        uint64_t propagation;
        bool recursive;

        if (!root || !fuzz_accepted(runtime_config_parse(arena, root, &config, &err), &err))
                return 0;
        read_again(arena, &config);
        for (size_t i = 0; i < config.mount_count; i++)
                read_mount(arena, &config, &config.mounts[i]);
        if (config.process)
                read_process(config.process);
        read_cgroup(arena, &config);
        (void) fuzz_accepted(sysctl_check(&config.linux_, &err), &err);
        error_clear(&err);
        (void) fuzz_accepted(network_devices_check(&config.linux_, &err), &err);
        error_clear(&err);
        (void) fuzz_accepted(labels_check_mounts(config.linux_.mount_label, &err), &err);
        error_clear(&err);
        (void) fuzz_accepted(mount_propagation_parse(config.linux_.rootfs_propagation, &propagation, &recursive, &err),
                             &err);
        return 0;
}
