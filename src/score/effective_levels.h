/* The effective-action model at a list of noise levels: those of the steps of a flow
 * (effective_flow.h) or of a path (effective_path.h). */
#ifndef DMSQ_SCORE_EFFECTIVE_LEVELS_H
#define DMSQ_SCORE_EFFECTIVE_LEVELS_H

#include "score/effective_model.h"

/* Sets level[points], all NULL before, to the model at log_s[points]. The caller frees them, also after a failure,
 * which may leave some of them NULL. STATUS_FAILED: out of memory. */
enum status effective_levels_make(const struct effective_model *model, const struct effective_lattices *lattices,
                                  size_t points, const double *log_s, int threads, struct effective_level **level,
                                  struct error *e);

/* Number of sites of workspace: enough for an evaluation of any level, and for a transform of the whole lattice. */
size_t effective_levels_workspace(const struct effective_lattices *lattices, size_t points,
                                  struct effective_level *const *level);

#endif
