#include "backend/cpu_internal.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "network/product.h"
#include "score/kind.h"

/* Batches per thread in one call: many, since threads wait for each other at its end. */
enum { BATCHES = 16 };

static size_t capacity(const struct backend *b, const struct score_model *model) {
    return BATCHES * score_batch(model) * (size_t)((const struct backend_cpu *)b)->threads;
}

static size_t slots(const struct backend *b, const struct score_model *model) {
    (void)b;
    return score_batch(model);
}

static bool supports(const struct score_model *model) {
    return model->kind != NULL;
}

/* --- the network --------------------------------------------------------------------------------- */

enum status cpu_network_new(struct backend *b, const struct score_model *m, size_t batch,
                            struct backend_network **network, struct error *e) {
    *network = NULL;
    struct backend_network *n = calloc(1, sizeof *n);
    if (!n) {
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    }
    n->model = m;
    n->threads = ((const struct backend_cpu *)b)->threads;
    n->batch = batch;
    const enum status status = score_new(m, batch, &n->score, e);
    if (status != STATUS_OK) {
        cpu_network_free(n);
        return status;
    }
    *network = n;
    return STATUS_OK;
}

void cpu_network_free(struct backend_network *n) {
    if (!n) {
        return;
    }
    for (int i = 0; n->workers && i < n->threads; i++) {
        score_worker_free(n->workers[i]);
    }
    free(n->workers);
    score_free(n->score);
    free(n);
}

static enum status network_new(struct backend *b, const struct score_model *m, struct backend_network **network,
                               struct error *e) {
    return cpu_network_new(b, m, score_batch(m), network, e);
}

enum status cpu_network_workers(struct backend_network *n, struct error *e) {
    if (n->workers) {
        return STATUS_OK;
    }
    n->workers = calloc((size_t)n->threads, sizeof *n->workers);
    enum status status = n->workers ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for the score model");
    for (int i = 0; i < n->threads && status == STATUS_OK; i++) {
        status = score_worker_new(n->score, &n->workers[i], e);
    }
    return status;
}

static enum status set_weights(struct backend_network *n, const float *weights, struct error *e) {
    (void)e;
    score_set_weights(n->score, weights);
    return STATUS_OK;
}

static enum status evaluate(struct backend_network *w, size_t n, const float *phi, const struct score_frame *frames,
                            float *out, struct error *e) {
    const size_t V = w->model->volume;
    enum status status = cpu_network_workers(w, e);
    double *t = malloc(n * sizeof *t);
    if (!t && status == STATUS_OK) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    }
    if (status != STATUS_OK) {
        free(t);
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        t[i] = frames[i].t;
    }
#pragma omp parallel for num_threads(w->threads) schedule(dynamic, 1)
    for (size_t at = 0; at < n; at += w->batch) {
        struct error own;
        const int part = (int)(n - at < w->batch ? n - at : w->batch);
        const enum status mine =
            score_evaluate(w->workers[omp_get_thread_num()], part, phi + at * V, t + at, out + at * V, &own);
        if (mine != STATUS_OK)
#pragma omp critical(cpu_error)
        {
            *e = own;
            status = mine;
        }
    }
    free(t);
    return status;
}

/* --- the backend ---------------------------------------------------------------------------------- */

struct backend *backend_of(const struct score_model *m, int threads, struct backend_cpu *room) {
    struct backend *device = score_model_device(m);
    if (device) {
        return device;
    }
    /* stretches, because a step of a small model takes less time than starting the threads */
    *room = (struct backend_cpu){.base = {.name = "cpu",
                                          .arithmetic = product_instruction_set(),
                                          .supports = supports,
                                          .capacity = capacity,
                                          .slots = slots,
                                          .integrators = threads,
                                          .sampler_stretch = m->volume < 256 ? 64 : 1,
                                          .training_stretch = 1,
                                          .network_new = network_new,
                                          .network_free = cpu_network_free,
                                          .set_weights = set_weights,
                                          .evaluate = evaluate},
                                 .threads = threads};
    cpu_sampler_operations(&room->base);
    cpu_integrator_operations(&room->base);
    cpu_training_operations(&room->base);
    return &room->base;
}

struct backend *score_model_device(const struct score_model *m) {
    return m->backend && m->backend->supports(m) ? m->backend : NULL;
}

enum status backend_attach(struct backend *b, struct score_model *m, struct error *e) {
    if (b && m->kind->cpu_only) {
        return error_set(e, STATUS_BAD_INPUT,
                         "model of kind %s found with backend %s, expected cpu: no device computes it", m->kind->name,
                         b->name);
    }
    m->backend = b;
    return STATUS_OK;
}
