/* The lattices on which an effective-action model is evaluated: the whole one, and blocked ones at high noise.
 *
 * Noise of standard deviation s hides all waves shorter than s: they hardly contribute to u (effective_features.h) or
 * to the nonlinear part f of the score. So at high noise f(u) is computed on a lattice of extents L/b, b = 2, 4, ...,
 * which has the modes |p_mu| < pi/b of the whole one. This is the same model with powers of u taken at one site of each
 * block, and a score that is linear in the omitted modes. Its divergence is also known in closed form, and it costs a
 * factor b^d less.
 *
 * The lattice of a level is the smallest one whose omitted modes have at most a share `blocking` of the variance of u:
 *   sum over omitted modes of G^2/(G + s^2)  <=  blocking * sum over all modes of G^2/(G + s^2). */
#ifndef DMSQ_SCORE_EFFECTIVE_LATTICES_H
#define DMSQ_SCORE_EFFECTIVE_LATTICES_H

#include "lattice/fourier.h"
#include "lattice/transform.h"

struct effective_lattice {
    size_t factor, volume; /* b, and the volume of this lattice */
    size_t whole;          /* volume of the whole lattice */
    double unit;           /* sqrt(whole/volume) */
    size_t *mode; /* [volume]: number of the mode on the whole lattice; `whole` if there is none, for p_mu = pi/b;
                              NULL if b = 1 */
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

/* Makes the lattices; with blocking = 0 only the whole one. STATUS_BAD_INPUT: extents that transform_new refuses;
 * STATUS_FAILED: out of memory. After a failure there is nothing to release. */
enum status effective_lattices_make(const size_t *extents, size_t dimensions, double blocking,
                                    struct effective_lattices *l, struct error *e);
void effective_lattices_release(struct effective_lattices *l);

/* The smallest lattice on which level s may be evaluated; propagator[V] is that of the whole lattice. */
const struct effective_lattice *effective_lattices_choose(const struct effective_lattices *l, const double *propagator,
                                                          double s);

/* Copies the modes of a pack from the whole lattice to a blocked one, 0 where the whole one has none; and back, where
 * the modes of shorter waves stay as they are. Not in place. */
void effective_lattice_pick(const struct effective_lattice *l, const struct transform_site *whole,
                            struct transform_site *own);
void effective_lattice_put(const struct effective_lattice *l, const struct transform_site *own,
                           struct transform_site *whole);
/* own[volume] = factor own. */
void effective_lattice_scale(const struct effective_lattice *l, double factor, struct transform_site *own);
/* Picks modes and divides them by `unit`, so that white noise remains white noise (<|xi(p)|^2> is the volume of the
 * lattice). */
void effective_lattice_gather(const struct effective_lattice *l, const struct transform_site *whole,
                              struct transform_site *own);

#endif
