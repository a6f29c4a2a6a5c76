/* Domains of a configuration, in which the field has one sign, and the walls between them.
 *
 * In the broken phase a configuration in equilibrium is one domain with small bubbles in it. A chain from a hot start
 * may instead stay for long with two domains that both wind around the periodic lattice: the walls between them cannot
 * shrink, and M can have any value. Such a configuration is recognised by its topology, not by a limit on |M|. It is
 * *walled* if a cluster of positive sites and a cluster of negative sites (clusters of nearest neighbours of one sign)
 * both wind around the lattice. Bubbles do not wind, however many there are. In more than two dimensions this criterion
 * is meaningful in the broken phase only, since in the symmetric phase both signs percolate. In one dimension a cluster
 * that winds is the whole lattice, so no configuration is walled.
 *
 * Winding (Machta et al. 1996): the clusters are built bond by bond, with the displacement of each site from the root
 * of its cluster. A bond inside a cluster closes a loop around the lattice if the displacements of its ends do not
 * differ by one step. */
#ifndef DMSQ_LATTICE_DOMAINS_H
#define DMSQ_LATTICE_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "lattice/geometry.h"

struct domain_walls {
    double bonds;  /* fraction of the d V bonds whose ends have opposite signs */
    bool winds[2]; /* whether a cluster winds around the lattice: of negative, of positive sites */
};

/* Workspace of domains_measure, for one thread. */
struct domains_workspace;
struct domains_workspace *domains_workspace_new(const struct geometry *g); /* NULL: out of memory */
void domains_workspace_free(struct domains_workspace *w);

/* Measures phi[volume], in C order; zero counts as positive. */
struct domain_walls domains_measure(const struct geometry *g, const float *phi, struct domains_workspace *w);

static inline bool domains_walled(const struct domain_walls *d) {
    return d->winds[0] && d->winds[1];
}

#endif
