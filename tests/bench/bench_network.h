/* The network that is timed: 32x32, width 32, initial weights of a training. */
#ifndef DMSQ_BENCH_NETWORK_H
#define DMSQ_BENCH_NETWORK_H

#include "score/unet.h"
#include "tests/bench/bench.h"

enum { BENCH_L = 32, BENCH_CONVOLUTIONS = UNET_BFLOAT16 + 1 /* ways of computing convolutions */ };

/* Configurations of the sampler and of the likelihood: BENCH_CALLS micro-batches of each thread, which are whole
 * batches of the sizes that models choose (score_batch). */
enum { BENCH_CALLS = 3 };
static inline size_t bench_configurations(const struct bench *b) {
    return (size_t)b->threads * BENCH_CALLS * SCORE_BATCH;
}

/* `count` Gaussian numbers; the caller frees them. NULL: out of memory. */
float *bench_filled(size_t count);

/* Makes a model with the published parameterisation. The caller releases it (score_model_release), also after a
 * failure. */
enum status bench_model_new(struct score_model *m, int stride, enum unet_convolutions convolutions, struct error *e);

#endif
