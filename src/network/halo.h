/* Halo of the wide field of a convolution (network/convolution.h): stride 2 needs one row above and one
 * column to the left, stride 1 also those below and to the right. */
#ifndef DMSQ_NETWORK_HALO_H
#define DMSQ_NETWORK_HALO_H

#include <stdbool.h>
#include <stddef.h>

struct halo {
    size_t height, width; /* sites without the halo */
    size_t channels;
    bool both_sides; /* stride 1 */
    bool periodic;   /* otherwise zeros */
};

/* Extents with halo. */
static inline size_t halo_height(const struct halo *h) {
    return h->height + (h->both_sides ? 2 : 1);
}
static inline size_t halo_width(const struct halo *h) {
    return h->width + (h->both_sides ? 2 : 1);
}

/* Fills the halo of one configuration from its interior (site (0,0) is at row 1, column 1). Numbers of `size` bytes. */
void halo_fill(const struct halo *h, void *field, size_t size);

/* The adjoint: adds the halo to the interior sites of which it is a copy; does nothing for zeros. */
void halo_fold(const struct halo *h, float *field);

#endif
