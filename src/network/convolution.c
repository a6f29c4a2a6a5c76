#include "network/convolution.h"

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A row of a product has the same bits at any position only if all products have the same number of rows, a multiple of
 * those that oneDNN's kernels process together (4, 6 and 8), since the remaining rows are computed by other kernels. So
 * products are padded to ROWS rows. */
enum { TAPS = 9, ROWS = 48, PATCHES = 655360 /* about as many floats of P are made at a time: 2.5 MiB */ };

struct convolution {
    struct convolution_shape shape;
    size_t wide_row, wide_field; /* floats of a row, and of a configuration, of the wide field */
    size_t depth;                /* floats of a patch */
    size_t sites, rows;          /* narrow sites of the batch; rows of a product */
    float *weights;              /* (narrow, 3, 3, wide) */
};

enum status convolution_new(const struct convolution_shape *shape, struct convolution **convolution, struct error *e) {
    *convolution = NULL;
    struct convolution *c = calloc(1, sizeof *c);
    if (!c) {
        return error_set(e, STATUS_FAILED, "out of memory for a convolution");
    }
    const size_t wide = (size_t)shape->wide_channels, stride = (size_t)shape->stride;
    c->shape = *shape;
    c->wide_row = (stride * (size_t)(shape->narrow_width - 1) + 3) * wide;
    c->wide_field = (stride * (size_t)(shape->narrow_height - 1) + 3) * c->wide_row;
    c->depth = TAPS * wide;
    c->sites = (size_t)shape->batch * (size_t)shape->narrow_height * (size_t)shape->narrow_width;
    const size_t blocks = (c->sites + ROWS - 1) / ROWS, products = (blocks * ROWS * c->depth + PATCHES - 1) / PATCHES;
    c->rows = (blocks + products - 1) / products * ROWS;
    const size_t count = (size_t)shape->narrow_channels * c->depth;
    c->weights = aligned_alloc(64, (count * sizeof *c->weights + 63) / 64 * 64);
    if (!c->weights) {
        convolution_free(c);
        return error_set(e, STATUS_FAILED, "out of memory for the weights of a convolution");
    }
    memset(c->weights, 0, count * sizeof *c->weights);
    *convolution = c;
    return STATUS_OK;
}

void convolution_free(struct convolution *c) {
    if (c) {
        free(c->weights);
    }
    free(c);
}

size_t convolution_scratch(const struct convolution *c) {
    return c->rows * (c->depth + (size_t)c->shape.narrow_channels) * sizeof(float);
}

size_t convolution_packed_size(const struct convolution *c) {
    return (size_t)c->shape.narrow_channels * c->depth;
}

void convolution_set_weights(struct convolution *c, const float *weights) {
    const size_t wide = (size_t)c->shape.wide_channels, narrow = (size_t)c->shape.narrow_channels;
    for (size_t n = 0; n < narrow; n++) {
        for (size_t k = 0; k < TAPS; k++) {
            for (size_t i = 0; i < wide; i++) {
                c->weights[n * c->depth + k * wide + i] = weights[(n * wide + i) * TAPS + k];
            }
        }
    }
}

void convolution_unpack(const struct convolution *c, const float *packed, float *weights) {
    const size_t wide = (size_t)c->shape.wide_channels, narrow = (size_t)c->shape.narrow_channels;
    for (size_t n = 0; n < narrow; n++) {
        for (size_t i = 0; i < wide; i++) {
            for (size_t k = 0; k < TAPS; k++) {
                weights[(n * wide + i) * TAPS + k] = packed[n * c->depth + k * wide + i];
            }
        }
    }
}

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

/* Start of a narrow site's patch in the wide field. A patch is three runs of 3 x wide floats in consecutive rows. */
static size_t patch(const struct convolution *c, size_t site) {
    const size_t width = (size_t)c->shape.narrow_width, area = (size_t)c->shape.narrow_height * width;
    const size_t stride = (size_t)c->shape.stride, inside = site % area;
    return site / area * c->wide_field + inside / width * stride * c->wide_row +
           inside % width * stride * (size_t)c->shape.wide_channels;
}

static void gather(const struct convolution *c, size_t first, size_t rows, const float *wide, float *patches) {
    const size_t run = c->depth / 3;
    for (size_t site = first; site < first + rows; site++) {
        const float *from = wide + patch(c, site);
        for (size_t k = 0; k < 3; k++, patches += run) {
            memcpy(patches, from + k * c->wide_row, run * sizeof *patches);
        }
    }
}

static void scatter(const struct convolution *c, size_t first, size_t rows, const float *restrict patches,
                    float *restrict wide) {
    const size_t run = c->depth / 3;
    for (size_t site = first; site < first + rows; site++) {
        float *restrict to = wide + patch(c, site);
        for (size_t k = 0; k < 3; k++, patches += run) {
            for (size_t i = 0; i < run; i++) {
                to[k * c->wide_row + i] += patches[i];
            }
        }
    }
}

/* Number of narrow sites of the product that begins with site `first`. */
static size_t sites_at(const struct convolution *c, size_t first) {
    return c->sites - first < c->rows ? c->sites - first : c->rows;
}

static void clear_rows(const struct convolution *c, size_t used, size_t columns, float *matrix) {
    memset(matrix + used * columns, 0, (c->rows - used) * columns * sizeof *matrix);
}

/* The scratch memory holds P, and after it a padded block of narrow sites for the last product. */

enum status convolution_forward(const struct convolution *c, float *scratch, const float *wide, float *narrow,
                                struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    float *spare = scratch + c->rows * c->depth;
    enum status status = STATUS_OK;
    for (size_t first = 0; first < c->sites && status == STATUS_OK; first += c->rows) {
        const size_t sites = sites_at(c, first);
        float *out = narrow + first * channels;
        gather(c, first, sites, wide, scratch);
        clear_rows(c, sites, c->depth, scratch);
        status =
            product('N', 'T', c->rows, channels, c->depth, scratch, c->weights, 0, sites < c->rows ? spare : out, e);
        if (sites < c->rows) {
            memcpy(out, spare, sites * channels * sizeof *out);
        }
    }
    return status;
}

enum status convolution_adjoint(const struct convolution *c, float *scratch, const float *narrow, float *wide,
                                struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    float *spare = scratch + c->rows * c->depth;
    enum status status = STATUS_OK;
    memset(wide, 0, (size_t)c->shape.batch * c->wide_field * sizeof *wide);
    for (size_t first = 0; first < c->sites && status == STATUS_OK; first += c->rows) {
        const size_t sites = sites_at(c, first);
        const float *in = narrow + first * channels;
        if (sites < c->rows) {
            memcpy(spare, in, sites * channels * sizeof *spare);
            clear_rows(c, sites, channels, spare);
            in = spare;
        }
        status = product('N', 'N', c->rows, c->depth, channels, in, c->weights, 0, scratch, e);
        if (status == STATUS_OK) {
            scatter(c, first, sites, scratch, wide);
        }
    }
    return status;
}

enum status convolution_weight_gradient(const struct convolution *c, float *scratch, const float *wide,
                                        const float *narrow, float *packed, struct error *e) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    enum status status = STATUS_OK;
    for (size_t first = 0; first < c->sites && status == STATUS_OK; first += c->rows) {
        const size_t sites = sites_at(c, first);
        gather(c, first, sites, wide, scratch);
        status =
            product('T', 'N', channels, c->depth, sites, narrow + first * channels, scratch, first ? 1 : 0, packed, e);
    }
    return status;
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
