/* The numbers that the papers print, for tables to stand beside: experiments/published.tsv, whose columns
 * are `experiment dataset observable value error source`, separated by tabs, the first line being their
 * names. Lines that open with '#' and empty lines are skipped. An empty error is one that the paper does
 * not give. */
#ifndef DMSQ_REPORT_PUBLISHED_H
#define DMSQ_REPORT_PUBLISHED_H

#include <stddef.h>

#include "base/error.h"

struct published_value {
    const char *experiment, *dataset, *observable, *source;
    double value, error; /* error NaN: not given */
    int decimals;        /* digits behind the point in the file, of the value or of its error */
    int line;
};

struct published;

/* Reads and checks the file: number of columns, numbers, no entry twice. */
enum status published_read(const char *path, struct published **published, struct error *e);
void published_free(struct published *published);
size_t published_count(const struct published *published);
const struct published_value *published_at(const struct published *published, size_t i);
/* NULL when there is none; `published` may be NULL. */
const struct published_value *published_find(const struct published *published, const char *experiment,
                                             const char *dataset, const char *observable);

#endif
