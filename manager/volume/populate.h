/*
 * populate.h: a new volume begins with what the image has in its place.
 */
#pragma once

#include "../../lib/error.h"

/**
 * Copies a directory's content with owners, modes, times and links into an empty directory.
 * @from: the directory in the image, opened for reading; nothing below it is followed out of it
 * @to: the volume's directory; when it holds anything already, nothing is done
 */
int volume_populate(int from, const char *to, struct error *err);
