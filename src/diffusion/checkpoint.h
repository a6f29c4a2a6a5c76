/* The header of every checkpoint: the recipe and the arithmetic of its run. A run that resumes from it gives the bits
 * of an uninterrupted run only if both are the same. */
#ifndef DMSQ_DIFFUSION_CHECKPOINT_H
#define DMSQ_DIFFUSION_CHECKPOINT_H

#include "backend/backend.h"
#include "store/npz.h"

/* Creates a file with the arrays `key`, of the recipe, and `arithmetic`, of `device` (score_model_device). NULL is the
 * CPU, whose bits depend on the instruction set that oneDNN uses. The caller adds further arrays and commits the
 * file. */
enum status checkpoint_create(const char *path, const char *key, const struct backend *device,
                              struct npz_writer **writer, struct error *e);
/* Reads such a file; the caller frees *npz. STATUS_BAD_INPUT: it is damaged or has another recipe or arithmetic. */
enum status checkpoint_read(const char *path, const char *key, const struct backend *device, struct npz **npz,
                            struct error *e);

#endif
