/*
 * seccomp.h: from linux.seccomp to a loaded filter. Compiled in the parent with
 * libseccomp, once per distinct profile (programs are cached by digest), and
 * loaded by init or exec with one system call.
 */
#pragma once

#include <stddef.h>

#include "../../lib/error.h"
#include "../../lib/json.h"
#include "../../lib/memory.h"
#include "../../spec/runtime_config.h"

/* A compiled filter: BPF code as seccomp(2) takes it. */
struct seccomp_program {
        void *code;         /* struct sock_filter[], freed by seccomp_program_free() */
        size_t size;        /* bytes */
        unsigned int flags; /* SECCOMP_FILTER_FLAG_* */
        bool notify;        /* some rule notifies: seccomp_program_load() returns the listener fd */
};

/**
 * Compiles a profile. Unknown syscall names are skipped, as runc does; unknown
 * actions, operators, architectures and flags are errors that name them.
 * @cache_dir_fd: a directory only root may write in, or -1 for no cache
 */
int seccomp_compile(const struct runtime_seccomp *seccomp, int cache_dir_fd, struct seccomp_program *out,
                    struct error *err);

/**
 * Loads the filter into the calling process. The caller has set no_new_privs or holds CAP_SYS_ADMIN.
 * Returns the listener fd if the program notifies, else 0, or a negative errno.
 */
int seccomp_program_load(const struct seccomp_program *program, struct error *err);

/** Sends the listener fd with the container's state to linux.seccomp.listenerPath (config-linux.md,
 * containerProcessState). */
int seccomp_send_listener(const struct runtime_seccomp *seccomp, int listener_fd, const char *container_process_state,
                          struct error *err);

/** Writes what `features` says of seccomp: the members of the object that the caller has begun and will end. */
void seccomp_put_features(struct json_writer *writer);

/** The version of libseccomp, as "2.5.4", owned by the arena. */
const char *seccomp_library_version(struct arena *arena);

void seccomp_program_free(struct seccomp_program *program);
