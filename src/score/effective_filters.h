/* What the effective-action model has in momentum space at one noise level, before any coefficient: the Wiener filter
 * of the Gaussian field, and the kernels of the bilocal features. */
#ifndef DMSQ_SCORE_EFFECTIVE_FILTERS_H
#define DMSQ_SCORE_EFFECTIVE_FILTERS_H

#include "score/effective_features.h"
#include "score/effective_lattices.h"

/* In double precision, arrays [V] with V the volume of the level's lattice. A blocked lattice has the modes of the
 * whole one, and u as it is there; W = 0 and kernels 0 where it has a mode that is none of them. */
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

/* propagator[volume of the whole lattice] positive; kernels C^1 ... C^kernels. The lattices must outlive the filters.
 * STATUS_FAILED: out of memory. */
enum status effective_filters_make(const struct effective_lattices *lattices, const double *propagator, double s,
                                   size_t kernels, struct effective_filters *filters, struct error *e);
void effective_filters_release(struct effective_filters *f);

#endif
