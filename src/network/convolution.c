#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "network/convolution_internal.h"

enum { BLOCK = 655360 /* about as many floats of P are made at a time: 2.5 MiB */ };

/* Several products have multiples of 48 rows with any instruction set: the gradient is summed product by product, so
 * its bits depend on where they end. */
static size_t rows_of(size_t tiles, size_t depth) {
    const size_t unit = 48, blocks = (tiles + unit - 1) / unit, products = (blocks * unit * depth + BLOCK - 1) / BLOCK;
    const size_t together = product_rows_together();
    return products > 1 ? (blocks + products - 1) / products * unit : (tiles + together - 1) / together * together;
}

static bool is_suited(const struct convolution_algorithm *algorithm, const struct convolution_shape *shape) {
    return !algorithm->suits || algorithm->suits(shape);
}

/* The products of all matrices, and memory for weights. */
static enum status prepare(struct convolution *c, struct error *e) {
    const size_t narrow = (size_t)c->shape.narrow_channels, weights = narrow * c->depth;
    const bool rounded = c->algorithm->bfloat16;
    c->weights = memory_aligned(weights, sizeof *c->weights);
    c->transposed = memory_aligned(weights, sizeof *c->transposed);
    c->taps = memory_aligned(CONVOLUTION_TAPS * (size_t)c->shape.wide_channels, sizeof *c->taps);
    c->rounded = rounded ? memory_aligned(2 * weights, sizeof *c->rounded) : NULL; /* both layouts */
    if (!c->weights || !c->transposed || !c->taps || (rounded && !c->rounded)) {
        return error_set(e, STATUS_FAILED, "out of memory for the weights of a convolution");
    }
    for (size_t k = 0; k < c->matrices; k++) {
        const size_t columns = c->columns[k];
        const struct product_shape shapes[CONVOLUTION_PRODUCTS] = {
            [CONVOLUTION_FORWARD] = {c->rows, narrow, columns, false, rounded},
            [CONVOLUTION_ADJOINT] = {c->rows, columns, narrow, false, rounded},
            [CONVOLUTION_GRADIENT] = {narrow, columns, c->rows, true, rounded}};
        for (int i = 0; i < CONVOLUTION_PRODUCTS; i++) {
            TRY(product_new(&shapes[i], &c->products[i][k], e));
            const size_t scratch = product_scratch(c->products[i][k]);
            c->product_scratch = scratch > c->product_scratch ? scratch : c->product_scratch;
        }
    }
    return STATUS_OK;
}

enum status convolution_new(const struct convolution_shape *shape, struct convolution **convolution, struct error *e) {
    static const struct convolution_algorithm *const algorithms[] = {[CONVOLUTION_DIRECT] = &convolution_direct,
                                                                     [CONVOLUTION_WINOGRAD] = &convolution_winograd,
                                                                     [CONVOLUTION_BFLOAT16] = &convolution_bfloat16};
    *convolution = NULL;
    struct convolution *c = calloc(1, sizeof *c);
    if (!c) {
        return error_set(e, STATUS_FAILED, "out of memory for a convolution");
    }
    const size_t wide = (size_t)shape->wide_channels, stride = (size_t)shape->stride;
    const struct convolution_algorithm *wanted = algorithms[shape->kind];
    c->shape = *shape;
    c->algorithm = is_suited(wanted, shape) ? wanted : &convolution_direct;
    c->wide_row = (stride * (size_t)(shape->narrow_width - 1) + 3) * wide;
    c->wide_field = (stride * (size_t)(shape->narrow_height - 1) + 3) * c->wide_row;
    c->algorithm->lay_out(c);
    for (size_t k = 0; k < c->matrices; k++) {
        c->at[k] = c->depth;
        c->depth += c->columns[k];
    }
    c->tiles = (size_t)shape->batch * (size_t)shape->narrow_height * (size_t)shape->narrow_width /
               (c->algorithm->extent * c->algorithm->extent);
    c->rows = rows_of(c->tiles, c->depth);
    const enum status status = prepare(c, e);
    if (status != STATUS_OK) {
        convolution_free(c);
        return status;
    }
    *convolution = c;
    return STATUS_OK;
}

void convolution_free(struct convolution *c) {
    if (c) {
        for (int i = 0; i < CONVOLUTION_PRODUCTS; i++) {
            for (size_t k = 0; k < c->matrices; k++) {
                product_free(c->products[i][k]);
            }
        }
        free(c->weights);
        free(c->transposed);
        free(c->rounded);
        free(c->taps);
    }
    free(c);
}

/* --- weights ----------------------------------------------------------------------------------------- */

/* Transposes rows first to first + count - 1 of all W_k. */
static void transpose_rows(struct convolution *c, size_t first, size_t count) {
    const size_t narrow = (size_t)c->shape.narrow_channels;
    for (size_t k = 0; k < c->matrices; k++) {
        const float *from = c->weights + c->at[k] * narrow + first * c->columns[k];
        float *to = c->transposed + c->at[k] * narrow + first;
        for (size_t i = 0; i < c->columns[k]; i++) {
            for (size_t n = 0; n < count; n++) {
                to[i * narrow + n] = from[n * c->columns[k] + i];
            }
        }
    }
}

void convolution_set_weights(struct convolution *c, const float *weights) {
    enum { ROWS = 16 }; /* a cache line of the transposed matrix */
    const size_t wide = (size_t)c->shape.wide_channels, narrow = (size_t)c->shape.narrow_channels;
    for (size_t n = 0; n < narrow; n++) {
        for (size_t k = 0; k < CONVOLUTION_TAPS; k++) {
            for (size_t i = 0; i < wide; i++) {
                c->taps[k * wide + i] = weights[(n * wide + i) * CONVOLUTION_TAPS + k];
            }
        }
        c->algorithm->transform(c, n, c->taps, c->weights);
        if ((n + 1) % ROWS == 0 || n + 1 == narrow) {
            transpose_rows(c, n / ROWS * ROWS, n % ROWS + 1);
        }
    }
    if (c->rounded) {
        product_round(narrow * c->depth, c->transposed, c->rounded);
        product_round(narrow * c->depth, c->weights, c->rounded + narrow * c->depth);
    }
}

size_t convolution_packed_size(const struct convolution *c) {
    return CONVOLUTION_TAPS * (size_t)c->shape.wide_channels * (size_t)c->shape.narrow_channels;
}

void convolution_unpack(const struct convolution *c, const float *packed, float *weights) {
    const size_t wide = (size_t)c->shape.wide_channels, narrow = (size_t)c->shape.narrow_channels;
    for (size_t n = 0; n < narrow; n++) {
        for (size_t i = 0; i < wide; i++) {
            for (size_t k = 0; k < CONVOLUTION_TAPS; k++) {
                weights[(n * wide + i) * CONVOLUTION_TAPS + k] = packed[(n * CONVOLUTION_TAPS + k) * wide + i];
            }
        }
    }
}

/* --- products ---------------------------------------------------------------------------------------- */

/* Parts of the scratch memory: all P_k; all R_k; the gradients of all W_k for algorithms that do not use the narrow
 * field and the weights as they are; and what a product needs. */
enum part { PATCHES, RESULTS, GRADIENTS, PRODUCT, PARTS };

/* Bytes of a factor of the products. */
static size_t factor(const struct convolution *c) {
    return c->algorithm->bfloat16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t part_size(const struct convolution *c, enum part part) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    switch (part) {
    case PATCHES:
        return c->rows * c->depth * sizeof(float);
    case RESULTS:
        return c->matrices * c->rows * channels * sizeof(float);
    case GRADIENTS:
        return c->algorithm->spread ? c->depth * channels * sizeof(float) : 0;
    default:
        return c->product_scratch;
    }
}

static size_t part_start(const struct convolution *c, enum part part) {
    size_t start = 0;
    for (int i = 0; i < (int)part; i++) {
        start += (part_size(c, (enum part)i) + 63) / 64 * 64;
    }
    return start;
}

size_t convolution_scratch(const struct convolution *c) {
    return part_start(c, PARTS);
}

static void *part_of(const struct convolution *c, float *scratch, enum part part) {
    return (char *)scratch + part_start(c, part);
}

/* The tiles of the product that begins with tile `first`, and their matrices. */
static struct convolution_tiles tiles_at(const struct convolution *c, size_t first, float *scratch) {
    const size_t rest = c->tiles - first;
    return (struct convolution_tiles){.first = first,
                                      .count = rest < c->rows ? rest : c->rows,
                                      .patches = part_of(c, scratch, PATCHES),
                                      .results = part_of(c, scratch, RESULTS)};
}

/* Clears the padding of a matrix of elements of `size` bytes. */
static void clear_rows(const struct convolution *c, size_t used, size_t columns, size_t size, void *matrix) {
    memset((char *)matrix + used * columns * size, 0, (c->rows - used) * columns * size);
}

/* All R_k, with padding, from a narrow field, as factors. */
static const void *spread(const struct convolution *c, const struct convolution_tiles *t, const void *narrow) {
    const size_t channels = (size_t)c->shape.narrow_channels, site = channels * factor(c);
    const char *from = (const char *)narrow + t->first * site;
    if (c->algorithm->spread) {
        c->algorithm->spread(c, t, narrow);
    } else if (t->count == c->rows) {
        return from;
    } else {
        memcpy(t->results, from, t->count * site);
    }
    for (size_t k = 0; k < c->matrices; k++) {
        clear_rows(c, t->count, channels, factor(c), (char *)t->results + k * c->rows * site);
    }
    return t->results;
}

/* P_k, as factors. */
static void *patches_of(const struct convolution *c, const struct convolution_tiles *t, size_t k) {
    return (char *)t->patches + c->at[k] * c->rows * factor(c);
}

/* All P_k, with padding, from the wide field. */
static void gather(const struct convolution *c, const struct convolution_tiles *t, const void *wide) {
    c->algorithm->gather(c, t, wide);
    for (size_t k = 0; k < c->matrices; k++) {
        clear_rows(c, t->count, c->columns[k], factor(c), patches_of(c, t, k));
    }
}

/* W_k as the right factor of the products of CONVOLUTION_FORWARD or CONVOLUTION_ADJOINT. */
static const void *weights_of(const struct convolution *c, enum convolution_product product, size_t k) {
    const size_t narrow = (size_t)c->shape.narrow_channels, at = c->at[k] * narrow;
    if (c->rounded) {
        return c->rounded + (product == CONVOLUTION_FORWARD ? 0 : narrow * c->depth) + at;
    }
    return (product == CONVOLUTION_FORWARD ? c->transposed : c->weights) + at;
}

/* Where products for the gradient of the W_k are summed. */
static float *gradient_sum(const struct convolution *c, float *scratch, const struct convolution_gradient *gradient) {
    return c->algorithm->spread ? part_of(c, scratch, GRADIENTS) : gradient->packed;
}

static enum status add_gradient(const struct convolution *c, const struct convolution_tiles *t, float *scratch,
                                const void *results, float *sum, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    enum status status = STATUS_OK;
    for (size_t k = 0; k < c->matrices && status == STATUS_OK; k++) {
        status = product_compute(c->products[CONVOLUTION_GRADIENT][k], part_of(c, scratch, PRODUCT), t->count,
                                 (const char *)results + k * c->rows * channels * factor(c), patches_of(c, t, k),
                                 t->first > 0, sum + c->at[k] * channels, e);
    }
    return status;
}

static void pack_gradient(const struct convolution *c, const float *sum, float *packed) {
    const size_t taps = CONVOLUTION_TAPS * (size_t)c->shape.wide_channels;
    for (size_t n = 0; n < (size_t)c->shape.narrow_channels && sum != packed; n++) {
        c->algorithm->transform_adjoint(c, n, sum, packed + n * taps);
    }
}

enum status convolution_forward(const struct convolution *c, float *scratch, const void *wide, float *narrow,
                                const struct convolution_gradient *gradient, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    float *sum = gradient ? gradient_sum(c, scratch, gradient) : NULL;
    for (size_t first = 0; first < c->tiles; first += c->rows) {
        const struct convolution_tiles t = tiles_at(c, first, scratch);
        const bool in_place = !c->algorithm->collect && t.count == c->rows;
        float *results = in_place ? narrow + first * channels : t.results;
        gather(c, &t, wide);
        for (size_t k = 0; k < c->matrices; k++) {
            TRY(product_compute(c->products[CONVOLUTION_FORWARD][k], part_of(c, scratch, PRODUCT), c->columns[k],
                                patches_of(c, &t, k), weights_of(c, CONVOLUTION_FORWARD, k), false,
                                results + k * c->rows * channels, e));
        }
        if (c->algorithm->collect) {
            c->algorithm->collect(c, &t, narrow);
        } else if (!in_place) {
            memcpy(narrow + first * channels, results, t.count * channels * sizeof *narrow);
        }
        if (gradient) {
            TRY(add_gradient(c, &t, scratch, spread(c, &t, gradient->field), sum, e));
        }
    }
    if (gradient) {
        pack_gradient(c, sum, gradient->packed);
    }
    return STATUS_OK;
}

enum status convolution_adjoint(const struct convolution *c, float *scratch, const void *narrow, float *wide,
                                const struct convolution_gradient *gradient, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    float *sum = gradient ? gradient_sum(c, scratch, gradient) : NULL;
    memset(wide, 0, (size_t)c->shape.batch * c->wide_field * sizeof *wide);
    for (size_t first = 0; first < c->tiles; first += c->rows) {
        const struct convolution_tiles t = tiles_at(c, first, scratch);
        const char *results = spread(c, &t, narrow);
        for (size_t k = 0; k < c->matrices; k++) {
            TRY(product_compute(c->products[CONVOLUTION_ADJOINT][k], part_of(c, scratch, PRODUCT), channels,
                                results + k * c->rows * channels * factor(c), weights_of(c, CONVOLUTION_ADJOINT, k),
                                false, t.patches + c->at[k] * c->rows, e));
        }
        c->algorithm->scatter(c, &t, wide);
        if (gradient) {
            gather(c, &t, gradient->field);
            TRY(add_gradient(c, &t, scratch, results, sum, e));
        }
    }
    if (gradient) {
        pack_gradient(c, sum, gradient->packed);
    }
    return STATUS_OK;
}
