/*
 * sysctl.h: linux.sysctl: kernel parameters of the container's own namespaces.
 */
#pragma once

#include "../../lib/error.h"
#include "../../spec/runtime_config.h"

/** -EINVAL for a parameter of a namespace that is joined by path and is the caller's own: it would change the host. */
int sysctl_check(const struct runtime_linux *config, struct error *err);

/**
 * Writes the parameters, through the host's procfs: which namespace a file stands
 * for follows from the writing process.
 */
int sysctl_apply(int proc_fd, const struct runtime_pairs *parameters, struct error *err);
