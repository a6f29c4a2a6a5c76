/* Philox4x32 under the names of Random123, the part that src/base/random.c uses, for tests/gpu/check.sh on machines
 * without librandom123-dev. The check compares its numbers with known ones of Random123. */
#ifndef DMSQ_TESTS_PHILOX_H
#define DMSQ_TESTS_PHILOX_H

#include <stdint.h>

typedef struct {
    uint32_t v[4];
} philox4x32_ctr_t;
typedef struct {
    uint32_t v[2];
} philox4x32_key_t;

static inline philox4x32_ctr_t philox4x32_R(unsigned rounds, philox4x32_ctr_t c, philox4x32_key_t k) {
    for (unsigned r = 0; r < rounds; r++) {
        const uint64_t a = (uint64_t)c.v[0] * 0xd2511f53u, b = (uint64_t)c.v[2] * 0xcd9e8d57u;
        c = (philox4x32_ctr_t){
            {(uint32_t)(b >> 32) ^ c.v[1] ^ k.v[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c.v[3] ^ k.v[1], (uint32_t)a}};
        k.v[0] += 0x9e3779b9u;
        k.v[1] += 0xbb67ae85u;
    }
    return c;
}

#endif
