/* Union-find over the sites: joins sites into disjoint sets, pair by pair.
 *
 * parent[site] is another site of the same set, or the site itself if it is the root. The root is the lowest site of
 * its set, so it does not depend on the order of the pairs. The functions are inline, since they are the inner loop of
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

/* The root of i's set; halves the path to it, so that later searches are shorter. */
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
