/*
 * signal_name.h: signals by name or number, as people write them.
 */
#pragma once

/**
 * The number of "TERM", "SIGTERM", "sigterm", "15", "RTMIN", "RTMAX-3"; 0 is the one that only asks (kill(2)).
 * NULL and "" give SIGTERM. -EINVAL for another.
 */
int signal_number(const char *text);
