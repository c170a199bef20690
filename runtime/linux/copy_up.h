/*
 * copy_up.h: mount option tmpcopyup: a tmpfs that starts with the content of
 * the directory it is mounted over.
 */
#pragma once

#include "../../lib/error.h"

/**
 * Copies a directory's content: files, directories, links, with owner, mode and
 * time; nothing is followed and no other file system entered.
 * @from, @to: directories, O_PATH or mount fds
 */
int copy_up(int from, int to, struct error *err);
