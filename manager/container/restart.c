#include "restart.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"

#define MILLISECOND ((int64_t) 1000 * 1000)
#define FIRST_DELAY (100 * MILLISECOND)
#define LAST_DELAY (60 * 1000 * MILLISECOND)
#define GOOD_RUN (10 * 1000 * MILLISECOND)

static const char *const names[] = {
        [RESTART_NO] = "no",
        [RESTART_ALWAYS] = "always",
        [RESTART_UNLESS_STOPPED] = "unless-stopped",
        [RESTART_ON_FAILURE] = "on-failure",
};

const char *restart_policy_name(enum restart_kind kind) {
        return names[kind];
}

int restart_policy_parse(const char *text, struct restart_policy *out, struct error *err) {
        size_t size = text ? strcspn(text, ":") : 0;

        *out = (struct restart_policy){0};
        if (str_empty(text))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strlen(names[i]) != size || strncmp(names[i], text, size) != 0)
                        continue;
                out->kind = (enum restart_kind) i;
                if (text[size] == '\0')
                        return 0;
                if (i == RESTART_ON_FAILURE && str_to_i64(text + size + 1, 0, INT32_MAX, &out->max) == 0)
                        return 0;
        }
        return error_set(err, EINVAL,
                         "invalid restart policy: %s: expected no, always, unless-stopped or on-failure[:N]", text);
}

bool restart_wanted(const struct restart_policy *policy, int exit_code, int64_t count) {
        switch (policy->kind) {
        case RESTART_NO:
                return false;
        case RESTART_ALWAYS:
        case RESTART_UNLESS_STOPPED:
                return true;
        case RESTART_ON_FAILURE:
                return exit_code != 0 && (policy->max == 0 || count < policy->max);
        }
        return false;
}

int64_t restart_delay(int64_t last_ns, int64_t ran_ns) {
        int64_t next = last_ns == 0 || ran_ns >= GOOD_RUN ? FIRST_DELAY : last_ns * 2;

        return next > LAST_DELAY ? LAST_DELAY : next;
}
