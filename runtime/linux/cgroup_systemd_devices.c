/* Device rules as DevicePolicy and DeviceAllow of a unit (systemd.resource-control(5)). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/file.h"
#include "../../lib/str.h"
#include "cgroup_systemd.h"

#define PROC_DEVICES_MAX ((size_t) 1024 * 1024)

/* The name a major number has in /proc/devices, where each kind has a heading; the caller frees it. NULL: none. */
static char *driver_name(const char *devices, char type, int64_t major) {
        const char *line = devices ? strstr(devices, type == 'c' ? "Character devices:" : "Block devices:") : NULL;

        for (line = line ? strchr(line, '\n') : NULL; line && line[1] && line[1] != '\n';
             line = strchr(line + 1, '\n')) {
                long long number;
                char name[64];

                if (sscanf(line, " %lld %63s", &number, name) == 2 && number == major)
                        return xstrdup(name);
        }
        return NULL;
}

static bool given(struct opt_i64 number) {
        return number.set && number.value >= 0;
}

/* What DeviceAllow calls the devices of a rule; the caller frees it. NULL: it has no words for them. */
static char *device_words(const struct runtime_device_rule *rule, char type, const char *devices) {
        const char *kind = type == 'c' ? "char" : "block";
        _cleanup_free_ char *name = NULL;

        if (given(rule->major) && given(rule->minor))
                return str_format("/dev/%s/%lld:%lld", kind, (long long) rule->major.value,
                                  (long long) rule->minor.value);
        if (given(rule->minor))
                return NULL;
        if (!given(rule->major))
                return str_format("%s-*", kind);
        name = driver_name(devices, type, rule->major.value);
        return name ? str_format("%s-%s", kind, name) : NULL;
}

/* The list of what is allowed, as [words, access] pairs. False when some of it cannot be said. */
static bool put_rules(struct json_writer *writer, const struct runtime_device_rule *rules, size_t count,
                      const char *devices) {
        for (size_t i = 0; i < count; i++) {
                const struct runtime_device_rule *rule = &rules[i];

                for (const char *type = "cb"; *type; type++) {
                        _cleanup_free_ char *words = NULL;

                        if (!rule->allow || (rule->type != 'a' && rule->type != *type))
                                continue;
                        words = device_words(rule, *type, devices);
                        if (!words)
                                return false;
                        json_begin_array(writer, NULL);
                        json_put_string(writer, NULL, words);
                        json_put_string(writer, NULL, rule->access);
                        json_end_array(writer);
                }
        }
        return true;
}

static bool put_all(struct json_writer *writer, const struct runtime_resources *resources, size_t first,
                    const char *devices) {
        return put_rules(writer, cgroup_default_device_rules, cgroup_default_device_rule_count, devices) &&
               (first == resources->device_count ||
                put_rules(writer, resources->devices + first, resources->device_count - first, devices));
}

void cgroup_unit_put_devices(struct json_writer *writer, const struct runtime_resources *resources) {
        _cleanup_json_writer_ struct json_writer trial = {0};
        _cleanup_free_ char *devices = NULL;
        bool everything = false, strict;
        size_t first = 0;

        /* What came before a rule for all devices counts no more. A later denial is left to the exact rules. */
        for (size_t i = 0; i < resources->device_count; i++) {
                if (!cgroup_device_rule_names_all(&resources->devices[i]))
                        continue;
                everything = resources->devices[i].allow;
                first = i + 1;
        }
        (void) file_read(AT_FDCWD, "/proc/devices", PROC_DEVICES_MAX, &devices, NULL, NULL);
        strict = !everything && put_all(&trial, resources, first, devices);

        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, "DevicePolicy");
        json_put_string(writer, NULL, "s");
        json_put_string(writer, NULL, strict ? "strict" : "auto");
        json_end_array(writer);
        if (!strict)
                return;
        json_begin_array(writer, NULL);
        json_put_string(writer, NULL, "DeviceAllow");
        json_put_string(writer, NULL, "a(ss)");
        json_begin_array(writer, NULL);
        (void) put_all(writer, resources, first, devices);
        json_end_array(writer);
        json_end_array(writer);
}
