/* A table of observables as the papers print them: a row per dataset, a column per observable, our value
 * beside the published one and beside the equilibrium run, and its writers. */
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

/* One dataset: what an observables artifact holds, under the name and label it has in the table. */
struct table_row {
    const char *dataset;        /* "generated": column `dataset` of the .tsv and of the published values */
    const char *label;          /* "Generated (DM)" */
    struct estimates estimates; /* in the order of the artifact */
    bool altered;               /* of another theory, lattice or protocol than the published one */
};

/* Takes the row out of an observables artifact, which must outlive it, after checking that its arrays fit
 * together. */
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
    const char *title, *experiment; /* the title may be empty */
    struct report_list notes;
    size_t rows, columns;
    const struct table_row *row;
    char **observable;       /* columns names; those with a published value come first */
    size_t published;        /* number of columns with a published value in any row */
    size_t matched;          /* published values that stand in the table */
    bool equilibrium;        /* whether there is a row of that name */
    struct table_cell *cell; /* rows x columns */
};

/* Puts the rows together; they and `published` (NULL: none) must outlive the table. `observables` are the
 * columns wanted; one that no row has is an error, one that only some rows have leaves empty cells. */
enum status table_new(const char *title, const char *notes, const char *experiment, const struct table_row *rows,
                      size_t row_count, const struct report_list *observables, const struct published *published,
                      struct table *table, struct error *e);
void table_free(struct table *table);
const struct table_cell *table_cell(const struct table *table, size_t row, size_t column);

/* A line per dataset and observable: dataset observable value error published published_error pull, tabs
 * between, ten digits, empty where there is none. The published observables of all rows come first. */
void table_write_tsv(const struct table *table, FILE *out);
/* A line of it; NaN where a number is left out. */
struct table_line {
    char dataset[128], observable[128];
    double value, error, published, published_error, pull;
};
/* Takes the next line out of the text *at, which moves behind it; false: there is none. */
bool table_next_line(const char **at, struct table_line *line);
bool table_find_line(const char *tsv, const char *dataset, const char *observable, struct table_line *line);
/* For terminals and pages: no line of a table is longer than about 100 characters. */
enum status table_write_markdown(const struct table *table, FILE *out, struct error *e);
/* A floating table for a document that loads booktabs and siunitx, `table` where it fits a column of 89 mm, else
 * `table*`, with caption and label tab:EXPERIMENT-OBSERVABLE (its first one); the tabulars alone, for another float;
 * and a macro for each number, \dmsqTableOneGeneratedChiTwo. */
void table_write_latex(const struct table *table, FILE *out);
void table_write_tabular(const struct table *table, FILE *out);
void table_write_macros(const struct table *table, FILE *out);

/* What an observable is, in Markdown ("" if unknown to us), in TeX (NULL if unknown), and in print (its name if
 * unknown). */
const char *observable_meaning(const char *observable);
const char *observable_print(const char *observable);
const char *observable_tex(const char *observable);

#endif
