/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, Random123).
 *
 * The key comes from (seed, stage, purpose); the counter from (stream, step, index). A number depends
 * on nothing else: not on threads, processes, order, vector width or backend. `stream` is the chain or
 * configuration, `step` the trajectory, epoch or time step, `index` counts blocks of four 32-bit words
 * (a block is two uniforms or normals in double precision, or four normals in single precision).
 */
#ifndef DMSQ_BASE_RANDOM_H
#define DMSQ_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_key {
    uint32_t word[2];
};

/* Key of the purpose ("momentum", "accept", "noise") within a stage ("ensemble") for a user's seed.
 * Distinct (seed, stage, purpose) give distinct keys up to hash collisions of 2^-64. */
struct random_key random_key(uint64_t seed, const char *stage, const char *purpose);

/* The four words of block (stream, step, index); counter words are
 * {index, stream low, stream high xor-free 16 bits | step high 16, step low}: see random.c. */
void random_block(struct random_key key, uint64_t stream, uint64_t step, uint32_t index, uint32_t out[4]);

/* n uniforms in (0,1), 53 bits each, from blocks 0.. of (stream, step). */
void random_uniform(struct random_key key, uint64_t stream, uint64_t step, double *u, size_t n);

/* n standard normals in double precision (Box-Muller with the functions of base/functions.h),
 * from blocks 0.. of (stream, step). */
void random_normal(struct random_key key, uint64_t stream, uint64_t step, double *z, size_t n);

/* n standard normals in single precision (|z| < 6.8), four a block. */
void random_normal_float(struct random_key key, uint64_t stream, uint64_t step, float *z, size_t n);

/* A uniformly random permutation of 0..n-1 (Fisher-Yates), n < 2^32. */
void random_permutation(struct random_key key, uint64_t stream, uint64_t step, uint32_t *order, size_t n);

#endif
