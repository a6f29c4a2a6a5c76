/* Markov chains of phi^4 theory: hybrid Monte Carlo, Metropolis (local and global), Langevin, cluster flips.
 *
 * A sampler has LATTICE_LANES chains, numbered consecutively, in double or single precision. All random numbers come
 * from the key (seed, "ensemble", purpose) and the counter (chain, step, site), so a chain does not depend on other
 * chains or on threads. */
#ifndef DMSQ_LATTICE_SAMPLER_H
#define DMSQ_LATTICE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lattice/lanes.h"

enum sampler_algorithm {
    SAMPLER_HMC,               /* a step: momenta from N(0,1), a trajectory, accepted with min(1, exp(-dH)) */
    SAMPLER_METROPOLIS,        /* a step: a sweep that proposes phi + uniform(-step, step) at every site in order */
    SAMPLER_LANGEVIN,          /* a step: phi += dt force + sqrt(2 dt) noise, A 2.15 with alpha = 1; no rejection */
    SAMPLER_CLUSTER,           /* a step: one sweep of SAMPLER_METROPOLIS, then one of cluster.h; for any phase */
    SAMPLER_METROPOLIS_GLOBAL, /* a step: proposes phi + step * N(0,1) at every site, and accepts or rejects all shifts
                                * together; with step = 1 it rejects all proposals except on the smallest lattices */
    SAMPLER_RANDOM_WALK,       /* the same shifts, never rejected: does not sample the theory */
};

enum sampler_start {
    SAMPLER_HOT,  /* every site from N(0,1) */
    SAMPLER_COLD, /* every site at the minimum of the classical potential, with one random sign per chain */
};

struct sampler_settings {
    struct theory theory;
    enum sampler_algorithm algorithm;
    enum sampler_start start;
    double trajectory_length;        /* HMC */
    size_t leapfrog_steps;           /* HMC: steps of the integrator, of either kind */
    enum integrator_kind integrator; /* HMC */
    bool single_precision;           /* HMC: field and momenta in single precision, energies in double precision;
                                      * acceptance and reversibility are those of double precision to about 1e-5
                                      * (tests/lattice/test_action.c) */
    uint64_t unconditional;          /* HMC: number of first steps that are accepted whenever dH is finite, for starts
                                      * from which a large lattice would reject all. It must be 0 if the chain is
                                      * measured during these steps */
    double metropolis_step; /* both kinds of Metropolis, the random walk, and the local part of the cluster algorithm */
    double langevin_step;
    uint64_t seed;
};

struct sampler;

/* g must outlive the sampler. NULL: out of memory. */
struct sampler *sampler_new(const struct geometry *g, const struct sampler_settings *settings);
void sampler_free(struct sampler *s);

/* Sets the sampler to chains first .. first + LATTICE_LANES - 1 at their start, with step 0 and empty statistics. */
void sampler_begin(struct sampler *s, uint64_t first);

/* Advances all chains by `steps` steps of the algorithm. */
void sampler_advance(struct sampler *s, uint64_t steps);

/* Statistics since sampler_begin or the last call of sampler_forget. acceptance: the fraction of accepted proposals (1
 * for Langevin and the random walk; of the local proposals for cluster). exp_minus_dH: for HMC the mean of exp(-dH)
 * over all trajectories, accepted or not; else NaN. Both are NaN if there was no step. */
void sampler_forget(struct sampler *s);
void sampler_statistics(const struct sampler *s, double acceptance[LATTICE_LANES], double exp_minus_dH[LATTICE_LANES]);

/* sampler_field returns phi[volume][LATTICE_LANES], valid until the next call; sampler_configuration copies the
 * configuration of one chain to phi[volume]. */
const double *sampler_field(const struct sampler *s);
void sampler_configuration(const struct sampler *s, size_t lane, double *phi);

#endif
