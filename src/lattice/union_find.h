/* A forest of disjoint sets over the sites: which sites belong together, given one pair after the other.
 *
 * parent[site] is another site of the set, or the site itself where it is the root. A root is the lowest site of
 * its set, so that the root found does not depend on the order of the pairs. Inline: this is the inner loop of
 * lattice/cluster.c and lattice/domains.c. */
#ifndef DMSQ_LATTICE_UNION_FIND_H
#define DMSQ_LATTICE_UNION_FIND_H

#include <stddef.h>
#include <stdint.h>

static inline void union_find_begin(uint32_t *parent, size_t n) {
    for (size_t i = 0; i < n; i++) {
        parent[i] = (uint32_t)i;
    }
}

/* The root of i's set; halves the way there for those who come later. */
static inline uint32_t union_find_root(uint32_t *parent, uint32_t i) {
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static inline void union_find_join(uint32_t *parent, uint32_t i, uint32_t j) {
    const uint32_t a = union_find_root(parent, i), b = union_find_root(parent, j);
    if (a < b) {
        parent[b] = a;
    } else {
        parent[a] = b;
    }
}

#endif
