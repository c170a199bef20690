/* Control files: one write(2) sets, one read(2) gets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "cgroup_private.h"

int cgroup_file_put(int dir_fd, const char *file, const char *value) {
        _cleanup_fd_ int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = write(fd, value, strlen(value));
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

int cgroup_file_error(struct error *err, int code, const char *property, const char *file, const char *value) {
        switch (code) {
        case ENOENT:
                return error_set(err, EOPNOTSUPP, "%s: this host has no %s", property, file);
        case EOPNOTSUPP:
                return error_set(err, EOPNOTSUPP, "%s: this kernel has no such limit any more (%s)", property, file);
        case EINVAL:
        case ERANGE:
                return error_set(err, code, "%s: the kernel refuses the value %s for %s", property, value, file);
        case EBUSY:
                return error_set(err, code, "%s: %s is in use beyond the value %s", property, file, value);
        default:
                return error_errno(err, code, "%s: cannot set %s to %s", property, file, value);
        }
}

int cgroup_file_set(int dir_fd, const char *file, const char *value, const char *property, struct error *err) {
        int r = cgroup_file_put(dir_fd, file, value);

        return r < 0 ? cgroup_file_error(err, -r, property, file, value) : 0;
}

int cgroup_file_get(int dir_fd, const char *file, char *buffer, size_t size) {
        _cleanup_fd_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
        size_t used = 0;

        if (fd < 0)
                return -errno;
        while (used < size - 1) {
                ssize_t n = read(fd, buffer + used, size - 1 - used);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                used += (size_t) n;
        }
        buffer[used] = '\0';
        return (int) used;
}

int cgroup_file_get_number(int dir_fd, const char *file, uint64_t *out) {
        char text[64];
        char *end = NULL;
        int r = cgroup_file_get(dir_fd, file, text, sizeof(text));

        if (r < 0)
                return r;
        if (str_starts_with(text, "max")) {
                *out = UINT64_MAX;
                return 0;
        }
        errno = 0;
        *out = strtoull(text, &end, 10);
        return errno || end == text ? -EINVAL : 0;
}

bool cgroup_text_number(const char *text, const char *key, uint64_t *out) {
        size_t size = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                if (*line == '\n')
                        line++;
                if (strncmp(line, key, size) == 0 && line[size] == ' ') {
                        *out = strtoull(line + size + 1, NULL, 10);
                        return true;
                }
        }
        return false;
}

int cgroup_cpu_set(const char *list, unsigned char *set, size_t size) {
        size_t used = 0;

        memset(set, 0, size);
        for (const char *at = list + strspn(list, ", \n"); *at; at += strspn(at, ", \n")) {
                char *stop = NULL;
                unsigned long first, last;

                if (*at < '0' || *at > '9')
                        return -EINVAL;
                first = last = strtoul(at, &stop, 10);
                if (*stop == '-') {
                        if (stop[1] < '0' || stop[1] > '9')
                                return -EINVAL;
                        last = strtoul(stop + 1, &stop, 10);
                }
                if (last < first || last / 8 >= size)
                        return -EINVAL;
                for (unsigned long i = first; i <= last; i++)
                        set[i / 8] |= (unsigned char) (1U << (i % 8));
                used = last / 8 + 1 > used ? last / 8 + 1 : used;
                at = stop;
        }
        return (int) used;
}

int cgroup_bandwidth_read(const struct cgroup *cgroup, struct cgroup_bandwidth *out) {
        int index = cgroup_find_controller(cgroup, "cpu");
        int dir_fd = cgroup_directory(cgroup, (size_t) (index >= 0 ? index : cgroup->unified));
        char text[64];
        long long quota = -1;
        unsigned long long period = 0;
        int r;

        if (index < 0) {
                r = dir_fd < 0 ? dir_fd : cgroup_file_get(dir_fd, "cpu.max", text, sizeof(text));
                if (r < 0)
                        return r;
                if (sscanf(text, "max %llu", &period) != 1 && sscanf(text, "%lld %llu", &quota, &period) != 2)
                        return -EINVAL;
        } else {
                r = dir_fd < 0 ? dir_fd : cgroup_file_get_number(dir_fd, "cpu.cfs_period_us", &out->period);
                if (r < 0 || (r = cgroup_file_get(dir_fd, "cpu.cfs_quota_us", text, sizeof(text))) < 0)
                        return r;
                period = out->period;
                quota = strtoll(text, NULL, 10);
        }
        *out = (struct cgroup_bandwidth){.quota = quota < 0 ? -1 : quota, .period = period};
        return 0;
}

int cgroup_values_set(int dir_fd, struct cgroup_value *values, size_t count, struct error *err) {
        const struct cgroup_value *refused = NULL;
        bool progress = true;
        int code = 0;

        while (progress) {
                progress = false;
                refused = NULL;
                for (size_t i = 0; i < count; i++) {
                        int r;

                        if (values[i].done)
                                continue;
                        r = cgroup_file_put(dir_fd, values[i].file, values[i].text);
                        if (r == 0 || ((r == -ENOENT || r == -EOPNOTSUPP) && values[i].optional)) {
                                values[i].done = progress = true;
                                continue;
                        }
                        if (r != -EINVAL && r != -EBUSY)
                                return cgroup_file_error(err, -r, values[i].property, values[i].file, values[i].text);
                        if (!refused) {
                                refused = &values[i];
                                code = -r;
                        }
                }
        }
        return refused ? cgroup_file_error(err, code, refused->property, refused->file, refused->text) : 0;
}
