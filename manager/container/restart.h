/*
 * restart.h: when a container that ended is started again (--restart).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../../lib/error.h"

enum restart_kind { RESTART_NO, RESTART_ALWAYS, RESTART_UNLESS_STOPPED, RESTART_ON_FAILURE };

struct restart_policy {
        enum restart_kind kind;
        int64_t max; /* tries of on-failure; 0: no limit */
};

/** Reads "no", "always", "unless-stopped", "on-failure[:N]"; NULL and "" mean no. */
int restart_policy_parse(const char *text, struct restart_policy *out, struct error *err);

/** docker's name of the policy. */
const char *restart_policy_name(enum restart_kind kind);

/** True if a container that ended with this exit code, after `count` restarts, is to be started again. */
bool restart_wanted(const struct restart_policy *policy, int exit_code, int64_t count);

/**
 * How long to wait before the next start: 100 ms, doubled each time up to a minute.
 * @ran_ns: how long it ran; ten seconds or more start over at 100 ms
 * @last_ns: the wait before; 0: none
 */
int64_t restart_delay(int64_t last_ns, int64_t ran_ns);
