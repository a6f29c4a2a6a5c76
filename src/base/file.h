/* Files are written atomically: a crash, a full disk or a kill leaves the old file or the new one, never a part. A
 * temporary file in the same folder is written, fsynced and renamed, then the folder is fsynced. Functions fail with
 * STATUS_FAILED, and with STATUS_BAD_INPUT for a file to be read that does not exist; the message names the file. */
#ifndef DMSQ_BASE_FILE_H
#define DMSQ_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Programs call this first. A write beyond the file size limit (ulimit -f) then fails with an error, like a write to a
 * full disk, instead of killing the program by a signal. */
void file_limits_are_errors(void);
/* Writes size bytes to path atomically. */
enum status file_write(const char *path, const void *data, size_t size, struct error *e);
/* Removes the temporary files that killed processes left in a folder (not in its subfolders). Their names contain
 * ".tmp-OWNER" (base/owner.h). A file is removed ten minutes after its last change if its owner was a process of this
 * host and has ended, and after a day in any case. Failures are ignored. */
void file_sweep(const char *folder);
/* Turns a temporary file, already closed, into the final one: fsync, rename, fsync of the folder. Removes it on
 * failure. */
enum status file_replace(const char *temporary, const char *path, struct error *e);
/* Reads a whole file into memory that the caller frees; a zero byte follows the data. */
enum status file_read(const char *path, char **data, size_t *size, struct error *e);
/* True if both files can be read and hold the same bytes. */
bool file_same(const char *a, const char *b);
/* Copies a file atomically. */
enum status file_copy(const char *source, const char *path, struct error *e);
/* Makes a folder and its parents. A path that begins with the ~ of a home folder is refused (STATUS_BAD_INPUT). */
enum status file_make_folder(const char *path, struct error *e);
/* SHA-256 of a file, or of memory, as 64 lower-case hex digits and a zero. */
enum status file_sha256(const char *path, char hex[65], struct error *e);
void sha256(const void *data, size_t size, char hex[65]);

#endif
