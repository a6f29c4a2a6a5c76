/* What an ended run of a stage left in its output folder to go on from: checkpoint.npz (diffusion/checkpoint.h).
 * stages/stage.c removes it when a run is complete. */
#ifndef DMSQ_STAGES_RESUME_H
#define DMSQ_STAGES_RESUME_H

#include "score/score.h"
#include "stages/stage.h"

/* Puts the path of the checkpoint into `path`, and what is there into *npz, which the caller frees; NULL where there is
 * none. m: the model whose arithmetic the run depends on. A file that is damaged, of another recipe or begun with another arithmetic: STATUS_BAD_INPUT. */
enum status resume_open(const struct stage_context *c, const struct score_model *m, char path[4096], struct npz **npz, struct error *e);
/* Copies the array `name`, which has to have this type, one dimension and `count` elements. */
enum status resume_read(const struct npz *npz, const char *name, enum npz_type type, size_t count, void *target,
                        struct error *e);
/* An integer between 0 and `most`. */
enum status resume_count(const struct npz *npz, const char *name, size_t most, int64_t *value, struct error *e);

/* The other way: a checkpoint with its head, for the caller to add to and commit. */
enum status resume_create(const struct stage_context *c, const struct score_model *m, const char *path, struct npz_writer **writer, struct error *e);

#endif
