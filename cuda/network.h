/* The network of network/unet.h on the device, for one batch size: fields, weights, convolutions, and the passes, put
 * on the stream of the device. Files of cuda/ only; the rest of the program sees cuda/backend.h. */
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
    struct backend base; /* first: a struct backend * is one of these */
    enum cuda_precision precision;
    cudaStream_t stream;
    struct cuda_convolutions *convolutions;
    char description[1024]; /* of device and engines, for run records */
    char arithmetic[200];   /* card and cuDNN, for checkpoints */
};

/* Memory on the device: 256-byte aligned, cleared. what: for the message when there is none. */
enum status device_allocate(struct device *d, size_t bytes, const char *what, void **memory, struct error *e);
void device_release(void *memory);
/* Copies that are done when they return. */
enum status device_upload(struct device *d, void *to, const void *from, size_t bytes, struct error *e);
enum status device_download(struct device *d, void *to, const void *from, size_t bytes, struct error *e);
enum status device_wait(struct device *d, struct error *e);

/* Work recorded once and launched as one graph. record() is called twice: as a warm-up, and while recording. */
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
    struct bfloat *rounded; /* bfloat16: the same, for the convolutions */
    float *gradient;        /* training */
    float *partial;         /* training: of the single-channel weight gradients */
    float *bias;            /* training: sums of the output's gradient */
    float *frequencies;
    struct cuda_convolution *convolution[LAYOUT_CONVOLUTIONS][CUDA_KINDS];
    void *workspace;    /* of the convolutions */
    uint32_t *position; /* host: layout_positions */
    float *staging;     /* host: a weight vector */
    /* the wiener parameterisation, and coloured noise */
    struct filter filter;
    double *tables;
    float *linear; /* n x V: filtered field */
};

/* colours: coloured noise is wanted, which needs the filter, too. */
enum status network_new(struct device *d, const struct score_model *model, size_t batch, enum network_use use,
                        bool colours, struct network **network, struct error *e);
void network_free(struct network *w);

/* Vectors of unet.h to and from the device's order. */
enum status network_put(struct network *w, const float *flat, float *target, struct error *e);
enum status network_get(struct network *w, const float *source, float *flat, struct error *e);
/* New weights for the passes. */
enum status network_set_weights(struct network *w, const float *flat, struct error *e);

float *network_field(const struct network *w, enum layout_field field);
struct sites network_sites(const struct network *w);
/* Everything that makes a score of F; with_linear: the model is wiener. */
struct surroundings network_surroundings(const struct network *w, struct frames frames, bool with_linear);

/* FIELD_X to FIELD_TAPS (single_sum of which, plus the bias, is F). */
enum status network_forward(struct network *w, struct frames frames, struct error *e);
/* FIELD_GRADIENT, with respect to F, to: all weight gradients (use training), or the taps of the gradient with respect
 * to the input in FIELD_TAPS (use products). After network_forward with the same frames. */
enum status network_backward(struct network *w, struct error *e);

/* backend.h, by file */
size_t backend_capacity(const struct score_model *model);
void evaluation_operations(struct backend *b); /* evaluation.cu */
void integrator_operations(struct backend *b); /* integrator.cu */
void sampler_operations(struct backend *b);    /* sampler.cu */
void training_operations(struct backend *b);   /* training.cu */

#endif
