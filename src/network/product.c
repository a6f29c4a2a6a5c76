#include "network/product.h"

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "network/bfloat16.h"

/* For bfloat16: oneDNN's primitive where it is faster, or else (widen) conversion in the scratch memory. */
struct product {
    struct product_shape shape;
    bool widen;
    dnnl_engine_t engine;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
};

/* The library would use as many threads as OpenMP allows. A signal handler that interrupts the library's products with
 * AVX-512 leaves a damaged heap (oneDNN 2.6; seen with SIGALRM in every second run of tests/diffusion/test_training).
 * So signals are blocked during a product. */
struct guard {
    int threads;
    sigset_t before;
};

static struct guard guard_set(void) {
    struct guard g = {.threads = omp_get_max_threads()};
    omp_set_num_threads(1);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &g.before);
    return g;
}

static void guard_lift(const struct guard *g) {
    pthread_sigmask(SIG_SETMASK, &g->before, NULL);
    omp_set_num_threads(g->threads);
}

static enum status check(dnnl_status_t status, const char *call, struct error *e) {
    if (status == dnnl_success) {
        return STATUS_OK;
    }
    if (status == dnnl_out_of_memory) {
        return error_set(e, STATUS_FAILED, "oneDNN: %s: out of memory", call);
    }
    return error_set(e, STATUS_FAILED, "oneDNN: %s: status %d", call, (int)status);
}

static enum status multiply_float32(const struct product_shape *s, size_t used, const float *a, const float *b,
                                    bool add, float *c, struct error *e) {
    const dnnl_dim_t rows = (dnnl_dim_t)s->rows, columns = (dnnl_dim_t)s->columns, depth = (dnnl_dim_t)used;
    const struct guard guard = guard_set();
    const dnnl_status_t status =
        dnnl_sgemm(s->transposed ? 'T' : 'N', 'N', rows, columns, depth, 1.0f, a,
                   s->transposed ? rows : (dnnl_dim_t)s->depth, b, columns, add ? 1.0f : 0.0f, c, columns);
    guard_lift(&guard);
    return check(status, "dnnl_sgemm", e);
}

/* --- bfloat16 ---------------------------------------------------------------------------------------- */

void product_round(size_t count, const float *restrict x, uint16_t *restrict rounded) {
    for (size_t i = 0; i < count; i++) {
        rounded[i] = bfloat16_round(x[i]);
    }
}

static void widen(size_t count, const uint16_t *restrict rounded, float *restrict x) {
    for (size_t i = 0; i < count; i++) {
        x[i] = bfloat16_widen(rounded[i]);
    }
}

#if DNNL_VERSION_MAJOR >= 3
static dnnl_status_t describe_matrix(size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t order,
                                     dnnl_memory_desc_t *matrix) {
    const dnnl_dims_t extents = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_create_with_tag(matrix, 2, extents, type, order);
}

static dnnl_status_t describe_product(struct product *p, dnnl_memory_desc_t matrix[3], dnnl_primitive_attr_t own) {
    return dnnl_matmul_primitive_desc_create(&p->description, p->engine, matrix[0], matrix[1], NULL, matrix[2], own);
}
#else
static dnnl_status_t describe_matrix(size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t order,
                                     dnnl_memory_desc_t *matrix) {
    const dnnl_dims_t extents = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_init_by_tag(matrix, 2, extents, type, order);
}

static dnnl_status_t describe_product(struct product *p, dnnl_memory_desc_t matrix[3], dnnl_primitive_attr_t own) {
    dnnl_matmul_desc_t matmul;
    const dnnl_status_t status = dnnl_matmul_desc_init(&matmul, &matrix[0], &matrix[1], NULL, &matrix[2]);
    return status ? status : dnnl_primitive_desc_create(&p->description, &matmul, own, p->engine, NULL);
}
#endif

/* Scratch memory is the caller's, since several threads use a primitive at a time. */
static dnnl_status_t make_primitive(struct product *p) {
    const struct product_shape *s = &p->shape;
    const dnnl_format_tag_t order = s->transposed ? dnnl_ba : dnnl_ab;
    dnnl_memory_desc_t matrix[3] = {0};
    dnnl_primitive_attr_t own = NULL;
    dnnl_status_t status = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    status = status ? status : describe_matrix(s->rows, s->depth, dnnl_bf16, order, &matrix[0]);
    status = status ? status : describe_matrix(s->depth, s->columns, dnnl_bf16, dnnl_ab, &matrix[1]);
    status = status ? status : describe_matrix(s->rows, s->columns, dnnl_f32, dnnl_ab, &matrix[2]);
    status = status ? status : dnnl_primitive_attr_create(&own);
    status = status ? status : dnnl_primitive_attr_set_scratchpad_mode(own, dnnl_scratchpad_mode_user);
    status = status ? status : describe_product(p, matrix, own);
    status = status ? status : dnnl_primitive_create(&p->primitive, p->description);
    dnnl_primitive_attr_destroy(own);
#if DNNL_VERSION_MAJOR >= 3
    for (int i = 0; i < 3; i++) {
        dnnl_memory_desc_destroy(matrix[i]);
    }
#endif
    return status;
}

/* Floats for the primitive itself. */
static size_t primitive_scratch(const struct product *p) {
    const size_t bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(p->description, dnnl_query_scratchpad_md, 0));
    return (bytes + 63) / 64 * 64 / sizeof(float);
}

static dnnl_status_t execute(const struct product *p, float *scratch, const void *a, const void *b, float *c) {
    const struct {
        dnnl_query_t matrix;
        int argument;
        void *data;
    } uses[] = {{dnnl_query_src_md, DNNL_ARG_SRC, (void *)(uintptr_t)a},
                {dnnl_query_weights_md, DNNL_ARG_WEIGHTS, (void *)(uintptr_t)b},
                {dnnl_query_dst_md, DNNL_ARG_DST, c},
                {dnnl_query_scratchpad_md, DNNL_ARG_SCRATCHPAD, scratch}};
    enum { USES = sizeof uses / sizeof uses[0] };
    dnnl_exec_arg_t arguments[USES] = {0};
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl_stream_create(&stream, p->engine, dnnl_stream_default_flags);
    for (int i = 0; i < USES && status == dnnl_success; i++) {
        arguments[i].arg = uses[i].argument;
        status =
            dnnl_memory_create(&arguments[i].memory, dnnl_primitive_desc_query_md(p->description, uses[i].matrix, 0),
                               p->engine, uses[i].data);
    }
    status = status ? status : dnnl_primitive_execute(p->primitive, stream, USES, arguments);
    status = status ? status : dnnl_stream_wait(stream);
    for (int i = 0; i < USES; i++) {
        dnnl_memory_destroy(arguments[i].memory);
    }
    dnnl_stream_destroy(stream);
    return status;
}

static enum status multiply_bfloat16(const struct product *p, float *scratch, const void *a, const void *b, float *c,
                                     struct error *e) {
    const struct product_shape *s = &p->shape;
    if (p->widen) {
        float *left = scratch, *right = left + s->rows * s->depth;
        widen(s->rows * s->depth, a, left);
        widen(s->depth * s->columns, b, right);
        return multiply_float32(s, s->depth, left, right, false, c, e);
    }
    const struct guard guard = guard_set();
    const dnnl_status_t status = execute(p, scratch, a, b, c);
    guard_lift(&guard);
    return check(status, "a product of bfloat16 numbers", e);
}

/* Of processors without AMX, AMD's have as fast a dot product of bfloat16 numbers (avx512_bf16) as of float32 numbers,
 * with twice the terms; Intel's a slower one. */
static bool bfloat16_is_faster(void) {
#if defined __x86_64__
    const bool fast_dot_product = __builtin_cpu_is("amd");
#else
    const bool fast_dot_product = false;
#endif
    return dnnl_get_effective_cpu_isa() >=
           (fast_dot_product ? dnnl_cpu_isa_avx512_core_bf16 : dnnl_cpu_isa_avx512_core_amx);
}

/* --- products ---------------------------------------------------------------------------------------- */

enum status product_new(const struct product_shape *shape, struct product **product, struct error *e) {
    struct product *p = *product = calloc(1, sizeof *p);
    if (!p) {
        return error_set(e, STATUS_FAILED, "out of memory for a matrix product");
    }
    p->shape = *shape;
    p->widen = !bfloat16_is_faster();
    if (!shape->bfloat16 || p->widen) {
        return STATUS_OK;
    }
    const struct guard guard = guard_set();
    const dnnl_status_t status = make_primitive(p);
    guard_lift(&guard);
    return check(status, "a product of bfloat16 numbers", e);
}

void product_free(struct product *p) {
    if (p) {
        dnnl_primitive_destroy(p->primitive);
        dnnl_primitive_desc_destroy(p->description);
        dnnl_engine_destroy(p->engine);
    }
    free(p);
}

/* For bfloat16: the product if it is added to another, and then what its computation needs. */
size_t product_scratch(const struct product *p) {
    const struct product_shape *s = &p->shape;
    if (!s->bfloat16) {
        return 0;
    }
    const size_t own = p->widen ? (s->rows + s->columns) * s->depth : primitive_scratch(p);
    return ((s->rows * s->columns + 15) / 16 * 16 + own) * sizeof(float);
}

enum status product_compute(const struct product *p, void *scratch, size_t used, const void *a, const void *b, bool add,
                            float *c, struct error *e) {
    const struct product_shape *s = &p->shape;
    if (!s->bfloat16) {
        return multiply_float32(s, used, a, b, add, c, e);
    }
    const size_t count = s->rows * s->columns;
    float *restrict term = scratch;
    TRY(multiply_bfloat16(p, term + (count + 15) / 16 * 16, a, b, add ? term : c, e));
    for (size_t i = 0; i < count && add; i++) {
        c[i] += term[i];
    }
    return STATUS_OK;
}

size_t product_rows_together(void) {
    return dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core ? 8 : 24;
}

const char *product_instruction_set(void) {
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
    case dnnl_cpu_isa_avx512_core_bf16: /* others convert bfloat16 numbers */
        return bfloat16_is_faster() ? "AVX512_CORE_BF16 of AMD" : "AVX512_CORE_BF16";
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
