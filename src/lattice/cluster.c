/* Swendsen-Wang sweeps of the signs (cluster.h). The bonds of all lanes are drawn together, in vectors; the clusters
 * are found lane by lane, from bits: the bonds of 64 sites of a row are a word. Adjacent sites of a row that are joined
 * by bonds of the row are a run, and only runs are joined into clusters. The cost is therefore set by the number of
 * runs and of bonds between different runs. */
#include "lattice/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "lattice/lane_vectors.h"
#include "lattice/union_find.h"

enum { LANES = LATTICE_LANES, WORD = 64 };

struct cluster_flips {
    const struct geometry *geometry;
    size_t words;     /* words per row */
    double *uniform;  /* uniforms of WORD sites: one for each bond of each lane, or one for each site */
    uint64_t *bonds;  /* [direction][row][word][LANES]: whether there is a bond from site x to its neighbour at +mu */
    uint64_t *coins;  /* [row][word][LANES]: whether the cluster with lowest site x is flipped */
    uint64_t *starts; /* [row][word], one lane: whether a run starts at the site */
    uint32_t *before; /* [row][word], one lane: number of runs that start before the word */
    uint32_t *parent; /* the union-find forest of one lane's runs */
};

struct cluster_flips *cluster_flips_new(const struct geometry *g) {
    struct cluster_flips *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->geometry = g;
    c->words = (g->row + WORD - 1) / WORD;
    const size_t words = g->rows * c->words;
    c->uniform = malloc((g->dimensions * WORD + 1) * LANES * sizeof *c->uniform);
    c->bonds = malloc(g->dimensions * words * LANES * sizeof *c->bonds);
    c->coins = malloc(words * LANES * sizeof *c->coins);
    c->starts = malloc(words * sizeof *c->starts);
    c->before = malloc(words * sizeof *c->before);
    c->parent = malloc(g->volume * sizeof *c->parent);
    if (c->uniform == NULL || c->bonds == NULL || c->coins == NULL || c->starts == NULL || c->before == NULL ||
        c->parent == NULL) {
        cluster_flips_free(c);
        return NULL;
    }
    return c;
}

void cluster_flips_free(struct cluster_flips *c) {
    if (c != NULL) {
        free(c->uniform);
        free(c->bonds);
        free(c->coins);
        free(c->starts);
        free(c->before);
        free(c->parent);
        free(c);
    }
}

/* n uniforms of every lane, from number `from` on. */
static const double *uniforms(struct cluster_flips *c, struct random_key key, uint64_t first, uint64_t step,
                              uint64_t from, size_t n) {
    const size_t odd = from % 2;
    random_uniform_lanes_from(key, first, step, from - odd, c->uniform, n + odd);
    return c->uniform + odd * LANES;
}

/* Sets bit i of every lane's word where a < b. */
static inline void set_where_less(uint64_t word[LANES], size_t i, const double *a, const double *b) {
    for (size_t part = 0; part < LANES; part += LANE_VECTOR) {
        const lane_words less = (lane_words)(lane_reals_load(a + part) < lane_reals_load(b + part));
        lane_words w;
        memcpy(&w, word + part, sizeof w);
        w |= (less & 1) << i;
        memcpy(word + part, &w, sizeof w);
    }
}

/* Draws the bonds of all lanes, and for every site whether a cluster with this lowest site is flipped. A pair of
 * opposite signs has exp(...) >= 1, which no uniform exceeds, so it never gets a bond. */
static void draw(struct cluster_flips *c, double kappa, struct random_key bonds, struct random_key flips,
                 uint64_t first, uint64_t step, const double *phi) {
    const struct geometry *g = c->geometry;
    const size_t d = g->dimensions, all = g->rows * c->words;
    double half[LANES];
    for (size_t l = 0; l < LANES; l++) {
        half[l] = 0.5;
    }
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t w = 0; w < c->words; w++) {
            const size_t start = r * g->row + w * WORD, n = g->row - w * WORD < WORD ? g->row - w * WORD : WORD;
            const double *u = uniforms(c, bonds, first, step, d * start, d * n);
            for (size_t mu = 0; mu < d; mu++) {
                uint64_t word[LANES] = {0};
                for (size_t i = 0; i < n; i++) {
                    const double *here = phi + (start + i) * LANES;
                    const double *there = phi + g->neighbours[2 * (d * (start + i) + mu)] * LANES;
                    double none[LANES]; /* the probability of no bond */
#pragma omp simd
                    for (size_t l = 0; l < LANES; l++) {
                        none[l] = function_exp(-4.0 * kappa * here[l] * there[l]);
                    }
                    set_where_less(word, i, none, u + (d * i + mu) * LANES);
                }
                memcpy(c->bonds + (mu * all + r * c->words + w) * LANES, word, sizeof word);
            }
            u = uniforms(c, flips, first, step, start, n);
            uint64_t word[LANES] = {0};
            for (size_t i = 0; i < n; i++) {
                set_where_less(word, i, u + i * LANES, half);
            }
            memcpy(c->coins + (r * c->words + w) * LANES, word, sizeof word);
        }
    }
}

/* Number of the run to which site i of a word belongs. */
static inline uint32_t run_of(const struct cluster_flips *c, size_t word, unsigned i) {
    return c->before[word] + (uint32_t)__builtin_popcountll(c->starts[word] & (~(uint64_t)0 >> (WORD - 1 - i))) - 1;
}

/* Finds the starts of a lane's runs: the first site of every row, and each site without a bond to its left neighbour.
 * Returns the number of runs. */
static uint32_t find_runs(struct cluster_flips *c, size_t lane) {
    const struct geometry *g = c->geometry;
    const uint64_t *along = c->bonds + (g->dimensions - 1) * g->rows * c->words * LANES + lane;
    uint32_t runs = 0;
    for (size_t r = 0; r < g->rows; r++) {
        uint64_t carry = 0; /* whether the last site of the previous word has a bond to the next */
        for (size_t w = 0; w < c->words; w++) {
            const size_t word = r * c->words + w, n = g->row - w * WORD < WORD ? g->row - w * WORD : WORD;
            const uint64_t held = along[word * LANES];
            c->before[word] = runs;
            c->starts[word] = ~(held << 1 | carry) & (~(uint64_t)0 >> (WORD - n));
            carry = held >> (WORD - 1);
            runs += (uint32_t)__builtin_popcountll(c->starts[word]);
        }
    }
    return runs;
}

/* Joins the runs of a lane: across the periodic boundary of each row, and between rows. */
static void join_runs(struct cluster_flips *c, size_t lane) {
    const struct geometry *g = c->geometry;
    const size_t d = g->dimensions, all = g->rows * c->words, last = g->row - 1;
    for (size_t r = 0; r < g->rows; r++) {
        const size_t end = r * c->words + last / WORD;
        if (c->bonds[((d - 1) * all + end) * LANES + lane] >> (last % WORD) & 1) {
            union_find_join(c->parent, run_of(c, end, (unsigned)(last % WORD)), run_of(c, r * c->words, 0));
        }
    }
    for (size_t mu = 0; mu + 1 < d; mu++) {
        for (size_t r = 0; r < g->rows; r++) {
            const size_t up = g->neighbour_rows[2 * ((d - 1) * r + mu)];
            for (size_t w = 0; w < c->words; w++) {
                const size_t here = r * c->words + w, there = up * c->words + w;
                const uint64_t held = c->bonds[(mu * all + here) * LANES + lane];
                /* a bond next to another one between the same two runs is redundant */
                uint64_t joins = held & ~(held << 1 & ~c->starts[here] & ~c->starts[there]);
                for (; joins != 0; joins &= joins - 1) {
                    const unsigned i = (unsigned)__builtin_ctzll(joins);
                    union_find_join(c->parent, run_of(c, here, i), run_of(c, there, i));
                }
            }
        }
    }
}

/* Replaces the coins of a lane by bits of the sites that are flipped: a run is flipped by the coin of the first site of
 * its root. Roots come before the other runs of their cluster, so one pass over the runs is enough: it overwrites the
 * parent of each run by whether the run is flipped. */
static void flip_runs(struct cluster_flips *c, size_t lane) {
    uint32_t run = 0, flipped = 0;
    for (size_t word = 0; word < c->geometry->rows * c->words; word++) {
        const uint64_t coins = c->coins[word * LANES + lane];
        /* bits of the sites where flipped sites begin or end */
        uint64_t changes = flipped;
        for (uint64_t starts = c->starts[word]; starts != 0; starts &= starts - 1, run++) {
            const uint64_t start = starts & -starts;
            const uint32_t parent = c->parent[run], own = (coins & start) != 0, its = c->parent[parent];
            const uint32_t flip = parent == run ? own : its;
            c->parent[run] = flip;
            changes ^= flipped != flip ? start : 0;
            flipped = flip;
        }
        for (unsigned shift = 1; shift < WORD; shift *= 2) {
            changes ^= changes << shift; /* finally the parity of all bits up to this one */
        }
        c->coins[word * LANES + lane] = changes;
    }
}

static void flip_sites(const struct cluster_flips *c, double *phi) {
    const struct geometry *g = c->geometry;
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t x = 0; x < g->row; x++) {
            const uint64_t *flips = c->coins + (r * c->words + x / WORD) * LANES;
            double *restrict site = phi + (r * g->row + x) * LANES;
#pragma omp simd
            for (size_t l = 0; l < LANES; l++) {
                site[l] = function_from_bits(function_to_bits(site[l]) ^ flips[l] >> x % WORD << 63);
            }
        }
    }
}

void cluster_flips_sweep(struct cluster_flips *c, double kappa, struct random_key bonds, struct random_key flips,
                         uint64_t first, uint64_t step, double *phi) {
    draw(c, kappa, bonds, flips, first, step, phi);
    for (size_t lane = 0; lane < LANES; lane++) {
        union_find_begin(c->parent, find_runs(c, lane));
        join_runs(c, lane);
        flip_runs(c, lane);
    }
    flip_sites(c, phi);
}
