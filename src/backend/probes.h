/* Probes of the Skilling-Hutchinson estimate of a trace (diffusion/flow.h), as every backend draws them. */
#ifndef DMSQ_BACKEND_PROBES_H
#define DMSQ_BACKEND_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/* out[probes x V]: probe k is the numbers of (key, stream, k): normal, or signs, which are the bits of the blocks'
 * words in order. */
void probes_draw(struct random_key key, uint64_t stream, size_t probes, bool signs, size_t V, float *out);

#endif
