/* Estimates in an artifact, which stages that measure write and tables, figures and comparisons read. The arrays names,
 * values, errors, tau_int and tau_int_error have an element for each estimate; error_method and configurations are
 * common to all. */
#ifndef DMSQ_REPORT_ESTIMATES_H
#define DMSQ_REPORT_ESTIMATES_H

#include <stdbool.h>

#include "store/npz.h"

struct estimates {
    size_t count;
    const char *const *names;
    const double *values, *errors;         /* error NaN: none */
    const double *tau_int, *tau_int_error; /* NULL when writing: NaN in all rows */
    const char *method;                    /* how the errors were computed: "jackknife", "gamma" */
    size_t configurations;
    void *memory; /* to be freed, after reading; else NULL */
};

/* Adds the arrays to an artifact. */
enum status estimates_add(const struct estimates *rows, struct npz_writer *writer, struct error *e);

/* Reads the arrays. Numbers remain in the artifact, which must outlive *rows. STATUS_BAD_INPUT: an array is missing, or
 * of another type or length; the message names file and array. Then there is nothing to free. */
enum status estimates_read(const struct npz *npz, struct estimates *rows, struct error *e);
void estimates_free(struct estimates *rows);

/* Finds the index of the estimate with that name (`length` bytes); false if there is none. */
bool estimates_find(const struct estimates *rows, const char *name, size_t length, size_t *index);

#endif
