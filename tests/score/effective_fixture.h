/* Shared by tests of fitted effective-action models: a model that is fitted to an ensemble, and single noise levels. */
#ifndef DMSQ_TESTS_SCORE_EFFECTIVE_FIXTURE_H
#define DMSQ_TESTS_SCORE_EFFECTIVE_FIXTURE_H

#include "score/effective_levels.h"
#include "tests/score/effective.h"

static const struct effective_families small = {.local = 5, .kernels = 1, .pair = 3, .linear_pairs = 1, .zero = 5},
                                       rich = {.local = 9, .kernels = 2, .pair = 7, .linear_pairs = 3, .zero = 7},
                                       even = {.even = true, .local = 5, .kernels = 2, .pair = 4, .linear_pairs = 2};
static const struct effective_fit_settings levels = {
    .lowest = 0.05, .highest = 10, .levels = 12, .mixed = true, .ridge = 1e-6, .seed = 3};

enum { COUNT = 768, SIDE = 8, SITES = SIDE * SIDE };
static struct fitted shared; /* 8x8 at kappa = 0.24, in the small basis */

static inline int set_up(void **state) {
    (void)state;
    static const size_t extents[] = {SIDE, SIDE};
    const struct theory theory = {0.24, 0.022};
    shared = fitted_new(2, extents, theory, hmc(2, extents, theory, COUNT, 60), COUNT, false);
    fit(&shared, small, levels, 2);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    fitted_free(&shared);
    return 0;
}

/* A level of a model at noise s, with its workspace. */
struct scene {
    struct effective_lattices *lattices;
    const struct transform *transform; /* of the whole lattice */
    struct effective_filters filters;
    struct effective_level *level;
    struct transform_site *workspace;
};

static inline struct scene scene_new(const struct effective_model *m, double s, const double *coefficients) {
    struct scene c = {0};
    struct error e;
    c.lattices = room(1, sizeof *c.lattices);
    check(effective_lattices_make(m->extents, m->dimensions, m->blocking, c.lattices, &e), &e);
    c.transform = c.lattices->lattice[0].transform;
    check(effective_filters_make(c.lattices, m->propagator, s, effective_model_kernels(m), &c.filters, &e), &e);
    check(effective_level_new(&c.filters, &m->features, coefficients, m->saturation, &c.level, &e), &e);
    c.workspace = transform_allocate(effective_levels_workspace(c.lattices, 1, &c.level));
    assert_non_null(c.workspace);
    return c;
}

static inline void scene_free(struct scene *c) {
    free(c->workspace);
    effective_level_free(c->level);
    effective_filters_release(&c->filters);
    effective_lattices_release(c->lattices);
    free(c->lattices);
}

#endif
