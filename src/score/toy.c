/* Kind `toy`. Its artifact has the arrays of network/mlp.h under their names. */
#include "score/toy.h"

#include <stdlib.h>
#include <string.h>

struct own {
    struct score_network network;
    struct mlp_shape shape;
};

/* --- the network ----------------------------------------------------------------------------------- */

static size_t tensors(const struct score_network *own, struct score_tensor list[SCORE_TENSORS]) {
    struct mlp_tensor of[MLP_TENSORS];
    mlp_tensors(&((const struct own *)own)->shape, of);
    for (size_t i = 0; i < MLP_TENSORS; i++) {
        list[i] = (struct score_tensor){of[i].name, of[i].dimensions, {0}, of[i].offset, of[i].count};
        memcpy(list[i].shape, of[i].shape, sizeof of[i].shape);
    }
    return MLP_TENSORS;
}

static int width(const struct score_network *own) {
    return ((const struct own *)own)->shape.width;
}

/* A network and the number of its weights; gradients are packed in the order of the weights. */
struct network {
    struct mlp *mlp;
    size_t weights;
};

static void network_free(void *network) {
    struct network *n = network;
    if (n) {
        mlp_free(n->mlp);
    }
    free(n);
}

static enum status network_new(const struct score_network *own, size_t batch, void **network, struct error *e) {
    const struct mlp_shape *shape = &((const struct own *)own)->shape;
    struct mlp_tensor list[MLP_TENSORS];
    struct network *n = calloc(1, sizeof *n);
    *network = n;
    if (!n) {
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    n->weights = mlp_tensors(shape, list);
    return mlp_new(shape, own->frequencies, (int)batch, &n->mlp, e);
}

static void set_weights(void *network, const float *weights) {
    mlp_set_weights(((struct network *)network)->mlp, weights);
}

static enum status workspace_new(void *network, void **workspace, struct error *e) {
    struct mlp_workspace *made = NULL;
    const enum status status = mlp_workspace_new(((struct network *)network)->mlp, &made, e);
    *workspace = made;
    return status;
}

static void workspace_free(void *workspace) {
    mlp_workspace_free(workspace);
}

static enum status forward(void *workspace, int n, const float *x, const float *label, float *out, struct error *e) {
    (void)e;
    mlp_forward(workspace, n, x, label, out);
    return STATUS_OK;
}

static enum status backward(void *workspace, int n, const float *g, float *input, float *packed, struct error *e) {
    (void)e;
    mlp_backward(workspace, n, g, input, packed);
    return STATUS_OK;
}

static size_t gradient_size(const void *network) {
    return ((const struct network *)network)->weights;
}

static void unpack_gradient(void *network, const float *packed, float *gradient) {
    memcpy(gradient, packed, gradient_size(network) * sizeof *gradient);
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

/* --- the model ------------------------------------------------------------------------------------- */

const struct mlp_shape *score_toy_shape(const struct score_model *m) {
    return &((const struct own *)m->own)->shape;
}

enum status score_toy_make(struct score_model *m, const struct mlp_shape *shape, enum score_parameterisation how,
                           struct error *e) {
    const struct own own = {{.type = &type, .parameterisation = how, .embedding = shape->embedding}, *shape};
    m->kind = &score_toy;
    return score_network_make(m, &own.network, sizeof own, e);
}

static enum status suits(const struct parameters *p, size_t dimensions, const size_t *extents, struct error *e) {
    (void)p;
    size_t volume = 1;
    for (size_t mu = 0; mu < dimensions; mu++) {
        volume *= extents[mu];
    }
    return volume == 1 ? STATUS_OK
                       : error_set(e, STATUS_BAD_INPUT,
                                   "network toy with an ensemble of %zu sites found, expected 1 site", volume);
}

static enum status prepare(struct score_model *m, const struct parameters *p, struct error *e) {
    const struct mlp_shape shape = {.width = (int)parameters_integer(p, "width"),
                                    .embedding = (int)parameters_integer(p, "embedding")};
    enum status status = score_toy_make(m, &shape, score_network_parameterisation(p), e);
    THEN(status, mlp_initialise(&shape, (uint64_t)parameters_integer(p, "seed"), m->weights, e));
    THEN(status, score_network_initialise(m, p, e));
    return status;
}

static enum status add_model(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    TRY(score_network_add_head(m, writer, e));
    return score_network_add(m, writer, e);
}

static enum status read_model(const struct npz *npz, struct score_model *m, struct error *e) {
    struct score_network head;
    const struct npz_array *first;
    TRY(score_network_read_head(npz, &head, e));
    TRY(npz_require(npz, "layer1.weight", NPZ_FLOAT32, 2, &first, e));
    if (m->volume != 1) {
        return error_set(e, STATUS_BAD_INPUT, "%s: a toy network whose propagator has %zu sites found, expected 1 site",
                         npz_path(npz), m->volume);
    }
    const struct mlp_shape shape = {.width = (int)first->shape[0], .embedding = head.embedding};
    if (mlp_check(&shape, e) != STATUS_OK) {
        return error_prefix(e, "%s", npz_path(npz));
    }
    enum status status = score_toy_make(m, &shape, head.parameterisation, e);
    THEN(status, score_network_read(npz, m, e));
    return status;
}

const struct score_kind score_toy = {
    .name = "toy", .suits = suits, .prepare = prepare, .add = add_model, .read = read_model, SCORE_NETWORK_MEMBERS};
