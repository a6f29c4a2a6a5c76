/* Arrays in a file that numpy.load opens: an uncompressed zip of .npy members (numpy format 1.0), little-endian, C
 * order. Member times are fixed (1980-01-01) and members are in the order in which they were added, so equal arrays
 * give equal bytes. Reading verifies the zip structure, each member's CRC-32, and that shape and type in the header
 * agree with the member's length. Files above 4 GiB are zip64. */
#ifndef DMSQ_STORE_NPZ_H
#define DMSQ_STORE_NPZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum npz_type { NPZ_FLOAT32, NPZ_FLOAT64, NPZ_INT32, NPZ_INT64, NPZ_UINT8, NPZ_BYTES };

#define NPZ_MAX_DIMENSIONS 8

struct npz_array {
    char name[96]; /* without ".npy" */
    enum npz_type type;
    size_t item_size;  /* bytes per element; NPZ_BYTES: length of the longest string */
    size_t dimensions; /* 0: a scalar */
    size_t shape[NPZ_MAX_DIMENSIONS];
    size_t count;     /* elements, the product of shape */
    const void *data; /* count * item_size bytes */
};

/* --- reading ----------------------------------------------------------------------------------- */
struct npz;

/* Reads and verifies the whole file. STATUS_BAD_INPUT: the file is missing or not as described above; the message names
 * the file, the member and the cause. */
enum status npz_read(const char *path, struct npz **npz, struct error *e);
/* The same, with the SHA-256 of the file as 64 hexadecimal digits, computed by a second thread in the same pass. */
enum status npz_read_digest(const char *path, struct npz **npz, char sha256[65], struct error *e);
void npz_free(struct npz *npz);
const char *npz_path(const struct npz *npz);
size_t npz_count(const struct npz *npz);
const struct npz_array *npz_array_at(const struct npz *npz, size_t i);
/* Element i as a number; false for NPZ_BYTES, which are texts. */
bool npz_number_at(const struct npz_array *a, size_t i, double *x);
/* The array of that name, or NULL. Its data remain valid until npz_free and are aligned to 64 bytes. */
const struct npz_array *npz_find(const struct npz *npz, const char *name);
/* Finds an array and checks its type and number of dimensions (dimensions < 0: any). STATUS_BAD_INPUT: it is missing or
 * different; the message names file and array, what was found and what was expected. */
enum status npz_require(const struct npz *npz, const char *name, enum npz_type type, int dimensions,
                        const struct npz_array **array, struct error *e);
/* The value of the scalar NPZ_FLOAT64 array of that name. */
enum status npz_real(const struct npz *npz, const char *name, double *value, struct error *e);
/* The value of the scalar NPZ_INT64 array of that name, or `fallback` if there is none. */
enum status npz_integer_or(const struct npz *npz, const char *name, int64_t fallback, int64_t *value, struct error *e);
/* The text of a scalar NPZ_BYTES array, which the caller frees. */
enum status npz_text(const struct npz *npz, const char *name, char **text, struct error *e);

/* --- writing ----------------------------------------------------------------------------------- */
struct npz_writer;

/* Opens a writer. `path` is not written until npz_commit, and added data must remain valid until then. STATUS_FAILED:
 * out of memory, or a name that is empty, too long or used twice. */
enum status npz_create(const char *path, struct npz_writer **writer, struct error *e);
enum status npz_add(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                    const size_t *shape, const void *data, struct error *e);
/* The same for memory from malloc that the writer frees, also if this call fails. */
enum status npz_add_owned(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                          const size_t *shape, void *data, struct error *e);
/* A text as a scalar NPZ_BYTES, and a list of texts as a vector of NPZ_BYTES (padded with zeros); both are copied. */
enum status npz_add_text(struct npz_writer *writer, const char *name, const char *text, struct error *e);
enum status npz_add_texts(struct npz_writer *writer, const char *name, const char *const *texts, size_t count,
                          struct error *e);
/* A scalar, vector or array of doubles, which are copied. A NaN is written without its sign, which depends on the
 * compiler. */
enum status npz_add_real(struct npz_writer *writer, const char *name, double value, struct error *e);
enum status npz_add_reals(struct npz_writer *writer, const char *name, const double *values, size_t count,
                          struct error *e);
enum status npz_add_real_array(struct npz_writer *writer, const char *name, size_t dimensions, const size_t *shape,
                               const double *values, struct error *e);
enum status npz_add_integer(struct npz_writer *writer, const char *name, int64_t value, struct error *e);
/* The arrays added so far. */
size_t npz_writer_count(const struct npz_writer *writer);
const struct npz_array *npz_writer_array(const struct npz_writer *writer, size_t i);
/* Writes the file atomically (base/file.h) and frees the writer. On failure no file is left. */
enum status npz_commit(struct npz_writer *writer, struct error *e);
void npz_abandon(struct npz_writer *writer);

#endif
