/* The content of a figure, from the artifacts given to the stage `plot`: blocks of numbers, their labels, and marks of
 * the blocks that come from ensembles that failed their thermalisation tests. */
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
    size_t blocks, lines; /* for columns: sets x data, the first set of all data first; the last `lines` blocks are
                             horizontal lines */
    size_t columns;       /* columns of an image, which is stored row by row; 0 for other kinds */
    struct block *block;
    size_t *entries;  /* (blocks): numbers in the block; for a histogram, including those outside its range */
    bool *failed;     /* (blocks): whether its ensemble failed the thermalisation tests */
    size_t missing;   /* points without numbers, which the picture states (tool points); else 0 */
    double bin_width; /* 0: no histogram */
    double gaussian;  /* standard deviation of the Gaussian curve of a histogram; 0: no curve */
};

/* Checks kind, members and range, in the planner as well (struct stage, check). */
enum status figure_check(const struct parameters *p, const char *where, struct error *e);

/* Reads a figure; call figure_release() also after a failure. STATUS_BAD_INPUT: the data do not fit the parameters. */
enum status figure_read(struct stage_context *c, struct figure *f, struct error *e);
void figure_release(struct figure *f);

/* For callers that fill in the numbers themselves (tool redraw): figure_shape reads kind, members and labels and
 * allocates empty blocks for the given numbers of artifacts; figure_resize replaces them by another number of empty
 * blocks. */
enum status figure_shape(const struct parameters *p, size_t data, size_t lines, struct figure *f, struct error *e);
enum status figure_resize(struct figure *f, size_t blocks, struct error *e);

/* Label of block i, "" if there are no labels; it belongs to f. */
const char *figure_label(const struct figure *f, size_t i);

/* Writes the numbers as gnuplot reads them, and as a table. */
void figure_write_data(const struct figure *f, FILE *out);
void figure_write_table(const struct figure *f, FILE *out);

#endif
