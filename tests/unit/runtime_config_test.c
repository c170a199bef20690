#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../spec/runtime_config.h"

static int parse_text(struct arena *arena, const char *text, struct runtime_config *config, struct error *err) {
        const struct json *root = NULL;
        int r = json_parse(arena, text, strlen(text), NULL, &root, err);

        return r < 0 ? r : runtime_config_parse(arena, root, config, err);
}

/* The members given, in a document that has the required ones. */
static char *document(const char *members) {
        return str_format("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"}%s%s}", members[0] ? "," : "",
                          members);
}

static void assert_refused(const char *members, const char *message) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *text = document(members);
        struct runtime_config config;
        struct error err = {0};

        if (parse_text(arena, text, &config, &err) == 0)
                fail_msg("accepted: %s", text);
        if (!strstr(err.message, message))
                fail_msg("\"%s\" does not hold \"%s\"", err.message, message);
}

static void assert_accepted(const char *members) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *text = document(members);
        struct runtime_config config;
        struct error err = {0};

        if (parse_text(arena, text, &config, &err) < 0)
                fail_msg("%s: %s", text, err.message);
}

/* ---- The specification's own samples ---- */

static const char *samples(void) {
        const char *specs = getenv("SPECS");
        static char path[4096];

        (void) snprintf(path, sizeof(path), "%s/runtime/schema/test/config", specs ? specs : "../shared/specs");
        return path;
}

static void check_samples(const char *kind, bool good) {
        _cleanup_free_ char *path = str_format("%s/%s", samples(), kind);
        _cleanup_dir_ DIR *dir = opendir(path);
        size_t count = 0;

        if (!dir) {
                print_message("skipped: the specification's samples are not in %s (set SPECS)\n", path);
                free(take_ptr(path)); /* skip() does not return */
                skip();
                return;
        }
        for (const struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_arena_ struct arena *arena = arena_new();
                const struct json *root = NULL;
                struct runtime_config config;
                struct error err = {0};
                int r;

                if (!str_ends_with(entry->d_name, ".json"))
                        continue;
                r = json_parse_file(arena, dirfd(dir), entry->d_name, NULL, &root, &err);
                if (r == 0)
                        r = runtime_config_parse(arena, root, &config, &err);
                if (good != (r == 0))
                        fail_msg("%s/%s: %s", kind, entry->d_name, r < 0 ? err.message : "accepted");
                count++;
        }
        assert_true(count > 0);
}

static void accepts_the_good_samples_of_the_specification(void **state) {
        (void) state;
        check_samples("good", true);
}

static void refuses_the_bad_samples_of_the_specification(void **state) {
        (void) state;
        check_samples("bad", false);
}

/* ---- What is checked ---- */

static void refuses_what_the_specification_forbids(void **state) {
        static const struct {
                const char *members;
                const char *message;
        } cases[] = {
                {"\"process\":{\"args\":[\"sh\"]}", "process.cwd: required"},
                {"\"process\":{\"cwd\":\"tmp\"}", "process.cwd: \"tmp\" is not an absolute path"},
                {"\"process\":{\"cwd\":\"/\",\"args\":[]}", "process.args: must have at least one item"},
                {"\"process\":{\"cwd\":\"/\",\"args\":\"sh\"}", "process.args: expected an array"},
                {"\"process\":{\"cwd\":\"/\",\"args\":[1]}", "process.args[0]"},
                {"\"process\":{\"cwd\":\"/\",\"env\":[\"A=b\",\"x\"]}", "process.env[1]: \"x\" is not of the form"},
                {"\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":-1}}", "process.user.uid"},
                {"\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":4294967296}}", "process.user.uid"},
                {"\"process\":{\"cwd\":\"/\",\"oomScoreAdj\":1001}", "process.oomScoreAdj: must be between"},
                {"\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]}",
                 "process.rlimits[0].type: unknown value \"RLIMIT_X\""},
                {"\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]}",
                 "process.rlimits[0].soft: must not exceed"},
                {"\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},"
                 "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1}]}",
                 "process.rlimits: RLIMIT_CPU is given twice"},
                {"\"process\":{\"cwd\":\"/\",\"scheduler\":{}}", "process.scheduler.policy: required"},
                {"\"process\":{\"cwd\":\"/\",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}",
                 "process.ioPriority.priority"},
                {"\"root\":{\"path\":\"\"}", "root"},
                {"\"mounts\":[{\"destination\":\"/a\"},{\"type\":\"proc\"}]", "mounts[1].destination: required"},
                {"\"mounts\":{}", "mounts: expected an array"},
                {"\"hooks\":{\"poststop\":[{\"path\":\"bin/x\"}]}", "hooks.poststop[0].path: \"bin/x\" is not"},
                {"\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}", "hooks.prestart[0].timeout"},
                {"\"hostname\":\"web\"", "hostname: needs a uts namespace"},
                {"\"annotations\":{\"\":\"x\"}", "annotations"},
                {"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}",
                 "linux.namespaces[1].type: the pid namespace is given twice"},
                {"\"linux\":{\"namespaces\":[{\"type\":\"net\"}]}", "unknown namespace type \"net\""},
                {"\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}", "linux.namespaces[0].path"},
                {"\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]}",
                 "linux.uidMappings: needs a user namespace"},
                {"\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}", "needs uidMappings and gidMappings"},
                {"\"linux\":{\"namespaces\":[{\"type\":\"mount\"}],\"readonlyPaths\":[\"x\"]}",
                 "linux.readonlyPaths[0]: \"x\" is not an absolute path"},
                {"\"linux\":{\"rootfsPropagation\":\"public\"}", "linux.rootfsPropagation: unknown value"},
                {"\"linux\":{\"devices\":[{\"type\":\"x\",\"path\":\"/dev/x\"}]}", "linux.devices[0].type"},
                {"\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"/dev/x\"}]}", "linux.devices[0].major: required"},
                {"\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"x\",\"major\":1,\"minor\":1}]}",
                 "linux.devices[0].path"},
                {"\"linux\":{\"sysctl\":{\"vm.swappiness\":\"1\"}}",
                 "vm.swappiness is a parameter of the whole machine"},
                {"\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}", "needs a network namespace"},
                {"\"linux\":{\"resources\":{\"memory\":{\"limit\":\"1g\"}}}", "linux.resources.memory.limit"},
                {"\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"x\"}]}}",
                 "linux.resources.devices[0].access"},
                {"\"linux\":{\"resources\":{\"unified\":{\"../x.y\":\"1\"}}}", "linux.resources.unified"},
                {"\"linux\":{\"seccomp\":{}}", "linux.seccomp.defaultAction: required"},
                {"\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}}",
                 "linux.seccomp.defaultErrnoRet: the action SCMP_ACT_ALLOW returns no errno"},
                {"\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"open\"],"
                 "\"action\":\"SCMP_ACT_NOTIFY\"}]}}",
                 "SCMP_ACT_NOTIFY needs a listenerPath"},
                {"\"linux\":{\"personality\":{\"domain\":\"BSD\"}}", "linux.personality.domain: unknown value"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_refused(cases[i].members, cases[i].message);
}

static void assert_version(const char *version, bool good) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *text = str_format("{\"ociVersion\":\"%s\"}", version);
        struct runtime_config config;
        struct error err = {0};

        if ((parse_text(arena, text, &config, &err) == 0) != good)
                fail_msg("ociVersion %s", version);
        if (!good)
                assert_non_null(strstr(err.message, "ociVersion"));
}

static void accepts_versions_of_major_number_1(void **state) {
        (void) state;
        assert_version("1.0.0", true);
        assert_version("1.0.2-dev", true);
        assert_version("1.3.0", true);
        assert_version("1.99.0+x", true);
        assert_version("1.3.0-rc.1+build-7", true);
        assert_version("1.3.0-", false);
        assert_version("1.3.0-a b", false);
        assert_version("01.3.0", false);
        assert_version("2.0.0", false);
        assert_version("", false);
        assert_version("1.0", false);
        assert_version("1.0.x", false);
        assert_version("one", false);
}

static void takes_null_and_empty_strings_for_absent(void **state) {
        (void) state;
        assert_accepted("\"process\":null,\"mounts\":null,\"hostname\":\"\",\"linux\":{\"resources\":null,"
                        "\"cgroupsPath\":\"\",\"rootfsPropagation\":\"\",\"sysctl\":null,\"namespaces\":["
                        "{\"type\":\"pid\",\"path\":\"\"}]}");
}

static void ignores_members_it_does_not_know(void **state) {
        (void) state;
        assert_accepted("\"windows\":{\"x\":1},\"process\":{\"cwd\":\"/\",\"new\":[1,2]},\"linux\":{\"later\":true}");
}

static void makes_relative_mount_destinations_absolute(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_free_ char *text = document("\"mounts\":[{\"destination\":\"data\"}]");
        struct runtime_config config;

        (void) state;
        assert_int_equal(parse_text(arena, text, &config, NULL), 0);
        assert_string_equal(config.mounts[0].destination, "/data");
        assert_non_null(config.mounts[0].options);
        assert_null(config.mounts[0].options[0]);
        assert_non_null(config.linux_.masked_paths);
}

/* ---- Everything there is, read, written and read again ---- */

static const char full[] =
        "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"mounts\":[{\"destination\":\"/"
        "proc\","
        "\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"nodev\"],\"uidMappings\":[{\"containerID\":0,"
        "\"hostID\":1000,\"size\":10}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}]}],"
        "\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},\"user\":{\"uid\":1,\"gid\":2,"
        "\"umask\":18,\"additionalGids\":[5,6]},\"args\":[\"sh\",\"-c\",\"x\"],\"env\":[\"A=b\",\"C=\"],\"cwd\":\"/"
        "tmp\","
        "\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[],\"ambient\":[\"CAP_KILL\"]},\"rlimits\":[{"
        "\"type\":"
        "\"RLIMIT_NOFILE\",\"soft\":1024,\"hard\":18446744073709551615}],\"noNewPrivileges\":true,\"apparmorProfile\":"
        "\"p\","
        "\"selinuxLabel\":\"l\",\"oomScoreAdj\":-500,\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"nice\":5,\"flags\":"
        "["
        "\"SCHED_FLAG_RECLAIM\"],\"runtime\":1,\"deadline\":2,\"period\":3},\"ioPriority\":{\"class\":\"IOPRIO_CLASS_"
        "BE\","
        "\"priority\":3},\"execCPUAffinity\":{\"initial\":\"0-1\",\"final\":\"1\"}},\"hostname\":\"h\",\"domainname\":"
        "\"d\","
        "\"hooks\":{\"createRuntime\":[{\"path\":\"/"
        "h\",\"args\":[\"h\",\"1\"],\"env\":[\"A=b\"],\"timeout\":7}],\"poststop\":"
        "[{\"path\":\"/"
        "p\"}]},\"annotations\":{\"a.b\":\"c\",\"e\":\"\"},\"linux\":{\"namespaces\":[{\"type\":\"mount\"},"
        "{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"},{\"type\":\"network\"},{\"type\":\"uts\"},{\"type\":\"ipc\"},"
        "{\"type\":\"user\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}],\"uidMappings\":[{\"containerID\":0,\"hostID\":"
        "7,"
        "\"size\":8}],\"gidMappings\":[{\"containerID\":0,\"hostID\":7,\"size\":8}],\"timeOffsets\":{\"boottime\":{"
        "\"secs\":-4,"
        "\"nanosecs\":5},\"monotonic\":{\"secs\":6}},\"devices\":[{\"type\":\"c\",\"path\":\"/dev/fuse\",\"major\":10,"
        "\"minor\":229,\"fileMode\":438,\"uid\":0,\"gid\":3},{\"type\":\"p\",\"path\":\"/dev/"
        "fifo\",\"major\":0,\"minor\":0}],"
        "\"netDevices\":{\"eth0\":{\"name\":\"in0\"},\"eth1\":{}},\"cgroupsPath\":\"/a/b\",\"resources\":{\"devices\":["
        "{\"allow\":false,\"type\":\"a\",\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":-1,"
        "\"access\":\"r\"}],\"memory\":{\"limit\":-1,\"reservation\":2,\"swap\":3,\"kernel\":4,\"kernelTCP\":5,"
        "\"swappiness\":6,"
        "\"disableOOMKiller\":false,\"useHierarchy\":true,\"checkBeforeUpdate\":true},\"cpu\":{\"shares\":1,\"quota\":-"
        "1,"
        "\"burst\":3,\"period\":4,\"realtimeRuntime\":5,\"realtimePeriod\":6,\"idle\":1,\"cpus\":\"0-1\",\"mems\":"
        "\"0\"},"
        "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":10,\"leafWeight\":11,\"weightDevice\":[{\"major\":8,\"minor\":"
        "0,"
        "\"weight\":12,\"leafWeight\":13}],\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1}],"
        "\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":2}],\"throttleReadIOPSDevice\":[{\"major\":8,"
        "\"minor\":0,"
        "\"rate\":3}],\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":0}]},\"hugepageLimits\":[{"
        "\"pageSize\":"
        "\"2MB\",\"limit\":9}],\"network\":{\"classID\":1,\"priorities\":[{\"name\":\"eth0\",\"priority\":0}]},"
        "\"rdma\":{\"m\":"
        "{\"hcaHandles\":3,\"hcaObjects\":4}},\"unified\":{\"memory.high\":\"1\"}},\"rootfsPropagation\":\"rslave\","
        "\"seccomp\":"
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":[\"SCMP_ARCH_X86_64\"],"
        "\"flags\":["
        "\"SECCOMP_FILTER_FLAG_LOG\"],\"listenerPath\":\"/"
        "l\",\"listenerMetadata\":\"m\",\"syscalls\":[{\"names\":[\"a\",\"b\"],"
        "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1,\"args\":[{\"index\":0,\"value\":18446744073709551615,"
        "\"valueTwo\":1,"
        "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]},\"sysctl\":{\"net.core.somaxconn\":\"1\"},\"maskedPaths\":[\"/m\"],"
        "\"readonlyPaths\":[\"/r\"],\"mountLabel\":\"ml\",\"intelRdt\":{\"closID\":\"c\"},\"memoryPolicy\":{\"mode\":"
        "\"MPOL_DEFAULT\"},\"personality\":{\"domain\":\"LINUX\"}}}";

static void writes_back_all_it_has_read(void **state) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;
        struct runtime_config config;
        struct error err = {0};

        (void) state;
        if (parse_text(arena, full, &config, &err) < 0)
                fail_msg("%s", err.message);
        runtime_config_write(&writer, &config);
        text = json_writer_take(&writer);
        assert_string_equal(text, full);
}

static void writes_a_process_alone(void **state) {
        static const char *const args[] = {"ls", NULL};
        const struct runtime_process process = {.args = args, .cwd = "/"};
        _cleanup_json_writer_ struct json_writer writer = {0};
        _cleanup_free_ char *text = NULL;

        (void) state;
        runtime_process_write(&writer, NULL, &process);
        text = json_writer_take(&writer);
        assert_string_equal(text, "{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"ls\"],\"cwd\":\"/\"}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepts_the_good_samples_of_the_specification),
                cmocka_unit_test(refuses_the_bad_samples_of_the_specification),
                cmocka_unit_test(refuses_what_the_specification_forbids),
                cmocka_unit_test(accepts_versions_of_major_number_1),
                cmocka_unit_test(takes_null_and_empty_strings_for_absent),
                cmocka_unit_test(ignores_members_it_does_not_know),
                cmocka_unit_test(makes_relative_mount_destinations_absolute),
                cmocka_unit_test(writes_back_all_it_has_read),
                cmocka_unit_test(writes_a_process_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
