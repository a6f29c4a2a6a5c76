/* A field with channels last, as it lies in memory: possibly inside a halo, possibly some
 * channels of a wider array (a concatenation). Strides are in floats. */
#ifndef DMSQ_NETWORK_VIEW_H
#define DMSQ_NETWORK_VIEW_H

#include <stddef.h>

struct view {
    float *at;   /* channel 0 of site (0, 0); NULL: absent */
    size_t row;  /* from one row of the lattice to the next */
    size_t site; /* from one site to the next */
};

#endif
