/* Swendsen-Wang sweeps of the signs (cluster.h). The bonds of all lanes are drawn at once, in vectors; the sets
 * are found lane by lane. */
#include "lattice/cluster.h"

#include <stdlib.h>

#include "base/functions.h"
#include "lattice/union_find.h"

enum { LANES = LATTICE_LANES };

struct cluster_flips {
    const struct geometry *geometry;
    double *uniform;  /* one for each bond of each lane; then one for each site */
    uint8_t *set;     /* whether the bond holds, [d volume][LANES] */
    uint32_t *parent; /* of one lane */
};

struct cluster_flips *cluster_flips_new(const struct geometry *g) {
    struct cluster_flips *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    const size_t bonds = g->dimensions * g->volume;
    c->geometry = g;
    c->uniform = malloc(bonds * LANES * sizeof *c->uniform);
    c->set = malloc(bonds * LANES);
    c->parent = malloc(g->volume * sizeof *c->parent);
    if (c->uniform == NULL || c->set == NULL || c->parent == NULL) {
        cluster_flips_free(c);
        return NULL;
    }
    return c;
}

void cluster_flips_free(struct cluster_flips *c) {
    if (c != NULL) {
        free(c->uniform);
        free(c->set);
        free(c->parent);
        free(c);
    }
}

/* Each lane's bonds. An antiparallel pair has exp(...) >= 1, which no uniform exceeds. */
static void draw_bonds(struct cluster_flips *c, double kappa, const double *phi) {
    const struct geometry *g = c->geometry;
    const size_t d = g->dimensions;
    for (size_t x = 0; x < g->volume; x++) {
        const double *here = phi + x * LANES;
        for (size_t mu = 0; mu < d; mu++) {
            const double *there = phi + g->neighbours[2 * (d * x + mu)] * LANES;
            const double *uniform = c->uniform + (d * x + mu) * LANES;
            uint8_t *set = c->set + (d * x + mu) * LANES;
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                set[l] = uniform[l] > function_exp(-4.0 * kappa * here[l] * there[l]);
            }
        }
    }
}

void cluster_flips_sweep(struct cluster_flips *c, double kappa, struct random_key bonds, struct random_key flips,
                         uint64_t first, uint64_t step, double *phi) {
    const struct geometry *g = c->geometry;
    const size_t d = g->dimensions;
    random_uniform_lanes(bonds, first, step, c->uniform, d * g->volume);
    draw_bonds(c, kappa, phi);
    random_uniform_lanes(flips, first, step, c->uniform, g->volume);
    for (size_t lane = 0; lane < LANES; lane++) {
        union_find_begin(c->parent, g->volume);
        for (size_t bond = 0; bond < d * g->volume; bond++) {
            if (c->set[bond * LANES + lane]) {
                /* neighbours[2 (d x + mu)] is x's neighbour at +mu, and bond = d x + mu */
                union_find_join(c->parent, (uint32_t)(bond / d), (uint32_t)g->neighbours[2 * bond]);
            }
        }
        for (size_t x = 0; x < g->volume; x++) {
            const size_t root = union_find_root(c->parent, (uint32_t)x);
            if (c->uniform[root * LANES + lane] < 0.5) {
                phi[x * LANES + lane] = -phi[x * LANES + lane];
            }
        }
    }
}
