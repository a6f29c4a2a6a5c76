/* The filters of the effective-action model at one noise level, in momentum space: the Wiener filter of the Gaussian
 * field, and the kernels of the bilocal features. They do not depend on the coefficients. */
#ifndef DMSQ_SCORE_EFFECTIVE_FILTERS_H
#define DMSQ_SCORE_EFFECTIVE_FILTERS_H

#include "score/effective_features.h"
#include "score/effective_lattices.h"

/* In double precision; arrays are [V] with V the volume of the level's lattice. u on a blocked lattice has the modes of
 * u on the whole one. W and the kernels are 0 at the modes of a blocked lattice that the whole one does not have. */
struct effective_filters {
    const struct effective_lattice *lattice;
    size_t volume;
    double s, sigma_u, sigma_m; /* sigma_m = sqrt(W(0) G(0) / V) */
    double W0, W2;              /* W(0), and the mean of W^2 */
    double *W;                  /* Wiener filter */
    double *root;               /* sqrt(G + s^2) */
    size_t kernels;
    double *kernel[EFFECTIVE_KERNELS];         /* transform of C^n */
    double *kernel_squared[EFFECTIVE_KERNELS]; /* transform of C^n W2 */
};

/* Makes the filters at noise level s, with kernels C^1 ... C^kernels. propagator[volume of the whole lattice] must be
 * positive, and the lattices must outlive the filters. STATUS_FAILED: out of memory. */
enum status effective_filters_make(const struct effective_lattices *lattices, const double *propagator, double s,
                                   size_t kernels, struct effective_filters *filters, struct error *e);
void effective_filters_release(struct effective_filters *f);

#endif
