/*
 * runtime_config.h: config.json of an OCI bundle (runtime-spec 1.3, config.md and
 * config-linux.md) as C types: parsed and validated by myrun, written by mymgr.
 *
 * Field names are those of the specification in lower case. Lists of strings
 * are NULL-terminated; other lists have a count beside them. Everything a parsed
 * config points at belongs to the arena given to runtime_config_parse(); who
 * fills one by hand keeps what it points at alive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/error.h"
#include "../lib/json.h"
#include "../lib/memory.h"

/* A number or flag that may be absent. */
struct opt_i64 {
        bool set;
        int64_t value;
};
struct opt_u64 {
        bool set;
        uint64_t value;
};
struct opt_bool {
        bool set;
        bool value;
};

struct string_pair {
        const char *key;
        const char *value;
};

struct runtime_pairs {
        const struct string_pair *items;
        size_t count;
};

struct runtime_root {
        const char *path; /* as written; relative to the bundle */
        bool readonly;
};

struct runtime_id_mapping {
        uint32_t container_id;
        uint32_t host_id;
        uint32_t size;
};

struct runtime_id_mappings {
        const struct runtime_id_mapping *items;
        size_t count;
};

struct runtime_mount {
        const char *destination; /* always absolute after parsing */
        const char *type;
        const char *source;
        const char *const *options; /* never NULL after parsing */
        struct runtime_id_mappings uid_mappings;
        struct runtime_id_mappings gid_mappings;
};

struct runtime_user {
        uint32_t uid;
        uint32_t gid;
        struct opt_u64 umask;
        const uint32_t *additional_gids;
        size_t additional_gid_count;
};

/* Names as written ("CAP_CHOWN"); NULL when the set is absent. */
struct runtime_capabilities {
        const char *const *bounding;
        const char *const *effective;
        const char *const *inheritable;
        const char *const *permitted;
        const char *const *ambient;
};

struct runtime_rlimit {
        const char *type; /* "RLIMIT_NOFILE" */
        uint64_t soft;
        uint64_t hard;
};

struct runtime_scheduler {
        const char *policy; /* "SCHED_OTHER"; NULL: not given */
        int32_t nice;
        int32_t priority;
        const char *const *flags;
        uint64_t runtime;
        uint64_t deadline;
        uint64_t period;
};

struct runtime_process {
        bool terminal;
        uint32_t console_height; /* characters; 0: not given */
        uint32_t console_width;
        struct runtime_user user;
        const char *const *args; /* NULL or at least one item */
        const char *const *env;  /* never NULL after parsing */
        const char *cwd;
        const struct runtime_capabilities *capabilities; /* NULL: absent */
        const struct runtime_rlimit *rlimits;
        size_t rlimit_count;
        bool no_new_privileges;
        const char *apparmor_profile;
        const char *selinux_label;
        struct opt_i64 oom_score_adj;
        struct runtime_scheduler scheduler;
        const char *io_priority_class; /* "IOPRIO_CLASS_BE"; NULL: absent */
        int32_t io_priority;
        const char *exec_cpu_affinity_initial; /* "0-3,7"; NULL: absent */
        const char *exec_cpu_affinity_final;
};

struct runtime_hook {
        const char *path;        /* absolute */
        const char *const *args; /* argv with argv[0]; NULL: {path} */
        const char *const *env;  /* NULL: an empty environment */
        struct opt_i64 timeout;  /* seconds */
};

enum runtime_hook_point {
        HOOK_PRESTART,
        HOOK_CREATE_RUNTIME,
        HOOK_CREATE_CONTAINER,
        HOOK_START_CONTAINER,
        HOOK_POSTSTART,
        HOOK_POSTSTOP,
        HOOK_POINT_COUNT,
};

/** The name of a hook point in config.json: "createRuntime". */
const char *runtime_hook_point_name(enum runtime_hook_point point);

struct runtime_hooks {
        const struct runtime_hook *items;
        size_t count;
};

enum runtime_namespace_type {
        NAMESPACE_MOUNT,
        NAMESPACE_PID,
        NAMESPACE_NETWORK,
        NAMESPACE_UTS,
        NAMESPACE_IPC,
        NAMESPACE_USER,
        NAMESPACE_CGROUP,
        NAMESPACE_TIME,
        NAMESPACE_TYPE_COUNT,
};

/* Lists of numbers ("0-3,7") name processors and memory nodes below these. */
#define RUNTIME_CPUS_MAX 8192
#define RUNTIME_NODES_MAX 1024

/** The memory policy's modes and flags that config.json may name, NULL-terminated. */
extern const char *const runtime_memory_policy_modes[];
extern const char *const runtime_memory_policy_flags[];

/** The name of a namespace type in config.json: "network". */
const char *runtime_namespace_type_name(enum runtime_namespace_type type);

/* Indexed by type: a namespace the container has of its own, new or joined. */
struct runtime_namespace {
        bool present;
        const char *path; /* NULL: create a new one */
};

/** Tells which kind of namespace a kernel parameter ("net.ipv4.ip_forward") belongs to; false: it is the machine's. */
bool runtime_sysctl_namespace(const char *key, enum runtime_namespace_type *type);

struct runtime_device {
        char type; /* 'c', 'b', 'u' or 'p' */
        const char *path;
        int64_t major;
        int64_t minor;
        struct opt_u64 file_mode;
        struct opt_u64 uid;
        struct opt_u64 gid;
};

struct runtime_device_rule {
        bool allow;
        char type;            /* 'a' (all), 'c' or 'b' */
        struct opt_i64 major; /* not set, or -1: every major */
        struct opt_i64 minor;
        const char *access; /* of "rwm"; never NULL after parsing */
};

struct runtime_block_rate {
        int64_t major;
        int64_t minor;
        uint64_t rate; /* bytes or operations a second */
};

struct runtime_block_rates {
        const struct runtime_block_rate *items;
        size_t count;
};

struct runtime_block_weight {
        int64_t major;
        int64_t minor;
        struct opt_u64 weight;
        struct opt_u64 leaf_weight;
};

struct runtime_hugepage_limit {
        const char *page_size; /* "2MB" */
        uint64_t limit;        /* bytes */
};

struct runtime_rdma {
        const char *device;
        struct opt_u64 hca_handles;
        struct opt_u64 hca_objects;
};

struct runtime_network_priority {
        const char *name;
        uint32_t priority;
};

#define RUNTIME_NO_LIMIT (-1)

struct runtime_resources {
        const struct runtime_device_rule *devices;
        size_t device_count;
        struct {
                struct opt_i64 limit; /* bytes; -1: none. Likewise below */
                struct opt_i64 reservation;
                struct opt_i64 swap; /* memory and swap together */
                struct opt_i64 kernel;
                struct opt_i64 kernel_tcp;
                struct opt_u64 swappiness;
                struct opt_bool disable_oom_killer;
                struct opt_bool use_hierarchy;
                struct opt_bool check_before_update;
        } memory;
        struct {
                struct opt_u64 shares;
                struct opt_i64 quota; /* microseconds; -1: none */
                struct opt_u64 burst;
                struct opt_u64 period;
                struct opt_i64 realtime_runtime;
                struct opt_u64 realtime_period;
                struct opt_i64 idle;
                const char *cpus; /* "0-3,7" */
                const char *mems;
                bool present; /* if only as an empty object */
        } cpu;
        struct opt_i64 pids_limit; /* RUNTIME_NO_LIMIT: none */
        struct {
                struct opt_u64 weight;
                struct opt_u64 leaf_weight;
                const struct runtime_block_weight *weight_devices;
                size_t weight_device_count;
                struct runtime_block_rates throttle_read_bps;
                struct runtime_block_rates throttle_write_bps;
                struct runtime_block_rates throttle_read_iops;
                struct runtime_block_rates throttle_write_iops;
        } block_io;
        const struct runtime_hugepage_limit *hugepage_limits;
        size_t hugepage_limit_count;
        struct {
                struct opt_u64 class_id;
                const struct runtime_network_priority *priorities;
                size_t priority_count;
        } network;
        const struct runtime_rdma *rdma;
        size_t rdma_count;
        struct runtime_pairs unified;
};

struct runtime_seccomp_arg {
        uint32_t index;
        uint64_t value;
        uint64_t value_two;
        const char *op; /* "SCMP_CMP_EQ" */
};

struct runtime_seccomp_rule {
        const char *const *names;
        const char *action; /* "SCMP_ACT_ALLOW" */
        struct opt_u64 errno_ret;
        const struct runtime_seccomp_arg *args;
        size_t arg_count;
};

struct runtime_seccomp {
        const char *default_action;
        struct opt_u64 default_errno_ret;
        const char *const *architectures; /* NULL: absent */
        const char *const *flags;         /* NULL: absent */
        const char *listener_path;
        const char *listener_metadata;
        const struct runtime_seccomp_rule *rules; /* "syscalls" in config.json */
        size_t rule_count;
};

struct runtime_time_offset {
        bool set;
        int64_t secs;
        uint32_t nanosecs;
};

struct runtime_net_device {
        const char *host_name;
        const char *name; /* inside the container; NULL: the same */
};

struct runtime_memory_policy {
        const char *mode;  /* "MPOL_BIND"; NULL: an empty section, which asks for nothing */
        const char *nodes; /* "0-3,7"; NULL: absent */
        const char *const *flags;
};

struct runtime_intel_rdt {
        const char *clos_id; /* a directory of resctrl, or "/" for its root; NULL: the container's id */
        const char *const *schemata;
        const char *l3_cache_schema;
        const char *mem_bw_schema;
        bool enable_monitoring;
};

struct runtime_linux {
        struct runtime_namespace namespaces[NAMESPACE_TYPE_COUNT];
        struct runtime_id_mappings uid_mappings;
        struct runtime_id_mappings gid_mappings;
        struct runtime_time_offset boottime;
        struct runtime_time_offset monotonic;
        const struct runtime_device *devices;
        size_t device_count;
        const struct runtime_net_device *net_devices;
        size_t net_device_count;
        const char *cgroups_path;
        const struct runtime_resources *resources; /* NULL: absent */
        const char *rootfs_propagation;
        const struct runtime_seccomp *seccomp; /* NULL: absent */
        struct runtime_pairs sysctl;
        const char *const *masked_paths;   /* never NULL after parsing */
        const char *const *readonly_paths; /* never NULL after parsing */
        const char *mount_label;
        const struct runtime_intel_rdt *intel_rdt;         /* NULL: absent */
        const struct runtime_memory_policy *memory_policy; /* NULL: absent */
        const char *personality_domain;                    /* "LINUX", "LINUX32"; NULL: absent */
        const char *const *personality_flags;
};

struct runtime_config {
        const char *oci_version;
        const struct runtime_root *root; /* NULL: absent */
        const struct runtime_mount *mounts;
        size_t mount_count;
        const struct runtime_process *process; /* NULL: absent */
        const char *hostname;
        const char *domainname;
        struct runtime_hooks hooks[HOOK_POINT_COUNT];
        struct runtime_pairs annotations;
        struct runtime_linux linux_; /* "linux" is a macro of GNU C */
};

/**
 * Reads a config from its document and checks what can be checked without the
 * host: types, ranges, required members, absolute paths, known names, and
 * combinations the specification forbids.
 * @root: the document; must live as long as the config (same arena)
 * Returns 0, or a negative errno with the field in the message
 * ("mounts[3].destination: required, but missing").
 */
int runtime_config_parse(struct arena *arena, const struct json *root, struct runtime_config *out, struct error *err);

/** Warns of what a parsed config says in a deprecated way. */
void runtime_config_warn(struct arena *arena, const struct json *root, const struct runtime_config *config);

/** Parses a "process" object on its own, as `exec --process` takes it. */
int runtime_process_parse(struct arena *arena, const struct json *object, struct runtime_process *out,
                          struct error *err);

/** Parses a "linux.resources" object on its own, as `update -r` takes it. */
int runtime_resources_parse(struct arena *arena, const struct json *object, struct runtime_resources *out,
                            struct error *err);

/** Writes the config as a document, config.json's content; the writer is the caller's. */
void runtime_config_write(struct json_writer *writer, const struct runtime_config *config);

/** Writes the "process" object alone (for `exec --process`). */
void runtime_process_write(struct json_writer *writer, const char *key, const struct runtime_process *process);
