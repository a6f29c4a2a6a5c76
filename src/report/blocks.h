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
enum status block_numbers(const struct npz *npz, const char *member, double **x, size_t *count, struct error *e);

/* Columns: centre of the bin, count, Poisson error sqrt(count). Returns how many numbers fall into no bin in
 * *outside. */
enum status block_histogram(const struct bins *bins, const double *x, size_t n, size_t *outside, struct block *block,
                            struct error *e);

/* A column a member, in the order given, all of one length; the member "index" or "#" stands for 1, 2, 3, ... */
enum status block_columns(const struct npz *npz, const struct report_list *members, struct block *block,
                          struct error *e);

/* One row for each of `count` artifacts: x[i], then a column a member. A member is a scalar, the last element of a
 * vector as "name[]", or an observable of an artifact that has names, values and errors: "chi2", and its error
 * "chi2_error". */
enum status block_points(const struct npz *const *npz, const double *x, size_t count, const struct report_list *members,
                         struct block *block, struct error *e);

/* Images of snapshots (times, configurations, x1, x2), float32, at the times of a vector: one block for the
 * configuration `row` at time number `column`, a row a site: time, configuration (from 1), x1, x2, field. */
enum status block_image(const struct npz *npz, const struct npz_array *snapshots, const double *times, size_t column,
                        size_t row, struct block *block, struct error *e);

/* The snapshots of members[0] and their times, members[1]; the caller frees *times. */
enum status block_snapshots(const struct npz *npz, const struct report_list *members,
                            const struct npz_array **snapshots, double **times, struct error *e);

/* What these made; a block of zeros is fine. */
void block_free(struct block *block);

/* Rows separated by line ends, columns by blanks; two empty lines behind them. */
void block_write_data(const struct block *block, FILE *out);

/* Rows for a table: the label, a tab, the columns separated by tabs. */
void block_write_rows(const struct block *block, const char *label, FILE *out);

enum block_kind { BLOCK_COLUMNS, BLOCK_HISTOGRAM, BLOCK_POINTS, BLOCK_IMAGES };

/* The line above such rows: "curve", then for a histogram of members[0] that name (the bins' centres), "count"
 * and "error", for points "x" and the members, for images what block_image lists, else the members, with "index" for
 * "#". */
void block_write_header(const struct report_list *members, enum block_kind kind, FILE *out);

#endif
