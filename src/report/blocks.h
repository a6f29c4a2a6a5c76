/* The numbers of one curve of a figure, as columns, and two texts with these numbers: the data for gnuplot (a block per
 * curve, gnuplot's `index`) and the .tsv table beside the figure. Numbers have ten digits. STATUS_BAD_INPUT: the
 * message names the artifact and its member. */
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

/* A vector of any numeric type as doubles, which the caller frees. */
enum status block_numbers(const struct npz *npz, const char *member, double **x, size_t *count, struct error *e);

/* Columns: centre of the bin, count, Poisson error sqrt(count). *outside: number of x[n] outside all bins. */
enum status block_histogram(const struct bins *bins, const double *x, size_t n, size_t *outside, struct block *block,
                            struct error *e);

/* A column for each member, in the given order, all of equal length; the member "index" or "#" is the column 1, 2, 3,
 * ... */
enum status block_columns(const struct npz *npz, const struct report_list *members, struct block *block,
                          struct error *e);

/* A row for each of `count` artifacts: x[i], then a column for each member. A member is a scalar, the last element of a
 * vector ("name[]"), an observable of an artifact with estimates (report/estimates.h), "chi2", or its error,
 * "chi2_error". */
enum status block_points(const struct npz *const *npz, const double *x, size_t count, const struct report_list *members,
                         struct block *block, struct error *e);

/* One image of snapshots (times, configurations, x1, x2), float32: configuration `row` at times[column]. The block has
 * a row for each site: time, configuration (from 1), x1, x2, field. */
enum status block_image(const struct npz *npz, const struct npz_array *snapshots, const double *times, size_t column,
                        size_t row, struct block *block, struct error *e);

/* The snapshots, members[0], and their times, members[1]; the caller frees *times. */
enum status block_snapshots(const struct npz *npz, const struct report_list *members,
                            const struct npz_array **snapshots, double **times, struct error *e);

/* Frees the numbers of a block, which may be zero-initialised. */
void block_free(struct block *block);

/* Writes rows as lines and columns separated by blanks, followed by two empty lines. */
void block_write_data(const struct block *block, FILE *out);

/* Writes rows of the .tsv table: the label and the columns, separated by tabs. */
void block_write_rows(const struct block *block, const char *label, FILE *out);

enum block_kind { BLOCK_COLUMNS, BLOCK_HISTOGRAM, BLOCK_POINTS, BLOCK_IMAGES };

/* Writes the header line of the .tsv table: "curve", followed by the names of the columns. For a histogram these are
 * members[0] (the centres of the bins), "count" and "error", for points "x" and the members, for images those of
 * block_image, else the members, with "index" for "#". */
void block_write_header(const struct report_list *members, enum block_kind kind, FILE *out);

#endif
