/* Markov chains of phi^4 theory: hybrid Monte Carlo, Metropolis (local and global), Langevin, cluster flips.
 *
 * A sampler holds LATTICE_LANES chains, numbered consecutively, in double or single precision. All random numbers come
 * from the key (seed, "ensemble", purpose) and the counter (chain, step, site), so a chain is the same
 * whatever other chains run beside it, before it, or on other threads. */
#ifndef DMSQ_LATTICE_SAMPLER_H
#define DMSQ_LATTICE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lattice/lanes.h"

enum sampler_algorithm {
    SAMPLER_HMC,               /* a step: momenta from N(0,1), a trajectory, accept with min(1, exp(-dH)) */
    SAMPLER_METROPOLIS,        /* a step: one sweep, every site in order is proposed phi + uniform(-step, step) */
    SAMPLER_LANGEVIN,          /* a step: phi += dt force + sqrt(2 dt) noise, A 2.15 with alpha = 1; no rejection */
    SAMPLER_CLUSTER,           /* a step: one sweep of SAMPLER_METROPOLIS, then one of cluster.h; any phase */
    SAMPLER_METROPOLIS_GLOBAL, /* a step: the proposal phi + step * N(0,1) at every site, taken whole or not at all;
                                * with step = 1 without a chance beyond the smallest lattices */
    SAMPLER_RANDOM_WALK,       /* the same shifts, never rejected: no sampler of the theory */
};

enum sampler_start {
    SAMPLER_HOT,  /* every site from N(0,1) */
    SAMPLER_COLD, /* every site at the minimum of the classical potential, with one random sign a chain */
};

struct sampler_settings {
    struct theory theory;
    enum sampler_algorithm algorithm;
    enum sampler_start start;
    double trajectory_length;        /* HMC */
    size_t leapfrog_steps;           /* HMC: of the integrator */
    enum integrator_kind integrator; /* HMC */
    bool single_precision;           /* HMC: field and momenta in single precision, energies in double; acceptance and
                              reversibility are those of double precision up to some 1e-5 (tests/lattice/test_action.c)
                              */
    uint64_t unconditional; /* HMC: of so many first steps every one with a finite dH is accepted, for starts from
                                 which a large lattice rejects all; 0: none, as it has to be where the chain is measured
                                 */
    double metropolis_step; /* both kinds of Metropolis, the random walk, and the local part of the cluster algorithm */
    double langevin_step;
    uint64_t seed;
};

struct sampler;

/* g must outlive the sampler. Returns NULL when out of memory. */
struct sampler *sampler_new(const struct geometry *g, const struct sampler_settings *settings);
void sampler_free(struct sampler *s);

/* Puts chains first .. first + LATTICE_LANES - 1 at their start, with step 0 and empty statistics. */
void sampler_begin(struct sampler *s, uint64_t first);

/* Advances all chains by `steps` steps of the algorithm. */
void sampler_advance(struct sampler *s, uint64_t steps);

/* Statistics since sampler_begin or the last call of sampler_forget: the fraction of accepted proposals (1 for
 * Langevin and the random walk; of the local ones for cluster) and, for HMC, the mean of exp(-dH) over all
 * trajectories, accepted or not (else NaN). NaN when there was no step. */
void sampler_forget(struct sampler *s);
void sampler_statistics(const struct sampler *s, double acceptance[LATTICE_LANES], double exp_minus_dH[LATTICE_LANES]);

/* The field, phi[volume][LATTICE_LANES], valid until the next call; and one chain's configuration. */
const double *sampler_field(const struct sampler *s);
void sampler_configuration(const struct sampler *s, size_t lane, double *phi);

#endif
