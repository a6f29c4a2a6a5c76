/* The header of a numpy .npy array: 6 bytes magic, 2 bytes version, little-endian header length (2 bytes in
 * version 1, 4 in version 2), then a Python dictionary {'descr': .., 'fortran_order': .., 'shape': ..}
 * padded with blanks and closed by a newline. Private to src/store. */
#ifndef DMSQ_STORE_NPY_H
#define DMSQ_STORE_NPY_H

#include "base/error.h"
#include "store/npz.h"

enum {
    NPY_START = 12,   /* bytes to read first: magic, version and the header length in either version */
    NPY_HEADER = 512, /* bytes for the longest header that is written */
};

const char *npy_type_name(enum npz_type type);
size_t npy_type_size(enum npz_type type);

/* From the first 12 bytes: the length of the dictionary, and the number of its bytes that are among the 12. */
enum status npy_header_length(const unsigned char start[NPY_START], size_t *length, size_t *already, struct error *e);

/* Fills type, item_size, dimensions, shape and count from the dictionary (length bytes, then a zero). */
enum status npy_parse(const char *header, size_t length, struct npz_array *array, struct error *e);

/* Layout of a foreign array. */
struct npy_layout {
    bool big_endian, fortran;
};
/* The same for foreign arrays: floating-point numbers of 2, 4, 8 or 16 bytes (item_size) in either order of bytes and
 * axes. */
enum status npy_parse_floats(const char *header, size_t length, struct npz_array *array, struct npy_layout *layout,
                             struct error *e);

/* Writes the whole header (a multiple of 64 bytes, version 1.0) and returns its size. */
size_t npy_write_header(const struct npz_array *array, char header[NPY_HEADER]);

#endif
