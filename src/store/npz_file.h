/* A zip file as libzip reads it, with the SHA-256 of its bytes taken on the way: both come from one opening of the
 * file, so the digest is that of what was read. */
#ifndef DMSQ_STORE_NPZ_FILE_H
#define DMSQ_STORE_NPZ_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zip.h>

#include "base/error.h"
#include "store/digest.h"

struct npz_file {
    const char *path;
    int file;
    uint64_t size, at; /* of the file; where it is read next */
    zip_error_t error;
    struct digest *digest; /* NULL: none is wanted */
    const char *kept;      /* memory that stays: what is read into it is hashed there */
    size_t kept_size;
    zip_t *zip;
};

/* Opens the file and its directory; `path` must stay. Errors name the file and what is wrong. */
enum status npz_file_open(const char *path, bool with_digest, struct npz_file *a, struct error *e);
/* Closes all that a successful npz_file_open opened. sha256: where it was wanted and all went well so far, else
 * NULL. */
enum status npz_file_close(struct npz_file *a, char *sha256, struct error *e);

#endif
