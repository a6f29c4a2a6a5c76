#include "score/score.h"

#include <stdlib.h>

#include "score/kind.h"

struct score {
    const struct score_model *model;
    const struct score_kind *kind;
    void *shared;
};

struct score_worker {
    struct score *score;
    void *own;
};

enum status score_new(const struct score_model *model, size_t batch, struct score **score, struct error *e) {
    *score = NULL;
    struct score *s = calloc(1, sizeof *s);
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    }
    s->model = model;
    s->kind = model->kind;
    const enum status status = s->kind->shared_new(model, batch, &s->shared, e);
    if (status != STATUS_OK) {
        score_free(s);
        return status;
    }
    *score = s;
    return STATUS_OK;
}

void score_free(struct score *s) {
    if (!s) {
        return;
    }
    s->kind->shared_free(s->shared);
    free(s);
}

size_t score_batch(const struct score_model *m) {
    return m->kind->batch ? m->kind->batch(m) : SCORE_BATCH;
}

void score_set_weights(struct score *s, const float *weights) {
    s->kind->set_weights(s->shared, weights);
}

enum status score_worker_new(struct score *s, struct score_worker **worker, struct error *e) {
    *worker = NULL;
    struct score_worker *w = calloc(1, sizeof *w);
    if (!w) {
        return error_set(e, STATUS_FAILED, "out of memory for a worker");
    }
    w->score = s;
    const enum status status = s->kind->worker_new(s->shared, &w->own, e);
    if (status != STATUS_OK) {
        score_worker_free(w);
        return status;
    }
    *worker = w;
    return STATUS_OK;
}

void score_worker_free(struct score_worker *w) {
    if (!w) {
        return;
    }
    w->score->kind->worker_free(w->own);
    free(w);
}

enum status score_evaluate(struct score_worker *w, int n, const float *phi, const double *t, float *out,
                           struct error *e) {
    return w->score->kind->evaluate(w->own, n, phi, t, out, e);
}

enum status score_vjp(struct score_worker *w, int n, const float *probe, float *out, struct error *e) {
    return w->score->kind->vjp(w->own, n, probe, out, e);
}

enum status score_divergence(struct score_worker *w, int n, double *traces, struct error *e) {
    return w->score->kind->divergence(w->own, n, traces, e);
}

enum status score_weight_gradient(struct score_worker *w, int n, const float *g, float *packed, struct error *e) {
    return w->score->kind->weight_gradient(w->own, n, g, packed, e);
}

size_t score_gradient_size(const struct score *s) {
    return s->kind->gradient_size(s->shared);
}

void score_unpack_gradient(struct score *s, const float *packed, float *gradient) {
    s->kind->unpack_gradient(s->shared, packed, gradient);
}
