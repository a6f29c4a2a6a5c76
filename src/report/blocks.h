/* The numbers of one curve of a figure, as columns, and the two texts made of them: what gnuplot draws (a block
 * a curve, gnuplot's `index`) and the table of the same numbers. Numbers have ten digits. */
#ifndef DMSQ_REPORT_BLOCKS_H
#define DMSQ_REPORT_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "report/bins.h"
#include "report/text.h"
#include "store/npz.h"

struct block {
    size_t columns, rows;
    double *x; /* rows x columns */
};

/* A vector of any number type as doubles, which the caller frees. */
enum status block_numbers(const struct npz *npz, const char *member, double **x, size_t *count,
                          struct error *e);

/* Columns: centre of the bin, count, Poisson error sqrt(count). Returns how many numbers fall into no bin in
 * *outside. */
enum status block_histogram(const struct bins *bins, const double *x, size_t n, size_t *outside,
                            struct block *block, struct error *e);

/* A column a member, in the order given, all of one length; the member "index" or "#" stands for 1, 2, 3, ... */
enum status block_columns(const struct npz *npz, const struct report_list *members, struct block *block,
                          struct error *e);

/* What these two made; a block of zeros is fine. */
void block_free(struct block *block);

/* Rows separated by line ends, columns by blanks; two empty lines behind them. */
void block_write_data(const struct block *block, FILE *out);

/* Rows for a table: the label, a tab, the columns separated by tabs. */
void block_write_rows(const struct block *block, const char *label, FILE *out);

/* The line above such rows: "curve", then for a histogram of members[0] that name (the bins' centres), "count"
 * and "error", else the members, with "index" for "#". */
void block_write_header(const struct report_list *members, bool histogram, FILE *out);

#endif
