/* The work of a stage in parts. What a stage computes is N items (configurations, Markov chains), each a function of
 * the recipe and its own number. A part is a range of items, written once, atomically:
 *
 *     FOLDER/parts/FIRST-COUNT.npz    key, arithmetic (diffusion/checkpoint.h), program (built.h), and a member a
 *                                     column
 *
 * An interrupted run resumes from the parts that are there; --part=i/n computes the i-th of n shares of the items, so
 * that n processes on any hosts work on one artifact; --finish makes the artifact from the parts. The bytes of the
 * artifact depend on none of this. Parts of another recipe, instruction set or program build are refused. Once the
 * artifact is in place the parts go. */
#ifndef DMSQ_STAGES_PARTS_H
#define DMSQ_STAGES_PARTS_H

#include "base/progress.h"
#include "score/score.h"
#include "stages/stage.h"

/* An array with `width` elements an item, in the memory of the stage. */
struct parts_column {
    const char *name;
    enum npz_type type;
    size_t width;
    void *data;
    size_t items; /* only the first so many items have it; 0: all */
};

/* Items first .. first + count - 1, to be computed in place. */
struct parts_range {
    size_t first, count;
    unsigned char *done; /* count; what is 1 is there. A computation that ends early may set what it finished, else
                            nothing is kept */
    size_t finished;     /* items that are there or are another share's, to count progress from */
};

struct parts {
    const char *unit; /* "configurations" */
    size_t count;     /* N */
    size_t size;      /* items a part, which depends on no number of threads; at most 256 parts are made of N */
    size_t grain;     /* shares and parts begin at multiples of it; 1: anywhere */
    size_t at_once;   /* items that the machine computes best in one call; 0: a part */
    const struct parts_column *columns;
    size_t column_count;
    const struct score_model *model; /* whose arithmetic the bits depend on; NULL: that of the CPU */
    enum status (*compute)(void *context, const struct parts_range *range, struct error *e);
    void *context;
    uint64_t progress_an_item; /* 0: 1 */
};

struct parts_outcome {
    bool whole;      /* all items are there, and the artifact is this process's to make */
    size_t computed; /* items, by this process */
    double seconds;  /* which that took */
};

/* Reads the parts that are there, computes what the share of this process lacks, and saves it: where the artifact does
 * not follow at once, all of it; else so often that saving takes less than about 5% of the time. STATUS_BAD_INPUT: a
 * part that is damaged or refused; STATUS_FAILED: with --finish, parts are missing; or what compute says. */
enum status parts_run(struct stage_context *c, const struct parts *p, struct progress *progress,
                      struct parts_outcome *outcome, struct error *e);

#endif
