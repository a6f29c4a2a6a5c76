/* oneDNN's own convolutions, for comparison with the speed of the network: shapes and meaning as in
 * network/convolution.h, channels last. */
#ifndef DMSQ_BENCH_DIRECT_CONVOLUTION_H
#define DMSQ_BENCH_DIRECT_CONVOLUTION_H

#include "network/convolution.h"

struct direct_convolution;

enum status direct_convolution_new(const struct convolution_shape *shape, struct direct_convolution **c,
                                   struct error *e);
void direct_convolution_free(struct direct_convolution *c);
enum status direct_convolution_set_weights(struct direct_convolution *c, const float *weights, struct error *e);
size_t direct_convolution_scratch(const struct direct_convolution *c);
enum status direct_convolution_forward(const struct direct_convolution *c, void *scratch, float *wide, float *narrow,
                                       struct error *e);
enum status direct_convolution_adjoint(const struct direct_convolution *c, void *scratch, float *narrow, float *wide,
                                       struct error *e);
/* `packed` has direct_convolution_packed_size floats in a layout of oneDNN's choice, 64-byte aligned. */
enum status direct_convolution_weight_gradient(const struct direct_convolution *c, void *scratch, float *wide,
                                               float *narrow, float *packed, struct error *e);
size_t direct_convolution_packed_size(const struct direct_convolution *c);
/* Floating-point operations of each of the three functions. */
double direct_convolution_flop(const struct direct_convolution *c);

#endif
