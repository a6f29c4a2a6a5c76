/* The lattices that an effective-action model is evaluated on: the whole one, and at high noise blocked ones.
 *
 * Noise of strength s hides all waves shorter than s: u (effective_features.h) has next to nothing of them, and neither
 * has the score beyond its linear part. So at high noise f(u) lives on a lattice of extents L/b, b = 2, 4, ..., that
 * has the modes |p_mu| < pi/b of the whole one: the same model, with powers of u taken at a site of every block, and a
 * score that is linear in the modes left out. It is a model like any other, with its divergence in closed form, and
 * costs 1/b^d.
 *
 * A level is blocked as far as the modes left out hold at most a share `blocking` of the variance of u,
 *   sum over modes left out of G^2/(G + s^2)  <=  blocking * sum over all modes of the same. */
#ifndef DMSQ_SCORE_EFFECTIVE_LATTICES_H
#define DMSQ_SCORE_EFFECTIVE_LATTICES_H

#include "lattice/fourier.h"
#include "lattice/transform.h"

struct effective_lattice {
    size_t factor, volume; /* b, and its own volume */
    size_t whole;          /* volume of the whole lattice */
    double unit;           /* sqrt(whole/volume) */
    size_t *mode;          /* [volume]: of the whole lattice; `whole`: none, of the modes p_mu = pi/b; NULL where b = 1
                              */
    struct fourier *fourier;
    struct transform *transform;
};

enum { EFFECTIVE_LATTICES = 8 };

/* Immutable, shared by threads. */
struct effective_lattices {
    double blocking;
    size_t count;
    struct effective_lattice lattice[EFFECTIVE_LATTICES]; /* the whole one first */
};

/* blocking: 0 for the whole lattice alone. STATUS_BAD_INPUT: extents that transform_new refuses; STATUS_FAILED: out of
 * memory. On failure there is nothing to release. */
enum status effective_lattices_make(const size_t *extents, size_t dimensions, double blocking,
                                    struct effective_lattices *l, struct error *e);
void effective_lattices_release(struct effective_lattices *l);

/* The smallest lattice that the level s may be evaluated on; propagator[V] of the whole one. */
const struct effective_lattice *effective_lattices_choose(const struct effective_lattices *l, const double *propagator,
                                                          double s);

/* Modes of a pack from the whole lattice to a blocked one, divided by `unit`, so that white noise stays white noise
 * (<|xi(p)|^2> the volume); and back, 0 where there are none. Not in place. */
void effective_lattice_gather(const struct effective_lattice *l, const struct transform_site *whole,
                              struct transform_site *own);
void effective_lattice_scatter(const struct effective_lattice *l, const struct transform_site *own,
                               struct transform_site *whole);
/* The same without a division: modes as they are, 0 in `own` where the whole lattice has none; and back, where modes of
 * other waves stay as they are. */
void effective_lattice_pick(const struct effective_lattice *l, const struct transform_site *whole,
                            struct transform_site *own);
void effective_lattice_put(const struct effective_lattice *l, const struct transform_site *own,
                           struct transform_site *whole);

#endif
