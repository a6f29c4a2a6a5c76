/* The CPU as a backend (backend.h): any kind of score model, by as many threads as it is given. A call is split into
 * batches of score_capacity configurations, each computed by one thread; bits do not depend on how many threads there
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

/* A score model and a worker a thread, for the parts of this backend. */
struct cpu_team {
    const struct score_model *model;
    int threads;
    size_t batch; /* configurations of one worker's call */
    struct score *score;
    struct score_worker **workers;
};
enum status cpu_team_new(const struct backend *b, const struct score_model *m, struct cpu_team *team, struct error *e);
void cpu_team_release(struct cpu_team *team);

void cpu_sampler_operations(struct backend *b);

#endif
