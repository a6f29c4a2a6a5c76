/* Periodic lattice of any dimension: neighbour tables of sites and rows (geometry.h). */
#include "lattice/geometry.h"

#include <stdint.h>
#include <stdlib.h>

/* Fills table[2 d i + 2 mu (+1)] with the numbers of the neighbours of i in a C-ordered box. */
static void fill_neighbours(const size_t *extents, size_t dimensions, size_t count, size_t *table) {
    for (size_t i = 0; i < count; i++) {
        size_t stride = 1;
        for (size_t mu = dimensions; mu-- > 0;) {
            const size_t x = (i / stride) % extents[mu];
            const size_t origin = i - x * stride;
            table[2 * dimensions * i + 2 * mu] = origin + (x + 1) % extents[mu] * stride;
            table[2 * dimensions * i + 2 * mu + 1] = origin + (x + extents[mu] - 1) % extents[mu] * stride;
            stride *= extents[mu];
        }
    }
}

enum status geometry_check(const size_t *extents, size_t dimensions, struct error *e) {
    if (dimensions < 1 || dimensions > GEOMETRY_MAX_DIMENSIONS) {
        return error_set(e, STATUS_BAD_INPUT, "lattice: %zu dimensions found, 1 to %d expected", dimensions,
                         GEOMETRY_MAX_DIMENSIONS);
    }
    size_t volume = 1;
    for (size_t mu = 0; mu < dimensions; mu++) {
        if (extents[mu] < 2) {
            return error_set(e, STATUS_BAD_INPUT, "lattice: extent %zu found, at least 2 expected", extents[mu]);
        }
        if (extents[mu] > ((size_t)1 << 31) / volume) {
            return error_set(e, STATUS_BAD_INPUT, "lattice: more than 2^31 sites found, at most 2^31 expected");
        }
        volume *= extents[mu];
    }
    return STATUS_OK;
}

enum status geometry_new(const size_t *extents, size_t dimensions, struct geometry **geometry, struct error *e) {
    *geometry = NULL;
    TRY(geometry_check(extents, dimensions, e));
    struct geometry *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return error_set(e, STATUS_FAILED, "lattice: out of memory");
    }
    g->dimensions = dimensions;
    g->volume = 1;
    for (size_t mu = 0; mu < dimensions; mu++) {
        g->extents[mu] = extents[mu];
        g->volume *= extents[mu];
    }
    g->row = extents[dimensions - 1];
    g->rows = g->volume / g->row;
    g->neighbours = calloc(2 * dimensions * g->volume, sizeof *g->neighbours);
    g->neighbour_rows = calloc(2 * dimensions * g->rows, sizeof *g->neighbour_rows);
    if (g->neighbours == NULL || g->neighbour_rows == NULL) {
        geometry_free(g);
        return error_set(e, STATUS_FAILED, "lattice: out of memory");
    }
    fill_neighbours(extents, dimensions, g->volume, g->neighbours);
    fill_neighbours(extents, dimensions - 1, g->rows, g->neighbour_rows);
    *geometry = g;
    return STATUS_OK;
}

void geometry_free(struct geometry *g) {
    if (g != NULL) {
        free(g->neighbours);
        free(g->neighbour_rows);
        free(g);
    }
}
