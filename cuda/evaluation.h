/* A network for evaluations (evaluation.cu), and its functions that the integrator (integrator.cu) uses. */
#ifndef DMSQ_CUDA_EVALUATION_H
#define DMSQ_CUDA_EVALUATION_H

#include "cuda/network.h"

struct backend_network {
    struct device *device;
    struct network *network;
    bool wiener;
    size_t volume, batch;
    const double *propagator;   /* of the model, on the host */
    struct score_frame *frames; /* (batch) */
    uint32_t *counter;          /* (2): one that stays zero, and the number of the probe */
    float *phi, *out, *probe, *product;
    uint64_t *numbers; /* (batch): numbers of the configurations, for their probes */
    double *traces;
    size_t traces_room;
    struct recording evaluate, vjp, trace;
    /* arguments for which `trace` was recorded */
    struct random_key key;
    size_t probes;
    bool signs, recorded;
};

struct frames evaluation_frames(const struct backend_network *b);
/* Sets b->out to s(t) score of b->phi, with b->frames. */
enum status evaluation_score(struct backend_network *b, struct error *e);
/* After evaluation_score: sets b->traces, (batch, probes), or (batch) with probes = 0, for the configurations
 * b->numbers. */
enum status evaluation_traces(struct backend_network *b, struct random_key key, size_t probes, bool signs,
                              struct error *e);

#endif
