/* A table of observables as in the papers: a row per dataset, a column per observable, with pulls, i.e. differences
 * divided by their errors, to the published value and to the equilibrium run. It is written as .tsv, Markdown and
 * LaTeX. */
#ifndef DMSQ_REPORT_TABLE_H
#define DMSQ_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "report/estimates.h"
#include "report/published.h"
#include "report/text.h"
#include "store/npz.h"

/* One dataset: the estimates of an artifact, with name and label in the table. */
struct table_row {
    const char *dataset;        /* "generated": column `dataset` of the .tsv and of the published values */
    const char *label;          /* "Generated (DM)" */
    struct estimates estimates; /* in the order of the artifact */
    bool altered;               /* theory, lattice or protocol differ from the published ones */
};

/* Reads a row from an artifact with estimates, which must outlive it. STATUS_BAD_INPUT: see estimates_read(). */
enum status table_row_read(const struct npz *observables, const char *dataset, const char *label, struct table_row *row,
                           struct error *e);
void table_row_free(struct table_row *row);

struct table_cell {
    bool present; /* the artifact has this observable */
    double value, error, tau_int, tau_int_error;
    const struct published_value *published; /* or NULL */
    double pull;                             /* against the published value; NaN: none */
    double pull_equilibrium;                 /* against the row "equilibrium"; NaN: none */
};

struct table {
    const char *title, *experiment; /* title: may be "" */
    struct report_list notes;
    size_t rows, columns;
    const struct table_row *row;
    char **observable;       /* [columns] names; those with a published value come first */
    size_t published;        /* number of columns with a published value in any row */
    size_t matched;          /* number of published values in the table */
    bool equilibrium;        /* there is a row "equilibrium" */
    struct table_cell *cell; /* rows x columns */
};

/* Makes a table of the rows; they and `published` (NULL: none) must outlive it. `observables` are the columns; a row
 * without an observable has an empty cell. `notes` are separated by '|'. STATUS_BAD_INPUT: an observable is in no row
 * or given twice, or there are no rows or columns. */
enum status table_new(const char *title, const char *notes, const char *experiment, const struct table_row *rows,
                      size_t row_count, const struct report_list *observables, const struct published *published,
                      struct table *table, struct error *e);
void table_free(struct table *table);
const struct table_cell *table_cell(const struct table *table, size_t row, size_t column);

/* Writes a line per dataset and observable, the columns dataset observable value error published published_error pull
 * separated by tabs; numbers have ten digits, and missing ones are empty. The published observables of all rows come
 * first. */
void table_write_tsv(const struct table *table, FILE *out);
/* A line of this table; missing numbers are NaN. */
struct table_line {
    char dataset[128], observable[128];
    double value, error, published, published_error, pull;
};
/* Reads the next line of the text *at, which is advanced to the line after it; false if there is none. */
bool table_next_line(const char **at, struct table_line *line);
/* Finds the line of a dataset and observable; false if there is none. */
bool table_find_line(const char *tsv, const char *dataset, const char *observable, struct table_line *line);
/* Writes Markdown for terminals and web pages; lines of a table have at most about 100 characters. STATUS_FAILED: out
 * of memory. */
enum status table_write_markdown(const struct table *table, FILE *out, struct error *e);
/* Write LaTeX for documents that load booktabs and siunitx: a float with caption and label tab:EXPERIMENT-OBSERVABLE
 * (the first one), `table` if it fits a column of 89 mm, else `table*`; the tabulars alone; and a macro for each
 * number, \dmsqTableOneGeneratedChiTwo. */
void table_write_latex(const struct table *table, FILE *out);
void table_write_tabular(const struct table *table, FILE *out);
void table_write_macros(const struct table *table, FILE *out);

/* The meaning of an observable in Markdown, its symbol in print and in TeX. For an unknown observable they are "", its
 * name, and NULL. */
const char *observable_meaning(const char *observable);
const char *observable_print(const char *observable);
const char *observable_tex(const char *observable);

#endif
