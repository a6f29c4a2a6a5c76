/* Files written so that a crash, a full disk or a kill leaves the old file or the new one, never half:
 * temporary file in the same folder, fsync, rename, fsync of the folder. */
#ifndef DMSQ_BASE_FILE_H
#define DMSQ_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Programs call this first: what a limit of the size of files forbids is then an error of the write, as a full disk is,
 * and not a signal that ends the program. */
void file_limits_are_errors(void);
/* Writes size bytes to path atomically. */
enum status file_write(const char *path, const void *data, size_t size, struct error *e);
/* Temporary files are named PATH.tmp-OWNER (base/owner.h), with anything behind it. Removes those of a folder (not
 * below it) that were left by a process that was killed: their owner is gone from this host and they are ten minutes
 * old, or, as they may be another host's, a day. What cannot be removed stays. */
void file_sweep(const char *folder);
/* Makes an already closed temporary file the final one: fsync, rename, fsync of the folder. */
enum status file_replace(const char *temporary, const char *path, struct error *e);
/* Reads a whole file into memory that the caller frees; a zero byte follows the data. */
enum status file_read(const char *path, char **data, size_t *size, struct error *e);
/* Whether both files can be read and hold the same bytes. */
bool file_same(const char *a, const char *b);
/* Copies a file atomically. */
enum status file_copy(const char *source, const char *path, struct error *e);
/* Makes a folder and its parents. A path that begins with the ~ of a home folder is refused (STATUS_BAD_INPUT). */
enum status file_make_folder(const char *path, struct error *e);
/* SHA-256 of a file, or of memory, as 64 lower-case hex digits and a zero. */
enum status file_sha256(const char *path, char hex[65], struct error *e);
void sha256(const void *data, size_t size, char hex[65]);

#endif
