/* A noise level of the effective-action model: its divergence against finite differences, its features against their
 * sum. */
#include "tests/score/effective_fixture.h"

/* Sets coefficients of order one, the same in every run. */
static void some_coefficients(size_t count, double *a) {
    random_normal(random_key(5, "test", "coefficients"), 0, 0, a, count);
    for (size_t i = 0; i < count; i++) {
        a[i] *= 0.3;
    }
}

/* Compares the divergence with the trace of d drift(x)/d xi(x), site by site, for every field of a pack. */
static void check_divergence(const struct effective_families *families, double s) {
    struct effective_model m = {.dimensions = 2, .volume = 20, .extents = {4, 5}, .saturation = {2.5, 1.6}};
    double G[20], a[EFFECTIVE_FEATURES], divergence[TRANSFORM_FIELDS], unused[TRANSFORM_FIELDS],
        trace[TRANSFORM_FIELDS] = {0};
    struct error e;
    check(effective_features_make(families, &m.features, &e), &e);
    for (size_t p = 0; p < 20; p++) {
        G[p] = 1 / (1.2 - 0.5 * cos(2 * M_PI * (double)(p / 5) / 4) - 0.5 * cos(2 * M_PI * (double)(p % 5) / 5));
    }
    m.propagator = G;
    some_coefficients(m.features.count, a);
    struct scene c = scene_new(&m, s, a);
    const size_t V = m.volume;
    struct transform_site *xi = transform_allocate(4 * V), *moved = xi + V, *drift = xi + 2 * V, *minus = xi + 3 * V;
    assert_non_null(xi);
    random_normal_float(random_key(6, "test", "divergence"), 0, 0, (float *)xi, V * TRANSFORM_FIELDS);
    transform_forward(c.transform, xi, moved, c.workspace);
    effective_level_evaluate(c.level, moved, drift, divergence, c.workspace);
    const double h = 0.02;
    for (size_t x = 0; x < V; x++) {
        for (int side = 0; side < 2; side++) {
            struct transform_site *out = side ? minus : drift;
            memcpy(moved, xi, V * sizeof *xi);
            moved[x].re += (float)(side ? -h : h);
            moved[x].im += (float)(side ? -h : h);
            transform_forward(c.transform, moved, moved, c.workspace);
            effective_level_evaluate(c.level, moved, out, unused, c.workspace);
            transform_inverse(c.transform, out, out, c.workspace);
        }
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            trace[i] +=
                ((double)*transform_field(&drift[x], i) - (double)*transform_field(&minus[x], i)) / (2 * h * (double)V);
        }
    }
    double scale = 0;
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        scale = fmax(scale, fabs(divergence[i]));
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        if (!(fabs(trace[i] - divergence[i]) < 2e-3 * scale)) {
            fail_msg("s = %g, field %zu: divergence %.7g, differences %.7g", s, i, divergence[i], trace[i]);
        }
    }
    free(xi);
    scene_free(&c);
}

static void test_divergence(void **state) {
    (void)state;
    check_divergence(&small, 0.7);
    check_divergence(&rich, 0.2);
    check_divergence(&rich, 2);
    check_divergence(&even, 0.7);
}

/* The sum of the separate features times their coefficients is the drift and the divergence of the level. */
static void check_sum(const struct effective_families *families, double s) {
    struct effective_model m = shared.model;
    struct error e;
    check(effective_features_make(families, &m.features, &e), &e);
    double a[EFFECTIVE_FEATURES], divergence[TRANSFORM_FIELDS];
    const size_t F = m.features.count, V = m.volume;
    some_coefficients(F, a);
    struct scene c = scene_new(&m, s, a);
    struct effective_basis *basis;
    check(effective_basis_new(&c.filters, &m.features, m.saturation, &basis, &e), &e);
    struct transform_site *y = transform_allocate((3 + F) * V + effective_basis_workspace(basis)), *xi = y + V,
                          *drift = y + 2 * V, *feature = y + 3 * V;
    double *own = room(F * TRANSFORM_FIELDS, sizeof *own), scale = 0, error = 0;
    assert_non_null(y);
    random_normal_float(random_key(7, "test", "sum"), 0, 0, (float *)y, V * TRANSFORM_FIELDS);
    transform_forward(c.transform, y, xi, c.workspace);
    for (size_t p = 0; p < V; p++) {
        y[p] = (struct transform_site){xi[p].re * (float)c.filters.root[p], xi[p].im * (float)c.filters.root[p]};
    }
    effective_level_evaluate(c.level, xi, drift, divergence, c.workspace);
    effective_basis_evaluate(basis, y, feature, own, feature + F * V);
    for (size_t p = 0; p < V; p++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            double sum = 0;
            for (size_t f = 0; f < F; f++) {
                sum += a[f] * (double)*transform_field(&feature[f * V + p], i);
            }
            sum *= -s * s / c.filters.root[p];
            scale = fmax(scale, fabs(sum));
            error = fmax(error, fabs(sum - (double)*transform_field(&drift[p], i)));
        }
    }
    if (!(error < 1e-5 * scale)) {
        fail_msg("s = %g: the drift differs by %g of %g", s, error, scale);
    }
    scale = error = 0;
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        double sum = 0;
        for (size_t f = 0; f < F; f++) {
            sum -= s * s * a[f] * own[f * TRANSFORM_FIELDS + i];
        }
        scale = fmax(scale, fabs(sum));
        error = fmax(error, fabs(sum - divergence[i]));
    }
    if (!(error < 1e-5 * scale)) {
        fail_msg("s = %g: the divergence differs by %g of %g", s, error, scale);
    }
    /* features are the same without divergence */
    struct transform_site *again = transform_allocate(F * V);
    assert_non_null(again);
    effective_basis_evaluate(basis, y, again, NULL, feature + F * V);
    assert_memory_equal(again, feature, F * V * sizeof *again);
    free(again);
    free(own);
    free(y);
    effective_basis_free(basis);
    scene_free(&c);
}

static void test_sum_of_features(void **state) {
    (void)state;
    check_sum(&small, 0.1);
    check_sum(&rich, 1);
    check_sum(&even, 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_sum_of_features),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
