/*
 * signals.h: signals by name or number, as people write them.
 */
#pragma once

/** The number of "TERM", "SIGTERM", "sigterm", "15" or "RTMIN+3"; NULL or "" gives SIGTERM. -EINVAL for another. */
int signal_parse(const char *text);
