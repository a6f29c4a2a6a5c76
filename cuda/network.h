/* The network of network/unet.h on the device, for one batch size: fields, weights, convolutions, and the passes, which
 * are enqueued on the stream of the device. Private to cuda/; the rest of the program uses cuda/backend.h. */
#ifndef DMSQ_CUDA_NETWORK_H
#define DMSQ_CUDA_NETWORK_H

#include "cuda/convolution.h"
#include "cuda/kernels.h"
#include "cuda/layout.h"
extern "C" {
#include "backend/backend.h"
#include "score/unet.h"
}

/* An open device. */
struct device {
    struct backend base; /* the first member, so that a struct backend * can be cast to a struct device * */
    enum cuda_precision precision;
    cudaStream_t stream;
    struct cuda_convolutions *convolutions;
    char description[1024]; /* device and engines, for run records */
    char arithmetic[200];   /* card and cuDNN, for checkpoints */
};

/* Allocates memory on the device, aligned to 256 bytes and set to zero. what: its name in the message of a failure. */
enum status device_allocate(struct device *d, size_t bytes, const char *what, void **memory, struct error *e);
void device_release(void *memory);
/* Copies to and from the device, complete when the call returns. */
enum status device_upload(struct device *d, void *to, const void *from, size_t bytes, struct error *e);
enum status device_download(struct device *d, void *to, const void *from, size_t bytes, struct error *e);
enum status device_wait(struct device *d, struct error *e);

/* Work that is recorded once and launched as one graph. record() is called twice: as a warm-up, and for the
 * recording. */
struct recording {
    cudaGraph_t graph;
    cudaGraphExec_t executable;
};
enum status recording_make(struct device *d, enum status (*record)(void *context, struct error *e), void *context,
                           struct recording *r, struct error *e);
enum status recording_launch(struct device *d, const struct recording *r, size_t times, struct error *e);
void recording_release(struct recording *r);

enum network_use { NETWORK_FORWARD, NETWORK_PRODUCTS, NETWORK_TRAINING };

struct network {
    struct device *device;
    struct layout layout;
    struct layout_fields fields;
    enum network_use use;
    int batch;
    size_t element;         /* bytes of a number between layers */
    char *arena;            /* the fields */
    float *weights;         /* in the order of layout.h */
    struct bfloat *rounded; /* bfloat16: the weights of the convolutions, rounded */
    float *gradient;        /* training */
    float *partial;         /* training: partial sums of the single-channel weight gradients */
    float *bias;            /* training: sums of the output's gradient */
    float *frequencies;
    struct cuda_convolution *convolution[LAYOUT_CONVOLUTIONS][CUDA_KINDS];
    void *workspace;    /* workspace of the convolutions */
    uint32_t *position; /* on the host: layout_positions */
    float *staging;     /* on the host: a weight vector */
    /* for the wiener parameterisation and for coloured noise */
    struct filter filter;
    double *tables;
    float *linear; /* (n, V): filtered field */
};

/* Makes a network. colours: coloured noise will be used, which needs the filter. STATUS_FAILED: out of memory on the
 * host or the device, or an error of CUDA or cuDNN. STATUS_BAD_INPUT: the precision does not have this use. */
enum status network_new(struct device *d, const struct score_model *model, size_t batch, enum network_use use,
                        bool colours, struct network **network, struct error *e);
void network_free(struct network *w);

/* Copies a vector in the order of unet.h to the device, in its order, and back. */
enum status network_put(struct network *w, const float *flat, float *target, struct error *e);
enum status network_get(struct network *w, const float *source, float *flat, struct error *e);
/* Sets the weights of the passes. */
enum status network_set_weights(struct network *w, const float *flat, struct error *e);

float *network_field(const struct network *w, enum layout_field field);
struct sites network_sites(const struct network *w);
/* The quantities that turn F into a score; with_linear: for the wiener parameterisation. */
struct surroundings network_surroundings(const struct network *w, struct frames frames, bool with_linear);

/* The forward pass from FIELD_X to FIELD_TAPS; F is the single_sum of the taps plus the bias. */
enum status network_forward(struct network *w, struct frames frames, struct error *e);
/* The backward pass from FIELD_GRADIENT, the gradient with respect to F, after network_forward with the same frames: to
 * all weight gradients (NETWORK_TRAINING), or to the taps of the gradient with respect to the input, in FIELD_TAPS
 * (NETWORK_PRODUCTS). */
enum status network_backward(struct network *w, struct error *e);

/* functions of backend.h, by file */
size_t backend_capacity(const struct score_model *model);
void evaluation_operations(struct backend *b); /* evaluation.cu */
void integrator_operations(struct backend *b); /* integrator.cu */
void sampler_operations(struct backend *b);    /* sampler.cu */
void training_operations(struct backend *b);   /* training.cu */

#endif
