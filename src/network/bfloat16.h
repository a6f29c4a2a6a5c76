/* bfloat16 numbers: the upper half of a float32, with its sign, its 8 bits of exponent, and 7 bits of mantissa. */
#ifndef DMSQ_NETWORK_BFLOAT16_H
#define DMSQ_NETWORK_BFLOAT16_H

#include <stdint.h>
#include <string.h>

/* The nearest bfloat16 number, halves to even. */
static inline uint16_t bfloat16_round(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The float32 of the same value. */
static inline float bfloat16_widen(uint16_t rounded) {
    const uint32_t bits = (uint32_t)rounded << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
