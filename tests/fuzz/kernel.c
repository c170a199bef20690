/* Linked with --wrap=NAME for every __wrap_NAME here (the Makefile reads the list from this file). */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How far behind an answer's end lib/netlink.c allows reads. */
#define NETLINK_GUARD 64

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);
int __wrap_fsopen(const char *type, unsigned int flags);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_symlinkat(const char *target, int dir_fd, const char *path);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_unlinkat(int dir_fd, const char *path, int flags);
int __wrap_kill(pid_t pid, int signal);
pid_t __wrap_fork(void);
int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const env[]);
int __wrap_nanosleep(const struct timespec *span, struct timespec *left);
int __wrap_usleep(useconds_t span);
long __wrap_syscall(long number, ...);
int __real_open64(const char *path, int flags, ...);
int __real_openat64(int dir_fd, const char *path, int flags, ...);
int __real_socket(int domain, int type, int protocol);
long __real_syscall(long number, ...);

static const uint8_t *answers;
static size_t answers_left;
static uint32_t last_sequence;

void kernel_answers(const uint8_t *data, size_t size) {
        answers = data;
        answers_left = size;
}

static int refuse(int code) {
        errno = code;
        return -1;
}

/* --- netlink ----------------------------------------------------------------------------------------------------- */

ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
        int left = (int) size;

        (void) fd;
        (void) flags;
        (void) to;
        (void) length;
        for (const struct nlmsghdr *header = data; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
                last_sequence = header->nlmsg_seq;
        return (ssize_t) size;
}

/* The next part of the input, its messages numbered so that somebody listens. */
static size_t next_answer(char *buffer, size_t room) {
        size_t size = (size_t) answers[0] << 8 | answers[1];
        int left;

        answers += 2;
        answers_left -= 2;
        size = size < answers_left ? size : answers_left;
        size = size < room ? size : room;
        memcpy(buffer, answers, size);
        answers += size;
        answers_left -= size;
        left = (int) size;
        for (struct nlmsghdr *header = (void *) buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
                header->nlmsg_seq = last_sequence;
        return size;
}

/* A batch waits for its last message or for the last but one. */
static size_t acknowledge(char *buffer) {
        struct {
                struct nlmsghdr header;
                struct nlmsgerr answer;
        } messages[2] = {0};

        for (uint32_t i = 0; i < 2; i++)
                messages[i].header = (struct nlmsghdr){.nlmsg_len = sizeof(messages[i]),
                                                       .nlmsg_type = NLMSG_ERROR,
                                                       .nlmsg_seq = last_sequence - 1 + i};
        memcpy(buffer, messages, sizeof(messages));
        return sizeof(messages);
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags) {
        size_t got;

        (void) fd;
        (void) flags;
        ASAN_UNPOISON_MEMORY_REGION(buffer, size);
        got = answers_left > 2 ? next_answer(buffer, size) : acknowledge(buffer);
        if (got + NETLINK_GUARD < size)
                ASAN_POISON_MEMORY_REGION((char *) buffer + got + NETLINK_GUARD, size - got - NETLINK_GUARD);
        return (ssize_t) got;
}

int __wrap_socket(int domain, int type, int protocol) {
        return domain == AF_NETLINK ? __real_socket(domain, type, protocol) : refuse(EACCES);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
        (void) fd;
        (void) level;
        (void) option;
        (void) value;
        (void) size;
        return 0;
}

/* --- a machine that is read-only, where nothing can be started -------------------------------------------------- */

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

int __wrap_open64(const char *path, int flags, ...) {
        return flags & WRITES ? refuse(EROFS) : __real_open64(path, flags | O_NONBLOCK);
}

int __wrap_openat64(int dir_fd, const char *path, int flags, ...) {
        return flags & WRITES ? refuse(EROFS) : __real_openat64(dir_fd, path, flags | O_NONBLOCK);
}

/* Whatever the number of arguments is, six are passed on. */
__attribute__((no_sanitize("address"))) long __wrap_syscall(long number, ...) {
        long values[6];
        va_list arguments;

        va_start(arguments, number);
        for (size_t i = 0; i < 6; i++)
                values[i] = va_arg(arguments, long);
        va_end(arguments);
        if (number == SYS_openat2 && ((const struct open_how *) values[2])->flags & WRITES)
                return refuse(EROFS);
        return __real_syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

int __wrap_fsopen(const char *type, unsigned int flags) {
        (void) type;
        (void) flags;
        return refuse(EPERM);
}

int __wrap_mkdir(const char *path, mode_t mode) {
        (void) path;
        (void) mode;
        return refuse(EROFS);
}

int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode) {
        (void) dir_fd;
        return __wrap_mkdir(path, mode);
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
        (void) from_fd;
        (void) from;
        (void) to_fd;
        (void) to;
        (void) flags;
        return refuse(EROFS);
}

int __wrap_symlinkat(const char *target, int dir_fd, const char *path) {
        return __wrap_linkat(dir_fd, target, dir_fd, path, 0);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return __wrap_linkat(from_fd, from, to_fd, to, 0);
}

int __wrap_unlinkat(int dir_fd, const char *path, int flags) {
        return __wrap_linkat(dir_fd, path, dir_fd, path, flags);
}

int __wrap_kill(pid_t pid, int signal) {
        (void) pid;
        (void) signal;
        return refuse(ESRCH);
}

pid_t __wrap_fork(void) {
        return refuse(EAGAIN);
}

int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const env[]) {
        (void) pid;
        (void) file;
        (void) actions;
        (void) attributes;
        (void) argv;
        (void) env;
        return ENOENT;
}

int __wrap_nanosleep(const struct timespec *span, struct timespec *left) {
        (void) span;
        (void) left;
        return 0;
}

int __wrap_usleep(useconds_t span) {
        (void) span;
        return 0;
}
