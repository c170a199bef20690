/*
 * criu.h: criu(8), the program that saves processes to files and makes processes
 * of them again. It is run for one request, which it takes over a socket ("criu
 * swrk", messages of Protocol Buffers), and asks back on the way (notifications).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/str.h"

/* Numbers of the protocol. */
enum criu_action { CRIU_DUMP = 1, CRIU_RESTORE = 2, CRIU_PRE_DUMP = 4 };

/* What the callers of checkpoint and restore choose. */
struct criu_options {
        const char *program;     /* NULL: criu, looked up in PATH */
        const char *image_path;  /* where the files are; made for a dump */
        const char *work_path;   /* where criu writes its log; NULL: the same */
        const char *parent_path; /* files of an earlier dump, relative to image_path; NULL: none */
        const char *page_server; /* "ADDRESS:PORT" that memory goes to; NULL: none */
        const char *cgroup_mode; /* soft, full, strict or ignore; NULL: soft */
        const char *network_lock;
        const char *lsm_profile;
        const char *lsm_mount_context;
        const char *config_file;             /* of criu, overrides all of this; need not exist; NULL: none */
        const char *const *empty_namespaces; /* only "network" is known, and always wanted; NULL: none */
        int status_fd;                       /* gets a zero byte when pages can be fetched; -1: none */
        bool leave_running;
        bool tcp_established;
        bool tcp_skip_in_flight;
        bool tcp_close;
        bool ext_unix_sockets;
        bool shell_job;
        bool file_locks;
        bool lazy_pages;
        bool auto_dedup;
        bool link_remap;
        bool pre_dump;
};

#define CRIU_FDS_MAX 8

/* A request in the making. */
struct criu {
        const struct criu_options *options;
        enum criu_action action;
        struct str_buf message; /* the options as far as they are written */
        int image_fd;
        int work_fd;
        int inherited[CRIU_FDS_MAX]; /* what criu gets of our fds */
        size_t inherited_count;
        /* criu's process is there and has no request yet; more may be put. May be NULL. */
        int (*started)(struct criu *criu, void *data, pid_t pid, struct error *err);
        /*
         * criu has come to a step, named as criu(8) names those of --action-script. A failure makes criu take back
         * what it did. @pid: of the restored init, or 0. @fd: came with it, or -1; to be taken or left
         */
        int (*notify)(void *data, const char *step, pid_t pid, int *fd, struct error *err);
        void *data;
};

#define CRIU_INIT                                                                                                      \
        { .image_fd = -1, .work_fd = -1 }

/**
 * Checks the options, opens the directories and begins the request.
 * @criu: set to CRIU_INIT before; release with criu_end() whatever is returned
 */
int criu_begin(struct criu *criu, enum criu_action action, const struct criu_options *options, struct error *err);
void criu_end(struct criu *criu);

#define _cleanup_criu_ _cleanup_(criu_end)

/** The process to dump, with all its children, and the cgroup by which to freeze them (NULL: none). */
void criu_put_process(struct criu *criu, pid_t pid, const char *freezer);

/** The directory that is the container's root. */
void criu_put_root(struct criu *criu, const char *path);

/**
 * A mount from outside, which is not saved.
 * @key: dump: the mount point in the container; restore: the value that it was given at the dump
 * @value: dump: any name; restore: the directory or file to mount
 */
void criu_put_mount(struct criu *criu, const char *key, const char *value);

/** Something else from outside, as --external of criu(8) has it. */
void criu_put_external(struct criu *criu, const char *text);

/** An open file that takes the place of what had the key at the dump. -E2BIG: too many. */
int criu_put_file(struct criu *criu, int fd, const char *key, struct error *err);

/** A namespace that the restored processes join; the type as the kernel has it ("ipc"). */
void criu_put_namespace(struct criu *criu, const char *type, const char *path);

/** Where the cgroups of a controller ("" for v2) begin that the dump had at the container's cgroup. */
void criu_put_cgroup(struct criu *criu, const char *controller, const char *path);

/**
 * Runs criu and serves it until it is done.
 * Returns 0 or a negative errno; the message has the cause from criu's log, the hint the log's place.
 */
int criu_run(struct criu *criu, struct error *err);
