/*
 * options.h: what `run` and `create` can be told about a container: one struct,
 * one table. The command line, --help and the container's record on disk all
 * come from the rows, so an option is remembered by being in the table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/json.h"
#include "../../lib/options.h"
#include "../../lib/str.h"

struct container_options {
        /* How the command itself behaves; its flags are below. */
        struct str_list attach;
        const char *detach_keys;
        const char *cidfile;
        const char *pull;

        const char *name;
        struct str_list env;
        struct str_list env_file;
        struct str_list label;
        const char *entrypoint;
        const char *workdir;
        const char *user;
        struct str_list group_add;
        const char *hostname;
        const char *domainname;
        const char *stop_signal;
        int64_t stop_timeout; /* seconds; -1: not given */
        const char *restart;

        /* Files. */
        struct str_list volume;
        struct str_list mount;
        struct str_list tmpfs;
        int64_t shm_size;

        /* Network. */
        struct str_list network;
        struct str_list network_alias;
        struct str_list publish;
        struct str_list expose;
        struct str_list add_host;
        struct str_list dns;
        struct str_list dns_search;
        struct str_list dns_option;
        const char *ip;
        const char *mac_address;

        /* Limits; 0: not given. */
        int64_t memory;
        int64_t memory_swap;
        int64_t memory_reservation;
        int64_t memory_swappiness; /* -1: not given */
        double cpus;
        int64_t cpu_shares;
        int64_t cpu_period;
        int64_t cpu_quota;
        const char *cpuset_cpus;
        const char *cpuset_mems;
        int64_t pids_limit;
        int64_t blkio_weight;
        int64_t oom_score_adj;
        struct str_list ulimit;
        const char *cgroup_parent;

        /* Rights. */
        struct str_list cap_add;
        struct str_list cap_drop;
        struct str_list security_opt;
        struct str_list sysctl;
        struct str_list device;
        const char *userns;
        const char *pid;
        const char *ipc;
        const char *uts;
        const char *cgroupns;

        /* Flags, in the order of the groups above. */
        bool detach;
        bool interactive;
        bool tty;
        bool remove;
        bool no_proxy;
        bool init;
        bool read_only;
        bool publish_all;
        bool oom_kill_disable;
        bool privileged;
};

/* What an option that was not given holds. */
#define CONTAINER_OPTIONS_DEFAULT                                                                                      \
        { .stop_timeout = -1, .memory_swappiness = -1 }

extern const struct option_row container_option_rows[];

/** Frees the lists; strings belong to argv or to an arena. */
void container_options_free(struct container_options *options);

/** Writes every option that differs from its zero value as a member named like the option. */
void container_options_write(struct json_writer *writer, const char *key, const struct container_options *options);

/** Reads back what container_options_write() wrote; strings point into the tree. */
int container_options_read(const struct json *object, struct container_options *options, struct error *err);
