/* Domains of a configuration: where the field has one sign, and the walls between them.
 *
 * In the broken phase a configuration in equilibrium is one domain with small bubbles in it. A chain from a hot start
 * may instead come to rest with two domains that both reach around the periodic lattice: then the walls between them
 * cannot shrink, and M lies anywhere. So what tells such a configuration is topology, not a limit on |M|: it is
 * *walled* if a cluster of positive sites and a cluster of negative sites (nearest neighbours of one sign) each wind
 * around the lattice. Bubbles, however many, wind around nothing. In more than two dimensions that is true of the
 * broken phase only, since in the symmetric phase both signs percolate; in one dimension a cluster that winds is the
 * whole lattice, and none is walled.
 *
 * Winding: the clusters are built bond by bond, with the displacement of each site from the root of its cluster; a
 * bond inside a cluster whose ends have displacements that do not differ by one step closes a way around the
 * lattice (Machta et al. 1996). */
#ifndef DMSQ_LATTICE_DOMAINS_H
#define DMSQ_LATTICE_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "lattice/geometry.h"

struct domain_walls {
    double bonds;  /* fraction of the d V bonds whose ends have opposite signs */
    bool winds[2]; /* whether a cluster winds around the lattice: of negative, of positive sites */
};

/* What domains_measure needs beside the field: for each site the root and the displacement from it. */
struct domains_workspace;
struct domains_workspace *domains_workspace_new(const struct geometry *g); /* NULL: out of memory */
void domains_workspace_free(struct domains_workspace *w);

/* phi[volume] in C order; zero counts as positive. */
struct domain_walls domains_measure(const struct geometry *g, const float *phi, struct domains_workspace *w);

static inline bool domains_walled(const struct domain_walls *d) {
    return d->winds[0] && d->winds[1];
}

#endif
