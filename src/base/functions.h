/* exp, log, tanh, and the sine and cosine of an angle in turns, in double and single precision.
 *
 * libm's results may differ between machines. These do not: they use only the four arithmetic operations, comparisons
 * and integer shifts, all exactly defined, without contraction (-ffp-contract=off). They are inline, and have no
 * branches and no tables, so that the compiler vectorises a loop that calls them; its bits are the same for any vector
 * width.
 *
 * Errors, checked in tests/base/test_functions.c: exp and log below 1 ulp, sine and cosine below 2 ulp, in both
 * precisions. exp, sine and cosine of NaN are NaN.
 *
 * Polynomials: double from fdlibm (Sun Microsystems 1993: "Permission to use, copy, modify, and distribute
 * this software is freely granted, provided that this notice is preserved."), float from Cephes (Moshier).
 */
#ifndef DMSQ_BASE_FUNCTIONS_H
#define DMSQ_BASE_FUNCTIONS_H

#include <stdint.h>
#include <string.h>

static inline double function_from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t function_to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float function_from_bits_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t function_to_bits_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* e^x, with x clamped to [-708, 708]. */
static inline double function_exp(double x) {
    const double magic = 0x1.8p52; /* adding it rounds to an integer, which is then in the low bits */
    x = x < -708.0 ? -708.0 : x;
    x = x > 708.0 ? 708.0 : x;
    const double shifted = x * 1.44269504088896338700e+00 + magic;
    const double n = shifted - magic;
    const double high = x - n * 6.93147180369123816490e-01;
    const double low = n * 1.90821492927058770002e-10;
    const double r = high - low;
    const double t = r * r;
    const double c = r - t * (1.66666666666666019037e-01 +
                              t * (-2.77777777770155933842e-03 +
                                   t * (6.61375632143793436117e-05 +
                                        t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
    const double y = 1.0 + ((r * c / (2.0 - c) - low) + high);
    /* 2^n as a number: |n| <= 1022 */
    const uint64_t scale = (function_to_bits(shifted) - function_to_bits(magic) + 1023u) << 52;
    return y * function_from_bits(scale);
}

/* tanh x, with an absolute error below 3e-16. */
static inline double function_tanh(double x) {
    const double e = function_exp(x < 0 ? 2 * x : -2 * x), t = (1 - e) / (1 + e);
    return x < 0 ? -t : t;
}

/* e^x in single precision, with x clamped to [-87, 87]. */
static inline float function_exp_float(float x) {
    const float magic = 0x1.8p23f;
    x = x < -87.0f ? -87.0f : x;
    x = x > 87.0f ? 87.0f : x;
    const float shifted = x * 1.44269504088896341f + magic;
    const float n = shifted - magic;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const float y = (p * (r * r) + r) + 1.0f;
    const uint32_t scale = (function_to_bits_float(shifted) - function_to_bits_float(magic) + 127u) << 23;
    return y * function_from_bits_float(scale);
}

/* Natural logarithm of a positive normal number (2.3e-308 <= x < infinity). */
static inline double function_log(double x) {
    /* x = 2^k m with m in [sqrt(1/2), sqrt(2)) */
    const uint64_t root_half = 0x3fe6a09e00000000u;
    const uint64_t one = 0x3ff0000000000000u;
    const uint64_t bits = function_to_bits(x) + (one - root_half);
    /* the exponent, put into the low bits of 2^52, converts to double */
    const double k = function_from_bits((bits >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
    const double f = function_from_bits((bits & 0x000fffffffffffffu) + root_half) - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double w = z * z;
    const double t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    const double t2 =
        z * (6.666666666666735130e-01 +
             w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    const double half_square = 0.5 * f * f;
    return s * (half_square + (t1 + t2)) + k * 1.90821492927058770002e-10 - half_square + f +
           k * 6.93147180369123816490e-01;
}

/* Natural logarithm of a positive normal number in single precision (1.2e-38 <= x < infinity). */
static inline float function_log_float(float x) {
    const uint32_t root_half = 0x3f3504f3u;
    const uint32_t one = 0x3f800000u;
    const uint32_t bits = function_to_bits_float(x) + (one - root_half);
    const float k = function_from_bits_float((bits >> 23) | 0x4b000000u) - (0x1p23f + 127.0f);
    const float f = function_from_bits_float((bits & 0x007fffffu) + root_half) - 1.0f;
    const float z = f * f;
    float p = 7.0376836292e-2f;
    p = p * f + -1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f + -1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f + -1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f + -2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float y = (p * f) * z + k * -2.12194440e-4f - 0.5f * z;
    return (f + y) + k * 0.693359375f;
}

/* sin(2 pi u) and cos(2 pi u), |u| < 2^50. The angle is in turns because then its reduction to an eighth
 * of a turn is exact: Fourier features sin(2 pi w t), lattice momenta cos(2 pi k / L) and Box-Muller
 * all come in this form. */
static inline void function_sincos_turns(double u, double *sine, double *cosine) {
    const double magic = 0x1.8p52;
    const double shifted = 4.0 * u + magic;
    const uint64_t quadrant = function_to_bits(shifted); /* its two low bits */
    const double x = (u - 0.25 * (shifted - magic)) * 6.28318530717958647693;
    const double z = x * x;
    const double s = x + x * z *
                             (-1.66666666666666324348e-01 +
                              z * (8.33333333332248946124e-03 +
                                   z * (-1.98412698298579493134e-04 +
                                        z * (2.75573137070700676789e-06 +
                                             z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
    const double r = z * (4.16666666666666019037e-02 +
                          z * (-1.38888888888741095749e-03 +
                               z * (2.48015872894767294178e-05 +
                                    z * (-2.75573143513906633035e-07 +
                                         z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
    const double half_square = 0.5 * z;
    const double one_minus = 1.0 - half_square;
    const double c = one_minus + (((1.0 - one_minus) - half_square) + z * r);
    const uint64_t swap = (uint64_t)0 - (quadrant & 1u); /* all ones in odd quadrants */
    const uint64_t s_bits = function_to_bits(s);
    const uint64_t c_bits = function_to_bits(c);
    const uint64_t exchange = (s_bits ^ c_bits) & swap;
    *sine = function_from_bits((s_bits ^ exchange) ^ ((quadrant & 2u) << 62));
    *cosine = function_from_bits((c_bits ^ exchange) ^ (((quadrant + 1u) & 2u) << 62));
}

/* The same in single precision, |u| < 2^20. */
static inline void function_sincos_turns_float(float u, float *sine, float *cosine) {
    const float magic = 0x1.8p23f;
    const float shifted = 4.0f * u + magic;
    const uint32_t quadrant = function_to_bits_float(shifted);
    const float x = (u - 0.25f * (shifted - magic)) * 6.28318530717958647693f;
    const float z = x * x;
    const float s = x + x * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
    const float c =
        (1.0f - 0.5f * z) + z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
    const uint32_t swap = (uint32_t)0 - (quadrant & 1u);
    const uint32_t s_bits = function_to_bits_float(s);
    const uint32_t c_bits = function_to_bits_float(c);
    const uint32_t exchange = (s_bits ^ c_bits) & swap;
    *sine = function_from_bits_float((s_bits ^ exchange) ^ ((quadrant & 2u) << 30));
    *cosine = function_from_bits_float((c_bits ^ exchange) ^ (((quadrant + 1u) & 2u) << 30));
}

#endif
