/* The SHA-256 of a file that is being read, in one pass: what has been read is hashed where it lies in memory, by a
 * thread beside the reader; the rest of the file (headers, the directory of a zip) the thread reads itself. The digest
 * is that of the file's bytes in their order, whatever the order in which they are read. */
#ifndef DMSQ_STORE_DIGEST_H
#define DMSQ_STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct digest;

/* file: open for reading, of `size` bytes; path names it in errors. Both must stay until digest_end or
 * digest_abandon. */
enum status digest_begin(const char *path, int file, uint64_t size, struct digest **d, struct error *e);
/* `data` holds `size` bytes of the file from `at` on, and stays until digest_end or digest_abandon. */
void digest_add(struct digest *d, uint64_t at, const void *data, size_t size);
/* Waits for the digest, 64 hexadecimal digits, and frees. */
enum status digest_end(struct digest *d, char sha256[65], struct error *e);
/* Stops and frees; NULL is fine. */
void digest_abandon(struct digest *d);

#endif
