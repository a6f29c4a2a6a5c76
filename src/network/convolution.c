#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "network/convolution_internal.h"

enum { BLOCK = 655360 /* about as many floats of P are made at a time: 2.5 MiB */ };

/* A row of a product has the same bits at any position only if all products have the same number of rows, a multiple of
 * those that oneDNN's kernels process together, since the remaining rows are computed by other kernels: 8 with AVX-512;
 * 4 and 6 without. So products are padded. */
static size_t rows_together(void) {
    return dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core ? 8 : 24;
}

/* Several products have multiples of 48 rows with any instruction set: the gradient is summed product by product, so
 * its bits depend on where they end. */
static size_t rows_of(size_t tiles, size_t depth) {
    const size_t unit = 48, blocks = (tiles + unit - 1) / unit, products = (blocks * unit * depth + BLOCK - 1) / BLOCK;
    const size_t together = rows_together();
    return products > 1 ? (blocks + products - 1) / products * unit : (tiles + together - 1) / together * together;
}

static float *floats(size_t count) {
    const size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    float *p = aligned_alloc(64, bytes);
    if (p) {
        memset(p, 0, bytes);
    }
    return p;
}

enum status convolution_new(const struct convolution_shape *shape, struct convolution **convolution, struct error *e) {
    *convolution = NULL;
    struct convolution *c = calloc(1, sizeof *c);
    if (!c) {
        return error_set(e, STATUS_FAILED, "out of memory for a convolution");
    }
    const size_t wide = (size_t)shape->wide_channels, stride = (size_t)shape->stride;
    c->shape = *shape;
    c->algorithm = shape->winograd && convolution_winograd_suits(shape) ? &convolution_winograd : &convolution_direct;
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
    c->weights = floats((size_t)shape->narrow_channels * c->depth);
    c->transposed = floats((size_t)shape->narrow_channels * c->depth);
    c->taps = floats(CONVOLUTION_TAPS * wide);
    if (!c->weights || !c->transposed || !c->taps) {
        convolution_free(c);
        return error_set(e, STATUS_FAILED, "out of memory for the weights of a convolution");
    }
    *convolution = c;
    return STATUS_OK;
}

void convolution_free(struct convolution *c) {
    if (c) {
        free(c->weights);
        free(c->transposed);
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

/* c (m, n) = a b + beta c in row-major order, with a (m, k) and b (k, n). With 'T', a is stored as (k, m), or b as
 * (n, k). */
static enum status product(char transpose_a, char transpose_b, size_t m, size_t n, size_t k, const float *a,
                           const float *b, float beta, float *c, struct error *e) {
    /* the library would use as many threads as OpenMP allows */
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    /* A signal handler that interrupts the library's products with AVX-512 leaves a damaged heap (oneDNN 2.6; seen with
     * SIGALRM in every second run of tests/diffusion/test_training). So signals are blocked during a product. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const dnnl_dim_t rows = (dnnl_dim_t)m, columns = (dnnl_dim_t)n, depth = (dnnl_dim_t)k;
    const dnnl_status_t status =
        dnnl_sgemm(transpose_a, transpose_b, rows, columns, depth, 1.0f, a, transpose_a == 'T' ? rows : depth, b,
                   transpose_b == 'T' ? depth : columns, beta, c, columns);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    omp_set_num_threads(threads);
    if (status == dnnl_success) {
        return STATUS_OK;
    }
    if (status == dnnl_out_of_memory) {
        return error_set(e, STATUS_FAILED, "oneDNN: dnnl_sgemm: out of memory");
    }
    return error_set(e, STATUS_FAILED, "oneDNN: dnnl_sgemm: status %d", (int)status);
}

/* Scratch memory: all P_k, all R_k, and the gradients of all W_k for algorithms that do not use the narrow field and
 * the weights as they are. */
static size_t results_size(const struct convolution *c) {
    return c->matrices * c->rows * (size_t)c->shape.narrow_channels;
}

size_t convolution_scratch(const struct convolution *c) {
    const size_t gradients = c->algorithm->spread ? c->depth * (size_t)c->shape.narrow_channels : 0;
    return (c->rows * c->depth + results_size(c) + gradients) * sizeof(float);
}

/* The tiles of the product that begins with tile `first`, and their matrices. */
static struct convolution_tiles tiles_at(const struct convolution *c, size_t first, float *scratch) {
    const size_t rest = c->tiles - first;
    return (struct convolution_tiles){.first = first,
                                      .count = rest < c->rows ? rest : c->rows,
                                      .patches = scratch,
                                      .results = scratch + c->rows * c->depth};
}

/* Clears the padding of a matrix. */
static void clear_rows(const struct convolution *c, size_t used, size_t columns, float *matrix) {
    memset(matrix + used * columns, 0, (c->rows - used) * columns * sizeof *matrix);
}

/* All R_k, with padding, from a narrow field: it itself if it can be used as it is. */
static const float *spread(const struct convolution *c, const struct convolution_tiles *t, const float *narrow) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    if (c->algorithm->spread) {
        c->algorithm->spread(c, t, narrow);
    } else if (t->count == c->rows) {
        return narrow + t->first * channels;
    } else {
        memcpy(t->results, narrow + t->first * channels, t->count * channels * sizeof *narrow);
    }
    for (size_t k = 0; k < c->matrices; k++) {
        clear_rows(c, t->count, channels, t->results + k * c->rows * channels);
    }
    return t->results;
}

/* Where products for the gradient of the W_k are summed. */
static float *gradient_sum(const struct convolution *c, float *scratch, const struct convolution_gradient *gradient) {
    return c->algorithm->spread ? scratch + c->rows * c->depth + results_size(c) : gradient->packed;
}

static enum status add_gradient(const struct convolution *c, const struct convolution_tiles *t, const float *results,
                                float *sum, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    enum status status = STATUS_OK;
    for (size_t k = 0; k < c->matrices && status == STATUS_OK; k++) {
        status = product('T', 'N', channels, c->columns[k], t->count, results + k * c->rows * channels,
                         t->patches + c->at[k] * c->rows, t->first ? 1 : 0, sum + c->at[k] * channels, e);
    }
    return status;
}

static void pack_gradient(const struct convolution *c, const float *sum, float *packed) {
    const size_t taps = CONVOLUTION_TAPS * (size_t)c->shape.wide_channels;
    for (size_t n = 0; n < (size_t)c->shape.narrow_channels && sum != packed; n++) {
        c->algorithm->transform_adjoint(c, n, sum, packed + n * taps);
    }
}

enum status convolution_forward(const struct convolution *c, float *scratch, const float *wide, float *narrow,
                                const struct convolution_gradient *gradient, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    float *sum = gradient ? gradient_sum(c, scratch, gradient) : NULL;
    for (size_t first = 0; first < c->tiles; first += c->rows) {
        const struct convolution_tiles t = tiles_at(c, first, scratch);
        const bool in_place = !c->algorithm->collect && t.count == c->rows;
        float *results = in_place ? narrow + first * channels : t.results;
        c->algorithm->gather(c, &t, wide);
        for (size_t k = 0; k < c->matrices; k++) {
            float *patches = t.patches + c->at[k] * c->rows;
            clear_rows(c, t.count, c->columns[k], patches);
            TRY(product('N', 'N', c->rows, channels, c->columns[k], patches, c->transposed + c->at[k] * channels, 0,
                        results + k * c->rows * channels, e));
        }
        if (c->algorithm->collect) {
            c->algorithm->collect(c, &t, narrow);
        } else if (!in_place) {
            memcpy(narrow + first * channels, results, t.count * channels * sizeof *narrow);
        }
        if (gradient) {
            TRY(add_gradient(c, &t, spread(c, &t, gradient->field), sum, e));
        }
    }
    if (gradient) {
        pack_gradient(c, sum, gradient->packed);
    }
    return STATUS_OK;
}

enum status convolution_adjoint(const struct convolution *c, float *scratch, const float *narrow, float *wide,
                                const struct convolution_gradient *gradient, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    float *sum = gradient ? gradient_sum(c, scratch, gradient) : NULL;
    memset(wide, 0, (size_t)c->shape.batch * c->wide_field * sizeof *wide);
    for (size_t first = 0; first < c->tiles; first += c->rows) {
        const struct convolution_tiles t = tiles_at(c, first, scratch);
        const float *results = spread(c, &t, narrow);
        for (size_t k = 0; k < c->matrices; k++) {
            TRY(product('N', 'N', c->rows, c->columns[k], channels, results + k * c->rows * channels,
                        c->weights + c->at[k] * channels, 0, t.patches + c->at[k] * c->rows, e));
        }
        c->algorithm->scatter(c, &t, wide);
        if (gradient) {
            c->algorithm->gather(c, &t, gradient->field);
            TRY(add_gradient(c, &t, results, sum, e));
        }
    }
    if (gradient) {
        pack_gradient(c, sum, gradient->packed);
    }
    return STATUS_OK;
}

double convolution_flop(const struct convolution *c) {
    const struct convolution_shape *s = &c->shape;
    return 18.0 * s->batch * s->wide_channels * s->narrow_channels * s->narrow_height * s->narrow_width;
}

const char *convolution_instruction_set(void) {
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "SSE4.1";
    case dnnl_cpu_isa_avx:
        return "AVX";
    case dnnl_cpu_isa_avx2:
        return "AVX2";
    case dnnl_cpu_isa_avx2_vnni:
        return "AVX2_VNNI";
    case dnnl_cpu_isa_avx512_core:
        return "AVX512_CORE";
    case dnnl_cpu_isa_avx512_core_vnni:
        return "AVX512_CORE_VNNI";
    case dnnl_cpu_isa_avx512_core_bf16:
        return "AVX512_CORE_BF16";
    case dnnl_cpu_isa_avx512_core_amx:
        return "AVX512_CORE_AMX";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl_cpu_isa_avx2_vnni_2:
        return "AVX2_VNNI_2";
    case dnnl_cpu_isa_avx512_core_fp16:
        return "AVX512_CORE_FP16";
    case dnnl_cpu_isa_avx512_core_amx_fp16:
        return "AVX512_CORE_AMX_FP16";
#else
    case dnnl_cpu_isa_avx512_mic:
        return "AVX512_MIC";
    case dnnl_cpu_isa_avx512_mic_4ops:
        return "AVX512_MIC_4OPS";
#endif
    default:
        return "unknown";
    }
}
