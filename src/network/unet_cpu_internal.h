/* The network on the CPU, shared by its two files: unet_cpu.c (layout, weights, packed gradients) and unet_cpu_pass.c
 * (workspaces, forward and backward pass). */
#ifndef DMSQ_NETWORK_UNET_CPU_INTERNAL_H
#define DMSQ_NETWORK_UNET_CPU_INTERNAL_H

#include "network/convolution.h"
#include "network/embedding.h"
#include "network/halo.h"
#include "network/normalise.h"
#include "network/single_channel.h"
#include "network/unet_cpu.h"

/* Levels are numbered in the order of evaluation: 0-3 contract (gnorm1-4), 4-6 expand (tgnorm4-2). Size 0 is the
 * lattice; sizes 1-3 are s, s^2, s^3 times coarser. Level l has size unet_cpu_size[l]. Convolutions 0-2 are conv2-4,
 * 3-5 are tconv4-2. */
enum { LEVELS = 7, CONVOLUTIONS = 6, SIZES = 4 };
static const int unet_cpu_size[LEVELS] = {0, 1, 2, 3, 2, 1, 0};

struct unet_cpu {
    struct unet_shape shape;
    int batch;
    struct unet_tensor tensors[UNET_TENSORS];
    /* trainable arrays by their use */
    const struct unet_tensor *gamma[LEVELS], *beta[LEVELS], *dense[LEVELS], *dense_bias[LEVELS], *kernel[CONVOLUTIONS],
        *first_kernel, *last_kernel, *last_bias, *embed, *embed_bias;
    size_t weight_count, sites;
    struct normalise level[LEVELS];
    size_t d_offset[LEVELS]; /* first row of a level among those of all dense layers */
    struct halo halo[3];     /* halos of the wide fields at sizes 0-2; channels as in contraction and expansion */
    struct halo outer;       /* halo of the single-channel fields */
    struct single_channel first, last;
    struct convolution *convolution[CONVOLUTIONS];
    bool rounded; /* fields from which a convolution is computed are kept as bfloat16 numbers */
    struct embedding embedding;
    float *weights;    /* the flat vector; only group norms and the last bias are set, the others are below */
    float *first_taps; /* conv1 as (9, width) */
    float *last_taps;  /* tconv1 as (9, 2 width) */
    size_t scratch;
    /* packed gradient: the convolutions, then the rest */
    size_t at_convolution[CONVOLUTIONS], at_first, at_last, at_bias, at_gamma[LEVELS], at_beta[LEVELS], at_embed,
        at_embed_bias, at_dense, at_dense_bias, packed;
};

#endif
