/* What a figure shows, taken out of the artifacts given to the stage `plot`: blocks of numbers, their labels, and
 * which of them rest on ensembles that failed their thermalisation tests. */
#ifndef DMSQ_STAGES_FIGURE_H
#define DMSQ_STAGES_FIGURE_H

#include "report/blocks.h"
#include "report/text.h"
#include "stages/stage.h"

struct figure {
    const struct parameters *parameters;
    enum block_kind kind;
    struct report_list *sets; /* of members, each a list of names */
    size_t set_count;
    struct report_list labels;
    size_t data;          /* artifacts of the input `data` */
    size_t blocks, lines; /* the last blocks are lines across; of columns sets x data: the first set of all data first
                             */
    size_t columns;       /* of images, where the blocks are such: row by row */
    struct block *block;
    size_t *entries;  /* numbers in each block: of a histogram, all that were to be counted */
    bool *failed;     /* each block: rests on an ensemble that failed its thermalisation tests */
    double bin_width; /* 0: no histogram */
    double gaussian;  /* width of the curve to compare with, 0: none */
};

/* Checks of kind, members and range that the planner makes too (struct stage, check). */
enum status figure_check(const struct parameters *p, const char *where, struct error *e);

/* Reads everything; figure_release() also after a failure. STATUS_BAD_INPUT: data that do not fit the parameters. */
enum status figure_read(struct stage_context *c, struct figure *f, struct error *e);
void figure_release(struct figure *f);

/* The same without the numbers: kinds, members, labels and room for the blocks of so many artifacts; and room for
 * another number of blocks, which have nothing in them then. For who has the numbers from elsewhere. */
enum status figure_shape(const struct parameters *p, size_t data, size_t lines, struct figure *f, struct error *e);
enum status figure_resize(struct figure *f, size_t blocks, struct error *e);

/* Label of block i, "" where there are none; it belongs to f. */
const char *figure_label(const struct figure *f, size_t i);

/* What gnuplot reads, and the table of the same numbers. */
void figure_write_data(const struct figure *f, FILE *out);
void figure_write_table(const struct figure *f, FILE *out);

#endif
