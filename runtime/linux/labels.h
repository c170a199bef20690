/*
 * labels.h: what security modules are told about the program: AppArmor's
 * profile and SELinux's label (config.md, process.apparmorProfile and
 * process.selinuxLabel), and about its files (linux.mountLabel).
 *
 * A kernel without the module cannot confine the program as asked, and that is
 * an error. "unconfined" asks AppArmor for nothing, so it passes everywhere.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** An error for linux.mountLabel unless this host has SELinux. @label: NULL: none */
int labels_check_mounts(const char *label, struct error *err);

/** An error that names the property unless this host has the module that it needs. */
int labels_check(const struct runtime_process *process, struct error *err);

/**
 * Sets what the next execve(2) of the calling process gives the program.
 * @proc_fd: from procfs_open()
 */
int labels_apply(const struct runtime_process *process, int proc_fd, struct error *err);

/** Sets the SELinux label of keyrings that the calling process makes from here on. */
int labels_apply_keyring(const struct runtime_process *process, int proc_fd, struct error *err);
