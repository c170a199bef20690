/*
 * oom.h: whether the kernel killed for want of memory in a container.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/** The file that counts it for the process's memory cgroup, v1 or v2; the caller frees it. NULL: cannot be told. */
char *oom_file_of(pid_t pid);

/** True if the count in that file is above zero. */
bool oom_happened(const char *file);
