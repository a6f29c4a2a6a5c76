/* Fast Fourier transforms of many real fields at once on a periodic lattice of any dimension.
 *
 * A pack holds TRANSFORM_FIELDS = 2 WIDE_LANES real fields as WIDE_LANES complex ones: field l is the real part of
 * lane l, field WIDE_LANES + l its imaginary part. In memory a site is `struct transform_site`, sites in C order (x_1
 * slowest), modes likewise, k_mu = 0 .. L_mu - 1. With a and b the two real fields of a lane the transform is
 * a(p) + i b(p), so that
 *   - a filter whose gain is real and even in p acts on both fields at once, and
 *   - a(p) = (z(p) + conj z(-p))/2,  b(p) = (z(p) - conj z(-p))/(2i)  if they are needed separately.
 *
 *   phi(p) = sum_x exp(-i p.x) phi(x),   p_mu = 2 pi k_mu / L_mu  (the convention of lattice/fourier.h).
 *
 * Stockham's algorithm with radices 4, 2, 3, 5 and any other prime. The cost is O(V log V) for extents whose prime
 * factors are small; a factor above 5 costs as many operations per site as its size. Sines and cosines do not come from
 * libm, and lanes do not mix, so the bits are the same on every machine. The error is about 1e-7 of the largest
 * mode. */
#ifndef DMSQ_LATTICE_TRANSFORM_H
#define DMSQ_LATTICE_TRANSFORM_H

#include <stddef.h>

#include "base/error.h"
#include "base/wide.h"

#define TRANSFORM_FIELDS (2 * WIDE_LANES)

struct transform_site {
    wide re, im;
};

/* The value of field `field` of a pack at a site. */
static inline float *transform_field(struct transform_site *site, size_t field) {
    return (float *)(field < WIDE_LANES ? &site->re : &site->im) + field % WIDE_LANES;
}

struct transform; /* the plan of one lattice: immutable, may be shared by threads */

/* Makes the plan for extents[dimensions]. STATUS_BAD_INPUT: no dimension, or an extent that is not 1 to 4096;
 * STATUS_FAILED: out of memory. */
enum status transform_new(const size_t *extents, size_t dimensions, struct transform **transform, struct error *e);
void transform_free(struct transform *t);

size_t transform_volume(const struct transform *t);
/* Number of sites of workspace that a transform needs; one array per thread. */
size_t transform_workspace(const struct transform *t);

/* out[V] = sum_x exp(-i p.x) in(x); `out` may be `in`. */
void transform_forward(const struct transform *t, const struct transform_site *in, struct transform_site *out,
                       struct transform_site *workspace);
/* out[V] = sum_p exp(i p.x) in(p), without 1/V; `out` may be `in`. */
void transform_inverse(const struct transform *t, const struct transform_site *in, struct transform_site *out,
                       struct transform_site *workspace);

/* opposite[V]: the index of mode -p. */
const size_t *transform_opposite(const struct transform *t);

/* Floating-point operations of one transform of a pack, by the usual count of 5 V log2 V per complex lane. */
double transform_flop(const struct transform *t);

/* Aligned memory for `count` sites, released by free(); NULL: out of memory. */
struct transform_site *transform_allocate(size_t count);

#endif
