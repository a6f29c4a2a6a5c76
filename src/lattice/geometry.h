/* The periodic hypercubic lattice of any dimension: sizes and neighbours.
 *
 * Sites are numbered in C order, x_1 slowest, x_d fastest; a row is the line of sites along x_d. */
#ifndef DMSQ_LATTICE_GEOMETRY_H
#define DMSQ_LATTICE_GEOMETRY_H

#include <stddef.h>

#include "base/error.h"

enum { GEOMETRY_MAX_DIMENSIONS = 7 }; /* an array of an artifact has one more, for the configuration */

struct geometry {
    size_t dimensions;
    size_t extents[GEOMETRY_MAX_DIMENSIONS];
    size_t volume; /* sites */
    size_t row;    /* sites in a row: the last extent */
    size_t rows;   /* volume / row */
    /* neighbours[2 d site + 2 mu] is the site at +mu, [... + 1] the one at -mu */
    size_t *neighbours;
    /* the same for rows, in the d-1 other directions: neighbour_rows[2 (d-1) r + 2 mu], [... + 1] */
    size_t *neighbour_rows;
};

/* Checks a lattice. STATUS_BAD_INPUT: no or too many dimensions, an extent below 2 (a site would be its own neighbour),
 * or more than 2^31 sites. At most GEOMETRY_MAX_DIMENSIONS elements of extents[] are read. */
enum status geometry_check(const size_t *extents, size_t dimensions, struct error *e);

/* Makes a lattice; free it with geometry_free. Errors of geometry_check; STATUS_FAILED: out of memory. */
enum status geometry_new(const size_t *extents, size_t dimensions, struct geometry **geometry, struct error *e);
void geometry_free(struct geometry *g);

#endif
