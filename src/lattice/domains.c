/* Sign clusters with their windings (domains.h): union-find over the sites, with displacements. */
#include "lattice/domains.h"

#include <stdlib.h>
#include <string.h>

struct domains_workspace {
    uint32_t *parent;
    int32_t *shift; /* [volume][dimensions]: displacement from the parent to the site, on the infinite lattice */
};

struct domains_workspace *domains_workspace_new(const struct geometry *g) {
    struct domains_workspace *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->parent = malloc(g->volume * sizeof *w->parent);
    w->shift = malloc(g->volume * g->dimensions * sizeof *w->shift);
    if (w->parent == NULL || w->shift == NULL) {
        domains_workspace_free(w);
        return NULL;
    }
    return w;
}

void domains_workspace_free(struct domains_workspace *w) {
    if (w != NULL) {
        free(w->parent);
        free(w->shift);
        free(w);
    }
}

/* Returns the root of site i, and adds the displacement from it to `from`. Path halving: a site's parent becomes its
 * grandparent, and the two displacements are added. */
static uint32_t root_of(struct domains_workspace *w, size_t d, uint32_t i, int32_t *from) {
    while (w->parent[i] != i) {
        const uint32_t p = w->parent[i], grandparent = w->parent[p];
        if (grandparent != p) {
            for (size_t mu = 0; mu < d; mu++) {
                w->shift[i * d + mu] += w->shift[p * d + mu];
            }
            w->parent[i] = grandparent;
        }
        for (size_t mu = 0; mu < d; mu++) {
            from[mu] += w->shift[i * d + mu];
        }
        i = grandparent;
    }
    return i;
}

/* Joins the clusters of x and of its neighbour y at +mu. True if they were one cluster already, and the bond closes a
 * loop around the lattice. */
static bool join(struct domains_workspace *w, size_t d, uint32_t x, uint32_t y, size_t mu) {
    int32_t to_x[GEOMETRY_MAX_DIMENSIONS] = {0}, to_y[GEOMETRY_MAX_DIMENSIONS] = {0};
    const uint32_t a = root_of(w, d, x, to_x), b = root_of(w, d, y, to_y);
    to_x[mu] += 1; /* displacement of y over this bond */
    if (a == b) {
        return memcmp(to_x, to_y, d * sizeof *to_x) != 0;
    }
    /* displacement of root b from root a: over the bond to y, and back from y to root b */
    for (size_t nu = 0; nu < d; nu++) {
        w->shift[b * d + nu] = to_x[nu] - to_y[nu];
    }
    w->parent[b] = a;
    return false;
}

struct domain_walls domains_measure(const struct geometry *g, const float *phi, struct domains_workspace *w) {
    const size_t d = g->dimensions;
    struct domain_walls found = {0};
    size_t opposite = 0;
    for (size_t x = 0; x < g->volume; x++) {
        w->parent[x] = (uint32_t)x;
    }
    memset(w->shift, 0, g->volume * d * sizeof *w->shift);
    for (size_t x = 0; x < g->volume; x++) {
        const bool positive = phi[x] >= 0.0f;
        for (size_t mu = 0; mu < d; mu++) {
            const size_t y = g->neighbours[2 * (d * x + mu)];
            if ((phi[y] >= 0.0f) != positive) {
                opposite++;
            } else if (join(w, d, (uint32_t)x, (uint32_t)y, mu)) {
                found.winds[positive] = true;
            }
        }
    }
    found.bonds = (double)opposite / (double)(d * g->volume);
    return found;
}
