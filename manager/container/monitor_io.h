/*
 * monitor_io.h: the monitor's streams: the container's output to the log and to
 * attached clients, clients' input to the container, and waiting meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "logfile.h"
#include "monitor.h"

struct monitor_client {
        int fd;
        bool streams; /* wants output */
        char *packet; /* one that did not fit into its socket; output stops until it does */
        size_t packet_size;
};

struct monitor_io {
        int signals;  /* signalfd: SIGCHLD and SIGTERM */
        int listener; /* for monitor_connect() */
        int input;    /* writing end of the container's standard input, or -1 */
        int output;   /* reading ends, or -1; with a terminal `output` alone, which `input` doubles */
        int errors;
        bool terminal;
        bool close_input_with_client; /* standard input ends when who is attached goes */
        struct logfile *log;
        struct monitor_client *clients;
        size_t client_count;
        char waiting_input[MONITOR_PACKET_MAX]; /* what did not fit into the container's standard input */
        size_t waiting_size;
        bool waiting_eof;
        pid_t init;
};

/** Adds a client and takes its fd over. */
void monitor_io_add_client(struct monitor_io *io, int fd, bool streams);

/** Sends a packet to all clients, waiting for none longer than a few seconds. */
void monitor_io_tell(struct monitor_io *io, enum monitor_packet type, const void *data, size_t size);

enum monitor_event { MONITOR_INIT_ENDED, MONITOR_TERMINATED, MONITOR_TIMEOUT };

/**
 * Serves streams and clients until init ends, SIGTERM comes, or the time is over.
 * @timeout_ns: -1: for ever
 * @status: set to what waitpid(2) gave for init
 */
enum monitor_event monitor_io_run(struct monitor_io *io, int64_t timeout_ns, int *status);

/** Carries what is left in the container's output, and closes its streams. */
void monitor_io_drain(struct monitor_io *io);

/** Closes the clients. */
void monitor_io_close(struct monitor_io *io);
