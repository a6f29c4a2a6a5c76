/* Opening and closing a device, its memory, and recorded work (network.h, backend.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/backend.h"
#include "cuda/check.h"
#include "cuda/network.h"

/* --- memory -------------------------------------------------------------------------------------- */

enum status device_allocate(struct device *d, size_t bytes, const char *what, void **memory, struct error *e) {
    *memory = NULL;
    const cudaError_t code = cudaMalloc(memory, bytes ? bytes : 1);
    if (code != cudaSuccess) {
        size_t free = 0, total = 0;
        cudaGetLastError();
        cudaMemGetInfo(&free, &total);
        return error_set(e, STATUS_FAILED, "CUDA: cudaMalloc of %.1f MiB for %s, %.1f of %.1f MiB are free: %s",
                         (double)bytes / 1048576, what, (double)free / 1048576, (double)total / 1048576,
                         cudaGetErrorString(code));
    }
    const cudaError_t queued = cudaMemsetAsync(*memory, 0, bytes ? bytes : 1, d->stream);
    if (queued != cudaSuccess) {
        cudaFree(*memory);
        *memory = NULL;
        return error_set(e, STATUS_FAILED, "CUDA: cudaMemsetAsync of %s: %s", what, cudaGetErrorString(queued));
    }
    return STATUS_OK;
}

void device_release(void *memory) {
    if (memory) {
        cudaFree(memory);
    }
}

enum status device_wait(struct device *d, struct error *e) {
    CUDA_TRY(cudaStreamSynchronize(d->stream));
    return STATUS_OK;
}

enum status device_upload(struct device *d, void *to, const void *from, size_t bytes, struct error *e) {
    CUDA_TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, d->stream));
    return device_wait(d, e);
}

enum status device_download(struct device *d, void *to, const void *from, size_t bytes, struct error *e) {
    CUDA_TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, d->stream));
    return device_wait(d, e);
}

/* --- recordings ---------------------------------------------------------------------------------- */

enum status recording_make(struct device *d, enum status (*record)(void *context, struct error *e), void *context,
                           struct recording *r, struct error *e) {
    *r = {};
    TRY(record(context, e)); /* loads the kernels, which must not happen while recording */
    TRY(device_wait(d, e));
    CUDA_TRY(cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal));
    const enum status status = record(context, e);
    const cudaError_t code = cudaStreamEndCapture(d->stream, &r->graph); /* also after an error */
    TRY(status);
    if (code != cudaSuccess) {
        return cuda_failed(code, "cudaStreamEndCapture", e);
    }
    CUDA_TRY(cudaGraphInstantiate(&r->executable, r->graph, 0));
    return STATUS_OK;
}

enum status recording_launch(struct device *d, const struct recording *r, size_t times, struct error *e) {
    for (size_t i = 0; i < times; i++) {
        CUDA_TRY(cudaGraphLaunch(r->executable, d->stream));
    }
    return STATUS_OK;
}

void recording_release(struct recording *r) {
    if (r->executable) {
        cudaGraphExecDestroy(r->executable);
    }
    if (r->graph) {
        cudaGraphDestroy(r->graph);
    }
    *r = {};
}

/* --- the device ---------------------------------------------------------------------------------- */

const char *backend_cuda_missing(void) {
    return NULL;
}

size_t backend_capacity(const struct score_model *model) {
    return layout_capacity(model->volume);
}

static size_t capacity(const struct backend *b, const struct score_model *model) {
    (void)b;
    return backend_capacity(model);
}

static const char *describe(struct backend *b) {
    return ((struct device *)b)->description;
}

static void close_device(struct backend *b) {
    struct device *d = (struct device *)b;
    cuda_convolutions_close(d->convolutions);
    if (d->stream) {
        cudaStreamDestroy(d->stream);
    }
    free(d);
}

static const struct {
    const char *name;
    enum cuda_precision precision;
} names[] = {{"cuda", CUDA_TF32}, {"cuda-float32", CUDA_FLOAT32}, {"cuda-bf16", CUDA_BF16}};

static enum status open_device(struct device *d, struct error *e) {
    int count = 0, driver = 0;
    const cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess || count == 0) {
        return error_set(e, STATUS_FAILED, "backend '%s': no CUDA device found (%s)", d->base.name,
                         code != cudaSuccess ? cudaGetErrorString(code) : "0 devices");
    }
    struct cudaDeviceProp properties;
    CUDA_TRY(cudaSetDevice(0));
    CUDA_TRY(cudaGetDeviceProperties(&properties, 0));
    CUDA_TRY(cudaDriverGetVersion(&driver));
    CUDA_TRY(cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking));
    TRY(cuda_convolutions_open(d->precision, d->stream, &d->convolutions, e));
    snprintf(d->description, sizeof d->description, "%s, compute capability %d.%d, CUDA driver %d.%d, cuDNN %s",
             properties.name, properties.major, properties.minor, driver / 1000, driver % 1000 / 10,
             cuda_convolutions_version(d->convolutions));
    snprintf(d->arithmetic, sizeof d->arithmetic, "%s on %.120s with cuDNN %.40s", d->base.name, properties.name,
             cuda_convolutions_version(d->convolutions));
    d->base.arithmetic = d->arithmetic;
    return STATUS_OK;
}

enum status backend_cuda_open(const char *name, struct backend **backend, struct error *e) {
    *backend = NULL;
    size_t i = 0;
    while (i < 3 && strcmp(names[i].name, name) != 0) {
        i++;
    }
    if (i == 3) {
        return error_set(e, STATUS_BAD_INPUT, "backend '%s': expected cuda, cuda-float32 or cuda-bf16", name);
    }
    struct device *d = (struct device *)calloc(1, sizeof *d);
    if (!d) {
        return error_set(e, STATUS_FAILED, "out of memory for the device");
    }
    d->precision = names[i].precision;
    d->base.name = names[i].name;
    d->base.forward_only = d->precision == CUDA_BF16;
    d->base.close = close_device;
    d->base.describe = describe;
    d->base.supports = score_is_unet;
    d->base.capacity = capacity;
    d->base.placed = true;
    d->base.sampler_stretch = 64;
    d->base.training_stretch = (size_t)-1; /* an epoch takes less than a second */
    d->base.integrators = 1;
    d->base.slots = capacity;
    evaluation_operations(&d->base);
    integrator_operations(&d->base);
    sampler_operations(&d->base);
    training_operations(&d->base);
    const enum status status = open_device(d, e);
    if (status != STATUS_OK) {
        close_device(&d->base);
        return status;
    }
    *backend = &d->base;
    return STATUS_OK;
}
