/* The effective-action model at a list of noise levels: what the flow (effective_flow.h) and paths (effective_path.h)
 * go through. */
#ifndef DMSQ_SCORE_EFFECTIVE_LEVELS_H
#define DMSQ_SCORE_EFFECTIVE_LEVELS_H

#include "score/effective_model.h"

/* level[points], all NULL before: the model at log_s[points]. What was made is there on failure, too; the caller frees
 * it. STATUS_FAILED: out of memory. */
enum status effective_levels_make(const struct effective_model *model, const struct effective_lattices *lattices,
                                  size_t points, const double *log_s, int threads, struct effective_level **level,
                                  struct error *e);

/* Sites of scratch that an evaluation of any of them needs, and a transform of the whole lattice. */
size_t effective_levels_workspace(const struct effective_lattices *lattices, size_t points,
                                  struct effective_level *const *level);

#endif
