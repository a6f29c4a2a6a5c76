/* CRC-32 (checksum.h) by folding: Gopal et al., Fast CRC computation for generic polynomials using PCLMULQDQ
 * instruction, Intel 2009.
 *
 * A message is a polynomial over GF(2), and its CRC the remainder modulo the polynomial P. Any part of the message may
 * be replaced by one that is equal modulo P. So 128 bits are multiplied by x^n mod P (two carry-less products of 64
 * bits) and added to the 128 bits that follow n bits later; four such blocks are processed at a time. The last 128 bits
 * have the CRC of the whole message, which zlib computes. Bits are reflected, as in zip; the constants are those of the
 * paper, x^(n+32) and x^(n-32) mod P, reflected and shifted by one. */
#include "store/checksum.h"

#include <string.h>
#include <zlib.h>
#if defined __PCLMUL__ && defined __SSE4_1__
#include <immintrin.h>

/* a x^n + b, with n given by its two constants. */
static inline __m128i fold(__m128i a, __m128i constants, __m128i b) {
    return _mm_xor_si128(
        b, _mm_xor_si128(_mm_clmulepi64_si128(a, constants, 0x00), _mm_clmulepi64_si128(a, constants, 0x11)));
}

static inline __m128i load(const unsigned char *at) {
    __m128i x;
    memcpy(&x, at, sizeof x);
    return x;
}

/* The CRC of the first size - *rest bytes, a multiple of 16, of size >= 64 bytes. */
static uint32_t folded(uint32_t crc, const unsigned char *at, size_t size, size_t *rest) {
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i x[4];
    for (size_t i = 0; i < 4; i++) {
        x[i] = load(at + 16 * i);
    }
    /* The previous CRC is added to the first bits, complemented as in zlib. */
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
    for (at += 64, size -= 64; size >= 64; at += 64, size -= 64) {
        for (size_t i = 0; i < 4; i++) {
            x[i] = fold(x[i], by_512, load(at + 16 * i));
        }
    }
    __m128i last = x[0];
    for (size_t i = 1; i < 4; i++) {
        last = fold(last, by_128, x[i]);
    }
    for (; size >= 16; at += 16, size -= 16) {
        last = fold(last, by_128, load(at));
    }
    *rest = size;
    unsigned char bytes[16];
    memcpy(bytes, &last, sizeof bytes);
    return (uint32_t)crc32_z(0xffffffffu, bytes, sizeof bytes); /* 0xffffffff, complemented, is an initial value of 0 */
}
#endif

uint32_t checksum_crc32(uint32_t crc, const void *data, size_t size) {
    const unsigned char *at = data;
#if defined __PCLMUL__ && defined __SSE4_1__
    if (size >= 64) {
        size_t rest;
        crc = folded(crc, at, size, &rest);
        at += size - rest;
        size = rest;
    }
#endif
    return (uint32_t)crc32_z(crc, at, size);
}
