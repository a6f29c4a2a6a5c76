/* Memory and weights of a network on the device (network.h); the passes are in network_pass.cu. */
#include "cuda/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/check.h"
extern "C" {
#include "base/functions.h"
}

static const char *const use_name[] = {"sampling", "scoring", "training"};

float *network_field(const struct network *w, enum layout_field field) {
    return (float *)(w->arena + w->fields.at[field]);
}

struct sites network_sites(const struct network *w) {
    return {w->layout.shape.height, w->layout.shape.width_sites, 0, w->layout.shape.padding == UNET_PERIODIC};
}

struct surroundings network_surroundings(const struct network *w, struct frames frames, bool with_linear) {
    return {network_sites(w), frames, network_field(w, FIELD_TAPS), w->weights + w->layout.last_bias,
            with_linear ? w->linear : NULL};
}

/* --- weights ------------------------------------------------------------------------------------- */

enum status network_put(struct network *w, const float *flat, float *target, struct error *e) {
    size_t count;
    unet_tensors(&w->layout.shape, NULL, &count);
    memset(w->staging, 0, w->layout.weights * sizeof *w->staging);
    for (size_t i = 0; i < count; i++) {
        w->staging[w->position[i]] = flat[i];
    }
    return device_upload(w->device, target, w->staging, w->layout.weights * sizeof *w->staging, e);
}

enum status network_get(struct network *w, const float *source, float *flat, struct error *e) {
    size_t count;
    unet_tensors(&w->layout.shape, NULL, &count);
    TRY(device_download(w->device, w->staging, source, w->layout.weights * sizeof *w->staging, e));
    for (size_t i = 0; i < count; i++) {
        flat[i] = w->staging[w->position[i]];
    }
    return STATUS_OK;
}

enum status network_set_weights(struct network *w, const float *flat, struct error *e) {
    TRY(network_put(w, flat, w->weights, e));
    return w->rounded ? process_round(w->layout.weights, w->weights, w->rounded, w->device->stream, e) : STATUS_OK;
}

/* --- construction -------------------------------------------------------------------------------- */

/* Checks that the propagator is symmetric under p_mu -> -p_mu, which the filter requires. */
static enum status check_symmetry(const struct score_model *m, struct error *e) {
    const size_t H = m->extents[0], W = m->extents[1];
    for (size_t i = 0; i < H; i++) {
        for (size_t j = 0; j < W; j++) {
            const double g = m->propagator[i * W + j];
            const double a = m->propagator[(H - i) % H * W + j], b = m->propagator[i * W + (W - j) % W];
            if (fabs(a - g) > 1e-9 * fabs(g) || fabs(b - g) > 1e-9 * fabs(g)) {
                return error_set(e, STATUS_BAD_INPUT,
                                 "the model's propagator is %g at mode (%zu, %zu), and %g, %g at its mirror images; "
                                 "expected equal values",
                                 g, i, j, a, b);
            }
        }
    }
    return STATUS_OK;
}

static void fill_cas(size_t extent, double *table) {
    for (size_t i = 0; i < extent; i++) {
        for (size_t j = 0; j < extent; j++) {
            double sine, cosine;
            function_sincos_turns((double)(i * j % extent) / (double)extent, &sine, &cosine);
            table[i * extent + j] = cosine + sine;
        }
    }
}

/* Tables, propagator and workspace of the filter, in one allocation. */
static enum status make_filter(struct network *w, const struct score_model *m, struct error *e) {
    const size_t H = m->extents[0], W = m->extents[1], V = m->volume, tables = H * H + W * W + V;
    const size_t batch = (size_t)w->batch;
    TRY(check_symmetry(m, e));
    double *host = (double *)malloc(tables * sizeof *host);
    if (!host) {
        return error_set(e, STATUS_FAILED, "out of memory for a filter");
    }
    fill_cas(H, host);
    fill_cas(W, host + H * H);
    memcpy(host + H * H + W * W, m->propagator, V * sizeof *host);
    enum status status =
        device_allocate(w->device, (tables + batch * 2 * V) * sizeof *host, "the filter", (void **)&w->tables, e);
    THEN(status, device_upload(w->device, w->tables, host, tables * sizeof *host, e));
    free(host);
    TRY(status);
    w->filter = {(int)H, (int)W, w->tables, w->tables + H * H, w->tables + H * H + W * W, w->tables + tables};
    return device_allocate(w->device, batch * V * sizeof(float), "the filtered fields", (void **)&w->linear, e);
}

static enum status make_convolutions(struct network *w, struct error *e) {
    size_t workspace = 1;
    char text[256], *all = w->device->description;
    const size_t room = sizeof text;
    snprintf(text, room, "; %s, batch %d, engines", use_name[w->use], w->batch);
    for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
        for (int kind = 0; kind < CUDA_KINDS; kind++) {
            /* forward: conv, and the gradient of tconv; adjoint: tconv, and the gradient of conv */
            const bool forward = kind == (k < 3 ? CUDA_FORWARD : CUDA_ADJOINT);
            const bool backward = kind == (k < 3 ? CUDA_ADJOINT : CUDA_FORWARD) && w->use != NETWORK_FORWARD;
            if (!forward && !backward && !(kind == CUDA_WEIGHTS && w->use == NETWORK_TRAINING)) {
                continue;
            }
            struct layout_convolution shape = w->layout.convolution[k];
            shape.batch = w->batch;
            TRY(cuda_convolution_new(w->device->convolutions, &shape, (enum cuda_convolution_kind)kind,
                                     &w->convolution[k][kind], e));
            const size_t own = cuda_convolution_workspace(w->convolution[k][kind]);
            workspace = own > workspace ? own : workspace;
            snprintf(text + strlen(text), room - strlen(text), " %d%c%d", k, cuda_convolution_name[kind][0],
                     cuda_convolution_engine(w->convolution[k][kind]));
        }
    }
    if (!strstr(all, text)) { /* no network of this kind has been described yet */
        snprintf(all + strlen(all), sizeof w->device->description - strlen(all), "%s", text);
    }
    return device_allocate(w->device, workspace, "workspace of the convolutions", &w->workspace, e);
}

/* Allocates the fields of the batch. If they do not fit, the message names the largest batch that does. */
static enum status make_fields(struct network *w, struct error *e) {
    const bool backward = w->use != NETWORK_FORWARD;
    layout_fields(&w->layout, (size_t)w->batch, w->element, backward, &w->fields);
    const enum status status = device_allocate(w->device, w->fields.total, "the fields", (void **)&w->arena, e);
    if (status == STATUS_OK) {
        return status;
    }
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    return error_set(e, STATUS_FAILED,
                     "out of device memory: %s with a batch of %d needs %.1f MiB for its fields, %.1f of %.1f MiB are "
                     "free; a batch of "
                     "%zu fits",
                     use_name[w->use], w->batch, (double)w->fields.total / 1048576, (double)free / 1048576,
                     (double)total / 1048576, layout_fitting_batch(&w->layout, w->element, backward, free - free / 8));
}

static enum status make(struct network *w, const struct score_model *model, bool colours, struct error *e) {
    struct device *d = w->device;
    const size_t vector = w->layout.weights * sizeof(float), batch = (size_t)w->batch;
    const size_t half = w->layout.embedding / 2;
    w->position = (uint32_t *)malloc(model->weight_count * sizeof *w->position);
    w->staging = (float *)malloc(vector);
    if (!w->position || !w->staging) {
        return error_set(e, STATUS_FAILED, "out of memory for the weights");
    }
    layout_positions(&w->layout, w->position);
    TRY(make_fields(w, e));
    TRY(device_allocate(d, vector, "the weights", (void **)&w->weights, e));
    if (w->device->precision == CUDA_BF16) {
        TRY(device_allocate(d, vector, "the rounded weights", (void **)&w->rounded, e));
    }
    TRY(device_allocate(d, half * sizeof(float), "the frequencies", (void **)&w->frequencies, e));
    TRY(device_upload(d, w->frequencies, score_network(model)->frequencies, half * sizeof(float), e));
    if (w->use == NETWORK_TRAINING) {
        const size_t partials =
            single_partials(network_sites(w), w->batch) * 9 * 2 * (size_t)score_unet_shape(model)->width;
        TRY(device_allocate(d, vector, "the gradient", (void **)&w->gradient, e));
        TRY(device_allocate(d, partials * sizeof(float), "partial gradients", (void **)&w->partial, e));
        TRY(device_allocate(d, batch * sizeof(float), "the gradient of the bias", (void **)&w->bias, e));
    }
    if (colours || score_network(model)->parameterisation == SCORE_WIENER) {
        TRY(make_filter(w, model, e));
    }
    TRY(make_convolutions(w, e));
    return network_set_weights(w, model->weights, e);
}

enum status network_new(struct device *d, const struct score_model *model, size_t batch, enum network_use use,
                        bool colours, struct network **network, struct error *e) {
    *network = NULL;
    if (use != NETWORK_FORWARD && d->base.forward_only) {
        return error_set(e, STATUS_BAD_INPUT, "backend '%s' has no gradients, which %s needs", d->base.name,
                         use_name[use]);
    }
    struct network *w = (struct network *)calloc(1, sizeof *w);
    if (!w) {
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    w->device = d;
    w->use = use;
    w->batch = (int)batch;
    w->element = d->precision == CUDA_BF16 ? sizeof(struct bfloat) : sizeof(float);
    layout_make(score_unet_shape(model), &w->layout);
    enum status status = make(w, model, colours, e);
    THEN(status, device_wait(d, e));
    if (status != STATUS_OK) {
        error_prefix(e, "network of %dx%d sites, width %d, stride %d, batch %zu", w->layout.shape.height,
                     w->layout.shape.width_sites, w->layout.shape.width, w->layout.shape.stride, batch);
        network_free(w);
        return status;
    }
    *network = w;
    return STATUS_OK;
}

void network_free(struct network *w) {
    if (!w) {
        return;
    }
    for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
        for (int kind = 0; kind < CUDA_KINDS; kind++) {
            cuda_convolution_free(w->convolution[k][kind]);
        }
    }
    void *const memory[] = {w->arena, w->weights,     w->rounded,   w->gradient, w->partial,
                            w->bias,  w->frequencies, w->workspace, w->tables,   w->linear};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        device_release(memory[i]);
    }
    free(w->position);
    free(w->staging);
    free(w);
}
