/* The data that gnuplot draws: text, a block a dataset (gnuplot's `index`), numbers with nine digits. */
#ifndef DMSQ_REPORT_BLOCKS_H
#define DMSQ_REPORT_BLOCKS_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "report/bins.h"
#include "report/text.h"
#include "store/npz.h"

/* A vector of any number type as doubles, which the caller frees. */
enum status block_numbers(const struct npz *npz, const char *member, double **x, size_t *count,
                          struct error *e);

/* Columns: centre of the bin, count, Poisson error sqrt(count). Returns how many numbers fall into no bin in
 * *outside. */
enum status block_histogram(const struct bins *bins, const double *x, size_t n, size_t *outside,
                            FILE *out, struct error *e);

/* A column a member, in the order given, all of one length; the member "index" or "#" stands for 1, 2, 3, ... */
enum status block_columns(const struct npz *npz, const struct report_list *members, size_t *count, FILE *out,
                          struct error *e);

#endif
