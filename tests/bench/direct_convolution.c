#include "tests/bench/direct_convolution.h"

#include <dnnl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { FORWARD, ADJOINT, WEIGHTS, KINDS }; /* WEIGHTS: the gradient with respect to the weights */

/* The layout of an array in memory: an object of the library since oneDNN 3, a struct of the caller in oneDNN 2. */
#if DNNL_VERSION_MAJOR >= 3
typedef struct dnnl_memory_desc layout;
#else
typedef dnnl_memory_desc_t layout;
#endif

struct direct_convolution {
    struct convolution_shape shape;
    dnnl_engine_t engine;
    dnnl_primitive_t primitive[KINDS];
    layout *wide, *narrow, *plain, *any; /* plain: weights as given; any: weights in a layout chosen by the library */
    layout *weights[KINDS];              /* the layout of each primitive */
    dnnl_primitive_t reorder[2];         /* from plain weights to those for FORWARD and ADJOINT */
    layout *scratchpad[KINDS];
    float *packed[2]; /* weights for FORWARD and ADJOINT */
};

static enum status check(dnnl_status_t status, const char *call, struct error *e) {
    if (status == dnnl_success) {
        return STATUS_OK;
    }
    if (status == dnnl_out_of_memory) {
        return error_set(e, STATUS_FAILED, "oneDNN: %s: out of memory", call);
    }
    return error_set(e, STATUS_FAILED, "oneDNN: %s: status %d", call, (int)status);
}

#define DNNL_TRY(call) \
    do { \
        const enum status status_ = check(call, #call, e); \
        if (status_ != STATUS_OK) { \
            return status_; \
        } \
    } while (0)

static void *aligned(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
}

#if DNNL_VERSION_MAJOR >= 3
static enum status layout_new(const dnnl_dims_t extents, dnnl_format_tag_t tag, layout **made, struct error *e) {
    DNNL_TRY(dnnl_memory_desc_create_with_tag(made, 4, extents, dnnl_f32, tag));
    return STATUS_OK;
}

static enum status layout_copy(const layout *from, layout **made, struct error *e) {
    DNNL_TRY(dnnl_memory_desc_clone(made, from));
    return STATUS_OK;
}

static void layout_free(layout *l) {
    if (l) {
        dnnl_memory_desc_destroy(l);
    }
}

static dnnl_status_t new_primitive(const struct direct_convolution *c, int kind, dnnl_primitive_desc_t hint,
                                   const dnnl_dims_t stride, const dnnl_dims_t none, dnnl_primitive_attr_t attributes,
                                   dnnl_primitive_desc_t *made) {
    if (kind == FORWARD) {
        return dnnl_convolution_forward_primitive_desc_create(made, c->engine, dnnl_forward_training,
                                                              dnnl_convolution_direct, c->wide, c->any, NULL, c->narrow,
                                                              stride, none, none, none, attributes);
    }
    if (kind == ADJOINT) {
        return dnnl_convolution_backward_data_primitive_desc_create(made, c->engine, dnnl_convolution_direct, c->wide,
                                                                    c->any, c->narrow, stride, none, none, none, hint,
                                                                    attributes);
    }
    return dnnl_convolution_backward_weights_primitive_desc_create(made, c->engine, dnnl_convolution_direct, c->wide,
                                                                   c->any, NULL, c->narrow, stride, none, none, none,
                                                                   hint, attributes);
}
#else
static enum status layout_copy(const layout *from, layout **made, struct error *e) {
    *made = malloc(sizeof **made);
    if (!*made) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    **made = *from;
    return STATUS_OK;
}

static enum status layout_new(const dnnl_dims_t extents, dnnl_format_tag_t tag, layout **made, struct error *e) {
    layout l;
    DNNL_TRY(dnnl_memory_desc_init_by_tag(&l, 4, extents, dnnl_f32, tag));
    return layout_copy(&l, made, e);
}

static void layout_free(layout *l) {
    free(l);
}

static dnnl_status_t new_primitive(const struct direct_convolution *c, int kind, dnnl_primitive_desc_t hint,
                                   const dnnl_dims_t stride, const dnnl_dims_t none, dnnl_primitive_attr_t attributes,
                                   dnnl_primitive_desc_t *made) {
    dnnl_convolution_desc_t d;
    dnnl_status_t status;
    if (kind == FORWARD) {
        status = dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct, c->wide, c->any,
                                                    NULL, c->narrow, stride, none, none);
    } else if (kind == ADJOINT) {
        status = dnnl_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, c->wide, c->any, c->narrow,
                                                          stride, none, none);
    } else {
        status = dnnl_convolution_backward_weights_desc_init(&d, dnnl_convolution_direct, c->wide, c->any, NULL,
                                                             c->narrow, stride, none, none);
    }
    return status == dnnl_success ? dnnl_primitive_desc_create(made, &d, attributes, c->engine, hint) : status;
}
#endif

/* The descriptor of one of the three primitives. */
static enum status describe(const struct direct_convolution *c, int kind, dnnl_primitive_desc_t forward_hint,
                            dnnl_primitive_desc_t *descriptor, struct error *e) {
    /* the library declares its dimension arguments as arrays of 12 */
    dnnl_dims_t stride = {c->shape.stride, c->shape.stride}, none = {0, 0};
    dnnl_primitive_attr_t attributes;
    DNNL_TRY(dnnl_primitive_attr_create(&attributes));
    dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) {
        status = new_primitive(c, kind, forward_hint, stride, none, attributes, descriptor);
    }
    dnnl_primitive_attr_destroy(attributes);
    return check(status, "the descriptor of a convolution", e);
}

static enum status build_reorder(struct direct_convolution *c, int kind, struct error *e) {
    dnnl_primitive_desc_t descriptor;
    DNNL_TRY(dnnl_reorder_primitive_desc_create(&descriptor, c->plain, c->engine, c->weights[kind], c->engine, NULL));
    enum status status = check(dnnl_primitive_create(&c->reorder[kind], descriptor), "dnnl_primitive_create", e);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}

static enum status build(struct direct_convolution *c, struct error *e) {
    const struct convolution_shape *s = &c->shape;
    DNNL_TRY(dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    dnnl_dims_t wide = {s->batch, s->wide_channels, s->stride * (s->narrow_height - 1) + 3,
                        s->stride * (s->narrow_width - 1) + 3};
    dnnl_dims_t narrow = {s->batch, s->narrow_channels, s->narrow_height, s->narrow_width};
    dnnl_dims_t weights = {s->narrow_channels, s->wide_channels, 3, 3};
    dnnl_primitive_desc_t descriptor[KINDS] = {NULL, NULL, NULL};
    enum status status = layout_new(wide, dnnl_nhwc, &c->wide, e);
    THEN(status, layout_new(narrow, dnnl_nhwc, &c->narrow, e));
    THEN(status, layout_new(weights, dnnl_oihw, &c->plain, e));
    THEN(status, layout_new(weights, dnnl_format_tag_any, &c->any, e));
    for (int kind = 0; kind < KINDS && status == STATUS_OK; kind++) {
        status = describe(c, kind, descriptor[FORWARD], &descriptor[kind], e);
        if (status != STATUS_OK) {
            break;
        }
        const dnnl_query_t wanted = kind == WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
        status = layout_copy(dnnl_primitive_desc_query_md(descriptor[kind], wanted, 0), &c->weights[kind], e);
        THEN(status, layout_copy(dnnl_primitive_desc_query_md(descriptor[kind], dnnl_query_scratchpad_md, 0),
                                 &c->scratchpad[kind], e));
        THEN(status, check(dnnl_primitive_create(&c->primitive[kind], descriptor[kind]), "dnnl_primitive_create", e));
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (descriptor[kind]) {
            dnnl_primitive_desc_destroy(descriptor[kind]);
        }
    }
    TRY(status);
    for (int kind = FORWARD; kind <= ADJOINT; kind++) {
        TRY(build_reorder(c, kind, e));
        c->packed[kind] = aligned(dnnl_memory_desc_get_size(c->weights[kind]));
        if (!c->packed[kind]) {
            return error_set(e, STATUS_FAILED, "out of memory for convolution weights");
        }
    }
    return STATUS_OK;
}

enum status direct_convolution_new(const struct convolution_shape *shape, struct direct_convolution **convolution,
                                   struct error *e) {
    *convolution = NULL;
    struct direct_convolution *c = calloc(1, sizeof *c);
    if (!c) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    c->shape = *shape;
    /* a primitive keeps the number of threads of its creation */
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    enum status status = build(c, e);
    omp_set_num_threads(threads);
    if (status != STATUS_OK) {
        direct_convolution_free(c);
        return status;
    }
    *convolution = c;
    return STATUS_OK;
}

void direct_convolution_free(struct direct_convolution *c) {
    if (!c) {
        return;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (c->primitive[kind]) {
            dnnl_primitive_destroy(c->primitive[kind]);
        }
    }
    for (int kind = FORWARD; kind <= ADJOINT; kind++) {
        if (c->reorder[kind]) {
            dnnl_primitive_destroy(c->reorder[kind]);
        }
    }
    if (c->engine) {
        dnnl_engine_destroy(c->engine);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        layout_free(c->weights[kind]);
        layout_free(c->scratchpad[kind]);
    }
    layout_free(c->wide);
    layout_free(c->narrow);
    layout_free(c->plain);
    layout_free(c->any);
    free(c->packed[FORWARD]);
    free(c->packed[ADJOINT]);
    free(c);
}

size_t direct_convolution_scratch(const struct direct_convolution *c) {
    size_t most = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        size_t size = dnnl_memory_desc_get_size(c->scratchpad[kind]);
        if (size > most) {
            most = size;
        }
    }
    return most;
}

/* Runs a primitive on `count` (argument, descriptor, data) triples. */
struct argument {
    int index;
    const layout *descriptor;
    void *data;
};

static enum status execute(dnnl_engine_t engine, dnnl_primitive_t primitive, int count,
                           const struct argument *arguments, struct error *e) {
    dnnl_exec_arg_t list[4];
    dnnl_stream_t stream;
    enum status status = check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "dnnl_stream_create", e);
    TRY(status);
    int made = 0;
    for (; made < count && status == STATUS_OK; made++) {
        list[made].arg = arguments[made].index;
        list[made].memory = NULL;
        status = check(dnnl_memory_create(&list[made].memory, arguments[made].descriptor, engine, arguments[made].data),
                       "dnnl_memory_create", e);
    }
    THEN(status, check(dnnl_primitive_execute(primitive, stream, count, list), "dnnl_primitive_execute", e));
    THEN(status, check(dnnl_stream_wait(stream), "dnnl_stream_wait", e));
    for (int i = 0; i < made; i++) {
        if (list[i].memory) {
            dnnl_memory_destroy(list[i].memory);
        }
    }
    dnnl_stream_destroy(stream);
    return status;
}

enum status direct_convolution_set_weights(struct direct_convolution *c, const float *weights, struct error *e) {
    void *source; /* the library takes a pointer to non-const data, but does not write */
    memcpy(&source, &weights, sizeof source);
    enum status status = STATUS_OK;
    for (int kind = FORWARD; kind <= ADJOINT && status == STATUS_OK; kind++) {
        struct argument arguments[] = {{DNNL_ARG_FROM, c->plain, source},
                                       {DNNL_ARG_TO, c->weights[kind], c->packed[kind]}};
        status = execute(c->engine, c->reorder[kind], 2, arguments, e);
    }
    return status;
}

enum status direct_convolution_forward(const struct direct_convolution *c, void *scratch, float *wide, float *narrow,
                                       struct error *e) {
    struct argument arguments[] = {{DNNL_ARG_SRC, c->wide, wide},
                                   {DNNL_ARG_WEIGHTS, c->weights[FORWARD], c->packed[FORWARD]},
                                   {DNNL_ARG_DST, c->narrow, narrow},
                                   {DNNL_ARG_SCRATCHPAD, c->scratchpad[FORWARD], scratch}};
    return execute(c->engine, c->primitive[FORWARD], 4, arguments, e);
}

enum status direct_convolution_adjoint(const struct direct_convolution *c, void *scratch, float *narrow, float *wide,
                                       struct error *e) {
    struct argument arguments[] = {{DNNL_ARG_DIFF_SRC, c->wide, wide},
                                   {DNNL_ARG_WEIGHTS, c->weights[ADJOINT], c->packed[ADJOINT]},
                                   {DNNL_ARG_DIFF_DST, c->narrow, narrow},
                                   {DNNL_ARG_SCRATCHPAD, c->scratchpad[ADJOINT], scratch}};
    return execute(c->engine, c->primitive[ADJOINT], 4, arguments, e);
}

enum status direct_convolution_weight_gradient(const struct direct_convolution *c, void *scratch, float *wide,
                                               float *narrow, float *packed, struct error *e) {
    struct argument arguments[] = {{DNNL_ARG_SRC, c->wide, wide},
                                   {DNNL_ARG_DIFF_WEIGHTS, c->weights[WEIGHTS], packed},
                                   {DNNL_ARG_DIFF_DST, c->narrow, narrow},
                                   {DNNL_ARG_SCRATCHPAD, c->scratchpad[WEIGHTS], scratch}};
    return execute(c->engine, c->primitive[WEIGHTS], 4, arguments, e);
}

size_t direct_convolution_packed_size(const struct direct_convolution *c) {
    return (dnnl_memory_desc_get_size(c->weights[WEIGHTS]) + 63) / 64 * 16;
}

double direct_convolution_flop(const struct direct_convolution *c) {
    const struct convolution_shape *s = &c->shape;
    return 18.0 * s->batch * s->wide_channels * s->narrow_channels * s->narrow_height * s->narrow_width;
}
