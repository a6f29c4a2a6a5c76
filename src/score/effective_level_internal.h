/* The tables of a noise level, shared by the files of effective_level.h and private to them: effective_level.c makes
 * the tables from the model, effective_level_evaluate.c evaluates score and divergence with them. */
#ifndef DMSQ_SCORE_EFFECTIVE_LEVEL_INTERNAL_H
#define DMSQ_SCORE_EFFECTIVE_LEVEL_INTERNAL_H

#include "score/effective_level.h"

enum { PAIRS = EFFECTIVE_POWERS * EFFECTIVE_POWERS };

/* Powers (p, q) that meet in momentum space. */
struct meeting {
    int p, q;
};

struct effective_level {
    const struct effective_lattice *lattice;
    size_t volume, modes; /* of the lattice; modes: one of each p and -p */
    const struct transform *transform;
    const size_t *opposite;
    size_t *half;                     /* modes: the first of each pair */
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
    /* sum_n a K_n(p) of t^p (K_n * t^q): row[0] of p = 0, which stays in momentum space; rows of the others / V */
    size_t convolved; /* powers p >= 1 that have a convolution */
    int convolved_power[EFFECTIVE_POWERS];
    size_t terms, term_end[EFFECTIVE_POWERS + 1]; /* of p = 0, and of the others in order */
    int term_power[PAIRS];                        /* q */
    float *term;                                  /* V x terms */
    /* M_pq of the divergence, p <= q, for modes of `half` */
    size_t meetings;
    struct meeting meeting[PAIRS];
    float *weight;                     /* modes x meetings */
    double constant[EFFECTIVE_POWERS]; /* M_0q at p = 0 */
};

#endif
