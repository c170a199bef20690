#include "oom.h"

#include <fcntl.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/str.h"

#define FILE_MAX ((size_t) 65536)

char *oom_file_of(pid_t pid) {
        _cleanup_free_ char *path = str_format("/proc/%d/cgroup", (int) pid), *text = NULL;
        _cleanup_str_list_ struct str_list lines = {0};
        const char *unified = NULL;

        if (file_read(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) < 0)
                return NULL;
        str_list_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.count; i++) {
                _cleanup_str_list_ struct str_list controllers = {0};
                char *first = strchr(lines.items[i], ':'), *second = first ? strchr(first + 1, ':') : NULL;

                if (!second)
                        continue;
                *second = '\0';
                str_list_split(&controllers, first + 1, ',');
                if (str_list_contains(&controllers, "memory"))
                        return str_format("/sys/fs/cgroup/memory%s/memory.oom_control", second + 1);
                if (first[1] == '\0')
                        unified = second + 1;
        }
        return unified ? str_format("/sys/fs/cgroup%s/memory.events", unified) : NULL;
}

bool oom_happened(const char *file) {
        _cleanup_str_list_ struct str_list lines = {0};
        _cleanup_free_ char *text = NULL;

        if (!file || file_read(AT_FDCWD, file, FILE_MAX, &text, NULL, NULL) < 0)
                return false;
        str_list_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.count; i++)
                if (str_starts_with(lines.items[i], "oom_kill ") && !str_equal(lines.items[i], "oom_kill 0"))
                        return true;
        return false;
}
