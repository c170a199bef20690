/*
 * grow.c: what an ADD costs on a bridge that has few containers, and on one that has many.
 *
 *     grow COUNT WINDOW PLUGINS CONFIGURATION-FILE
 *
 * One network namespace plays the host, COUNT more are the containers. Prints
 * FIRST-MS LAST-MS RATIO FIRST-CPU-MS LAST-CPU-MS RATIO, medians over the first and the last WINDOW ADDs
 * (the very first, which makes the bridge, does not count).
 */
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct sample {
        double wall, cpu;
};

static void fail(const char *what) {
        perror(what);
        exit(1);
}

/*
 * Where namespaces are mounted, as a caller keeps them: were they open, each plugin would be started with a thousand
 * files to close.
 */
static char places[] = "/tmp/grow.XXXXXX";

static void make_places(void) {
        if (!mkdtemp(places) || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", places, "tmpfs", 0, NULL) < 0)
                fail("a place for network namespaces");
}

static void netns_path(int number, char out[64]) {
        snprintf(out, 64, "%s/%d", places, number);
}

/* The process is in the new one afterwards. */
static void make_netns(int number) {
        char path[64];
        int fd;

        netns_path(number, path);
        fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || unshare(CLONE_NEWNET) < 0 || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
                fail("a network namespace");
        close(fd);
}

static double ms(const struct timeval *time) {
        return (double) time->tv_sec * 1e3 + (double) time->tv_usec / 1e3;
}

static struct sample add(const char *directory, int conf, int number) {
        char program[4096], id[32], path[64];
        posix_spawn_file_actions_t actions;
        struct timespec before, after;
        struct sample sample;
        struct rusage usage;
        int status;
        pid_t pid;
        char *argv[] = {program, NULL};

        snprintf(program, sizeof(program), "%s/bridge", directory);
        snprintf(id, sizeof(id), "grow-%d", number);
        netns_path(number, path);
        setenv("CNI_COMMAND", "ADD", 1);
        setenv("CNI_PATH", directory, 1);
        setenv("CNI_CONTAINERID", id, 1);
        setenv("CNI_NETNS", path, 1);
        setenv("CNI_IFNAME", "eth0", 1);
        lseek(conf, 0, SEEK_SET);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, conf, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        clock_gettime(CLOCK_MONOTONIC, &before);
        if (posix_spawn(&pid, program, &actions, NULL, argv, environ) != 0 || wait4(pid, &status, 0, &usage) != pid)
                fail(program);
        clock_gettime(CLOCK_MONOTONIC, &after);
        posix_spawn_file_actions_destroy(&actions);
        if (status != 0) {
                fprintf(stderr, "ADD number %d: %s failed\n", number, program);
                exit(1);
        }
        sample.wall = (double) (after.tv_sec - before.tv_sec) * 1e3 + (double) (after.tv_nsec - before.tv_nsec) / 1e6;
        sample.cpu = ms(&usage.ru_utime) + ms(&usage.ru_stime);
        return sample;
}

static int compare(const void *a, const void *b) {
        double left = *(const double *) a, right = *(const double *) b;

        return left < right ? -1 : left > right;
}

static double median(const struct sample *samples, int count, bool cpu) {
        double *sorted = calloc((size_t) count, sizeof(double)), middle;

        for (int i = 0; i < count; i++)
                sorted[i] = cpu ? samples[i].cpu : samples[i].wall;
        qsort(sorted, (size_t) count, sizeof(double), compare);
        middle = sorted[count / 2];
        free(sorted);
        return middle;
}

int main(int argc, char **argv) {
        int count = argc == 5 ? atoi(argv[1]) : 0, window = argc == 5 ? atoi(argv[2]) : 0;
        double first[2], last[2];
        struct sample *samples;
        int conf;

        if (window < 1 || count <= window) {
                fprintf(stderr, "usage: grow COUNT WINDOW PLUGINS CONFIGURATION-FILE\n");
                return 2;
        }
        conf = open(argv[4], O_RDONLY | O_CLOEXEC);
        if (conf < 0)
                fail(argv[4]);
        samples = calloc((size_t) count, sizeof(struct sample));
        make_places();
        /* The last one is the host's. */
        for (int i = 0; i <= count; i++)
                make_netns(i);
        for (int i = 0; i < count; i++)
                samples[i] = add(argv[3], conf, i);
        for (int cpu = 0; cpu < 2; cpu++) {
                first[cpu] = median(samples + 1, window, cpu);
                last[cpu] = median(samples + count - window, window, cpu);
        }
        printf("%.2f %.2f %.2f %.2f %.2f %.2f\n", first[0], last[0], last[0] / first[0], first[1], last[1],
               last[1] / first[1]);
        (void) umount2(places, MNT_DETACH);
        (void) rmdir(places);
        return 0;
}
