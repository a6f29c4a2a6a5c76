/* The figures kept in results/reference/EXPERIMENT: NAME.tsv, .svg and .png, and the run record of their node. The
 * tools `redraw` and `points` draw them without artifacts, from numbers that are kept too. */
#ifndef DMSQ_STAGES_KEPT_FIGURE_H
#define DMSQ_STAGES_KEPT_FIGURE_H

#include "stages/figure.h"
#include "stages/planner.h"
#include "store/record.h"

struct kept_figure {
    const struct plan *plan;
    const struct plan_request *request;
    const struct experiment *experiment;
    const struct node *node; /* that draws it */
    const char *name, *folder;
    const char *table, *record_path; /* FOLDER/NAME.tsv (NAME-figure.tsv beside a table NAME), FOLDER/runs/NODE.json */
    struct record *record;           /* for the caller: NULL at first */
};

/* Calls `visit` for each figure of the plan, or for the one called `only` ("": all), until one fails. The folders are
 * RESULTS/reference/EXPERIMENT and `ending`. STATUS_BAD_INPUT: no figure is called `only`. */
enum status kept_figure_visit(const struct plan *plan, const struct plan_request *request, const char *only,
                              const char *ending, enum status (*visit)(struct kept_figure *k, struct error *e),
                              struct error *e);

/* The nodes of an input of the figure's stage, "data", "lines" or "reference". */
const struct node_inputs *kept_figure_inputs(const struct kept_figure *k, const char *name);

/* A new run record of the figure's node. folder: where its artifact would be; label: EXPERIMENT/NODE. NULL: out of
 * memory. */
struct record *kept_figure_record(const struct kept_figure *k, const char *folder, const char *label);

/* Draws in a folder beside the kept one, and replaces the kept files when all new ones are complete. The record, which
 * has numbers and inputs already, is completed and written. STATUS_FAILED: gnuplot is missing, or a full disk. */
enum status kept_figure_draw(const struct kept_figure *k, const struct figure *f, struct record *record,
                             struct error *e);

#endif
