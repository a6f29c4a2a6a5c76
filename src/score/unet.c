/* Kind `unet`. Its artifact has model.stride, model.padding, unless direct model.convolutions, and the
 * arrays of network/unet.h under their names. */
#include "score/unet.h"

#include <string.h>

#include "network/initialise.h"
#include "network/unet_cpu.h"

struct own {
    struct score_network network;
    struct unet_shape shape;
    enum unet_convolutions convolutions;
};

/* --- the network ----------------------------------------------------------------------------------- */

static size_t tensors(const struct score_network *own, struct score_tensor list[SCORE_TENSORS]) {
    struct unet_tensor of[UNET_TENSORS];
    const size_t count = unet_tensors(&((const struct own *)own)->shape, of, NULL);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct score_tensor){of[i].name, of[i].dimensions, {0}, of[i].offset, of[i].count};
        memcpy(list[i].shape, of[i].shape, sizeof of[i].shape);
    }
    return count;
}

static int width(const struct score_network *own) {
    return ((const struct own *)own)->shape.width;
}

static enum status network_new(const struct score_network *own, size_t batch, void **network, struct error *e) {
    struct unet_cpu *made = NULL;
    const struct own *unet = (const struct own *)own;
    const enum status status = unet_cpu_new(&unet->shape, unet->convolutions, own->frequencies, (int)batch, &made, e);
    *network = made;
    return status;
}

static void network_free(void *network) {
    unet_cpu_free(network);
}

static void set_weights(void *network, const float *weights) {
    unet_cpu_set_weights(network, weights);
}

static enum status workspace_new(void *network, void **workspace, struct error *e) {
    struct unet_cpu_workspace *made = NULL;
    const enum status status = unet_cpu_workspace_new(network, &made, e);
    *workspace = made;
    return status;
}

static void workspace_free(void *workspace) {
    unet_cpu_workspace_free(workspace);
}

static enum status forward(void *workspace, int n, const float *x, const float *label, float *out, struct error *e) {
    return unet_cpu_forward(workspace, n, x, label, out, e);
}

static enum status backward(void *workspace, int n, const float *g, float *input, float *packed, struct error *e) {
    return unet_cpu_backward(workspace, n, g, input, packed, e);
}

static size_t gradient_size(const void *network) {
    return unet_cpu_gradient_size(network);
}

static void unpack_gradient(void *network, const float *packed, float *gradient) {
    unet_cpu_unpack_gradient(network, packed, gradient);
}

static const struct score_network_type type = {
    .tensors = tensors,
    .width = width,
    .network_new = network_new,
    .network_free = network_free,
    .set_weights = set_weights,
    .workspace_new = workspace_new,
    .workspace_free = workspace_free,
    .forward = forward,
    .backward = backward,
    .gradient_size = gradient_size,
    .unpack_gradient = unpack_gradient,
};

/* So many configurations stay in the caches from one layer to the next. With 3 on 32x32 the deepest matrices have 48
 * rows, a multiple of what products have (network/convolution.c). */
static size_t batch(const struct score_model *m) {
    enum { SITES = 3072 };
    const size_t fit = SITES / m->volume;
    return fit < 1 ? 1 : fit < SCORE_BATCH ? fit : SCORE_BATCH;
}

/* --- the model ------------------------------------------------------------------------------------- */

bool score_is_unet(const struct score_model *m) {
    return m->kind == &score_unet;
}

const struct unet_shape *score_unet_shape(const struct score_model *m) {
    return &((const struct own *)m->own)->shape;
}

enum status score_unet_make(struct score_model *m, const struct unet_shape *shape, enum score_parameterisation how,
                            struct error *e) {
    const struct own own = {
        {.type = &type, .parameterisation = how, .embedding = shape->embedding}, *shape, UNET_DIRECT};
    m->kind = &score_unet;
    return score_network_make(m, &own.network, sizeof own, e);
}

enum unet_convolutions score_unet_convolutions(const struct score_model *m) {
    return ((const struct own *)m->own)->convolutions;
}

void score_unet_set_convolutions(struct score_model *m, enum unet_convolutions convolutions) {
    ((struct own *)m->own)->convolutions = convolutions;
}

static struct unet_shape shape_of(const struct parameters *p, const size_t *extents) {
    return (struct unet_shape){.height = (int)extents[0],
                               .width_sites = (int)extents[1],
                               .width = (int)parameters_integer(p, "width"),
                               .embedding = (int)parameters_integer(p, "embedding"),
                               .stride = (int)parameters_integer(p, "stride"),
                               .padding = (enum unet_padding)PARAMETERS_WORD(p, "padding", unet_padding_name)};
}

static enum status suits(const struct parameters *p, size_t dimensions, const size_t *extents, struct error *e) {
    if (dimensions != 2) {
        return error_set(e, STATUS_BAD_INPUT, "network unet with an ensemble in %zu dimensions found, expected 2",
                         dimensions);
    }
    const struct unet_shape shape = shape_of(p, extents);
    return unet_check(&shape, e);
}

static enum status prepare(struct score_model *m, const struct parameters *p, struct error *e) {
    const struct unet_shape shape = shape_of(p, m->extents);
    enum status status = score_unet_make(m, &shape, score_network_parameterisation(p), e);
    if (status == STATUS_OK) {
        score_unet_set_convolutions(m,
                                    (enum unet_convolutions)PARAMETERS_WORD(p, "convolutions", unet_convolutions_name));
    }
    THEN(status, initialise_weights(&shape, (uint64_t)parameters_integer(p, "seed"), m->weights, e));
    if (status == STATUS_OK && score_network(m)->parameterisation == SCORE_WIENER) {
        /* starts with F = 0: the filter is nearly exact, and the difference is much smaller than the output of a
         * network with random weights */
        struct unet_tensor list[UNET_TENSORS];
        unet_tensors(&shape, list, NULL);
        const struct unet_tensor *last = &list[unet_find(&shape, "tconv1.weight")],
                                 *bias = &list[unet_find(&shape, "tconv1.bias")];
        memset(m->weights + last->offset, 0, last->count * sizeof *m->weights);
        memset(m->weights + bias->offset, 0, bias->count * sizeof *m->weights);
    }
    THEN(status, score_network_initialise(m, p, e));
    return status;
}

/* The precision of training is too low for exact densities. */
static void end_training(struct score_model *m) {
    if (score_unet_convolutions(m) == UNET_BFLOAT16) {
        score_unet_set_convolutions(m, UNET_DIRECT);
    }
}

/* --- its artifact ---------------------------------------------------------------------------------- */

static enum status add_model(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    const struct unet_shape *shape = score_unet_shape(m);
    const enum unet_convolutions convolutions = score_unet_convolutions(m);
    enum status status = score_network_add_head(m, writer, e);
    THEN(status, npz_add_integer(writer, "model.stride", shape->stride, e));
    THEN(status, npz_add_text(writer, "model.padding", unet_padding_name[shape->padding], e));
    if (convolutions != UNET_DIRECT) {
        THEN(status, npz_add_text(writer, "model.convolutions", unet_convolutions_name[convolutions], e));
    }
    THEN(status, score_network_add(m, writer, e));
    return status;
}

static enum status read_model(const struct npz *npz, struct score_model *m, struct error *e) {
    struct score_network head;
    const struct npz_array *stride, *first;
    int padding = 0, convolutions = UNET_DIRECT;
    TRY(score_network_read_head(npz, &head, e));
    TRY(score_read_word(npz, "model.padding", unet_padding_name, 2, &padding, e));
    if (npz_find(npz, "model.convolutions")) {
        TRY(score_read_word(npz, "model.convolutions", unet_convolutions_name, 2, &convolutions, e));
    }
    TRY(npz_require(npz, "model.stride", NPZ_INT64, 0, &stride, e));
    TRY(npz_require(npz, "conv1.weight", NPZ_FLOAT32, 4, &first, e));
    if (m->dimensions != 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: a unet whose propagator has %zu dimensions found, expected 2",
                         npz_path(npz), m->dimensions);
    }
    const struct unet_shape shape = {.height = (int)m->extents[0],
                                     .width_sites = (int)m->extents[1],
                                     .width = (int)first->shape[0],
                                     .embedding = head.embedding,
                                     .stride = (int)*(const int64_t *)stride->data,
                                     .padding = (enum unet_padding)padding};
    if (unet_check(&shape, e) != STATUS_OK) {
        return error_prefix(e, "%s", npz_path(npz));
    }
    enum status status = score_unet_make(m, &shape, head.parameterisation, e);
    if (status == STATUS_OK) {
        score_unet_set_convolutions(m, (enum unet_convolutions)convolutions);
    }
    THEN(status, score_network_read(npz, m, e));
    return status;
}

const struct score_kind score_unet = {.name = "unet",
                                      .suits = suits,
                                      .prepare = prepare,
                                      .add = add_model,
                                      .read = read_model,
                                      .trained = end_training,
                                      .batch = batch,
                                      SCORE_NETWORK_MEMBERS};
