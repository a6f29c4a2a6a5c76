/* A field in memory, channels last. It may be inside a halo, and may be some of the channels of a larger array (a
 * concatenation). Strides are in floats. */
#ifndef DMSQ_NETWORK_VIEW_H
#define DMSQ_NETWORK_VIEW_H

#include <stddef.h>

struct view {
    float *at;   /* channel 0 of site (0, 0); NULL: absent */
    size_t row;  /* stride from one row of the lattice to the next */
    size_t site; /* stride from one site to the next */
};

#endif
