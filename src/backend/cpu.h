/* The CPU as a backend (backend.h), for any kind of score model and any number of threads. A call is split into batches
 * of score_batch configurations, each computed by one thread. Bits do not depend on the number of threads, or on the
 * number of configurations of a call. */
#ifndef DMSQ_BACKEND_CPU_H
#define DMSQ_BACKEND_CPU_H

#include "backend/backend.h"

struct backend_cpu {
    struct backend base;
    int threads;
};

/* The backend that computes a model: its device if that supports it, else the CPU, which is set up in *room. */
struct backend *backend_of(const struct score_model *m, int threads, struct backend_cpu *room);

#endif
