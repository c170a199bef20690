/*
 * layer_tar.h: an overlay upperdir written as a layer's tar (image-spec
 * layer.md): what overlay marks with devices and attributes becomes .wh. files.
 */
#pragma once

#include <stdint.h>

#include "../../lib/error.h"
#include "../../lib/sha256.h"

/**
 * Writes the tar, compressed with gzip, in an order that depends on names alone.
 * @upper_fd: the directory
 * @out_fd: gets the compressed tar
 * @digest, @size: of what was written
 */
int layer_tar_write(int upper_fd, int out_fd, char digest[SHA256_HEX_SIZE], uint64_t *size, struct error *err);
