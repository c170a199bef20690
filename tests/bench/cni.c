/*
 * cni.c: times the same plugin of two directories against each other, ADD then
 * DEL, in turns, in the network namespace it is run in.
 *
 *     cni ROUNDS OURS THEIRS NETNS CONFIGURATION-FILE...
 *
 * The files are the standard inputs of a chain: the program named by the part
 * of the file name before the first dot is run with it. Prints one line:
 * OURS-MS THEIRS-MS RATIO for the chain's ADDs, the same for its ADDs and DELs
 * together, and OURS-KIB THEIRS-KIB: medians, and the most memory one process held.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/* Runs one plugin; returns its time and raises *memory to what it held. */
static double run(const char *directory, const char *file, const char *command, long *memory) {
        const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
        posix_spawn_file_actions_t actions;
        char program[4096];
        struct rusage usage;
        double start;
        int status;
        pid_t pid;
        char *argv[] = {program, NULL};

        snprintf(program, sizeof(program), "%s/%.*s", directory, (int) strcspn(base, "."), base);
        setenv("CNI_COMMAND", command, 1);
        setenv("CNI_PATH", directory, 1);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, file, O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        start = now_ms();
        if (posix_spawn(&pid, program, &actions, NULL, argv, environ) != 0 || wait4(pid, &status, 0, &usage) != pid) {
                perror(program);
                exit(1);
        }
        start = now_ms() - start;
        posix_spawn_file_actions_destroy(&actions);
        if (status != 0) {
                fprintf(stderr, "%s %s failed\n", command, program);
                exit(1);
        }
        if (usage.ru_maxrss > *memory)
                *memory = usage.ru_maxrss;
        return start;
}

static int compare(const void *a, const void *b) {
        double left = *(const double *) a, right = *(const double *) b;

        return left < right ? -1 : left > right;
}

/* Prints what one side took beside the other; sorts the times. */
static void print_medians(double *times[2], int rounds) {
        for (int side = 0; side < 2; side++)
                qsort(times[side], (size_t) rounds, sizeof(double), compare);
        printf("%.2f %.2f %.3f ", times[0][rounds / 2], times[1][rounds / 2],
               times[0][rounds / 2] / times[1][rounds / 2]);
}

int main(int argc, char **argv) {
        int rounds = argc > 5 ? atoi(argv[1]) : 0;
        double *adds[2], *both[2];
        long memory[2] = {0, 0};

        if (rounds < 1) {
                fprintf(stderr, "usage: cni ROUNDS OURS THEIRS NETNS CONFIGURATION-FILE...\n");
                return 2;
        }
        setenv("CNI_CONTAINERID", "bench", 1);
        setenv("CNI_IFNAME", "eth0", 1);
        setenv("CNI_NETNS", argv[4], 1);
        for (int side = 0; side < 2; side++) {
                adds[side] = calloc((size_t) rounds, sizeof(double));
                both[side] = calloc((size_t) rounds, sizeof(double));
        }
        for (int i = 0; i < rounds; i++)
                for (int turn = 0; turn < 2; turn++) {
                        int side = (turn + i) % 2;

                        for (int j = 5; j < argc; j++)
                                adds[side][i] += run(argv[2 + side], argv[j], "ADD", &memory[side]);
                        both[side][i] = adds[side][i];
                        for (int j = argc - 1; j >= 5; j--)
                                both[side][i] += run(argv[2 + side], argv[j], "DEL", &memory[side]);
                }
        print_medians(adds, rounds);
        print_medians(both, rounds);
        printf("%ld %ld\n", memory[0], memory[1]);
        return 0;
}
