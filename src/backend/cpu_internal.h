/* What the files of the CPU's backend share; nobody else's. */
#ifndef DMSQ_BACKEND_CPU_INTERNAL_H
#define DMSQ_BACKEND_CPU_INTERNAL_H

#include "backend/cpu.h"

struct backend_network {
    const struct score_model *model;
    struct score *score;
    int threads;
    size_t batch;                  /* configurations of one worker's call */
    struct score_worker **workers; /* threads; NULL before network_workers */
};

enum status cpu_network_new(struct backend *b, const struct score_model *m, struct backend_network **network,
                            struct error *e);
void cpu_network_free(struct backend_network *network);
/* A worker for every thread, for those who compute with all of them. */
enum status cpu_network_workers(struct backend_network *network, struct error *e);

/* `count` elements of 0, aligned to 64 bytes; *complete becomes false where there is no memory. */
void *cpu_memory(size_t count, size_t size, bool *complete);

void cpu_sampler_operations(struct backend *b);
void cpu_integrator_operations(struct backend *b);
void cpu_training_operations(struct backend *b);

#endif
