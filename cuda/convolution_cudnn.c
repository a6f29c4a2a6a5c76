/* Convolutions by cuDNN's backend (graph) API; see convolution.h. */
#include "cuda/convolution.h"

#include <cudnn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cuDNN 9.19 deprecates the attributes that pass a handle, but earlier versions have no others. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { ID_WIDE = 'x', ID_NARROW = 'y', ID_WEIGHTS = 'w', CANDIDATES = 64, NOTES = 32 };

#define WORKSPACE_MAX ((int64_t)1 << 30) /* bytes; engines that need more are skipped */

struct cuda_convolutions {
    cudnnHandle_t handle;
    enum cuda_precision precision;
    char version[32];
};

struct cuda_convolution {
    struct cuda_convolutions *owner;
    struct layout_convolution shape;
    enum cuda_convolution_kind kind;
    cudnnBackendDescriptor_t plan;
    size_t workspace;
    int engine;
};

/* --- errors -------------------------------------------------------------------------------------- */

static enum status failed(const struct cuda_convolution *c, const char *call, cudnnStatus_t code, struct error *e) {
    char detail[256] = "";
    cudnnGetLastErrorString(detail, sizeof detail);
    for (char *p = detail; *p; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    const struct layout_convolution *s = &c->shape;
    return error_set(e, STATUS_FAILED,
                     "cuDNN: %s, %s convolution, batch %d, %d channels -> %d on %dx%d, stride %d: %s (%.200s)", call,
                     cuda_convolution_name[c->kind], s->batch, s->wide_channels, s->narrow_channels, s->narrow_height,
                     s->narrow_width, s->stride, cudnnGetErrorString(code), detail);
}

#define CUDNN_TRY(call) \
    do { \
        const cudnnStatus_t code_ = (call); \
        if (code_ != CUDNN_STATUS_SUCCESS) \
            return failed(c, #call, code_, e); \
    } while (0)

/* --- descriptors --------------------------------------------------------------------------------- */

/* All descriptors of a graph, freed together. */
struct pieces {
    cudnnBackendDescriptor_t all[8 + 2 * CANDIDATES];
    size_t count;
};

static void release(struct pieces *p) {
    while (p->count) {
        cudnnBackendDestroyDescriptor(p->all[--p->count]);
    }
}

static cudnnStatus_t make(struct pieces *p, cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *d) {
    const cudnnStatus_t code = cudnnBackendCreateDescriptor(type, d);
    if (code == CUDNN_STATUS_SUCCESS) {
        p->all[p->count++] = *d;
    }
    return code;
}

static cudnnStatus_t set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         int64_t count, const void *value) {
    return cudnnBackendSetAttribute(d, name, type, count, value);
}

static enum status tensor(struct cuda_convolution *c, struct pieces *p, cudnnDataType_t type, const int64_t *extent,
                          const int64_t *stride, int64_t id, cudnnBackendDescriptor_t *d, struct error *e) {
    const int64_t alignment = 16;
    CUDNN_TRY(make(p, CUDNN_BACKEND_TENSOR_DESCRIPTOR, d));
    CUDNN_TRY(set(*d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
    CUDNN_TRY(set(*d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, extent));
    CUDNN_TRY(set(*d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride));
    CUDNN_TRY(set(*d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id));
    CUDNN_TRY(set(*d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment));
    CUDNN_TRY(cudnnBackendFinalize(*d));
    return STATUS_OK;
}

/* Attributes of the three operations, in the order: alpha, beta, convolution, wide, narrow, weights. */
static const struct operation {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t alpha, beta, convolution, wide, narrow, weights;
} operations[CUDA_KINDS] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW},
};

static enum status operation(struct cuda_convolution *c, struct pieces *p, cudnnBackendDescriptor_t *op,
                             struct error *e) {
    struct cuda_convolution_graph g;
    cuda_convolution_describe(&c->shape, &g);
    const cudnnDataType_t type = c->owner->precision == CUDA_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const int64_t dimensions = 2;
    const float one = 1, zero = 0;
    cudnnBackendDescriptor_t wide, narrow, weights, convolution;
    enum status status = tensor(c, p, type, g.wide, g.wide_stride, ID_WIDE, &wide, e);
    THEN(status, tensor(c, p, type, g.narrow, g.narrow_stride, ID_NARROW, &narrow, e));
    THEN(status, tensor(c, p, type, g.weights, g.weights_stride, ID_WEIGHTS, &weights, e));
    TRY(status);
    CUDNN_TRY(make(p, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, &convolution));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dimensions));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, g.padding));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, g.padding));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, g.stride));
    CUDNN_TRY(set(convolution, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, g.dilation));
    CUDNN_TRY(cudnnBackendFinalize(convolution));
    const struct operation *o = &operations[c->kind];
    CUDNN_TRY(make(p, o->type, op));
    CUDNN_TRY(set(*op, o->alpha, CUDNN_TYPE_FLOAT, 1, &one));
    CUDNN_TRY(set(*op, o->beta, CUDNN_TYPE_FLOAT, 1, &zero));
    CUDNN_TRY(set(*op, o->convolution, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &convolution));
    CUDNN_TRY(set(*op, o->wide, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &wide));
    CUDNN_TRY(set(*op, o->narrow, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &narrow));
    CUDNN_TRY(set(*op, o->weights, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &weights));
    CUDNN_TRY(cudnnBackendFinalize(*op));
    return STATUS_OK;
}

/* --- engines ------------------------------------------------------------------------------------- */

/* Whether an engine's bits are the same in every run and its arithmetic is that of the precision: products of the
 * factors (no transforms, and no factors rounded to half precision, whose range is smaller), summed in float32. strict:
 * also requires tensor cores for TF32 and bfloat16. */
static bool suitable(enum cuda_precision precision, const cudnnBackendNumericalNote_t *notes, int64_t count,
                     bool strict) {
    bool has[CUDNN_NUMERICAL_NOTE_TYPE_COUNT] = {false};
    for (int64_t i = 0; i < count; i++) {
        if ((int)notes[i] >= 0 && (int)notes[i] < CUDNN_NUMERICAL_NOTE_TYPE_COUNT) {
            has[notes[i]] = true;
        }
    }
    if (has[CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC] || has[CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION] ||
        has[CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS] || has[CUDNN_NUMERICAL_NOTE_FFT] ||
        has[CUDNN_NUMERICAL_NOTE_WINOGRAD]) {
        return false;
    }
    if (precision == CUDA_FLOAT32) {
        return !has[CUDNN_NUMERICAL_NOTE_TENSOR_CORE];
    }
    return !strict || has[CUDNN_NUMERICAL_NOTE_TENSOR_CORE];
}

/* Whether the value of a knob makes the order of a sum depend on the position of a configuration in the batch: stream-K
 * splits sums where the work of a multiprocessor ends. There is no numerical note for this. */
static bool is_stream_k(cudnnBackendKnobType_t knob, int64_t value) {
#if CUDNN_VERSION >= 90700
    return knob == CUDNN_KNOB_TYPE_STREAM_K && value != 0;
#else
    (void)knob, (void)value; /* this version has no such knob */
    return false;
#endif
}

/* Whether a configuration uses stream-K; one whose knobs cannot be read does not. */
static bool uses_stream_k(cudnnBackendDescriptor_t configuration) {
    cudnnBackendDescriptor_t choices[CUDNN_KNOB_TYPE_COUNTS];
    int64_t made = 0, count = 0;
    bool move = false;
    while (made < CUDNN_KNOB_TYPE_COUNTS &&
           cudnnBackendCreateDescriptor(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, &choices[made]) == CUDNN_STATUS_SUCCESS) {
        made++;
    }
    if (cudnnBackendGetAttribute(configuration, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, made,
                                 &count, choices) != CUDNN_STATUS_SUCCESS) {
        count = 0;
    }
    for (int64_t i = 0; i < count && i < made; i++) {
        cudnnBackendKnobType_t knob;
        int64_t value, one;
        move |= cudnnBackendGetAttribute(choices[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &one,
                                         &knob) == CUDNN_STATUS_SUCCESS &&
                cudnnBackendGetAttribute(choices[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &one,
                                         &value) == CUDNN_STATUS_SUCCESS &&
                is_stream_k(knob, value);
    }
    while (made) {
        cudnnBackendDestroyDescriptor(choices[--made]);
    }
    return move;
}

/* Makes a plan from a configuration of an engine; false if it is not suitable. */
static bool try_engine(struct cuda_convolution *c, struct pieces *p, cudnnBackendDescriptor_t configuration,
                       bool strict) {
    cudnnBackendDescriptor_t engine;
    cudnnBackendNumericalNote_t notes[NOTES];
    int64_t count = 0, index = -1, workspace = 0;
    if (make(p, CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) != CUDNN_STATUS_SUCCESS) {
        return false;
    }
    bool fine = cudnnBackendGetAttribute(configuration, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                         &count, &engine) == CUDNN_STATUS_SUCCESS &&
                cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, NOTES,
                                         &count, notes) == CUDNN_STATUS_SUCCESS &&
                suitable(c->owner->precision, notes, count < NOTES ? count : NOTES, strict) &&
                !uses_stream_k(configuration) &&
                cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, &index) ==
                    CUDNN_STATUS_SUCCESS;
    cudnnBackendDestroyDescriptor(engine);
    p->count--;
    cudnnBackendDescriptor_t plan;
    if (!fine || cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan) != CUDNN_STATUS_SUCCESS) {
        return false;
    }
    fine =
        set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &c->owner->handle) == CUDNN_STATUS_SUCCESS &&
        set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &configuration) ==
            CUDNN_STATUS_SUCCESS &&
        cudnnBackendFinalize(plan) == CUDNN_STATUS_SUCCESS &&
        cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                                 &workspace) == CUDNN_STATUS_SUCCESS &&
        workspace <= WORKSPACE_MAX;
    if (!fine) {
        cudnnBackendDestroyDescriptor(plan);
        return false;
    }
    c->plan = plan;
    c->engine = (int)index;
    c->workspace = (size_t)workspace;
    return true;
}

/* Lists the engines of a heuristic in its order. */
static enum status candidates(struct cuda_convolution *c, struct pieces *p, cudnnBackendDescriptor_t graph,
                              cudnnBackendHeurMode_t mode, cudnnBackendDescriptor_t *list, int64_t *count,
                              struct error *e) {
    cudnnBackendDescriptor_t heuristic;
    *count = 0;
    CUDNN_TRY(make(p, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristic));
    CUDNN_TRY(set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph));
    CUDNN_TRY(set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
    if (cudnnBackendFinalize(heuristic) != CUDNN_STATUS_SUCCESS) {
        return STATUS_OK; /* the heuristic does not support this graph */
    }
    for (int i = 0; i < CANDIDATES; i++) {
        CUDNN_TRY(make(p, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &list[i]));
    }
    CUDNN_TRY(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                       CANDIDATES, count, list));
    *count = *count < CANDIDATES ? *count : CANDIDATES;
    return STATUS_OK;
}

static enum status choose(struct cuda_convolution *c, bool strict, cudnnBackendHeurMode_t mode, bool *found,
                          struct error *e) {
    struct pieces pieces = {.count = 0};
    cudnnBackendDescriptor_t op, graph, list[CANDIDATES];
    int64_t count = 0;
    enum status status = operation(c, &pieces, &op, e);
    if (status == STATUS_OK && make(&pieces, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, &graph) != CUDNN_STATUS_SUCCESS) {
        status = failed(c, "operation graph", CUDNN_STATUS_ALLOC_FAILED, e);
    }
    if (status == STATUS_OK) {
        cudnnStatus_t code = set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op);
        if (code == CUDNN_STATUS_SUCCESS) {
            code = set(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &c->owner->handle);
        }
        if (code == CUDNN_STATUS_SUCCESS) {
            code = cudnnBackendFinalize(graph);
        }
        if (code != CUDNN_STATUS_SUCCESS) {
            status = failed(c, "operation graph", code, e);
        }
    }
    THEN(status, candidates(c, &pieces, graph, mode, list, &count, e));
    for (int64_t i = 0; i < count && status == STATUS_OK && !*found; i++) {
        *found = try_engine(c, &pieces, list[i], strict);
    }
    release(&pieces);
    return status;
}

/* --- the interface ------------------------------------------------------------------------------- */

enum status cuda_convolutions_open(enum cuda_precision precision, cudaStream_t stream, struct cuda_convolutions **out,
                                   struct error *e) {
    *out = NULL;
    struct cuda_convolutions *c = calloc(1, sizeof *c);
    if (!c) {
        return error_set(e, STATUS_FAILED, "out of memory for cuDNN");
    }
    c->precision = precision;
    const size_t version = cudnnGetVersion();
    snprintf(c->version, sizeof c->version, "%zu.%zu.%zu", version / 10000, version / 100 % 100, version % 100);
    cudnnStatus_t code = version / 10000 == CUDNN_MAJOR ? cudnnCreate(&c->handle) : CUDNN_STATUS_VERSION_MISMATCH;
    if (code == CUDNN_STATUS_SUCCESS) {
        code = cudnnSetStream(c->handle, stream);
    }
    if (code != CUDNN_STATUS_SUCCESS) {
        error_set(e, STATUS_FAILED, "cuDNN: cudnnCreate of version %s, built for %d.%d: %s", c->version, CUDNN_MAJOR,
                  CUDNN_MINOR, cudnnGetErrorString(code));
        cuda_convolutions_close(c);
        return STATUS_FAILED;
    }
    *out = c;
    return STATUS_OK;
}

void cuda_convolutions_close(struct cuda_convolutions *c) {
    if (!c) {
        return;
    }
    if (c->handle) {
        cudnnDestroy(c->handle);
    }
    free(c);
}

const char *cuda_convolutions_version(const struct cuda_convolutions *c) {
    return c->version;
}

enum status cuda_convolution_new(struct cuda_convolutions *owner, const struct layout_convolution *shape,
                                 enum cuda_convolution_kind kind, struct cuda_convolution **convolution,
                                 struct error *e) {
    *convolution = NULL;
    struct cuda_convolution *c = calloc(1, sizeof *c);
    if (!c) {
        return error_set(e, STATUS_FAILED, "out of memory for a convolution");
    }
    *c = (struct cuda_convolution){.owner = owner, .shape = *shape, .kind = kind, .engine = -1};
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK};
    enum status status = STATUS_OK;
    bool found = false;
    for (int strict = 1; strict >= 0 && !found; strict--) {
        for (size_t m = 0; m < sizeof modes / sizeof modes[0] && status == STATUS_OK && !found; m++) {
            status = choose(c, strict, modes[m], &found, e);
        }
    }
    if (status == STATUS_OK && !found) {
        status = failed(c, "no deterministic engine of this precision was found", CUDNN_STATUS_NOT_SUPPORTED, e);
    }
    if (status != STATUS_OK) {
        cuda_convolution_free(c);
        return status;
    }
    *convolution = c;
    return STATUS_OK;
}

void cuda_convolution_free(struct cuda_convolution *c) {
    if (!c) {
        return;
    }
    if (c->plan) {
        cudnnBackendDestroyDescriptor(c->plan);
    }
    free(c);
}

size_t cuda_convolution_workspace(const struct cuda_convolution *c) {
    return c->workspace;
}

int cuda_convolution_engine(const struct cuda_convolution *c) {
    return c->engine;
}

static enum status run(const struct cuda_convolution *c, struct pieces *p, void **data, void *workspace,
                       struct error *e) {
    const int64_t ids[3] = {ID_WIDE, ID_NARROW, ID_WEIGHTS};
    cudnnBackendDescriptor_t pack;
    CUDNN_TRY(make(p, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack));
    CUDNN_TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids));
    CUDNN_TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, data));
    CUDNN_TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace));
    CUDNN_TRY(cudnnBackendFinalize(pack));
    CUDNN_TRY(cudnnBackendExecute(c->owner->handle, c->plan, pack));
    return STATUS_OK;
}

enum status cuda_convolution_run(const struct cuda_convolution *c, void *wide, void *narrow, void *weights,
                                 void *workspace, struct error *e) {
    struct pieces pieces = {.count = 0};
    void *data[3] = {wide, narrow, weights};
    const enum status status = run(c, &pieces, data, workspace, e);
    release(&pieces);
    return status;
}
