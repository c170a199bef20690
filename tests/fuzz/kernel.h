/*
 * kernel.h: a kernel for netplug's targets: it answers on netlink sockets what the input says, and lets nothing
 * of the machine be changed. A target that has this header is linked with kernel.c, where the list of calls is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * What comes next on netlink: parts of two bytes of length (the first is the higher one) and as many bytes, each
 * the answer to one recv(2). Their messages get the number of the last request. After the last part, everything
 * is acknowledged.
 */
void kernel_answers(const uint8_t *data, size_t size);
