/* A network for evaluations (evaluation.cu), and what the integrator (integrator.cu) uses of it. */
#ifndef DMSQ_CUDA_EVALUATION_H
#define DMSQ_CUDA_EVALUATION_H

#include "cuda/network.h"

struct backend_network {
    struct device *device;
    struct network *network;
    bool wiener;
    size_t volume, batch;
    const double *propagator;   /* host, the model's */
    struct score_frame *frames; /* batch */
    uint32_t *counter;          /* two: one that stays zero, and the number of the probe */
    float *phi, *out, *probe, *product;
    uint64_t *numbers; /* batch: configurations, for their probes */
    double *traces;
    size_t traces_room;
    struct recording evaluate, vjp, trace;
    /* what `trace` was recorded for */
    struct random_key key;
    size_t probes;
    bool signs, recorded;
};

struct frames evaluation_frames(const struct backend_network *b);
/* out = s(t) score of phi, with the frames that are there. */
enum status evaluation_score(struct backend_network *b, struct error *e);
/* After that: b->traces[batch x probes] of the configurations `numbers`; probes = 0: b->traces[batch]. */
enum status evaluation_traces(struct backend_network *b, struct random_key key, size_t probes, bool signs,
                              struct error *e);

#endif
