#include "cmd.h"

#include <stdio.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../linux/capabilities.h"
#include "../linux/mount_options.h"
#include "../linux/seccomp.h"

static void put_hooks(struct json_writer *writer) {
        json_begin_array(writer, "hooks");
        for (int i = 0; i < HOOK_POINT_COUNT; i++)
                json_put_string(writer, NULL, runtime_hook_point_name((enum runtime_hook_point) i));
        json_end_array(writer);
}

static void put_enabled(struct json_writer *writer, const char *name, bool enabled) {
        json_begin_object(writer, name);
        json_put_bool(writer, "enabled", enabled);
        json_end_object(writer);
}

static void put_linux(struct json_writer *writer) {
        _cleanup_arena_ struct arena *arena = arena_new();

        json_begin_object(writer, "linux");
        json_begin_array(writer, "namespaces");
        for (int i = 0; i < NAMESPACE_TYPE_COUNT; i++)
                json_put_string(writer, NULL, runtime_namespace_type_name((enum runtime_namespace_type) i));
        json_end_array(writer);
        json_put_strings(writer, "capabilities", capabilities_known(arena));
        json_begin_object(writer, "cgroup");
        json_put_bool(writer, "v1", true);
        json_put_bool(writer, "v2", true);
        json_put_bool(writer, "systemd", cgroup_systemd_available());
        json_put_bool(writer, "systemdUser", cgroup_systemd_available());
        json_put_bool(writer, "rdma", true);
        json_end_object(writer);
        json_begin_object(writer, "seccomp");
        seccomp_put_features(writer);
        json_end_object(writer);
        put_enabled(writer, "apparmor", true);
        put_enabled(writer, "selinux", true);
        json_begin_object(writer, "intelRdt");
        json_put_bool(writer, "enabled", true);
        json_put_bool(writer, "schemata", true);
        json_put_bool(writer, "monitoring", true);
        json_end_object(writer);
        json_begin_object(writer, "memoryPolicy");
        json_put_strings(writer, "modes", runtime_memory_policy_modes);
        json_put_strings(writer, "flags", runtime_memory_policy_flags);
        json_end_object(writer);
        json_begin_object(writer, "mountExtensions");
        put_enabled(writer, "idmap", true);
        json_end_object(writer);
        put_enabled(writer, "netDevices", true);
        json_end_object(writer);
}

/* What annotations of a config change more than what `state` shows; a name that ends in "." is a prefix. */
static const char *const unsafe_annotations[] = {"org.systemd.property.", "run.oci.keep_original_groups", NULL};

int cmd_features(const struct command *command, void *context, int argc, char **argv) {
        _cleanup_json_writer_ struct json_writer writer = {.indent = 2};
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *text = NULL;
        int r = cmd_parse(command, NULL, &argc, &argv);

        (void) context;
        if (r >= 0)
                return r;
        json_begin_object(&writer, NULL);
        json_put_string(&writer, "ociVersionMin", "1.0.0");
        json_put_string(&writer, "ociVersionMax", SPEC_VERSION);
        put_hooks(&writer);
        json_put_strings(&writer, "mountOptions", mount_options_known(arena));
        put_linux(&writer);
        json_begin_object(&writer, "annotations");
        json_put_string(&writer, "io.github.seccomp.libseccomp.version", seccomp_library_version(arena));
        json_put_string(&writer, "org.myrun.version", VERSION);
        /* Callers look for runc's name of it. */
        json_put_string(&writer, "org.opencontainers.runc.checkpoint.enabled", "true");
        json_end_object(&writer);
        json_put_strings(&writer, "potentiallyUnsafeConfigAnnotations", unsafe_annotations);
        json_end_object(&writer);
        text = json_writer_take(&writer);
        (void) printf("%s\n", text);
        return 0;
}
