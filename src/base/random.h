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

/* The four words of block (stream, step, index). stream and step are below 2^48; the counter words are {index, step low
 * 32, stream low 32, (step high 16) << 16 | stream high 16}. */
void random_block(struct random_key key, uint64_t stream, uint64_t step, uint32_t index, uint32_t out[4]);

/* n uniforms, each the midpoint of one of 2^52 equal cells of (0,1), from blocks 0, 1, ... of (stream, step). */
void random_uniform(struct random_key key, uint64_t stream, uint64_t step, double *u, size_t n);

/* n standard normals in double precision (Box-Muller with the functions of base/functions.h), from blocks 0, 1, ... of
 * (stream, step). */
void random_normal(struct random_key key, uint64_t stream, uint64_t step, double *z, size_t n);

/* n standard normals in single precision (|z| < 6.8), four per block. */
void random_normal_float(struct random_key key, uint64_t stream, uint64_t step, float *z, size_t n);

/* The same numbers for RANDOM_LANES streams at once, stream, stream+1, ...: u[i*RANDOM_LANES + lane] is
 * number i of stream + lane. Lanes are chains in src/lattice. */
#define RANDOM_LANES 8
void random_uniform_lanes(struct random_key key, uint64_t stream, uint64_t step, double *u, size_t n);
/* Numbers first, first + 1, ..., first + n - 1 of each stream; `first` must be even. */
void random_uniform_lanes_from(struct random_key key, uint64_t stream, uint64_t step, uint64_t first, double *u,
                               size_t n);
void random_normal_lanes(struct random_key key, uint64_t stream, uint64_t step, double *z, size_t n);
void random_normal_float_lanes(struct random_key key, uint64_t stream, uint64_t step, float *z, size_t n);

/* A uniformly random permutation of 0..n-1 (Fisher-Yates), n < 2^32. */
void random_permutation(struct random_key key, uint64_t stream, uint64_t step, uint32_t *order, size_t n);

#endif
