/*
 * record.h: containers on disk. <root>/containers/<id>/ holds config.json (what
 * the container is; written once), state.json (what became of it; written by
 * its monitor), the overlay's upper and work, the log and the generated /etc
 * files. <root>/names/<name> is a link to the id. What dies with a reboot is
 * in <run-root>/containers/<id>/.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../lib/error.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"
#include "../manager.h"
#include "options.h"

#define CONTAINER_ID_SIZE 65
#define CONTAINER_ID_SHORT 12

enum container_status {
        STATUS_CREATED,
        STATUS_RUNNING,
        STATUS_PAUSED,
        STATUS_RESTARTING,
        STATUS_EXITED,
        STATUS_DEAD, /* its monitor was killed and nothing of it runs any more */
};

/** docker's word: "created", "running", … */
const char *container_status_name(enum container_status status);

struct container_state {
        enum container_status status;
        pid_t pid; /* of its init, as this machine's pid namespace counts; 0: none */
        uint64_t pid_start;
        pid_t monitor;
        uint64_t monitor_start;
        int exit_code;
        bool oom_killed;
        int64_t started_at;  /* nanoseconds since 1970; 0: never */
        int64_t finished_at; /* likewise */
        int64_t restart_count;
        const char *error;
};

struct container_mount {
        const char *type;        /* "bind", "volume" or "tmpfs" */
        const char *name;        /* of the volume */
        const char *source;      /* host path; NULL for tmpfs */
        const char *destination; /* in the container */
        const char *options;     /* "ro,rslave", tmpfs data; "" for none */
        bool read_only;
        bool anonymous; /* a volume that goes with the container at rm -v or --rm */
};

struct container {
        struct arena *arena; /* owns everything here */
        const char *directory;
        const char *run_directory;
        char id[CONTAINER_ID_SIZE];
        const char *name;
        int64_t created; /* nanoseconds since 1970 */
        const char *image;
        const char *image_id; /* hexadecimal */
        const char *const *entrypoint;
        const char *const *cmd;
        const char *const *args; /* entrypoint and cmd together */
        const char *const *env;
        const char *working_dir;
        const char *user;
        const char *hostname;
        const char *stop_signal;
        const char *const *exposed_ports;
        const struct string_pair *labels;
        size_t label_count;
        const char *const *layers; /* directories, lowest first */
        const struct container_mount *mounts;
        size_t mount_count;
        struct container_options options;
        struct container_state state; /* as of the last container_refresh() */
};

/** A new container in memory, with an id of its own and nothing on disk. */
struct container *container_new(const struct manager *manager);
void container_free(struct container *container);

/** Writes a new container to disk and takes its name. -EEXIST: "name … is in use by container …". */
int container_save_new(const struct manager *manager, struct container *container, struct error *err);

/** Finds a container by name, id or a unique prefix of an id. -ENOENT: "No such container: X". */
int container_find(const struct manager *manager, const char *name, struct container **out, struct error *err);

/**
 * All containers, newest first. The caller frees each and the list (container_list_free()), whatever is returned.
 * A negative errno tells that some could not be read, and why the first could not: they are missing in the list.
 */
int container_list(const struct manager *manager, struct container ***out, size_t *count, struct error *err);
void container_list_free(struct container **containers, size_t count);

/** Reads state.json again and corrects it where processes have died unseen. */
int container_refresh(struct container *container, struct error *err);

/** Replaces state.json by container->state. Only the monitor writes it while it lives. */
int container_save_state(const struct container *container, struct error *err);

/** True while the container's init process lives. */
bool container_is_running(const struct container *container);
/** True while its monitor lives. */
bool container_has_monitor(const struct container *container);

/**
 * Takes the container for this process and those it forks, so that no other command starts or removes it.
 * Waits while another command holds it shortly; -EBUSY once a monitor holds it.
 * Returns the fd that holds the lock, or a negative errno.
 */
int container_lock(struct container *container, struct error *err);

/** Gives the container another name. -EEXIST: taken. */
int container_rename(const struct manager *manager, struct container *container, const char *name, struct error *err);

/** Removes the container's files and its name; whatever it mounted or ran must be gone. */
int container_remove_files(const struct manager *manager, struct container *container, struct error *err);

/* Marks: small facts set by other commands than the monitor, as empty files. */
#define CONTAINER_MARK_STOPPED "stopped" /* by hand: the restart policy must not start it */
#define CONTAINER_MARK_PAUSED "paused"
void container_mark(const struct container *container, const char *mark, bool set);
bool container_is_marked(const struct container *container, const char *mark);
