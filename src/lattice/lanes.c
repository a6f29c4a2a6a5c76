/* Force, moves and energies of several chains together (lanes.h), A 4.2, in double and in single precision. */
#include "lattice/lanes.h"

#include <stdbool.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "lattice/lane_vectors.h"

enum { LANES = LATTICE_LANES };

/* Coefficients of the force in both precisions, and of the action (theory.h). */
struct coefficients {
    THEORY_FORCE_MEMBERS(double);
};
struct coefficients_float {
    THEORY_FORCE_MEMBERS(float);
};
struct energy {
    THEORY_ENERGY_MEMBERS;
};

static inline lane_reals load(const double *lanes) {
    return lane_reals_load(lanes);
}

static inline lane_reals load_float(const float *lanes) {
#if defined __AVX512F__
    return (lane_reals)_mm512_cvtps_pd(_mm256_loadu_ps(lanes));
#elif defined __AVX__
    return (lane_reals)_mm256_cvtps_pd(_mm_loadu_ps(lanes));
#else
    return (lane_reals){(double)lanes[0], (double)lanes[1]};
#endif
}

#define REAL double
#define NAME(x) x
#include "lattice/lanes_moves.h"
#undef REAL
#undef NAME

/* In single precision the lanes of a site fill half a vector of AVX-512. So a vector holds two sites, and its left and
 * right neighbours are put together from halves of vectors. This needs an even number of sites per row. */
#ifdef __AVX512F__
/* Two adjacent sites in memory. */
typedef float pair __attribute__((vector_size(64), aligned(sizeof(float)), may_alias));

/* The second site of a and the first of b. */
static inline __m512 between(__m512 a, __m512 b) {
    return _mm512_shuffle_f32x4(a, b, 0x4e);
}

/* Kicks a row between the rows `up` and `down`. Then drifts row `down`, which the kick needed before its drift, unless
 * `drift` is NULL. */
static inline __attribute__((always_inline)) void wide_row(size_t pairs, struct coefficients_float c, float kick,
                                                           const float *drift, const pair *phi, const pair *up,
                                                           pair *down, pair *restrict momentum,
                                                           const pair *restrict momentum_down) {
    const __m512 first = phi[0];
    __m512 here = first, left = between(phi[pairs - 1], here);
    for (size_t x = 0; x < pairs; x++) {
        const __m512 next = x + 1 < pairs ? (__m512)phi[x + 1] : first;
        const __m512 right = between(here, next), below = down[x];
        const __m512 sum = (left + right) + (up[x] + below);
        momentum[x] += kick * THEORY_FORCE(c, sum, here);
        if (drift != NULL) {
            down[x] = below + *drift * momentum_down[x];
        }
        left = right;
        here = next;
    }
}

static bool wide_plane(const struct geometry *g, struct coefficients_float c, float kick, float drift, float *phi,
                       float *momentum) {
    if (g->row % 2 != 0) {
        return false;
    }
    const size_t pairs = g->row / 2;
    pair *const field = (pair *)phi, *const p = (pair *)momentum;
    for (size_t r = 0; r < g->rows; r++) {
        pair *up = field + g->neighbour_rows[2 * r] * pairs, *down = field + g->neighbour_rows[2 * r + 1] * pairs;
        if (r >= 2) {
            wide_row(pairs, c, kick, &drift, field + r * pairs, up, down, p + r * pairs, p + (r - 1) * pairs);
        } else {
            wide_row(pairs, c, kick, NULL, field + r * pairs, up, down, p + r * pairs, NULL);
        }
    }
    for (size_t x = 0; x < pairs; x++) {
        field[(g->rows - 1) * pairs + x] += drift * p[(g->rows - 1) * pairs + x];
        field[x] += drift * p[x];
    }
    return true;
}
#define WIDE_PLANE wide_plane
#endif

#define REAL float
#define NAME(x) x##_float
#include "lattice/lanes_moves.h"
