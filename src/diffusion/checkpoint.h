/* The head of every checkpoint: whose it is, and by which arithmetic. What goes on from it ends in the bits of an
 * undisturbed run only if both are the same. */
#ifndef DMSQ_DIFFUSION_CHECKPOINT_H
#define DMSQ_DIFFUSION_CHECKPOINT_H

#include "backend/backend.h"
#include "store/npz.h"

/* A file with the members `key`, of the recipe, and `arithmetic`, of `device` (score_model_device; NULL: the CPU, whose
 * bits depend on the instruction set that oneDNN uses), for the caller to add to and commit. */
enum status checkpoint_create(const char *path, const char *key, const struct backend *device,
                              struct npz_writer **writer, struct error *e);
/* Reads such a file, which the caller frees. A damaged one, another recipe, or another arithmetic: STATUS_BAD_INPUT. */
enum status checkpoint_read(const char *path, const char *key, const struct backend *device, struct npz **npz,
                            struct error *e);

#endif
