/* The score network in double precision (unet_oracle.h), one configuration at a time. A table has its seven blocks, for
 * the forward and the backward pass. */
#include "network/unet_oracle.h"

#include <stdlib.h>
#include <string.h>

#include "network/unet_oracle_operators.h"

enum { BLOCKS = 7 };

/* output = swish(norm(conv(input) + dense(e))), with a convolution or a transposed one */
struct block {
    const char *convolution_name, *dense_name, *norm_name;
    int transposed;
    int level; /* level of its coarse side: 0 for conv1, 3 for conv4 and tconv4 */
    int skip;  /* block whose output is joined to that of the previous block to make the input, or -1 */
    struct oracle_convolution convolution;
    struct oracle_norm norm;
    size_t inputs;                         /* length of `input` */
    double *input, *sum, *normed, *output; /* sum: conv + dense, the input of the norm */
    double *input_gradient, *output_gradient;
};

static const struct block blocks[BLOCKS] = {
    {.convolution_name = "conv1", .dense_name = "dense1", .norm_name = "gnorm1", .level = 0, .skip = -1},
    {.convolution_name = "conv2", .dense_name = "dense2", .norm_name = "gnorm2", .level = 1, .skip = -1},
    {.convolution_name = "conv3", .dense_name = "dense3", .norm_name = "gnorm3", .level = 2, .skip = -1},
    {.convolution_name = "conv4", .dense_name = "dense4", .norm_name = "gnorm4", .level = 3, .skip = -1},
    {.convolution_name = "tconv4",
     .dense_name = "dense5",
     .norm_name = "tgnorm4",
     .level = 3,
     .skip = -1,
     .transposed = 1},
    {.convolution_name = "tconv3",
     .dense_name = "dense6",
     .norm_name = "tgnorm3",
     .level = 2,
     .skip = 2,
     .transposed = 1},
    {.convolution_name = "tconv2",
     .dense_name = "dense7",
     .norm_name = "tgnorm2",
     .level = 1,
     .skip = 1,
     .transposed = 1},
};

struct oracle {
    const struct unet_shape *shape;
    struct unet_tensor tensors[UNET_TENSORS];
    const double *weights;
    double *gradient; /* NULL: not computed */
    size_t embedding, sites;
    struct block block[BLOCKS];
    struct oracle_convolution last; /* tconv1 */
    double *fourier, *embedded, *e; /* embedded: before swish */
    double *embedded_gradient, *e_gradient;
    double *last_input, *last_gradient; /* [u2, h1] */
    double *channels;                   /* one number per channel: dense output, or its gradient */
    double *scratch;                    /* gradients of `normed` and `sum` of one block */
};

static const struct unet_tensor *tensor(const struct oracle *o, const char *layer, const char *kind) {
    char name[32];
    size_t length = strlen(layer);
    memcpy(name, layer, length);
    name[length] = '.';
    memcpy(name + length + 1, kind, strlen(kind) + 1);
    return &o->tensors[unet_find(o->shape, name)];
}

static const double *weight(const struct oracle *o, const char *layer, const char *kind) {
    return o->weights + tensor(o, layer, kind)->offset;
}

static double *gradient(const struct oracle *o, const char *layer, const char *kind) {
    return o->gradient ? o->gradient + tensor(o, layer, kind)->offset : NULL;
}

/* Derives the shape of every map from those of the weights and from the level. */
static void set_shapes(struct oracle *o) {
    const struct unet_shape *s = o->shape;
    size_t height = (size_t)s->height, width = (size_t)s->width_sites, stride = (size_t)s->stride;
    for (int i = 0; i < BLOCKS; i++) {
        struct block *b = &o->block[i];
        *b = blocks[i];
        struct oracle_convolution *c = &b->convolution;
        const struct unet_tensor *w = tensor(o, b->convolution_name, "weight");
        *c = (struct oracle_convolution){w->shape[1], w->shape[0], height, width, b->level ? stride : 1, s->padding};
        for (int level = 1; level < b->level; level++) {
            c->height /= stride;
            c->width /= stride;
        }
        size_t fine = c->height * c->width, coarse = fine / c->stride / c->stride;
        b->inputs = b->transposed ? c->coarse_channels * coarse : c->fine_channels * fine;
        b->norm.channels = b->transposed ? c->fine_channels : c->coarse_channels;
        b->norm.sites = b->transposed ? fine : coarse;
        b->norm.groups = i == 0 ? 4 : b->norm.channels < 32 ? b->norm.channels : 32;
    }
    const struct unet_tensor *w = tensor(o, "tconv1", "weight");
    o->last = (struct oracle_convolution){w->shape[1], w->shape[0], height, width, 1, s->padding};
}

static double *take(double *memory, size_t *used, size_t count) {
    double *place = memory ? memory + *used : NULL;
    *used += count;
    return place;
}

/* Distributes `memory` over the maps and returns the number of doubles they need; with NULL it only counts. */
static size_t set_maps(struct oracle *o, double *memory) {
    size_t used = 0, most = 0, channels = 0;
    for (int i = 0; i < BLOCKS; i++) {
        struct block *b = &o->block[i];
        size_t outputs = b->norm.channels * b->norm.sites;
        b->input = take(memory, &used, b->inputs);
        b->input_gradient = take(memory, &used, b->inputs);
        b->sum = take(memory, &used, outputs);
        b->normed = take(memory, &used, outputs);
        b->output = take(memory, &used, outputs);
        b->output_gradient = take(memory, &used, outputs);
        most = outputs > most ? outputs : most;
        channels = b->norm.channels > channels ? b->norm.channels : channels;
    }
    o->last_input = take(memory, &used, o->last.coarse_channels * o->sites);
    o->last_gradient = take(memory, &used, o->last.coarse_channels * o->sites);
    o->fourier = take(memory, &used, o->embedding);
    o->embedded = take(memory, &used, o->embedding);
    o->e = take(memory, &used, o->embedding);
    o->embedded_gradient = take(memory, &used, o->embedding);
    o->e_gradient = take(memory, &used, o->embedding);
    o->channels = take(memory, &used, channels);
    o->scratch = take(memory, &used, 2 * most);
    return used;
}

static size_t outputs_of(const struct block *b) {
    return b->norm.channels * b->norm.sites;
}

/* to = [first, second] */
static void join(const struct block *first, const struct block *second, double *to) {
    memcpy(to, first->output, outputs_of(first) * sizeof *to);
    if (second) {
        memcpy(to + outputs_of(first), second->output, outputs_of(second) * sizeof *to);
    }
}

static void block_forward(struct oracle *o, struct block *b) {
    const double *w = weight(o, b->convolution_name, "weight");
    (b->transposed ? oracle_convolve_transposed : oracle_convolve)(&b->convolution, w, b->input, b->sum);
    oracle_dense(o->embedding, b->norm.channels, weight(o, b->dense_name, "weight"), weight(o, b->dense_name, "bias"),
                 o->e, o->channels);
    for (size_t i = 0; i < outputs_of(b); i++) {
        b->sum[i] += o->channels[i / b->norm.sites];
    }
    oracle_norm(&b->norm, weight(o, b->norm_name, "weight"), weight(o, b->norm_name, "bias"), b->sum, b->normed);
    oracle_swish(outputs_of(b), b->normed, b->output);
}

static void forward(struct oracle *o, const double *frequencies, const double *x, double t, double *output) {
    oracle_fourier(o->embedding / 2, frequencies, t, o->fourier);
    oracle_dense(o->embedding, o->embedding, weight(o, "embed", "weight"), weight(o, "embed", "bias"), o->fourier,
                 o->embedded);
    oracle_swish(o->embedding, o->embedded, o->e);
    for (int i = 0; i < BLOCKS; i++) {
        struct block *b = &o->block[i];
        if (i == 0) {
            memcpy(b->input, x, o->sites * sizeof *x);
        } else {
            join(b - 1, b->skip < 0 ? NULL : &o->block[b->skip], b->input);
        }
        block_forward(o, b);
    }
    join(&o->block[BLOCKS - 1], &o->block[0], o->last_input);
    oracle_convolve_transposed(&o->last, weight(o, "tconv1", "weight"), o->last_input, output);
    for (size_t i = 0; i < o->sites; i++) {
        output[i] += weight(o, "tconv1", "bias")[0];
    }
}

/* The adjoint of join: adds the two halves of a gradient to the gradients of the two blocks. */
static void part(const double *from, struct block *first, struct block *second) {
    for (size_t i = 0; i < outputs_of(first); i++) {
        first->output_gradient[i] += from[i];
    }
    for (size_t i = 0; second && i < outputs_of(second); i++) {
        second->output_gradient[i] += from[outputs_of(first) + i];
    }
}

static void block_backward(struct oracle *o, struct block *b) {
    size_t n = outputs_of(b);
    double *normed_gradient = o->scratch, *sum_gradient = o->scratch + n;
    memset(o->scratch, 0, 2 * n * sizeof *o->scratch);
    oracle_swish_adjoint(n, b->normed, b->output_gradient, normed_gradient);
    oracle_norm_adjoint(&b->norm, weight(o, b->norm_name, "weight"), b->sum, normed_gradient, sum_gradient,
                        gradient(o, b->norm_name, "weight"), gradient(o, b->norm_name, "bias"));
    memset(o->channels, 0, b->norm.channels * sizeof *o->channels);
    for (size_t i = 0; i < n; i++) {
        o->channels[i / b->norm.sites] += sum_gradient[i];
    }
    oracle_dense_adjoint(o->embedding, b->norm.channels, weight(o, b->dense_name, "weight"), o->e, o->channels,
                         o->e_gradient, gradient(o, b->dense_name, "weight"), gradient(o, b->dense_name, "bias"));
    const double *w = weight(o, b->convolution_name, "weight");
    if (b->transposed) {
        oracle_convolve(&b->convolution, w, sum_gradient, b->input_gradient);
    } else {
        oracle_convolve_transposed(&b->convolution, w, sum_gradient, b->input_gradient);
    }
    if (o->gradient) {
        oracle_convolve_weights(&b->convolution, b->transposed ? sum_gradient : b->input,
                                b->transposed ? b->input : sum_gradient, gradient(o, b->convolution_name, "weight"));
    }
}

/* The backward pass, after forward of the same configuration. */
static void backward(struct oracle *o, const double *output_gradient, double *input_gradient) {
    for (int i = 0; i < BLOCKS; i++) {
        memset(o->block[i].output_gradient, 0, outputs_of(&o->block[i]) * sizeof(double));
    }
    memset(o->e_gradient, 0, o->embedding * sizeof(double));
    memset(o->embedded_gradient, 0, o->embedding * sizeof(double));

    oracle_convolve(&o->last, weight(o, "tconv1", "weight"), output_gradient, o->last_gradient);
    if (o->gradient) {
        oracle_convolve_weights(&o->last, output_gradient, o->last_input, gradient(o, "tconv1", "weight"));
        for (size_t i = 0; i < o->sites; i++) {
            gradient(o, "tconv1", "bias")[0] += output_gradient[i];
        }
    }
    part(o->last_gradient, &o->block[BLOCKS - 1], &o->block[0]);
    for (int i = BLOCKS - 1; i >= 0; i--) {
        struct block *b = &o->block[i];
        block_backward(o, b);
        if (i > 0) {
            part(b->input_gradient, b - 1, b->skip < 0 ? NULL : &o->block[b->skip]);
        }
    }
    if (input_gradient) {
        memcpy(input_gradient, o->block[0].input_gradient, o->sites * sizeof *input_gradient);
    }

    oracle_swish_adjoint(o->embedding, o->embedded, o->e_gradient, o->embedded_gradient);
    oracle_dense_adjoint(o->embedding, o->embedding, weight(o, "embed", "weight"), o->fourier, o->embedded_gradient,
                         NULL, gradient(o, "embed", "weight"), gradient(o, "embed", "bias"));
}

enum status unet_oracle(const struct unet_shape *shape, const double *weights, const double *frequencies, size_t n,
                        const double *x, const double *t, double *output, const double *output_gradient,
                        double *input_gradient, double *weight_gradient, struct error *e) {
    struct oracle o = {.shape = shape,
                       .weights = weights,
                       .gradient = weight_gradient,
                       .embedding = (size_t)shape->embedding,
                       .sites = (size_t)shape->height * (size_t)shape->width_sites};
    size_t total;
    unet_tensors(shape, o.tensors, &total);
    set_shapes(&o);
    double *memory = malloc(set_maps(&o, NULL) * sizeof *memory);
    if (!memory) {
        return error_set(e, STATUS_FAILED, "oracle network: out of memory");
    }
    set_maps(&o, memory);
    if (output_gradient && weight_gradient) {
        memset(weight_gradient, 0, total * sizeof *weight_gradient);
    }
    for (size_t i = 0; i < n; i++) {
        forward(&o, frequencies, x + i * o.sites, t[i], output + i * o.sites);
        if (output_gradient) {
            backward(&o, output_gradient + i * o.sites, input_gradient ? input_gradient + i * o.sites : NULL);
        }
    }
    free(memory);
    return STATUS_OK;
}
