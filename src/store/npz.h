/* Arrays in a file that numpy.load opens: an uncompressed zip of .npy members (numpy format 1.0),
 * little-endian, C order. Member times are fixed (1980-01-01), members are in the order they were added,
 * so equal arrays give equal bytes. Reading verifies the zip structure, each member's CRC-32, and that
 * the header's shape and type fit the member's length; files above 4 GiB are zip64. */
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
    size_t item_size;  /* bytes an element; NPZ_BYTES: length of the longest string */
    size_t dimensions; /* 0: a scalar */
    size_t shape[NPZ_MAX_DIMENSIONS];
    size_t count;     /* elements, the product of shape */
    const void *data; /* count * item_size bytes */
};

/* --- reading ----------------------------------------------------------------------------------- */
struct npz;

/* Reads and verifies the whole file. Errors name the file, the member and what is wrong. */
enum status npz_read(const char *path, struct npz **npz, struct error *e);
/* The same, and the SHA-256 of the bytes that were read, as 64 hexadecimal digits: in one pass, by a second thread. */
enum status npz_read_digest(const char *path, struct npz **npz, char sha256[65], struct error *e);
void npz_free(struct npz *npz);
const char *npz_path(const struct npz *npz);
size_t npz_count(const struct npz *npz);
const struct npz_array *npz_array_at(const struct npz *npz, size_t i);
/* NULL when there is none of that name. Data stays valid until npz_free and is aligned to 64 bytes. */
/* Element i as a number; false for texts, which are none. */
bool npz_number_at(const struct npz_array *a, size_t i, double *x);
const struct npz_array *npz_find(const struct npz *npz, const char *name);
/* Finds a member that must be there with that type and number of dimensions (dimensions < 0: any);
 * else STATUS_BAD_INPUT naming file, member, what was found and what was expected. */
enum status npz_require(const struct npz *npz, const char *name, enum npz_type type, int dimensions,
                        const struct npz_array **array, struct error *e);
/* The scalar NPZ_FLOAT64 member of that name, whatever its value. */
enum status npz_real(const struct npz *npz, const char *name, double *value, struct error *e);
/* The scalar NPZ_INT64 member of that name, or `fallback` where there is none. */
enum status npz_integer_or(const struct npz *npz, const char *name, int64_t fallback, int64_t *value, struct error *e);
/* The text of a scalar NPZ_BYTES member; the caller frees. */
enum status npz_text(const struct npz *npz, const char *name, char **text, struct error *e);

/* --- writing ----------------------------------------------------------------------------------- */
struct npz_writer;

/* Opens a writer; nothing appears at `path` until npz_commit. Added data must stay valid until then. */
enum status npz_create(const char *path, struct npz_writer **writer, struct error *e);
enum status npz_add(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                    const size_t *shape, const void *data, struct error *e);
/* The same for memory from malloc that the writer is to free, also when this call fails. */
enum status npz_add_owned(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                          const size_t *shape, void *data, struct error *e);
/* A text as scalar bytes, and a list of texts as a vector of bytes (NUL padded); both are copied. */
enum status npz_add_text(struct npz_writer *writer, const char *name, const char *text, struct error *e);
enum status npz_add_texts(struct npz_writer *writer, const char *name, const char *const *texts, size_t count,
                          struct error *e);
/* Doubles that are copied: a scalar, a vector, an array. A NaN is written without its sign, which depends on the
 * compiler. */
enum status npz_add_real(struct npz_writer *writer, const char *name, double value, struct error *e);
enum status npz_add_reals(struct npz_writer *writer, const char *name, const double *values, size_t count,
                          struct error *e);
enum status npz_add_real_array(struct npz_writer *writer, const char *name, size_t dimensions, const size_t *shape,
                               const double *values, struct error *e);
enum status npz_add_integer(struct npz_writer *writer, const char *name, int64_t value, struct error *e);
/* What has been added so far. */
size_t npz_writer_count(const struct npz_writer *writer);
const struct npz_array *npz_writer_array(const struct npz_writer *writer, size_t i);
/* Writes, fsyncs and renames into place, and frees the writer; on failure nothing is left behind. */
enum status npz_commit(struct npz_writer *writer, struct error *e);
void npz_abandon(struct npz_writer *writer);

#endif
