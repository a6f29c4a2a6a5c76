/* Vectors of WIDE_LANES numbers. Operators act on each lane separately; a lane's bits depend neither on the other lanes
 * nor on the width of the machine's registers, into which the compiler splits the vectors. */
#ifndef DMSQ_BASE_WIDE_H
#define DMSQ_BASE_WIDE_H

#include <stdint.h>

#define WIDE_LANES 16

typedef float wide __attribute__((vector_size(4 * WIDE_LANES)));
typedef double wide_double __attribute__((vector_size(8 * WIDE_LANES)));
typedef int32_t wide_integer __attribute__((vector_size(4 * WIDE_LANES)));

/* sum[l] += x[l] in double precision. */
static inline void wide_accumulate(double sum[WIDE_LANES], const wide *x) {
    for (int l = 0; l < WIDE_LANES; l++) {
        sum[l] += (double)(*x)[l];
    }
}

/* tanh x with an absolute error below 2e-7; NaN for NaN. From e^(-2|x|), computed as in function_exp_float
 * (base/functions.h). */
static inline wide wide_tanh(wide x) {
    const wide_integer sign = (wide_integer)x & INT32_MIN;
    wide y = (wide)((wide_integer)x ^ sign) * -2.0f; /* -2|x| */
    const wide least = (wide){0} - 80.0f;
    const wide_integer small = y < least;
    y = (wide)((small & (wide_integer)least) | (~small & (wide_integer)y));
    const float magic = 0x1.8p23f; /* adding it rounds to an integer, which is then in the low bits */
    const wide shifted = y * 1.44269504088896341f + magic;
    const wide n = shifted - magic;
    const wide r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
    wide p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const wide mantissa = (p * (r * r) + r) + 1.0f;
    const wide_integer scale = (((wide_integer)shifted - 0x4b400000) + 127) << 23; /* 0x4b400000: the bits of magic */
    const wide e = mantissa * (wide)scale;
    const wide t = (1.0f - e) / (1.0f + e);
    return (wide)((wide_integer)t | sign);
}

#endif
