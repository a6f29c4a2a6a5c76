/* A zip file for libzip, with the SHA-256 of its bytes. The file is opened only once, so the digest belongs to the
 * bytes that were read. */
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
    uint64_t size, at; /* bytes of the file; offset of the next read */
    zip_error_t error;
    struct digest *digest; /* NULL: not requested */
    const char *target;    /* bytes read into this memory, which remains valid, are hashed there */
    size_t target_size;
    zip_t *zip;
};

/* Opens the file and reads its zip directory; `path` must remain valid. STATUS_BAD_INPUT: not a readable .npz file. */
enum status npz_file_open(const char *path, bool with_digest, struct npz_file *a, struct error *e);
/* Closes the file. `sha256` receives the digest; NULL if it was not requested or after a failure. */
enum status npz_file_close(struct npz_file *a, char *sha256, struct error *e);

#endif
