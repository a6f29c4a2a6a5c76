/* 3x3 convolutions between a wide and a narrow field, by oneDNN; the only file that calls it.
 *
 * The wide field carries its halo: N x (stride (h-1) + 3) x (stride (w-1) + 3) x wide channels for a
 * narrow field of N x h x w x narrow channels (channels last). So padding is the caller's: a periodic
 * halo or zeros. One object serves both directions of the U-Net: a convolution goes from wide to narrow,
 * a transposed one from narrow to wide (its adjoint), with the same weights (narrow, wide, 3, 3).
 *
 *   forward          narrow[o] = sum_{k,i} wide[s*o + k][i] w[.][i][k]
 *   adjoint          wide[s*o + k][i] += narrow[o][c] w[c][i][k]        (overwrites wide)
 *   weight_gradient  gradient[c][i][k] = sum_o narrow[o][c] wide[s*o + k][i]
 *
 * Every primitive is made for one thread; calls may run side by side on different data. Bits depend on
 * the instruction set in use (ONEDNN_MAX_CPU_ISA pins it) and on nothing else.
 */
#ifndef DMSQ_NETWORK_CONVOLUTION_H
#define DMSQ_NETWORK_CONVOLUTION_H

#include <stddef.h>

#include "base/error.h"

struct convolution;

struct convolution_shape {
    int batch, wide_channels, narrow_channels;
    int narrow_height, narrow_width;
    int stride;
};

enum status convolution_new(const struct convolution_shape *shape, struct convolution **c, struct error *e);
void convolution_free(struct convolution *c);

/* Copies weights (narrow, wide, 3, 3) into the layouts that the primitives want. */
enum status convolution_set_weights(struct convolution *c, const float *weights, struct error *e);

/* Bytes of scratch memory, aligned to 64, that a call needs; one per thread will do for all. */
size_t convolution_scratch(const struct convolution *c);

enum status convolution_forward(const struct convolution *c, void *scratch, float *wide,
                                float *narrow, struct error *e);
enum status convolution_adjoint(const struct convolution *c, void *scratch, float *narrow,
                                float *wide, struct error *e);
/* `packed` has convolution_packed_size floats in a layout of oneDNN's choice, 64-byte aligned. */
enum status convolution_weight_gradient(const struct convolution *c, void *scratch, float *wide,
                                        float *narrow, float *packed, struct error *e);
size_t convolution_packed_size(const struct convolution *c);
/* Packed gradient to (narrow, wide, 3, 3). */
enum status convolution_unpack(const struct convolution *c, float *packed, float *weights, struct error *e);

/* Floating-point operations of one forward call (the other two need as many). */
double convolution_flop(const struct convolution *c);

/* Instruction set that oneDNN uses: "AVX2", "AVX512_CORE_BF16", ... */
const char *convolution_instruction_set(void);

#endif
