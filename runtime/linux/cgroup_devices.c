/* Device rules: those every container gets, and the devices controller of v1. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "cgroup_private.h"

#define NUMBER(n)                                                                                                      \
        { .set = true, .value = (n) }
#define EVERY                                                                                                          \
        { .set = false }

/*
 * Nodes of any device may be made, for a node alone gives no access; and the
 * devices that config-linux.md promises every container work.
 */
const struct runtime_device_rule cgroup_default_device_rules[] = {
        {true, 'c', EVERY, EVERY, "m"},           {true, 'b', EVERY, EVERY, "m"},
        {true, 'c', NUMBER(1), NUMBER(3), "rwm"}, /* /dev/null */
        {true, 'c', NUMBER(1), NUMBER(5), "rwm"}, /* /dev/zero */
        {true, 'c', NUMBER(1), NUMBER(7), "rwm"}, /* /dev/full */
        {true, 'c', NUMBER(1), NUMBER(8), "rwm"}, /* /dev/random */
        {true, 'c', NUMBER(1), NUMBER(9), "rwm"}, /* /dev/urandom */
        {true, 'c', NUMBER(5), NUMBER(0), "rwm"}, /* /dev/tty */
        {true, 'c', NUMBER(5), NUMBER(2), "rwm"}, /* /dev/ptmx */
        {true, 'c', NUMBER(136), EVERY, "rwm"},   /* /dev/pts/N, and /dev/console, which is one of them */
};

const size_t cgroup_default_device_rule_count = ARRAY_SIZE(cgroup_default_device_rules);

static void number_text(struct opt_i64 number, char *out, size_t size) {
        if (number.set && number.value >= 0)
                (void) snprintf(out, size, "%lld", (long long) number.value);
        else
                (void) snprintf(out, size, "*");
}

/* devices.allow and devices.deny, each opened once for all rules. */
struct device_files {
        int dir_fd;
        int fds[2]; /* by "allow" */
};

static int write_text(struct device_files *files, bool allow, const char *text, struct error *err) {
        const char *name = allow ? "devices.allow" : "devices.deny";
        int *fd = &files->fds[allow];

        if (*fd < 0)
                *fd = openat(files->dir_fd, name, O_WRONLY | O_CLOEXEC);
        if (*fd < 0 || write(*fd, text, strlen(text)) < 0)
                return cgroup_file_error(err, errno, "linux.resources.devices", name, text);
        return 0;
}

static int write_rule(struct device_files *files, const struct runtime_device_rule *rule, struct error *err) {
        char major[24], minor[24], text[64];

        number_text(rule->major, major, sizeof(major));
        number_text(rule->minor, minor, sizeof(minor));
        /* "a" alone is all the kernel reads of a rule for every type. */
        if (rule->type == 'a')
                (void) snprintf(text, sizeof(text), "a");
        else
                (void) snprintf(text, sizeof(text), "%c %s:%s %s", rule->type, major, minor, rule->access);
        return write_text(files, rule->allow, text, err);
}

bool cgroup_device_rule_names_all(const struct runtime_device_rule *rule) {
        return rule->type == 'a' && !(rule->major.set && rule->major.value >= 0) &&
               !(rule->minor.set && rule->minor.value >= 0) && strlen(rule->access) == 3;
}

/*
 * A rule of type "a" that does not cover everything stands for one rule of
 * each type; the kernel would take it for all devices.
 */
static int apply_rule(struct device_files *files, const struct runtime_device_rule *rule, struct error *err) {
        struct runtime_device_rule part = *rule;
        int r;

        if (rule->type != 'a' || cgroup_device_rule_names_all(rule))
                return write_rule(files, rule, err);
        part.type = 'c';
        r = write_rule(files, &part, err);
        part.type = 'b';
        return r < 0 ? r : write_rule(files, &part, err);
}

static int apply_rules(struct device_files *files, const struct runtime_resources *resources, bool fresh,
                       struct error *err) {
        bool everything = false;
        int r = 0;

        for (size_t i = 0; r == 0 && i < resources->device_count; i++) {
                const struct runtime_device_rule *rule = &resources->devices[i];

                /* A new cgroup starts with nothing. */
                if (fresh && i == 0 && !rule->allow && cgroup_device_rule_names_all(rule))
                        continue;
                r = apply_rule(files, rule, err);
                everything = cgroup_device_rule_names_all(rule) ? rule->allow : everything;
        }
        for (size_t i = 0; r == 0 && !everything && i < cgroup_default_device_rule_count; i++)
                r = apply_rule(files, &cgroup_default_device_rules[i], err);
        return r;
}

int cgroup_v1_apply_devices(const struct cgroup *cgroup, const struct runtime_resources *resources, bool fresh,
                            struct error *err) {
        struct device_files files = {.fds = {-1, -1}};
        int index = cgroup_find_controller(cgroup, "devices");
        int r = 0;

        if (!fresh && resources->device_count == 0)
                return 0;
        if (index < 0) {
                if (cgroup->rootless)
                        return 0;
                return error_set(err, EOPNOTSUPP, "linux.resources.devices: this host has no devices controller");
        }
        files.dir_fd = cgroup_directory(cgroup, (size_t) index);
        if (files.dir_fd < 0)
                return error_errno(err, -files.dir_fd, "%s", cgroup->hierarchies[index].directory);

        /* A new cgroup may do what its parent may, until that is taken away. */
        if (fresh)
                r = write_text(&files, false, "a", err);
        if (r < 0 && cgroup->rootless)
                r = 0;
        else if (r == 0)
                r = apply_rules(&files, resources, fresh, err);
        fd_close_at(&files.fds[0]);
        fd_close_at(&files.fds[1]);
        return r;
}
