#include "score/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "lattice/fourier.h"
#include "network/initialise.h"
#include "score/wiener.h"

const char *const score_parameterisation_name[SCORE_PARAMETERISATIONS] = {
    [SCORE_PUBLISHED] = "published", [SCORE_PRECONDITIONED] = "preconditioned", [SCORE_WIENER] = "wiener"};

struct score_network *score_network(const struct score_model *m) {
    return m->own;
}

/* --- construction -------------------------------------------------------------------------------- */

enum status score_network_make(struct score_model *m, const struct score_network *own, size_t size, struct error *e) {
    struct score_tensor list[SCORE_TENSORS];
    const size_t count = own->type->tensors(own, list);
    m->weight_count = list[count - 1].offset + list[count - 1].count;
    m->weights = calloc(m->weight_count, sizeof *m->weights);
    m->own = malloc(size);
    if (m->own) {
        memcpy(m->own, own, size);
        score_network(m)->frequencies = calloc((size_t)own->embedding / 2, sizeof *own->frequencies);
    }
    return m->weights && m->own && score_network(m)->frequencies
               ? STATUS_OK
               : error_set(e, STATUS_FAILED, "out of memory for the weights");
}

enum score_parameterisation score_network_parameterisation(const struct parameters *p) {
    return (enum score_parameterisation)PARAMETERS_WORD(p, "parameterisation", score_parameterisation_name);
}

enum status score_network_initialise(struct score_model *m, const struct parameters *p, struct error *e) {
    const struct unet_shape embedding = {.embedding = score_network(m)->embedding};
    return initialise_frequencies(&embedding, (uint64_t)parameters_integer(p, "seed"),
                                  parameters_real(p, "fourier-scale"), score_network(m)->frequencies, e);
}

enum status score_network_check(const struct parameters *p, const char *where, struct error *e) {
    const int64_t width = parameters_integer(p, "width"), embedding = parameters_integer(p, "embedding");
    if (embedding % 2 != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: embedding %lld found, an even number expected", where,
                         (long long)embedding);
    }
    if (width > 16 ? width % 32 != 0 : width != 4 && width != 8 && width != 16) {
        return error_set(e, STATUS_BAD_INPUT, "%s: width %lld found, 4, 8, 16 or a multiple of 32 expected", where,
                         (long long)width);
    }
    return STATUS_OK;
}

void score_network_release(struct score_model *m) {
    free(score_network(m)->frequencies);
    free(m->own);
}

/* --- its artifact -------------------------------------------------------------------------------- */

enum status score_network_add_head(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    return npz_add_text(writer, "model.parameterisation",
                        score_parameterisation_name[score_network(m)->parameterisation], e);
}

enum status score_network_add(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    const struct score_network *own = score_network(m);
    struct score_tensor list[SCORE_TENSORS];
    const size_t count = own->type->tensors(own, list), frequencies = (size_t)own->embedding / 2;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = score_add_copy(writer, list[i].name, NPZ_FLOAT32, list[i].dimensions, list[i].shape,
                                m->weights + list[i].offset, list[i].count * sizeof *m->weights, e);
    }
    THEN(status, score_add_copy(writer, "embed.fourier", NPZ_FLOAT32, 1, &frequencies, own->frequencies,
                                frequencies * sizeof *own->frequencies, e));
    return status;
}

enum status score_network_read_head(const struct npz *npz, struct score_network *own, struct error *e) {
    int parameterisation = 0;
    const struct npz_array *frequencies;
    TRY(score_read_word(npz, "model.parameterisation", score_parameterisation_name, SCORE_PARAMETERISATIONS,
                        &parameterisation, e));
    TRY(npz_require(npz, "embed.fourier", NPZ_FLOAT32, 1, &frequencies, e));
    own->parameterisation = (enum score_parameterisation)parameterisation;
    own->embedding = (int)(2 * frequencies->count);
    return STATUS_OK;
}

/* Reads one array into its position in the weights. */
static enum status read_tensor(const struct npz *npz, struct score_model *m, const struct score_tensor *tensor,
                               struct error *e) {
    const struct score_network *own = score_network(m);
    const struct npz_array *a;
    TRY(npz_require(npz, tensor->name, NPZ_FLOAT32, (int)tensor->dimensions, &a, e));
    if (memcmp(a->shape, tensor->shape, tensor->dimensions * sizeof *a->shape) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s has a wrong shape, expected that of a network of width %d",
                         npz_path(npz), tensor->name, own->type->width(own));
    }
    memcpy(m->weights + tensor->offset, a->data, a->count * sizeof *m->weights);
    return STATUS_OK;
}

enum status score_network_read(const struct npz *npz, struct score_model *m, struct error *e) {
    struct score_network *own = score_network(m);
    struct score_tensor list[SCORE_TENSORS];
    const size_t count = own->type->tensors(own, list);
    memcpy(own->frequencies, npz_find(npz, "embed.fourier")->data,
           (size_t)own->embedding / 2 * sizeof *own->frequencies);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = read_tensor(npz, m, &list[i], e);
    }
    return status;
}

/* --- computing ----------------------------------------------------------------------------------- */

struct shared {
    const struct score_model *model;
    const struct score_network_type *type;
    enum score_parameterisation parameterisation;
    void *network;
    struct fourier *fourier; /* for parameterisation wiener */
};

struct worker {
    struct shared *shared;
    void *workspace;
    float *field;                          /* (SCORE_BATCH, volume): input or output of the network */
    struct score_frame frame[SCORE_BATCH]; /* factors of the network's input and output */
    struct wiener *wiener;                 /* for parameterisation wiener */
};

enum status score_network_shared_new(const struct score_model *m, size_t batch, void **shared, struct error *e) {
    struct shared *s = calloc(1, sizeof *s);
    *shared = s;
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    }
    const struct score_network *own = score_network(m);
    *s = (struct shared){.model = m, .type = own->type, .parameterisation = own->parameterisation};
    enum status status = s->type->network_new(own, batch, &s->network, e);
    if (status == STATUS_OK) {
        s->type->set_weights(s->network, m->weights);
    }
    if (status == STATUS_OK && s->parameterisation == SCORE_WIENER) {
        status = fourier_new(m->extents, m->dimensions, &s->fourier, e);
    }
    return status;
}

void score_network_shared_free(void *shared) {
    struct shared *s = shared;
    if (!s) {
        return;
    }
    s->type->network_free(s->network);
    fourier_free(s->fourier);
    free(s);
}

void score_network_set_weights(void *shared, const float *weights) {
    struct shared *s = shared;
    s->type->set_weights(s->network, weights);
}

enum status score_network_worker_new(void *shared, void **worker, struct error *e) {
    struct worker *w = calloc(1, sizeof *w);
    *worker = w;
    if (!w) {
        return error_set(e, STATUS_FAILED, "out of memory for a worker");
    }
    struct shared *s = w->shared = shared;
    w->field = malloc(SCORE_BATCH * s->model->volume * sizeof *w->field);
    enum status status = w->field ? s->type->workspace_new(s->network, &w->workspace, e)
                                  : error_set(e, STATUS_FAILED, "out of memory for a worker");
    return status == STATUS_OK && s->fourier ? wiener_new(s->model, s->fourier, &w->wiener, e) : status;
}

void score_network_worker_free(void *worker) {
    struct worker *w = worker;
    if (!w) {
        return;
    }
    w->shared->type->workspace_free(w->workspace);
    wiener_free(w->wiener);
    free(w->field);
    free(w);
}

void score_network_frame(const struct score_model *m, struct score_frame *frame) {
    const double s = frame->noise, total = m->variance + s * s;
    switch (score_network(m)->parameterisation) {
    case SCORE_PUBLISHED:
        frame->label = (float)frame->t;
        frame->input = frame->output = 1;
        return;
    case SCORE_WIENER: /* the filter is added separately */
        frame->output = (float)(s * sqrt(m->variance) / total);
        break;
    default:
        frame->output = (float)sqrt(m->variance / total);
        frame->skip = (float)(-s / total);
    }
    frame->label = (float)(0.25 * function_log(s));
    frame->input = (float)(1.0 / sqrt(total));
}

static void scale(size_t n, float factor, const float *restrict in, float *restrict out) {
    for (size_t i = 0; i < n; i++) {
        out[i] = factor * in[i];
    }
}

static void combine(size_t n, float factor, const float *restrict phi, float own, float *restrict out) {
    for (size_t i = 0; i < n; i++) {
        out[i] = factor * phi[i] + own * out[i];
    }
}

static void add_wiener(struct worker *w, int n, const float *phi, float *out) {
    const size_t volume = w->shared->model->volume;
    for (int b = 0; b < n; b++) {
        wiener_add(w->wiener, w->frame[b].noise, phi + (size_t)b * volume, out + (size_t)b * volume);
    }
}

enum status score_network_evaluate(void *worker, int n, const float *phi, const double *t, float *out,
                                   struct error *e) {
    struct worker *w = worker;
    const struct shared *s = w->shared;
    const size_t volume = s->model->volume;
    float labels[SCORE_BATCH] = {0};
    for (int b = 0; b < n; b++) {
        w->frame[b] = score_frame(s->model, t[b]);
        labels[b] = w->frame[b].label;
    }
    if (s->parameterisation == SCORE_PUBLISHED) {
        return s->type->forward(w->workspace, n, phi, labels, out, e);
    }
    for (int b = 0; b < n; b++) {
        scale(volume, w->frame[b].input, phi + (size_t)b * volume, w->field + (size_t)b * volume);
    }
    enum status status = s->type->forward(w->workspace, n, w->field, labels, out, e);
    for (int b = 0; b < n; b++) {
        combine(volume, w->frame[b].skip, phi + (size_t)b * volume, w->frame[b].output, out + (size_t)b * volume);
    }
    if (s->parameterisation == SCORE_WIENER) {
        add_wiener(w, n, phi, out);
    }
    return status;
}

enum status score_network_vjp(void *worker, int n, const float *probe, float *out, struct error *e) {
    struct worker *w = worker;
    const struct shared *s = w->shared;
    const size_t volume = s->model->volume;
    for (int b = 0; b < n; b++) {
        scale(volume, w->frame[b].output, probe + (size_t)b * volume, w->field + (size_t)b * volume);
    }
    enum status status = s->type->backward(w->workspace, n, w->field, out, NULL, e);
    for (int b = 0; b < n; b++) {
        combine(volume, w->frame[b].skip, probe + (size_t)b * volume, w->frame[b].input, out + (size_t)b * volume);
    }
    if (s->parameterisation == SCORE_WIENER) {
        add_wiener(w, n, probe, out);
    }
    return status;
}

enum status score_network_weight_gradient(void *worker, int n, const float *g, float *packed, struct error *e) {
    struct worker *w = worker;
    const size_t volume = w->shared->model->volume;
    for (int b = 0; b < n; b++) {
        scale(volume, w->frame[b].output, g + (size_t)b * volume, w->field + (size_t)b * volume);
    }
    return w->shared->type->backward(w->workspace, n, w->field, NULL, packed, e);
}

size_t score_network_gradient_size(const void *shared) {
    const struct shared *s = shared;
    return s->type->gradient_size(s->network);
}

void score_network_unpack_gradient(void *shared, const float *packed, float *gradient) {
    const struct shared *s = shared;
    s->type->unpack_gradient(s->network, packed, gradient);
}
