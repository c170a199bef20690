/*
 * swap A B: exchanges two names for ever, as an attacker does who shares a directory with a
 * container that is being made. While there is only one of the two, it moves between the names.
 * Ends by itself after two minutes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
        if (argc != 3)
                return 2;
        (void) alarm(120);
        for (unsigned int i = 0;; i++) {
                if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0 && errno == ENOENT &&
                    renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[1], RENAME_NOREPLACE) < 0 && errno != EEXIST &&
                    renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_NOREPLACE) < 0 && errno != EEXIST) {
                        perror(argv[1]);
                        return 1;
                }
                /* Not a fixed beat, which could miss a window every time; and others need the processor, too. */
                (void) usleep(1 + i * 7919 % 200);
        }
}
