#include "diffusion/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "diffusion/schedule.h"
#include "lattice/fourier.h"
#include "network/mlp.h"
#include "network/unet_cpu.h"

struct score {
    const struct score_model *model;
    struct unet_cpu *network; /* unet */
    struct mlp *toy;          /* toy */
    struct fourier *fourier;  /* gaussian, and the wiener parameterisation */
    struct backend *backend;  /* unet on a device, which then sees to everything */
    struct backend_network *remote;
};

struct score_worker {
    struct score *score;
    struct unet_cpu_workspace *network;
    struct mlp_workspace *toy;
    float *field;                      /* capacity x volume: what goes into the network or out of it */
    struct backend_frame *frame;       /* capacity: what surrounds the network */
    double *gain, *fine, *workspace;   /* volume, volume, fourier's */
};

enum status score_new(const struct score_model *model, struct score **score, struct error *e) {
    *score = NULL;
    struct score *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    s->model = model;
    enum status status = STATUS_OK;
    s->backend = score_model_device(model);
    if (s->backend) {
        status = s->backend->network_new(s->backend, model, &s->remote, e);
    } else if (model->kind == SCORE_UNET) {
        status = unet_cpu_new(&model->shape, model->frequencies, SCORE_BATCH, &s->network, e);
        if (status == STATUS_OK)
            unet_cpu_set_weights(s->network, model->weights);
    } else if (model->kind == SCORE_TOY) {
        status = mlp_new(&model->toy, model->frequencies, SCORE_BATCH, &s->toy, e);
        if (status == STATUS_OK)
            mlp_set_weights(s->toy, model->weights);
    }
    if (status == STATUS_OK && !s->backend && (model->kind == SCORE_GAUSSIAN || model->parameterisation == SCORE_WIENER))
        status = fourier_new(model->extents, model->dimensions, &s->fourier, e);
    if (status != STATUS_OK) {
        score_free(s);
        return status;
    }
    *score = s;
    return STATUS_OK;
}

void score_free(struct score *s) {
    if (!s)
        return;
    if (s->backend)
        s->backend->network_free(s->remote);
    unet_cpu_free(s->network);
    mlp_free(s->toy);
    fourier_free(s->fourier);
    free(s);
}

struct backend_network *score_device(const struct score *s) {
    return s->remote;
}

size_t score_capacity(const struct score *s) {
    return s->backend ? s->backend->capacity(s->model) : SCORE_BATCH;
}

int score_workers(const struct score *s, int threads) {
    return s->backend ? 1 : threads;
}

enum status score_set_weights(struct score *s, const float *weights, struct error *e) {
    if (s->backend)
        return s->backend->set_weights(s->remote, weights, e);
    if (s->toy)
        mlp_set_weights(s->toy, weights);
    else
        unet_cpu_set_weights(s->network, weights);
    return STATUS_OK;
}

enum status score_worker_new(struct score *s, struct score_worker **worker, struct error *e) {
    *worker = NULL;
    struct score_worker *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(e, STATUS_FAILED, "out of memory for a worker");
    w->score = s;
    const size_t volume = s->model->volume;
    const size_t capacity = score_capacity(s);
    w->field = malloc(capacity * volume * sizeof *w->field);
    w->frame = calloc(capacity, sizeof *w->frame);
    bool complete = w->field && w->frame;
    if (s->fourier) {
        w->gain = malloc(volume * sizeof *w->gain);
        w->fine = malloc(volume * sizeof *w->fine);
        w->workspace = malloc(fourier_workspace(s->fourier) * sizeof *w->workspace);
        complete = complete && w->gain && w->fine && w->workspace;
    }
    enum status status = complete ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for a worker");
    if (status == STATUS_OK && s->network)
        status = unet_cpu_workspace_new(s->network, &w->network, e);
    if (status == STATUS_OK && s->toy)
        status = mlp_workspace_new(s->toy, &w->toy, e);
    if (status != STATUS_OK) {
        score_worker_free(w);
        return status;
    }
    *worker = w;
    return STATUS_OK;
}

void score_worker_free(struct score_worker *w) {
    if (!w)
        return;
    unet_cpu_workspace_free(w->network);
    mlp_workspace_free(w->toy);
    free(w->field);
    free(w->frame);
    free(w->gain);
    free(w->fine);
    free(w->workspace);
    free(w);
}

/* out = F(x, label), whatever network that is. */
static enum status forward(struct score_worker *w, int n, const float *x, const float *label, float *out,
                           struct error *e) {
    if (!w->toy)
        return unet_cpu_forward(w->network, n, x, label, out, e);
    mlp_forward(w->toy, n, x, label, out);
    return STATUS_OK;
}

static enum status backward(struct score_worker *w, int n, const float *g, float *input, float *packed,
                            struct error *e) {
    if (!w->toy)
        return unet_cpu_backward(w->network, n, g, input, packed, e);
    mlp_backward(w->toy, n, g, input, packed);
    return STATUS_OK;
}

struct backend_frame score_frame(const struct score_model *m, double t) {
    const double s = schedule_noise(m->sigma, t);
    if (m->parameterisation == SCORE_PUBLISHED)
        return (struct backend_frame){.label = (float)t, .input = 1, .output = 1, .skip = 0, .noise = s};
    const double total = m->variance + s * s;
    struct backend_frame f = {.label = (float)(0.25 * function_log(s)), .input = (float)(1.0 / sqrt(total)), .noise = s};
    if (m->parameterisation == SCORE_WIENER) {
        f.output = (float)(s * sqrt(m->variance) / total);
        f.skip = 0; /* add_wiener sees to it */
    } else {
        f.output = (float)sqrt(m->variance / total);
        f.skip = (float)(-s / total);
    }
    return f;
}

static void scale(size_t n, float factor, const float *restrict in, float *restrict out) {
    for (size_t i = 0; i < n; i++)
        out[i] = factor * in[i];
}

static void combine(size_t n, float factor, const float *restrict phi, float own, float *restrict out) {
    for (size_t i = 0; i < n; i++)
        out[i] = factor * phi[i] + own * out[i];
}

/* out += -s phi(p)/(G(p) + s^2) for one configuration: linear and symmetric, so also its own adjoint. */
static void add_wiener(struct score_worker *w, double s, const float *phi, float *out) {
    const struct score_model *m = w->score->model;
    for (size_t i = 0; i < m->volume; i++) {
        w->gain[i] = -s / (m->propagator[i] + s * s);
        w->fine[i] = (double)phi[i];
    }
    fourier_filter(w->score->fourier, w->gain, w->fine, w->fine, w->workspace);
    for (size_t i = 0; i < m->volume; i++)
        out[i] += (float)w->fine[i];
}

static void add_wiener_all(struct score_worker *w, int n, const float *phi, float *out) {
    const size_t volume = w->score->model->volume;
    for (int b = 0; b < n; b++)
        add_wiener(w, w->frame[b].noise, phi + (size_t)b * volume, out + (size_t)b * volume);
}

enum status score_evaluate(struct score_worker *w, int n, const float *phi, const double *t, float *out,
                           struct error *e) {
    const struct score_model *m = w->score->model;
    const size_t volume = m->volume;
    for (int b = 0; b < n; b++)
        w->frame[b] = score_frame(m, t[b]);
    if (w->score->backend)
        return w->score->backend->evaluate(w->score->remote, (size_t)n, phi, w->frame, out, e);
    float labels[SCORE_BATCH] = {0};
    for (int b = 0; b < n; b++)
        labels[b] = w->frame[b].label;
    if (m->kind == SCORE_GAUSSIAN) {
        memset(out, 0, (size_t)n * volume * sizeof *out);
        add_wiener_all(w, n, phi, out);
        return STATUS_OK;
    }
    if (m->parameterisation == SCORE_PUBLISHED)
        return forward(w, n, phi, labels, out, e);
    for (int b = 0; b < n; b++)
        scale(volume, w->frame[b].input, phi + (size_t)b * volume, w->field + (size_t)b * volume);
    enum status status = forward(w, n, w->field, labels, out, e);
    for (int b = 0; b < n; b++)
        combine(volume, w->frame[b].skip, phi + (size_t)b * volume, w->frame[b].output, out + (size_t)b * volume);
    if (m->parameterisation == SCORE_WIENER)
        add_wiener_all(w, n, phi, out);
    return status;
}

enum status score_vjp(struct score_worker *w, int n, const float *probe, float *out, struct error *e) {
    const struct score_model *m = w->score->model;
    const size_t volume = m->volume;
    if (w->score->backend)
        return w->score->backend->vjp(w->score->remote, (size_t)n, probe, out, e);
    if (m->kind == SCORE_GAUSSIAN) {
        memset(out, 0, (size_t)n * volume * sizeof *out);
        add_wiener_all(w, n, probe, out);
        return STATUS_OK;
    }
    for (int b = 0; b < n; b++)
        scale(volume, w->frame[b].output, probe + (size_t)b * volume, w->field + (size_t)b * volume);
    enum status status = backward(w, n, w->field, out, NULL, e);
    for (int b = 0; b < n; b++)
        combine(volume, w->frame[b].skip, probe + (size_t)b * volume, w->frame[b].input, out + (size_t)b * volume);
    if (m->parameterisation == SCORE_WIENER)
        add_wiener_all(w, n, probe, out);
    return status;
}

enum status score_weight_gradient(struct score_worker *w, int n, const float *g, float *packed, struct error *e) {
    const size_t volume = w->score->model->volume;
    for (int b = 0; b < n; b++)
        scale(volume, w->frame[b].output, g + (size_t)b * volume, w->field + (size_t)b * volume);
    return backward(w, n, w->field, NULL, packed, e);
}

size_t score_gradient_size(const struct score *s) {
    return s->toy ? s->model->weight_count : unet_cpu_gradient_size(s->network);
}

void score_unpack_gradient(struct score *s, const float *packed, float *gradient) {
    if (s->toy)
        memcpy(gradient, packed, s->model->weight_count * sizeof *gradient);
    else
        unet_cpu_unpack_gradient(s->network, packed, gradient);
}

double score_flop(const struct score *s) {
    return s->network ? unet_cpu_flop(s->network) : s->toy ? mlp_flop(s->toy) : 0;
}
