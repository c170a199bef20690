/*
 * subnet.h: IPv4 subnets for networks: checking the one that is asked for, or
 * choosing one that neither the host's routes nor another network uses.
 */
#pragma once

#include "../../lib/error.h"
#include "../../lib/str.h"

#define SUBNET_TEXT_SIZE 32

struct subnet {
        char text[SUBNET_TEXT_SIZE];        /* "10.88.0.0/16" */
        char gateway[SUBNET_TEXT_SIZE];     /* "10.88.0.1" */
        char range_first[SUBNET_TEXT_SIZE]; /* "" : the whole subnet */
        char range_last[SUBNET_TEXT_SIZE];
};

/**
 * @wanted: a subnet, or NULL to choose one
 * @gateway: NULL: the subnet's first address
 * @ip_range: a part of the subnet that addresses come from, or NULL
 * @taken: subnets of other networks
 * Returns 0, -EINVAL for what is no subnet, -EADDRINUSE for an overlap or when none is left.
 */
int subnet_choose(const char *wanted, const char *gateway, const char *ip_range, const struct str_list *taken,
                  struct subnet *out, struct error *err);
