/* An array of floating-point numbers that another program wrote: a .npy file, or a member of an .npz file, in either
 * byte order, C or Fortran order of the axes, half to extended precision. (Our own artifacts are read by npz.h,
 * strictly.) */
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
    char *own;                 /* the memory behind it */
};

/* member: the array of an .npz file, "" where it has one only; of a .npy file it is ignored. STATUS_BAD_INPUT names the
 * file, what was found and what was expected. */
enum status foreign_read(const char *path, const char *member, struct foreign *array, struct error *e);
void foreign_free(struct foreign *array);

/* Element `index` of the data, an offset made of strides; rounded to double from extended precision. */
double foreign_at(const struct foreign *array, size_t index);

#endif
