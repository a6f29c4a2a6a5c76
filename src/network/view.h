/* A field in memory, channels last. It may be inside a halo, and may be some of the channels of a larger array (a
 * concatenation). Strides are in numbers. */
#ifndef DMSQ_NETWORK_VIEW_H
#define DMSQ_NETWORK_VIEW_H

#include <stddef.h>
#include <stdint.h>

struct view {
    float *at;         /* channel 0 of site (0, 0), or NULL */
    uint16_t *rounded; /* the same for a field that is kept as bfloat16 numbers; both NULL: absent */
    size_t row;        /* stride from one row of the lattice to the next */
    size_t site;       /* stride from one site to the next */
};

#endif
