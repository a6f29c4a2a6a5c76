/* Arrays of floating-point numbers that other programs wrote: a .npy file, or a member of an .npz file, in either byte
 * order, C or Fortran order of the axes, half to extended precision. (npz.h reads dmsq's own artifacts, strictly.) */
#ifndef DMSQ_STORE_FOREIGN_H
#define DMSQ_STORE_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "store/npz.h"

struct foreign {
    size_t dimensions, shape[NPZ_MAX_DIMENSIONS], count;
    size_t stride[NPZ_MAX_DIMENSIONS]; /* in elements */
    size_t item_size;
    bool big_endian;
    const unsigned char *data; /* count * item_size bytes */
    char *memory;              /* to be freed; data points into it */
};

/* Reads a .npy file (`member` is ignored) or an array of an .npz file; `member` may be "" if that has only one.
 * STATUS_BAD_INPUT: the message names the file, what was found and what was expected. */
enum status foreign_read(const char *path, const char *member, struct foreign *array, struct error *e);
void foreign_free(struct foreign *array);

/* Element at offset `index` (sum of index times stride over the axes), rounded to double. */
double foreign_at(const struct foreign *array, size_t index);

#endif
