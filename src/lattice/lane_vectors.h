/* Vectors of lanes with the length of the machine's registers, for loops that the compiler does not vectorise by
 * itself. All operations are lane by lane, so bits do not depend on the length. */
#ifndef DMSQ_LATTICE_LANE_VECTORS_H
#define DMSQ_LATTICE_LANE_VECTORS_H

#include <stdint.h>
#include <string.h>

#if defined __AVX512F__
enum { LANE_VECTOR = 8 };
#elif defined __AVX__
enum { LANE_VECTOR = 4 };
#else
enum { LANE_VECTOR = 2 };
#endif
typedef double lane_reals __attribute__((vector_size(8 * LANE_VECTOR)));
typedef uint64_t lane_words __attribute__((vector_size(8 * LANE_VECTOR)));

static inline lane_reals lane_reals_load(const double *lanes) {
    lane_reals values;
    memcpy(&values, lanes, sizeof values);
    return values;
}

#endif
