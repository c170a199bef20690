/*
 * overlay.h: a container's root file system: its writable layer over the
 * image's shared layers.
 */
#pragma once

#include "../../lib/error.h"

/**
 * Mounts <directory>/upper over the layers on <directory>/merged.
 * @layers: directories, lowest first, NULL-terminated; may be empty
 */
int overlay_mount(const char *directory, const char *const *layers, struct error *err);

/** Unmounts <directory>/merged if something is mounted there. */
int overlay_unmount(const char *directory, struct error *err);
