/*
 * measure.c: times commands against each other, in turns.
 *
 *     measure ROUNDS < table
 *
 * Each line of the table is a contestant: LABEL|PREPARE|COMMAND|CLEANUP. In every
 * round each contestant has its turn, so that a change of the machine's mood
 * meets all of them alike; the order turns round from one round to the next,
 * and before each turn there is a pause.
 * PREPARE and CLEANUP go to the shell and are not timed (they may be empty);
 * COMMAND is split at blanks and executed directly.
 *
 * Prints one line a contestant: LABEL|MEDIAN|FASTEST|CPU|MEMORY|FAILURES with
 * times in microseconds, the median CPU time of the command and what it waited
 * for, and the most memory one of these processes held, in KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONTESTANTS 32
#define WORDS 64
/* How long what ran before may be tidied up: the kernel takes down a network namespace after its last process. */
#define PAUSE_MS 20

extern char **environ;

struct contestant {
        char *label;
        char *prepare;
        char *command[WORDS];
        char *cleanup;
        uint64_t *wall;
        uint64_t *cpu;
        long memory;
        unsigned failures;
};

static uint64_t now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static uint64_t microseconds(struct timeval t) {
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_usec;
}

/* Runs a command with nothing on its standard fds and waits for it. Returns its wait status. */
static int execute(char *const *argv, struct rusage *usage) {
        posix_spawn_file_actions_t actions;
        int status = -1;
        pid_t pid;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0) {
                while (wait4(pid, &status, 0, usage) < 0 && errno == EINTR)
                        ;
        }
        posix_spawn_file_actions_destroy(&actions);
        return status;
}

static void shell(char *line) {
        struct rusage usage;
        char *argv[] = {(char *) "sh", (char *) "-c", line, NULL};

        if (line[0] != '\0')
                (void) execute(argv, &usage);
}

static void turn(struct contestant *c, unsigned round) {
        const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
        struct rusage usage = {0};
        uint64_t begin;
        int status;

        shell(c->prepare);
        (void) nanosleep(&pause, NULL);
        begin = now();
        status = execute(c->command, &usage);
        c->wall[round] = now() - begin;
        c->cpu[round] = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        if (usage.ru_maxrss > c->memory)
                c->memory = usage.ru_maxrss;
        if (status != 0)
                c->failures++;
        shell(c->cleanup);
}

static int by_value(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

/* Splits a line of the table in place. Returns 0, or -1 when it is none. */
static int contestant_read(struct contestant *c, char *line, unsigned rounds) {
        char *command;
        size_t words = 0;

        line[strcspn(line, "\n")] = '\0';
        c->label = strsep(&line, "|");
        c->prepare = strsep(&line, "|");
        command = strsep(&line, "|");
        c->cleanup = strsep(&line, "|");
        if (!c->cleanup)
                return -1;
        for (char *word = strtok(command, " "); word && words < WORDS - 1; word = strtok(NULL, " "))
                c->command[words++] = word;
        c->wall = calloc(rounds, sizeof(*c->wall));
        c->cpu = calloc(rounds, sizeof(*c->cpu));
        return words > 0 && c->wall && c->cpu ? 0 : -1;
}

int main(int argc, char **argv) {
        static struct contestant contestants[CONTESTANTS];
        unsigned rounds = argc == 2 ? (unsigned) strtoul(argv[1], NULL, 10) : 0;
        unsigned count = 0;
        char *line = NULL;
        size_t room = 0;

        if (rounds == 0) {
                fprintf(stderr, "usage: measure ROUNDS < table\n");
                return 2;
        }
        while (count < CONTESTANTS && getline(&line, &room, stdin) > 0) {
                if (contestant_read(&contestants[count], line, rounds) != 0) {
                        fprintf(stderr, "measure: line %u: expected LABEL|PREPARE|COMMAND|CLEANUP\n", count + 1);
                        return 2;
                }
                count++;
                line = NULL; /* the contestant's strings point into it */
                room = 0;
        }

        /* One turn that does not count: the files are in memory afterwards. */
        for (unsigned i = 0; i < count; i++) {
                turn(&contestants[i], 0);
                contestants[i].failures = 0;
                contestants[i].memory = 0;
        }
        for (unsigned round = 0; round < rounds; round++) {
                for (unsigned i = 0; i < count; i++)
                        turn(&contestants[(i + round) % count], round);
        }

        for (unsigned i = 0; i < count; i++) {
                struct contestant *c = &contestants[i];

                qsort(c->wall, rounds, sizeof(*c->wall), by_value);
                qsort(c->cpu, rounds, sizeof(*c->cpu), by_value);
                printf("%s|%llu|%llu|%llu|%ld|%u\n", c->label, (unsigned long long) c->wall[rounds / 2],
                       (unsigned long long) c->wall[0], (unsigned long long) c->cpu[rounds / 2], c->memory,
                       c->failures);
        }
        return 0;
}
