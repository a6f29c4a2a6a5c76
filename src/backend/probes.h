/* Probes of the Skilling-Hutchinson estimate of a trace (diffusion/flow.h), the same for all backends. */
#ifndef DMSQ_BACKEND_PROBES_H
#define DMSQ_BACKEND_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/* Sets out (probes, V). Probe k has the random numbers of (key, stream, k): normal numbers, or signs from the bits of
 * the random words in order. */
void probes_draw(struct random_key key, uint64_t stream, size_t probes, bool signs, size_t V, float *out);

#endif
