/* Rows of estimates in an artifact: what the stages that measure write, and tables, figures and comparisons read.
 * Members names, values, errors, tau_int, tau_int_error, all of K elements; error_method and configurations of all of
 * them. */
#ifndef DMSQ_REPORT_ESTIMATES_H
#define DMSQ_REPORT_ESTIMATES_H

#include <stdbool.h>

#include "store/npz.h"

struct estimates {
    size_t count;
    const char *const *names;
    const double *values, *errors;         /* an error of NaN: none */
    const double *tau_int, *tau_int_error; /* to be written, NULL: none, NaN in all rows */
    const char *method;                    /* "jackknife": how the errors were found */
    size_t configurations;
    void *own; /* of what was read; else NULL */
};

enum status estimates_add(const struct estimates *rows, struct npz_writer *writer, struct error *e);

/* Numbers stay in the artifact, which has to outlive them. STATUS_BAD_INPUT names the file and the member that is
 * missing or does not fit the others; then there is nothing to free. */
enum status estimates_read(const struct npz *npz, struct estimates *rows, struct error *e);
void estimates_free(struct estimates *rows);

/* Where an estimate of that name, of `length` bytes, is; false: nowhere. */
bool estimates_find(const struct estimates *rows, const char *name, size_t length, size_t *index);

#endif
