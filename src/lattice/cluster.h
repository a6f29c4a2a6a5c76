/* Cluster flips of the signs of phi^4: a Swendsen-Wang sweep of the embedded Ising model.
 *
 * At fixed |phi| the action A 4.2 is that of Ising spins, the signs, with the coupling 2 kappa |phi(x)||phi(y)| on
 * the bond (x,y). A bond is set with probability 1 - exp(-4 kappa phi(x) phi(y)) if that is positive. Each cluster,
 * a set of sites joined by bonds, is then sign-flipped with probability one half (Swendsen and Wang 1987, Brower and
 * Tamayo 1989). This leaves exp(-S) invariant for any kappa; for kappa < 0 bonds join sites of opposite signs. |phi|
 * does not change, so a local update is needed as well.
 *
 * Random numbers: bond (x, +mu) uses uniform d x + mu of (chain, step) of one key, a cluster that of its lowest site of
 * the other key. So a chain does not depend on the chains computed with it. */
#ifndef DMSQ_LATTICE_CLUSTER_H
#define DMSQ_LATTICE_CLUSTER_H

#include "lattice/lanes.h"

struct cluster_flips;

/* Workspace for one group of chains on g, which must outlive it. NULL: out of memory. */
struct cluster_flips *cluster_flips_new(const struct geometry *g);
void cluster_flips_free(struct cluster_flips *c);

/* Makes one sweep of phi[volume][LATTICE_LANES], the fields of chains first .. first + LATTICE_LANES - 1. */
void cluster_flips_sweep(struct cluster_flips *c, double kappa, struct random_key bonds, struct random_key flips,
                         uint64_t first, uint64_t step, double *phi);

#endif
