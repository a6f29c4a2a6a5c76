/* Rows of a table in an artifact: what the stages that measure write (ARRAYS_ESTIMATES of arrays.h), and the stage
 * `table` reads. */
#ifndef DMSQ_STAGES_ESTIMATES_H
#define DMSQ_STAGES_ESTIMATES_H

#include "store/npz.h"

struct estimates {
    size_t count;
    const char *const *names;
    const double *values, *errors;
    const double *tau_int, *tau_int_error; /* NULL: none, NaN in all rows */
    const char *method;                    /* "jackknife" */
    size_t configurations;
};

enum status estimates_add(const struct estimates *rows, struct npz_writer *writer, struct error *e);

#endif
