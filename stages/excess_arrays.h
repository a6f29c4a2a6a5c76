/* Shared by the stages `train` and `excess-loss`: the excess of a model as arrays of an artifact. */
#ifndef DMSQ_STAGES_EXCESS_ARRAYS_H
#define DMSQ_STAGES_EXCESS_ARRAYS_H

#include "diffusion/excess.h"
#include "store/npz.h"

/* Adds the arrays ARRAYS_EXCESS, which belong to the writer then. */
enum status excess_add(struct excess *x, struct npz_writer *writer, struct error *e);

#endif
