/* The tables of a noise level, shared by the files of effective_level.h and private to them: effective_level.c makes
 * the tables from the model, effective_level_evaluate.c evaluates score and divergence with them. */
#ifndef DMSQ_SCORE_EFFECTIVE_LEVEL_INTERNAL_H
#define DMSQ_SCORE_EFFECTIVE_LEVEL_INTERNAL_H

#include "score/effective_level.h"

enum { PAIRS = EFFECTIVE_POWERS * EFFECTIVE_POWERS };

/* The powers of a product t^p(k) conj t^q(k), p <= q. */
struct product {
    int p, q;
};

struct effective_level {
    const struct effective_lattice *lattice;
    size_t volume, modes; /* modes: number of pairs p, -p */
    const struct transform *transform;
    const size_t *opposite;
    size_t *half;                     /* [modes]: the first mode of each pair */
    float saturation, inverse_square; /* a, 1/a^2 */
    double zero_saturation;
    int powers;                                 /* t^1 ... t^powers are transformed */
    int summed;                                 /* sums over sites of t^1 ... t^summed are needed */
    int local;                                  /* highest power of t in position space */
    double linear, potential[EFFECTIVE_POWERS]; /* coefficients of u and of t^p */
    double zero[EFFECTIVE_POWERS], zero_local[EFFECTIVE_POWERS][EFFECTIVE_POWERS]; /* of t0^p, of t0^b t^p */
    double W0, W2, sigma_u, sigma_m, s;
    float *to_u;     /* W sqrt(G + s^2) / (sigma_u V): from modes to u */
    float *to_drift; /* -s^2 W / sqrt(G + s^2) */

    /* Convolutions K * t^q of the pairs t^p (K * t^q), with K = sum_n a_n C^n of the pair, in the order of p, then q.
     * Those of p = 0 are added to the transform of f. The sum of those of another p is transformed back, hence divided
     * by V, and multiplied by t^p at the sites. */
    size_t convolved;                             /* number of powers p >= 1 that have convolutions */
    int convolved_power[EFFECTIVE_POWERS];        /* [convolved]: p */
    size_t terms, term_end[EFFECTIVE_POWERS + 1]; /* convolutions, and where those of p = 0 and of the others end */
    int term_power[PAIRS];                        /* [terms]: q */
    float *term;                                  /* (V, terms): K at every mode */

    /* The part of the divergence that is a sum over modes k, of M_pq(k) t^p(k) conj t^q(k). With p = 0 only k = 0
     * contributes, and the sum is one over sites of t^q. */
    size_t products;
    struct product product[PAIRS];
    float *weight;                     /* (modes, products): M_pq */
    double constant[EFFECTIVE_POWERS]; /* M_0q(0) */
};

#endif
