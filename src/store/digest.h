/* The SHA-256 of a file that is being read, in one pass. A second thread hashes the bytes that the reader has in
 * memory, and reads the rest of the file (headers, the directory of a zip) itself. The order in which the file is read
 * does not matter. */
#ifndef DMSQ_STORE_DIGEST_H
#define DMSQ_STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct digest;

/* `file` is a descriptor, open for reading, of a file of `size` bytes; messages name it by `path`. Both must remain
 * valid until digest_end or digest_abandon. STATUS_FAILED: out of memory. */
enum status digest_begin(const char *path, int file, uint64_t size, struct digest **d, struct error *e);
/* `data` holds the `size` bytes of the file from offset `at`, and must remain valid until digest_end or
 * digest_abandon. */
void digest_add(struct digest *d, uint64_t at, const void *data, size_t size);
/* Waits for the digest, 64 hexadecimal digits, and frees `d`. STATUS_FAILED, STATUS_BAD_INPUT: the file could not be
 * read, or was truncated. */
enum status digest_end(struct digest *d, char sha256[65], struct error *e);
/* Stops without a digest and frees `d`, which may be NULL. */
void digest_abandon(struct digest *d);

#endif
