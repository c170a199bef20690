/* config.json's "linux" object (config-linux.md), apart from resources and seccomp. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "runtime_config_types.h"

#define ROW(member) DOCUMENT_MEMBER(struct runtime_linux, member)

static const char *const namespace_names[NAMESPACE_TYPE_COUNT] = {
        [NAMESPACE_MOUNT] = "mount",   [NAMESPACE_PID] = "pid",   [NAMESPACE_NETWORK] = "network",
        [NAMESPACE_UTS] = "uts",       [NAMESPACE_IPC] = "ipc",   [NAMESPACE_USER] = "user",
        [NAMESPACE_CGROUP] = "cgroup", [NAMESPACE_TIME] = "time",
};

const char *runtime_namespace_type_name(enum runtime_namespace_type type) {
        return namespace_names[type];
}

static int namespace_parse(const struct json *value, struct runtime_namespace *namespaces, struct error *err) {
        const struct json *type_value = NULL;
        const char *path = NULL;
        size_t type = 0;
        int r = json_expect(value, JSON_OBJECT, err);

        if (r == 0)
                r = json_require(value, "type", &type_value, err);
        if (r == 0)
                r = json_expect(type_value, JSON_STRING, err);
        if (r == 0)
                r = json_get_string(value, "path", &path, err);
        if (r < 0)
                return r;

        while (type < NAMESPACE_TYPE_COUNT && !str_equal(namespace_names[type], type_value->text))
                type++;
        if (type == NAMESPACE_TYPE_COUNT)
                return json_error(type_value, err, EINVAL, "unknown namespace type \"%s\"", type_value->text);
        if (namespaces[type].present)
                return json_error(type_value, err, EINVAL, "the %s namespace is given twice", type_value->text);
        if (str_empty(path))
                path = NULL;
        if (path && path[0] != '/')
                return json_error(json_get(value, "path"), err, EINVAL, "\"%s\" is not an absolute path", path);

        namespaces[type] = (struct runtime_namespace){.present = true, .path = path};
        return 0;
}

static int namespaces_parse(struct arena *arena, const struct json *value, void *member, struct error *err) {
        int r = json_expect(value, JSON_ARRAY, err);

        (void) arena;
        if (r < 0)
                return r;
        json_for_each (child, value) {
                r = namespace_parse(child, member, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool namespaces_present(const void *member) {
        const struct runtime_namespace *namespaces = member;

        for (size_t i = 0; i < NAMESPACE_TYPE_COUNT; i++)
                if (namespaces[i].present)
                        return true;
        return false;
}

static void namespaces_write(struct json_writer *writer, const char *key, const void *member) {
        const struct runtime_namespace *namespaces = member;

        json_begin_array(writer, key);
        for (size_t i = 0; i < NAMESPACE_TYPE_COUNT; i++) {
                if (!namespaces[i].present)
                        continue;
                json_begin_object(writer, NULL);
                json_put_string(writer, "type", namespace_names[i]);
                json_put_string(writer, "path", namespaces[i].path);
                json_end_object(writer);
        }
        json_end_array(writer);
}

static const struct document_custom namespaces_custom = {namespaces_parse, namespaces_present, namespaces_write};

#define MAPPING_ROW(member) DOCUMENT_MEMBER(struct runtime_id_mapping, member)

static const struct document_field id_mapping_fields[] = {
        {"containerID", DOCUMENT_U32, DOCUMENT_REQUIRED, MAPPING_ROW(container_id)},
        {"hostID", DOCUMENT_U32, DOCUMENT_REQUIRED, MAPPING_ROW(host_id)},
        {"size", DOCUMENT_U32, DOCUMENT_REQUIRED, MAPPING_ROW(size)},
};

static int id_mapping_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_id_mapping *mapping = item;

        (void) arena;
        if (mapping->size == 0)
                return json_error(json_get(object, "size"), err, EINVAL, "must not be 0");
        if (mapping->container_id > UINT32_MAX - mapping->size || mapping->host_id > UINT32_MAX - mapping->size)
                return json_error(object, err, ERANGE, "ends beyond the highest id, %u", UINT32_MAX);
        return 0;
}

const struct document_type runtime_id_mapping_type = {DOCUMENT_ROWS(id_mapping_fields),
                                                      sizeof(struct runtime_id_mapping), id_mapping_finish};

#define DEVICE_ROW(member) DOCUMENT_MEMBER(struct runtime_device, member)

static const struct document_field device_fields[] = {
        {"type", DOCUMENT_CHAR, DOCUMENT_REQUIRED, DEVICE_ROW(type), .letters = "cbup"},
        {"path", DOCUMENT_STRING, DOCUMENT_REQUIRED | DOCUMENT_ABSOLUTE, DEVICE_ROW(path)},
        {"major", DOCUMENT_I64, DOCUMENT_ALWAYS, DEVICE_ROW(major)},
        {"minor", DOCUMENT_I64, DOCUMENT_ALWAYS, DEVICE_ROW(minor)},
        {"fileMode", DOCUMENT_OPT_U64, 0, DEVICE_ROW(file_mode), .max = 0177777},
        {"uid", DOCUMENT_OPT_U64, 0, DEVICE_ROW(uid), .max = RUNTIME_ID_MAX},
        {"gid", DOCUMENT_OPT_U64, 0, DEVICE_ROW(gid), .max = RUNTIME_ID_MAX},
};

static int device_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_device *device = item;
        const struct {
                const char *name;
                int64_t value;
        } numbers[] = {{"major", device->major}, {"minor", device->minor}};

        (void) arena;
        /* Callers that copy a host device pass its whole st_mode: the type bits are dropped. */
        device->file_mode.value &= 07777;
        if (device->type == 'p')
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                const struct json *value = NULL;
                int r = json_require(object, numbers[i].name, &value, err);

                if (r < 0)
                        return r;
                if (numbers[i].value < 0 || numbers[i].value > INT32_MAX)
                        return json_error(value, err, ERANGE, "%lld is no device number", (long long) numbers[i].value);
        }
        return 0;
}

static const struct document_type device_type = {DOCUMENT_ROWS(device_fields), sizeof(struct runtime_device),
                                                 device_finish};

static const struct document_field net_device_fields[] = {
        {"name", DOCUMENT_STRING, 0, DOCUMENT_MEMBER(struct runtime_net_device, name)},
};

static int net_device_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_net_device *device = item;
        const char *names[] = {device->host_name, device->name};

        (void) arena;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!names[i])
                        continue;
                if (names[i][0] == '\0' || strlen(names[i]) >= IFNAMSIZ || strpbrk(names[i], "/: \t\n") ||
                    str_equal(names[i], ".") || str_equal(names[i], ".."))
                        return json_error(object, err, EINVAL, "\"%s\" is not the name of a network device", names[i]);
        }
        return 0;
}

static const struct document_type net_device_type = {DOCUMENT_ROWS(net_device_fields),
                                                     sizeof(struct runtime_net_device), net_device_finish};

static const struct document_field time_offset_fields[] = {
        {"secs", DOCUMENT_I64, 0, DOCUMENT_MEMBER(struct runtime_time_offset, secs)},
        {"nanosecs", DOCUMENT_U32, 0, DOCUMENT_MEMBER(struct runtime_time_offset, nanosecs)},
};

static int time_offset_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_time_offset *offset = item;

        (void) arena;
        if (offset->nanosecs > 999999999)
                return json_error(json_get(object, "nanosecs"), err, ERANGE, "must be below 1000000000");
        offset->set = true;
        return 0;
}

static const struct document_type time_offset_type = {DOCUMENT_ROWS(time_offset_fields),
                                                      sizeof(struct runtime_time_offset), time_offset_finish};

static const struct document_field time_offsets_fields[] = {
        {"boottime", DOCUMENT_GROUP, 0, ROW(boottime), .type = &time_offset_type},
        {"monotonic", DOCUMENT_GROUP, 0, ROW(monotonic), .type = &time_offset_type},
};

static int time_offsets_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        (void) arena;
        (void) item;
        json_for_each (clock, object)
                if (!str_equal(clock->key, "boottime") && !str_equal(clock->key, "monotonic"))
                        return json_error(clock, err, EINVAL,
                                          "the clocks that can have an offset are boottime and monotonic");
        return 0;
}

static const struct document_type time_offsets_type = {DOCUMENT_ROWS(time_offsets_fields), sizeof(struct runtime_linux),
                                                       time_offsets_finish};

static const char *const personality_domains[] = {"LINUX", "LINUX32", NULL};

static const struct document_field personality_fields[] = {
        {"domain", DOCUMENT_STRING, DOCUMENT_REQUIRED, ROW(personality_domain), .names = personality_domains},
        {"flags", DOCUMENT_STRINGS, 0, ROW(personality_flags)},
};

static const struct document_type personality_type = {DOCUMENT_ROWS(personality_fields), sizeof(struct runtime_linux),
                                                      NULL};

const char *const runtime_memory_policy_modes[] = {
        "MPOL_DEFAULT",   "MPOL_BIND",           "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
        "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL",      NULL};

const char *const runtime_memory_policy_flags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
                                                   "MPOL_F_STATIC_NODES", NULL};

#define POLICY_ROW(member) DOCUMENT_MEMBER(struct runtime_memory_policy, member)

static const struct document_field memory_policy_fields[] = {
        {"mode", DOCUMENT_STRING, 0, POLICY_ROW(mode)},
        {"nodes", DOCUMENT_STRING, 0, POLICY_ROW(nodes)},
        {"flags", DOCUMENT_STRINGS, 0, POLICY_ROW(flags)},
};

static bool is_listed(const char *name, const char *const *names) {
        for (; *names; names++)
                if (str_equal(*names, name))
                        return true;
        return false;
}

static int memory_policy_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_memory_policy *policy = item;

        (void) arena;
        if (!policy->mode && !policy->nodes && !policy->flags)
                return 0;
        if (!policy->mode || !is_listed(policy->mode, runtime_memory_policy_modes))
                return json_error(object, err, EINVAL, "invalid memory policy mode \"%s\"",
                                  policy->mode ? policy->mode : "");
        for (const char *const *flag = policy->flags; flag && *flag; flag++)
                if (!is_listed(*flag, runtime_memory_policy_flags))
                        return json_error(json_get(object, "flags"), err, EINVAL, "invalid memory policy flag \"%s\"",
                                          *flag);
        if (policy->nodes && str_to_bits(policy->nodes, RUNTIME_NODES_MAX, NULL) < 0)
                return json_error(
                        json_get(object, "nodes"), err, EINVAL,
                        "invalid memory policy nodes: \"%s\" is not a list such as \"0-3,7\" of nodes below %d",
                        policy->nodes, RUNTIME_NODES_MAX);
        return 0;
}

static const struct document_type memory_policy_type = {DOCUMENT_ROWS(memory_policy_fields),
                                                        sizeof(struct runtime_memory_policy), memory_policy_finish};

#define RDT_ROW(member) DOCUMENT_MEMBER(struct runtime_intel_rdt, member)

static const struct document_field intel_rdt_fields[] = {
        {"closID", DOCUMENT_STRING, 0, RDT_ROW(clos_id)},
        {"schemata", DOCUMENT_STRINGS, 0, RDT_ROW(schemata)},
        {"l3CacheSchema", DOCUMENT_STRING, 0, RDT_ROW(l3_cache_schema)},
        {"memBwSchema", DOCUMENT_STRING, 0, RDT_ROW(mem_bw_schema)},
        {"enableMonitoring", DOCUMENT_BOOL, 0, RDT_ROW(enable_monitoring)},
};

static int intel_rdt_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        const struct runtime_intel_rdt *rdt = item;
        const char *id = rdt->clos_id;

        (void) arena;
        /* It becomes a directory of resctrl. */
        if (id && !str_equal(id, "/") && (strpbrk(id, "/\n") || str_equal(id, ".") || str_equal(id, "..")))
                return json_error(json_get(object, "closID"), err, EINVAL, "\"%s\" is not the name of a group", id);
        if (rdt->mem_bw_schema && (!str_starts_with(rdt->mem_bw_schema, "MB:") || strchr(rdt->mem_bw_schema, '\n')))
                return json_error(json_get(object, "memBwSchema"), err, EINVAL,
                                  "must be one line that begins with \"MB:\"");
        return 0;
}

static const struct document_type intel_rdt_type = {DOCUMENT_ROWS(intel_rdt_fields), sizeof(struct runtime_intel_rdt),
                                                    intel_rdt_finish};

/* The specification has the first four; the recursive forms are what callers of runc pass too. */
static const char *const propagations[] = {"private", "shared", "slave",       "unbindable", "rprivate",
                                           "rshared", "rslave", "runbindable", NULL};

static const struct document_field linux_fields[] = {
        {"namespaces", DOCUMENT_CUSTOM, 0, ROW(namespaces), .custom = &namespaces_custom},
        {"uidMappings", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_linux, uid_mappings.items, uid_mappings.count),
         .type = &runtime_id_mapping_type},
        {"gidMappings", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_linux, gid_mappings.items, gid_mappings.count),
         .type = &runtime_id_mapping_type},
        {"timeOffsets", DOCUMENT_GROUP, 0, .offset = 0, .type = &time_offsets_type},
        {"devices", DOCUMENT_LIST, 0, DOCUMENT_ITEMS(struct runtime_linux, devices, device_count),
         .type = &device_type},
        {"netDevices", DOCUMENT_MAP, 0, DOCUMENT_ITEMS(struct runtime_linux, net_devices, net_device_count),
         .type = &net_device_type},
        {"cgroupsPath", DOCUMENT_STRING, 0, ROW(cgroups_path)},
        {"resources", DOCUMENT_POINTER, 0, ROW(resources), .type = &runtime_resources_type},
        {"rootfsPropagation", DOCUMENT_STRING, 0, ROW(rootfs_propagation), .names = propagations},
        {"seccomp", DOCUMENT_POINTER, 0, ROW(seccomp), .type = &runtime_seccomp_type},
        {"sysctl", DOCUMENT_PAIRS, 0, ROW(sysctl)},
        {"maskedPaths", DOCUMENT_STRINGS, DOCUMENT_ABSOLUTE, ROW(masked_paths)},
        {"readonlyPaths", DOCUMENT_STRINGS, DOCUMENT_ABSOLUTE, ROW(readonly_paths)},
        {"mountLabel", DOCUMENT_STRING, 0, ROW(mount_label)},
        {"intelRdt", DOCUMENT_POINTER, 0, ROW(intel_rdt), .type = &intel_rdt_type},
        {"memoryPolicy", DOCUMENT_POINTER, 0, ROW(memory_policy), .type = &memory_policy_type},
        {"personality", DOCUMENT_GROUP, 0, .offset = 0, .type = &personality_type},
};

/* Which members mean nothing, or something dangerous, outside a namespace of the container's own. */
static int check_namespaces(const struct json *object, const struct runtime_linux *section, struct error *err) {
        const struct {
                const char *member;
                enum runtime_namespace_type needs;
                bool used;
        } rules[] = {
                {"uidMappings", NAMESPACE_USER, section->uid_mappings.count > 0},
                {"gidMappings", NAMESPACE_USER, section->gid_mappings.count > 0},
                {"timeOffsets", NAMESPACE_TIME, section->boottime.set || section->monotonic.set},
        };
        const struct runtime_namespace *user = &section->namespaces[NAMESPACE_USER];

        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                if (rules[i].used && !section->namespaces[rules[i].needs].present)
                        return json_error(json_get(object, rules[i].member), err, EINVAL,
                                          "needs a %s namespace, but linux.namespaces has none",
                                          namespace_names[rules[i].needs]);

        if (user->present && !user->path && (section->uid_mappings.count == 0 || section->gid_mappings.count == 0))
                return json_error(object, err, EINVAL, "a new user namespace needs uidMappings and gidMappings");
        return 0;
}

/* The kernel's parameters that belong to a namespace: a name, or the start of a name that ends in ".". */
static const struct {
        const char *name;
        enum runtime_namespace_type type;
} sysctl_rules[] = {
        {"kernel.msgmax", NAMESPACE_IPC},
        {"kernel.msgmnb", NAMESPACE_IPC},
        {"kernel.msgmni", NAMESPACE_IPC},
        {"kernel.msg_next_id", NAMESPACE_IPC},
        {"kernel.sem", NAMESPACE_IPC},
        {"kernel.sem_next_id", NAMESPACE_IPC},
        {"kernel.shmall", NAMESPACE_IPC},
        {"kernel.shmmax", NAMESPACE_IPC},
        {"kernel.shmmni", NAMESPACE_IPC},
        {"kernel.shm_next_id", NAMESPACE_IPC},
        {"kernel.shm_rmid_forced", NAMESPACE_IPC},
        {"kernel.auto_msgmni", NAMESPACE_IPC},
        {"fs.mqueue.", NAMESPACE_IPC},
        {"net.", NAMESPACE_NETWORK},
        {"kernel.domainname", NAMESPACE_UTS},
        {"user.", NAMESPACE_USER},
};

/* sysctl(8) takes "net/ipv4/ip_forward" too; the first separator says which form it is. */
static void sysctl_dotted(const char *name, char *out, size_t size) {
        const char *separator = strpbrk(name, "./");
        bool slashes = separator && *separator == '/';

        (void) snprintf(out, size, "%s", name);
        for (char *c = out; slashes && *c; c++)
                *c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
}

bool runtime_sysctl_namespace(const char *key, enum runtime_namespace_type *type) {
        char name[256];

        sysctl_dotted(key, name, sizeof(name));
        for (size_t i = 0; i < ARRAY_SIZE(sysctl_rules); i++) {
                const char *known = sysctl_rules[i].name;

                if (!(str_ends_with(known, ".") ? str_starts_with(name, known) : str_equal(name, known)))
                        continue;
                *type = sysctl_rules[i].type;
                return true;
        }
        return false;
}

/* A parameter of the whole machine is not the container's to set. */
static int check_sysctl(const struct json *object, const struct runtime_linux *section, struct error *err) {
        for (size_t i = 0; i < section->sysctl.count; i++) {
                const char *key = section->sysctl.items[i].key;
                enum runtime_namespace_type type;

                /* Two places for one thing; runc and crun refuse it, too. */
                if (str_equal(key, "kernel.hostname") || str_equal(key, "kernel/hostname"))
                        return json_error(json_get(object, "sysctl"), err, EINVAL,
                                          "%s: the name is given by \"hostname\"", key);
                if (!runtime_sysctl_namespace(key, &type))
                        return json_error(json_get(object, "sysctl"), err, EINVAL,
                                          "%s is a parameter of the whole machine, not of a namespace", key);
                if (!section->namespaces[type].present)
                        return json_error(json_get(object, "sysctl"), err, EINVAL,
                                          "%s needs a %s namespace, but linux.namespaces has none", key,
                                          namespace_names[type]);
        }
        return 0;
}

static int linux_finish(struct arena *arena, const struct json *object, void *item, struct error *err) {
        struct runtime_linux *section = item;
        int r = check_namespaces(object, section, err);

        (void) arena;
        if (r < 0)
                return r;
        if (!section->masked_paths)
                section->masked_paths = runtime_no_strings;
        if (!section->readonly_paths)
                section->readonly_paths = runtime_no_strings;
        return check_sysctl(object, section, err);
}

const struct document_type runtime_linux_type = {DOCUMENT_ROWS(linux_fields), sizeof(struct runtime_linux),
                                                 linux_finish};
