/* Score models as artifacts: the network's arrays under the names of network/unet.h or network/mlp.h, and the
 * scalars model.kind, model.parameterisation, model.sigma, model.offset, model.factor, model.variance, kappa,
 * lambda, thermalised (1 where it is missing), of a unet model.stride and model.padding; propagator has the extents of the
 * lattice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/score.h"

const char *const score_parameterisation_name[SCORE_PARAMETERISATIONS] = {
    [SCORE_PUBLISHED] = "published", [SCORE_PRECONDITIONED] = "preconditioned", [SCORE_WIENER] = "wiener"};

const char *const score_kind_name[SCORE_KINDS] = {
    [SCORE_UNET] = "unet", [SCORE_GAUSSIAN] = "gaussian", [SCORE_TOY] = "toy"};

/* Adds a copy, which the writer frees. */
static enum status add_copy(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                            const size_t *shape, const void *data, size_t size, struct error *e) {
    void *copy = malloc(size);
    if (!copy)
        return error_set(e, STATUS_FAILED, "out of memory for %s", name);
    memcpy(copy, data, size);
    return npz_add_owned(writer, name, type, dimensions, shape, copy, e);
}

static enum status add_unet(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    enum status status = npz_add_integer(writer, "model.stride", m->shape.stride, e);
    if (status == STATUS_OK)
        status = npz_add_text(writer, "model.padding", m->shape.padding == UNET_PERIODIC ? "periodic" : "zeros", e);
    struct unet_tensor list[UNET_TENSORS];
    const size_t count = unet_tensors(&m->shape, list, NULL);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_copy(writer, list[i].name, NPZ_FLOAT32, list[i].dimensions, list[i].shape,
                          m->weights + list[i].offset, list[i].count * sizeof *m->weights, e);
    return status;
}

static enum status add_toy(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    struct mlp_tensor list[MLP_TENSORS];
    enum status status = STATUS_OK;
    mlp_tensors(&m->toy, list);
    for (size_t i = 0; i < MLP_TENSORS && status == STATUS_OK; i++)
        status = add_copy(writer, list[i].name, NPZ_FLOAT32, list[i].dimensions, list[i].shape,
                          m->weights + list[i].offset, list[i].count * sizeof *m->weights, e);
    return status;
}

enum status score_model_add(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    const struct {
        const char *name;
        double value;
    } reals[] = {{"kappa", m->kappa},         {"lambda", m->lambda},         {"model.sigma", m->sigma},
                 {"model.offset", m->offset}, {"model.factor", m->factor}, {"model.variance", m->variance}};
    enum status status = npz_add_text(writer, "model.kind", score_kind_name[m->kind], e);
    for (size_t i = 0; i < sizeof reals / sizeof reals[0] && status == STATUS_OK; i++)
        status = npz_add_real(writer, reals[i].name, reals[i].value, e);
    if (status == STATUS_OK)
        status = npz_add_integer(writer, "thermalised", m->thermalised, e);
    if (status == STATUS_OK)
        status = add_copy(writer, "propagator", NPZ_FLOAT64, m->dimensions, m->extents, m->propagator,
                          m->volume * sizeof *m->propagator, e);
    if (status != STATUS_OK || m->kind == SCORE_GAUSSIAN)
        return status;
    status = npz_add_text(writer, "model.parameterisation", score_parameterisation_name[m->parameterisation], e);
    if (status == STATUS_OK)
        status = m->kind == SCORE_TOY ? add_toy(m, writer, e) : add_unet(m, writer, e);
    const size_t frequencies = (size_t)(m->kind == SCORE_TOY ? m->toy.embedding : m->shape.embedding) / 2;
    if (status == STATUS_OK)
        status = add_copy(writer, "embed.fourier", NPZ_FLOAT32, 1, &frequencies, m->frequencies,
                          frequencies * sizeof *m->frequencies, e);
    return status;
}

/* Reads a word that must be one of `count`; *which tells the one. */
static enum status read_word(const struct npz *npz, const char *name, const char *const *words, int count, int *which,
                             struct error *e) {
    char *text;
    enum status status = npz_text(npz, name, &text, e);
    if (status != STATUS_OK)
        return status;
    *which = 0;
    while (*which < count && strcmp(text, words[*which]) != 0)
        ++*which;
    if (*which == count)
        status = error_set(e, STATUS_BAD_INPUT, "%s: %s is '%.40s', expected one of '%s' ... '%s'", npz_path(npz), name,
                           text, words[0], words[count - 1]);
    free(text);
    return status;
}

/* Reads one array of a network into its place in the weights. */
static enum status read_tensor(const struct npz *npz, struct score_model *m, const char *name, size_t dimensions,
                               const size_t *shape, size_t offset, int width, struct error *e) {
    const struct npz_array *a;
    enum status status = npz_require(npz, name, NPZ_FLOAT32, (int)dimensions, &a, e);
    if (status != STATUS_OK)
        return status;
    if (memcmp(a->shape, shape, dimensions * sizeof *shape) != 0)
        return error_set(e, STATUS_BAD_INPUT, "%s: %s has another shape than a network of width %d should have",
                         npz_path(npz), name, width);
    memcpy(m->weights + offset, a->data, a->count * sizeof *m->weights);
    return STATUS_OK;
}

static enum status read_unet(const struct npz *npz, struct score_model *m, struct error *e) {
    struct unet_tensor list[UNET_TENSORS];
    const size_t count = unet_tensors(&m->shape, list, NULL);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = read_tensor(npz, m, list[i].name, list[i].dimensions, list[i].shape, list[i].offset, m->shape.width, e);
    return status;
}

static enum status read_toy(const struct npz *npz, struct score_model *m, struct error *e) {
    struct mlp_tensor list[MLP_TENSORS];
    enum status status = STATUS_OK;
    mlp_tensors(&m->toy, list);
    for (size_t i = 0; i < MLP_TENSORS && status == STATUS_OK; i++)
        status = read_tensor(npz, m, list[i].name, list[i].dimensions, list[i].shape, list[i].offset, m->toy.width, e);
    return status;
}

/* The shape of a unet, or of a toy network, from its arrays. */
static enum status read_shape(const struct npz *npz, struct score_model *m, size_t frequencies, struct error *e) {
    static const char *const padding_name[] = {[UNET_ZEROS] = "zeros", [UNET_PERIODIC] = "periodic"};
    const struct npz_array *stride, *first;
    int padding = 0;
    enum status status;
    if (m->kind == SCORE_TOY) {
        status = npz_require(npz, "layer1.weight", NPZ_FLOAT32, 2, &first, e);
        if (status != STATUS_OK)
            return status;
        if (m->volume != 1)
            return error_set(e, STATUS_BAD_INPUT, "%s: the toy network is for 1 site, propagator has %zu", npz_path(npz),
                             m->volume);
        m->toy = (struct mlp_shape){.width = (int)first->shape[0], .embedding = (int)(2 * frequencies)};
        status = mlp_check(&m->toy, e);
    } else {
        status = read_word(npz, "model.padding", padding_name, 2, &padding, e);
        if (status == STATUS_OK)
            status = npz_require(npz, "model.stride", NPZ_INT64, 0, &stride, e);
        if (status == STATUS_OK)
            status = npz_require(npz, "conv1.weight", NPZ_FLOAT32, 4, &first, e);
        if (status != STATUS_OK)
            return status;
        if (m->dimensions != 2)
            return error_set(e, STATUS_BAD_INPUT, "%s: the network is for 2 dimensions, propagator has %zu",
                             npz_path(npz), m->dimensions);
        m->shape = (struct unet_shape){.height = (int)m->extents[0],
                                       .width_sites = (int)m->extents[1],
                                       .width = (int)first->shape[0],
                                       .embedding = (int)(2 * frequencies),
                                       .stride = (int)*(const int64_t *)stride->data,
                                       .padding = (enum unet_padding)padding};
        status = unet_check(&m->shape, e);
    }
    return status == STATUS_OK ? status : error_prefix(e, "%s", npz_path(npz));
}

static enum status read_network(const struct npz *npz, struct score_model *m, struct error *e) {
    int parameterisation = 0;
    const struct npz_array *frequencies;
    enum status status = read_word(npz, "model.parameterisation", score_parameterisation_name, SCORE_PARAMETERISATIONS,
                                   &parameterisation, e);
    if (status == STATUS_OK)
        status = npz_require(npz, "embed.fourier", NPZ_FLOAT32, 1, &frequencies, e);
    if (status == STATUS_OK)
        status = read_shape(npz, m, frequencies->count, e);
    if (status != STATUS_OK)
        return status;
    m->parameterisation = (enum score_parameterisation)parameterisation;
    if (m->kind == SCORE_TOY) {
        struct mlp_tensor list[MLP_TENSORS];
        m->weight_count = mlp_tensors(&m->toy, list);
    } else
        unet_tensors(&m->shape, NULL, &m->weight_count);
    m->weights = malloc(m->weight_count * sizeof *m->weights);
    m->frequencies = malloc(frequencies->count * sizeof *m->frequencies);
    if (!m->weights || !m->frequencies)
        return error_set(e, STATUS_FAILED, "out of memory for the weights of %s", npz_path(npz));
    memcpy(m->frequencies, frequencies->data, frequencies->count * sizeof *m->frequencies);
    return m->kind == SCORE_TOY ? read_toy(npz, m, e) : read_unet(npz, m, e);
}

/* What no training writes, and what would make nonsense or NaN of every sample. */
static enum status check_reals(const struct npz *npz, const struct score_model *m, struct error *e) {
    const struct {
        const char *name, *expected;
        double value;
        bool fits;
    } reals[] = {{"model.sigma", "more than 1", m->sigma, m->sigma > 1},
                 {"model.offset", "a finite number", m->offset, true},
                 {"model.factor", "more than 0", m->factor, m->factor > 0},
                 {"model.variance", "0 or more", m->variance, m->variance >= 0}};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (!isfinite(reals[i].value) || !reals[i].fits)
            return error_set(e, STATUS_BAD_INPUT, "%s: %s is %g, expected %s", npz_path(npz), reals[i].name,
                             reals[i].value, reals[i].expected);
    return STATUS_OK;
}

enum status score_model_read(const struct npz *npz, struct score_model *m, struct error *e) {
    *m = (struct score_model){0};
    int kind = 0;
    const struct npz_array *propagator;
    enum status status = read_word(npz, "model.kind", score_kind_name, SCORE_KINDS, &kind, e);
    struct {
        const char *name;
        double *value;
    } reals[] = {{"kappa", &m->kappa},         {"lambda", &m->lambda},       {"model.sigma", &m->sigma},
                 {"model.offset", &m->offset}, {"model.factor", &m->factor}, {"model.variance", &m->variance}};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0] && status == STATUS_OK; i++)
        status = npz_real(npz, reals[i].name, reals[i].value, e);
    if (status == STATUS_OK)
        status = check_reals(npz, m, e);
    if (status == STATUS_OK)
        status = npz_integer_or(npz, "thermalised", 1, &m->thermalised, e);
    if (status == STATUS_OK)
        status = npz_require(npz, "propagator", NPZ_FLOAT64, -1, &propagator, e);
    if (status != STATUS_OK)
        return status;
    /* fields have one dimension more, for the configuration */
    if (propagator->dimensions < 1 || propagator->dimensions >= NPZ_MAX_DIMENSIONS)
        return error_set(e, STATUS_BAD_INPUT, "%s: propagator has %zu dimensions, expected 1 to %d", npz_path(npz),
                         propagator->dimensions, NPZ_MAX_DIMENSIONS - 1);
    m->kind = (enum score_kind)kind;
    m->dimensions = propagator->dimensions;
    memcpy(m->extents, propagator->shape, sizeof propagator->shape);
    m->volume = propagator->count;
    m->propagator = malloc((m->volume + 1) * sizeof *m->propagator);
    if (!m->propagator)
        return error_set(e, STATUS_FAILED, "out of memory for %s", npz_path(npz));
    memcpy(m->propagator, propagator->data, m->volume * sizeof *m->propagator);
    for (size_t i = 0; i < m->volume && status == STATUS_OK; i++)
        if (!(m->propagator[i] >= 0 && isfinite(m->propagator[i])))
            status = error_set(e, STATUS_BAD_INPUT, "%s: propagator of mode %zu is %g, expected a finite number, 0 or more",
                               npz_path(npz), i, m->propagator[i]);
    if (status == STATUS_OK && m->kind != SCORE_GAUSSIAN)
        status = read_network(npz, m, e);
    if (status != STATUS_OK)
        score_model_release(m);
    return status;
}

void score_model_release(struct score_model *m) {
    free(m->propagator);
    free(m->weights);
    free(m->frequencies);
    *m = (struct score_model){0};
}

struct backend *score_model_device(const struct score_model *m) {
    return m->kind == SCORE_UNET ? m->backend : NULL;
}
