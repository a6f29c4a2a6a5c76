/* Cluster flips of the signs of phi^4: a Swendsen-Wang sweep of the embedded Ising model.
 *
 * At fixed |phi| the action A 4.2 is that of Ising spins, the signs, with the coupling 2 kappa |phi(x)||phi(y)| on
 * the bond (x,y). A bond is set with probability 1 - exp(-4 kappa phi(x) phi(y)) where that is positive; each set
 * of sites held together by bonds then gets its sign changed with probability one half (Swendsen and Wang 1987,
 * Brower and Tamayo 1989). This leaves exp(-S) invariant for any kappa: where kappa < 0 bonds join opposite signs,
 * which a change of both keeps opposite. |phi| does not move: a local update has to go with it.
 *
 * Numbers: bond (x, +mu) takes uniform d x + mu of (chain, step) of one key, a cluster the uniform of its lowest
 * site of the other. So a chain is the same whatever its company. */
#ifndef DMSQ_LATTICE_CLUSTER_H
#define DMSQ_LATTICE_CLUSTER_H

#include "lattice/lanes.h"

struct cluster_flips;

/* Workspace for one group of chains on g, which must outlive it. NULL: out of memory. */
struct cluster_flips *cluster_flips_new(const struct geometry *g);
void cluster_flips_free(struct cluster_flips *c);

/* One sweep of phi[volume][LATTICE_LANES], chains first .. first + LATTICE_LANES - 1. */
void cluster_flips_sweep(struct cluster_flips *c, double kappa, struct random_key bonds, struct random_key flips,
                         uint64_t first, uint64_t step, double *phi);

#endif
