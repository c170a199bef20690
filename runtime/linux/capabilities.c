#include "capabilities.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/log.h"
#include "../../lib/str.h"

/* Names by capability number, as linux/capability.h has them. A new kernel's newcomers go at the end. */
static const char *const capability_names[] = {
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN",
        "CAP_NET_RAW",
        "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_SYS_MODULE",
        "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE",
        "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT",
        "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG",
        "CAP_MKNOD",
        "CAP_LEASE",
        "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE",
        "CAP_MAC_ADMIN",
        "CAP_SYSLOG",
        "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ",
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
};

#define CAPABILITY_COUNT ARRAY_SIZE(capability_names)
#define BIT(number) (UINT64_C(1) << (number))

/* The number of capabilities this kernel has: PR_CAPBSET_READ refuses the first one beyond. */
static size_t kernel_count(void) {
        size_t low = 0, high = 64;

        /* The usual kernel has the capabilities of this table and no others. */
        if (prctl(PR_CAPBSET_READ, CAPABILITY_COUNT - 1, 0, 0, 0) >= 0)
                low = CAPABILITY_COUNT;
        if (low > 0 && prctl(PR_CAPBSET_READ, CAPABILITY_COUNT, 0, 0, 0) < 0)
                return low;
        while (low < high) {
                size_t middle = (low + high) / 2;

                if (prctl(PR_CAPBSET_READ, (unsigned long) middle, 0, 0, 0) >= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int own_sets(struct __user_cap_data_struct data[2], struct error *err) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

        if (syscall(SYS_capget, &header, data) < 0)
                return error_errno(err, errno, "process.capabilities: cannot read this process's own capabilities");
        return 0;
}

struct resolution {
        uint64_t held;   /* what this process holds and can hand on */
        uint64_t warned; /* capabilities complained about already */
        size_t known;    /* how many the kernel has */
};

static int find_name(const char *name) {
        for (size_t i = 0; i < CAPABILITY_COUNT; i++)
                if (strcasecmp(capability_names[i], name) == 0)
                        return (int) i;
        return -1;
}

/* A profile names an unknown capability in several sets: one warning is enough for each name. */
static bool seen_before(const char *const *const *sets, size_t upto, const char *const *position) {
        for (size_t i = 0; i <= upto; i++)
                for (const char *const *name = sets[i]; name && *name; name++) {
                        if (name == position)
                                return false;
                        if (strcasecmp(*name, *position) == 0)
                                return true;
                }
        return false;
}

static uint64_t resolve_set(struct resolution *state, const char *const *const *sets, size_t which) {
        uint64_t bits = 0;

        for (const char *const *name = sets[which]; name && *name; name++) {
                int number = find_name(*name);

                if (number < 0 || (size_t) number >= state->known) {
                        if (!seen_before(sets, which, name))
                                log_warning("process.capabilities: %s is unknown to %s: left out", *name,
                                            number < 0 ? "this program" : "this kernel");
                        continue;
                }
                if (!(state->held & BIT(number))) {
                        if (!(state->warned & BIT(number)))
                                log_warning("process.capabilities: %s is not held by this process: left out", *name);
                        state->warned |= BIT(number);
                        continue;
                }
                bits |= BIT(number);
        }
        return bits;
}

/* @held: the capabilities that can be handed on */
static int resolve(const struct runtime_capabilities *names, uint64_t held, struct capability_sets *out,
                   struct error *err) {
        struct resolution state = {.held = held, .known = kernel_count()};
        const char *const *const sets[] = {names->bounding, names->permitted, names->effective, names->inheritable,
                                           names->ambient};
        uint64_t *const results[] = {&out->bounding, &out->permitted, &out->effective, &out->inheritable,
                                     &out->ambient};

        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                *results[i] = resolve_set(&state, sets, i);

        /* The kernel wants effective within permitted, and ambient within permitted and inheritable. */
        if (out->effective & ~out->permitted)
                return error_set(err, EINVAL,
                                 "process.capabilities.effective: holds capabilities that permitted does not");
        if (out->ambient & ~(out->permitted & out->inheritable)) {
                log_debug("process.capabilities.ambient: left out what is not both permitted and inheritable");
                out->ambient &= out->permitted & out->inheritable;
        }
        return 0;
}

int capabilities_resolve(const struct runtime_capabilities *names, struct capability_sets *out, struct error *err) {
        struct __user_cap_data_struct own[2] = {0};
        int r;

        *out = (struct capability_sets){0};
        if (!names)
                return 0;
        r = own_sets(own, err);
        return r < 0 ? r : resolve(names, (uint64_t) own[1].permitted << 32 | own[0].permitted, out, err);
}

int capabilities_resolve_in_user_namespace(const struct runtime_capabilities *names, struct capability_sets *out,
                                           struct error *err) {
        *out = (struct capability_sets){0};
        return names ? resolve(names, UINT64_MAX, out, err) : 0;
}

int capabilities_drop_bounding(const struct capability_sets *sets, struct error *err) {
        for (unsigned long number = 0; number < 64; number++) {
                if (sets->bounding & BIT(number))
                        continue;
                if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0)
                        continue;
                if (errno == EINVAL)
                        break; /* beyond the kernel's last capability */
                /* Dropping what is not there takes CAP_SETPCAP too, and is not worth failing for. */
                if (errno == EPERM && prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0)
                        continue;
                return error_errno(err, errno, "process.capabilities.bounding: cannot drop %s",
                                   number < CAPABILITY_COUNT ? capability_names[number] : "an unnamed capability");
        }
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return error_errno(err, errno, "process.capabilities: cannot keep capabilities over a change of user");
        return 0;
}

/*
 * Ambient comes last: the kernel lets a capability in only when it is permitted
 * and inheritable by then. All are cleared first, so that nothing the runtime's
 * caller had set passes (CVE-2022-29162 was the like with inheritable).
 */
static int apply_ambient(uint64_t ambient, struct error *err) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
                /* Kernels before 4.3 have no ambient set. */
                if (errno == EINVAL && ambient == 0)
                        return 0;
                return error_errno(err, errno, "process.capabilities.ambient: cannot clear the set");
        }
        for (unsigned long number = 0; number < CAPABILITY_COUNT; number++)
                if ((ambient & BIT(number)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
                        return error_errno(err, errno, "process.capabilities.ambient: cannot raise %s",
                                           capability_names[number]);
        return 0;
}

int capabilities_apply(const struct capability_sets *sets, struct error *err) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2];

        for (size_t i = 0; i < ARRAY_SIZE(data); i++)
                data[i] = (struct __user_cap_data_struct){
                        .effective = (uint32_t) (sets->effective >> (32 * i)),
                        .permitted = (uint32_t) (sets->permitted >> (32 * i)),
                        .inheritable = (uint32_t) (sets->inheritable >> (32 * i)),
                };
        if (syscall(SYS_capset, &header, data) < 0)
                return error_errno(err, errno, "process.capabilities: cannot set them");
        return apply_ambient(sets->ambient, err);
}

const char *const *capabilities_known(void) {
        static const char *known[CAPABILITY_COUNT + 1];

        if (!known[0]) {
                size_t count = kernel_count();

                if (count > CAPABILITY_COUNT)
                        count = CAPABILITY_COUNT;
                memcpy(known, capability_names, count * sizeof(*known));
        }
        return known;
}
