/* The work of a stage in parts. A stage computes N items (configurations or Markov chains), each of which depends only
 * on the recipe and its own number. A part is a range of items, written once, atomically:
 *
 *     FOLDER/parts/FIRST-COUNT.npz    key, arithmetic (diffusion/checkpoint.h), program (built.h), and one array per
 *                                     column
 *
 * An interrupted run resumes from the parts in the folder. --part=i/n computes share i of n of the items, so that n
 * processes on any hosts can work on one artifact; --finish makes the artifact from the parts. The bytes of the
 * artifact do not depend on this. Parts of another recipe, instruction set or program build are refused. Parts are
 * removed once the artifact is in place. */
#ifndef DMSQ_STAGES_PARTS_H
#define DMSQ_STAGES_PARTS_H

#include "base/progress.h"
#include "score/score.h"
#include "stages/stage.h"

/* An array with `width` elements per item, in the memory of the stage. */
struct parts_column {
    const char *name;
    enum npz_type type;
    size_t width;
    void *data;
    size_t items; /* number of items, from the first on, that have the column; 0: all */
};

/* Items first .. first + count - 1, to be computed in place. */
struct parts_range {
    size_t first, count;
    unsigned char *done; /* (count): 1 for a finished item. A computation that ends early may set its finished items;
                            otherwise nothing of the range is kept */
    size_t finished;     /* items finished before, or of earlier shares: where the count of progress starts */
};

struct parts {
    const char *unit; /* "configurations" */
    size_t count;     /* N */
    size_t
        size; /* items per part, independent of the number of threads; enlarged if there would be more than 256 parts */
    size_t grain;   /* shares and parts begin at multiples of it; 1: anywhere */
    size_t at_once; /* number of items that one call computes most efficiently; 0: a part */
    const struct parts_column *columns;
    size_t column_count;
    const struct score_model *model; /* the bits depend on the arithmetic of its device; NULL: the CPU */
    enum status (*compute)(void *context, const struct parts_range *range, struct error *e);
    void *context;
    uint64_t progress_an_item; /* units of progress per item; 0 means 1 */
};

struct parts_outcome {
    bool whole;      /* all items are present, and this process makes the artifact */
    size_t computed; /* items computed by this process */
    double seconds;  /* time that this took */
};

/* Reads the parts in the folder, computes the missing items of this process's share, and saves them. With --part all
 * items are saved; otherwise only so often that saving takes less than about 5% of the time. STATUS_BAD_INPUT: a part
 * is damaged or refused. STATUS_FAILED: parts are missing for --finish. Errors of compute are passed on. */
enum status parts_run(struct stage_context *c, const struct parts *p, struct progress *progress,
                      struct parts_outcome *outcome, struct error *e);

#endif
