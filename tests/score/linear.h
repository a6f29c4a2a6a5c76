/* An effective-action model whose flow is known in closed form: one feature, linear in the field. */
#ifndef DMSQ_TESTS_SCORE_LINEAR_H
#define DMSQ_TESTS_SCORE_LINEAR_H

#include "score/effective_model.h"
#include "tests/score/models.h"

enum { LEVELS = 5 };

/* f = a u/sigma_u at all levels, for the propagator of m. */
static inline struct effective_model linear_model(const struct score_model *m, double a) {
    struct effective_model e = {.dimensions = m->dimensions,
                                .volume = m->volume,
                                .saturation = {2.5, 1.6},
                                .propagator = m->propagator,
                                .levels = LEVELS};
    memcpy(e.extents, m->extents, m->dimensions * sizeof *e.extents);
    e.features.count = 1;
    e.features.list[0] = (struct effective_feature){.kind = EFFECTIVE_LINEAR};
    e.log_s = test_reals(LEVELS);
    e.coefficients = test_reals(LEVELS);
    e.gain = test_reals(LEVELS);
    for (size_t k = 0; k < LEVELS; k++) {
        e.log_s[k] = log(0.05) + (double)k * log(200) / (LEVELS - 1);
        e.coefficients[k] = a;
    }
    return e;
}

#endif
