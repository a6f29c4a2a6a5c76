#include "backend/cpu.h"

#include <stdlib.h>

/* Batches a thread in one call: threads wait for each other at its end, and the last ones share what is left. */
enum { BATCHES = 16 };

static size_t capacity(const struct backend *b, const struct score_model *model) {
    return BATCHES * score_batch(model) * (size_t)((const struct backend_cpu *)b)->threads;
}

static bool supports(const struct score_model *model) {
    return model->kind != NULL;
}

struct backend *backend_of(const struct score_model *m, int threads, struct backend_cpu *room) {
    if (m->backend && m->backend->supports(m))
        return m->backend;
    /* a step of a small model takes less time than waking a thread */
    *room = (struct backend_cpu){.base = {.name = "cpu", .supports = supports, .capacity = capacity,
                                          .stretch = m->volume < 256 ? 64 : 1},
                                 .threads = threads};
    cpu_sampler_operations(&room->base);
    return &room->base;
}

enum status cpu_team_new(const struct backend *b, const struct score_model *m, struct cpu_team *team, struct error *e) {
    *team = (struct cpu_team){.model = m, .threads = ((const struct backend_cpu *)b)->threads, .batch = score_batch(m)};
    team->workers = calloc((size_t)team->threads, sizeof *team->workers);
    enum status status = team->workers ? score_new(m, &team->score, e)
                                       : error_set(e, STATUS_FAILED, "out of memory for the score model");
    for (int i = 0; i < team->threads && status == STATUS_OK; i++)
        status = score_worker_new(team->score, &team->workers[i], e);
    return status;
}

void cpu_team_release(struct cpu_team *team) {
    for (int i = 0; team->workers && i < team->threads; i++)
        score_worker_free(team->workers[i]);
    free(team->workers);
    score_free(team->score);
}
