/* Shared by the files of the CPU's backend, and private to them. */
#ifndef DMSQ_BACKEND_CPU_INTERNAL_H
#define DMSQ_BACKEND_CPU_INTERNAL_H

#include "backend/cpu.h"

struct backend_network {
    const struct score_model *model;
    struct score *score;
    int threads;
    size_t batch;                  /* configurations per call of a worker */
    struct score_worker **workers; /* (threads); NULL before cpu_network_workers */
};

/* batch: SCORE_BATCH or score_batch(m). */
enum status cpu_network_new(struct backend *b, const struct score_model *m, size_t batch,
                            struct backend_network **network, struct error *e);
void cpu_network_free(struct backend_network *network);
/* Makes a worker for every thread, for functions that compute with all threads. */
enum status cpu_network_workers(struct backend_network *network, struct error *e);

void cpu_sampler_operations(struct backend *b);
void cpu_integrator_operations(struct backend *b);
void cpu_training_operations(struct backend *b);

#endif
