/*
 * monitor.h: the process beside each running container: makes what the
 * container needs, starts it, carries its output to the log and to those who
 * are attached, waits for its end, restarts it if it should, and takes down
 * what it made. And what others say to it.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/error.h"
#include "record.h"

/*
 * The monitor's sockets carry packets (SOCK_SEQPACKET): one byte that says what
 * it is, then its data.
 */
enum monitor_packet {
        /* To the monitor. */
        PACKET_HELLO = 'H',  /* first on a new connection; one byte: MONITOR_WANT_… */
        PACKET_INPUT = 'I',  /* for standard input */
        PACKET_EOF = 'E',    /* standard input ends */
        PACKET_WINDOW = 'W', /* struct winsize */
        PACKET_SIGNAL = 'K', /* one byte: send it to the container's init */
        /* From the monitor. */
        PACKET_STARTED = 'S',
        PACKET_FAILED = 'F', /* struct error: it could not be started */
        PACKET_OUTPUT = 'O',
        PACKET_ERRORS = 'R',
        PACKET_EXIT = 'X', /* int: the exit code; everything is taken down */
};

#define MONITOR_WANT_STREAMS 1 /* output, and input is sent */
#define MONITOR_PACKET_MAX (32 * 1024)

/**
 * Starts the container's monitor, which starts the container.
 * @lock: from container_lock(); the monitor keeps its own copy
 * @attach: the connection gets the container's output from its first byte on
 * Returns a connection to the monitor, on which PACKET_STARTED or PACKET_FAILED comes first, or a negative errno.
 */
int monitor_start(const struct manager *manager, struct container *container, int lock, bool attach, struct error *err);

/** Waits for PACKET_STARTED. Returns 0, or the monitor's error. */
int monitor_wait_started(int connection, struct error *err);

/** Connects to the monitor of a running container. @want: MONITOR_WANT_… Returns a connection or a negative errno. */
int monitor_connect(const struct container *container, int want, struct error *err);

/** Takes down what a start of the container made, also when its monitor was killed. May run again. */
int monitor_clean_up(const struct manager *manager, struct container *container, struct error *err);
