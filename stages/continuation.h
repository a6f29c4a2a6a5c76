/* A training continues from a finished one that differs only in having fewer epochs, with the bits of one that begins
 * at the beginning. For that each keeps its state at the end, state.npz, beside its artifact. */
#ifndef DMSQ_STAGES_CONTINUATION_H
#define DMSQ_STAGES_CONTINUATION_H

#include "diffusion/training.h"
#include "stages/stage.h"

/* Restores the state of the longest such training whose folder, named by its key, is beside the one of this run, and
 * notes it; if there is none, does nothing. A state that cannot be used is reported and passed over. STATUS_FAILED: out
 * of memory. */
enum status continuation_restore(struct stage_context *c, struct training *training, struct error *e);

/* Keeps the state at the end of this training. */
enum status continuation_save(const struct stage_context *c, const struct training *training, struct error *e);

#endif
