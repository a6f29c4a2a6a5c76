/* The CPU as a backend (backend.h): any kind of score model, by as many threads as it is given. A call is split into
 * batches of score_batch configurations, each computed by one thread; bits do not depend on how many threads there
 * are, nor on how many configurations a call has. */
#ifndef DMSQ_BACKEND_CPU_H
#define DMSQ_BACKEND_CPU_H

#include "backend/backend.h"

struct backend_cpu {
    struct backend base;
    int threads;
};

/* What computes a model: its own backend where that supports it, else the CPU, which is made in *room. */
struct backend *backend_of(const struct score_model *m, int threads, struct backend_cpu *room);

#endif
