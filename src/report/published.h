/* The published values that tables are compared with: experiments/published.tsv, with columns `experiment dataset
 * observable value error source`, separated by tabs, and a header line with these names. Lines that begin with '#' and
 * empty lines are skipped. The error is empty if the paper gives none. */
#ifndef DMSQ_REPORT_PUBLISHED_H
#define DMSQ_REPORT_PUBLISHED_H

#include <stddef.h>

#include "base/error.h"

struct published_value {
    const char *experiment, *dataset, *observable, *source;
    double value, error; /* error NaN: none published */
    int decimals;        /* digits after the decimal point in the file: the larger number, of value and error */
    int line;
};

struct published;

/* Reads the file. STATUS_BAD_INPUT: wrong columns, a text that is not a number, or an entry given twice; the message
 * names the line. */
enum status published_read(const char *path, struct published **published, struct error *e);
void published_free(struct published *published);
size_t published_count(const struct published *published);
const struct published_value *published_at(const struct published *published, size_t i);
/* The published value, or NULL; `published` may be NULL. */
const struct published_value *published_find(const struct published *published, const char *experiment,
                                             const char *dataset, const char *observable);

#endif
