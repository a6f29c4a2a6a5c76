/* Models with fewer bilocal features: limits on their powers, and levels without the nonlinear ones (pairs-above of
 * `train`). */
#include "score/effective_grid.h"
#include "tests/score/effective_fixture.h"

static const struct effective_families
    limited = {.local = 9, .kernels = 2, .pair = 7, .outer = 2, .inner = 3, .linear_pairs = 3, .zero = 7},
    without = {.local = 9, .kernels = 2, .linear_pairs = 3, .zero = 7};

/* Limits leave out features, and change neither the order nor the names of the others. */
static void test_limits(void **state) {
    (void)state;
    static const char *const pairs[] = {"t^0 (C^1 * t^3)", "t^1 (C^1 * t^2)", "t^2 (C^1 * t^1)", "t^2 (C^1 * t^3)",
                                        "t^0 (C^2 * t^3)", "t^1 (C^2 * t^2)", "t^2 (C^2 * t^1)", "t^2 (C^2 * t^3)"};
    struct effective_features f, all;
    struct error e;
    check(effective_features_make(&limited, &f, &e), &e);
    check(effective_features_make(&rich, &all, &e), &e);
    size_t found = 0, next = 0;
    for (size_t i = 0; i < all.count; i++) {
        char name[EFFECTIVE_NAME], other[EFFECTIVE_NAME] = "";
        effective_feature_name(&all.list[i], name);
        if (next < f.count) {
            effective_feature_name(&f.list[next], other);
        }
        const bool there = strcmp(name, other) == 0, graph = effective_feature_is_graph(&all.list[i]);
        next += there;
        assert_true(there || graph);
        if (there && graph) {
            assert_true(found < sizeof pairs / sizeof *pairs);
            assert_string_equal(name, pairs[found++]);
        }
    }
    assert_int_equal(next, f.count);
    assert_int_equal(found, sizeof pairs / sizeof *pairs);
}

/* Sets b to the coefficients a of the features with the same name; 0 if there are none. */
static void take(const struct effective_features *from, const double *a, const struct effective_features *to,
                 double *b) {
    for (size_t i = 0; i < to->count; i++) {
        b[i] = 0;
        for (size_t k = 0; k < from->count; k++) {
            char name[2][EFFECTIVE_NAME];
            effective_feature_name(&to->list[i], name[0]);
            effective_feature_name(&from->list[k], name[1]);
            if (strcmp(name[0], name[1]) == 0) {
                b[i] = a[k];
            }
        }
    }
}

/* A level whose nonlinear bilocal features have no coefficients takes 3 transforms, and has the drift and divergence of
 * a model that does not know these features. */
static void test_level_without(void **state) {
    (void)state;
    struct effective_model m = shared.model, plain = shared.model;
    struct error e;
    check(effective_features_make(&limited, &m.features, &e), &e);
    check(effective_features_make(&without, &plain.features, &e), &e);
    double a[EFFECTIVE_FEATURES], b[EFFECTIVE_FEATURES], divergence[2][TRANSFORM_FIELDS];
    random_normal(random_key(5, "test", "coefficients"), 0, 0, b, plain.features.count);
    take(&plain.features, b, &m.features, a);
    struct scene c = scene_new(&m, 0.4, a), d = scene_new(&plain, 0.4, b);
    assert_int_equal(effective_level_transforms(c.level), 3);
    assert_true(effective_level_transforms(d.level) > 3);
    const size_t V = m.volume;
    struct transform_site *xi = transform_allocate(3 * V), *drift = xi + V, *other = xi + 2 * V;
    assert_non_null(xi);
    random_normal_float(random_key(7, "test", "sum"), 0, 0, (float *)xi, V * TRANSFORM_FIELDS);
    transform_forward(c.transform, xi, xi, c.workspace);
    effective_level_evaluate(c.level, xi, drift, divergence[0], c.workspace);
    effective_level_evaluate(d.level, xi, other, divergence[1], d.workspace);
    double scale = 0;
    for (size_t p = 0; p < V; p++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            scale = fmax(scale, fabs((double)*transform_field(&other[p], i)));
        }
    }
    assert_true(scale > 0);
    for (size_t p = 0; p < V; p++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            assert_true(fabs((double)(*transform_field(&drift[p], i) - *transform_field(&other[p], i))) < 1e-5 * scale);
        }
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        assert_true(divergence[1][i] != 0);
        assert_true(fabs(divergence[0][i] - divergence[1][i]) < 1e-5 * (1 + fabs(divergence[1][i])));
    }
    free(xi);
    scene_free(&c);
    scene_free(&d);
}

/* Below pairs_above the fit is that of a model without the features. Where they have their full share, it has the bits
 * of a fit with all of them. Between, their coefficients are those of the latter times the share. */
static void test_fit(void **state) {
    (void)state;
    fit(&shared, limited, levels, 2);
    const size_t F = shared.model.features.count, n = shared.model.levels;
    double *all = room(n * F, sizeof *all), *none = room(n * F, sizeof *none), b[EFFECTIVE_FEATURES];
    memcpy(all, shared.model.coefficients, n * F * sizeof *all);
    const struct effective_features features = shared.model.features;
    fit(&shared, without, levels, 2);
    const size_t W = shared.model.features.count;
    for (size_t k = 0; k < n; k++) {
        take(&shared.model.features, shared.model.coefficients + k * W, &features, none + k * F);
    }
    shared.model.pairs_above = 0.3;
    fit(&shared, limited, levels, 2);
    const struct effective_model *m = &shared.model;
    size_t below = 0, rising = 0, full = 0;
    for (size_t k = 0; k < n; k++) {
        const bool local = exp(m->log_s[k]) < 0.3;
        struct error e;
        assert_int_equal(effective_model_is_local(m, m->log_s[k]), local);
        check(effective_model_coefficients(m, 1, &m->log_s[k], b, &e), &e);
        double least = 1;
        for (size_t i = 0; i < F; i++) {
            const double share = effective_model_share(m, i, m->log_s[k]);
            assert_true(share >= 0 && share <= 1 && (share == 1 || effective_feature_is_graph(&features.list[i])));
            least = fmin(least, share);
        }
        assert_int_equal(least == 0, local);
        for (size_t i = 0; i < F; i++) {
            const double a = m->coefficients[k * F + i], wanted = local ? none[k * F + i] : all[k * F + i];
            if (local || least == 1) {
                assert_true(local ? fabs(a - wanted) <= 1e-9 * (1 + fabs(wanted)) : a == wanted);
            } else if (effective_feature_is_graph(&features.list[i])) {
                assert_true(a == least * wanted && a != 0);
            }
            assert_true(fabs(b[i] - a) < 1e-12 * (1 + fabs(a)));
        }
        below += local;
        rising += !local && least < 1;
        full += least == 1;
    }
    assert_true(below > 2 && rising > 1 && full > 3);
    const double between = 0.5 * (m->log_s[below - 1] + m->log_s[below - 2]);
    struct error e;
    check(effective_model_coefficients(m, 1, &between, b, &e), &e);
    for (size_t i = 0; i < F; i++) {
        assert_true(b[i] == 0 || !effective_feature_is_graph(&features.list[i]));
    }
    shared.model.pairs_above = 0;
    free(all);
    free(none);
}

/* No step of the flow contains the level where the features end. Twice the steps hardly change the density, and the
 * flow from the fields to the noise gives the same density. The refinement improves the model, with the same bits for
 * any number of threads, and leaves the coefficients of the features at 0 below pairs_above. */
static void test_flow(void **state) {
    (void)state;
    enum { N = 64 };
    static float phi[N * SITES];
    double log_q[2][N], up[N], change[N];
    struct error e;
    shared.model.pairs_above = 0.3;
    fit(&shared, limited, levels, 2);
    struct effective_model *m = &shared.model;
    const size_t F = m->features.count, size = m->levels * F * sizeof *m->coefficients;
    double *fitted = room(2, size), *refined = fitted + m->levels * F;
    memcpy(fitted, m->coefficients, size);
    for (int threads = 1; threads <= 2; threads++) {
        const struct effective_refine_settings settings = {shared.theory, 512, 1, 12, 6, 0.3, 1};
        struct effective_refine_result result;
        memcpy(m->coefficients, fitted, size);
        check(effective_refine(&settings, threads, m, &result, &never, &e), &e);
        assert_true(result.rounds == 1 && result.after < result.before);
        if (threads == 1) {
            memcpy(refined, m->coefficients, size);
        }
    }
    assert_memory_equal(refined, m->coefficients, size);
    for (size_t i = 0; i < F; i++) {
        const bool graph = effective_feature_is_graph(&m->features.list[i]);
        assert_true(graph ? refined[i] == 0 : refined[i] != fitted[i]);
    }
    free(fitted);
    struct effective_lattices l;
    struct effective_grid grid;
    check(effective_lattices_make(m->extents, m->dimensions, 0, &l, &e), &e);
    check(effective_grid_make(m, &l, 10, 1, &grid, &e), &e);
    size_t local = 0;
    for (size_t k = 0; k < 10; k++) {
        const double *const level = grid.log_s + grid.first[k];
        assert_true(effective_model_is_local(m, level[0]) == effective_model_is_local(m, level[2]));
        local += effective_model_is_local(m, level[0]);
    }
    assert_true(local > 1 && local < 9);
    effective_grid_release(&grid);
    effective_lattices_release(&l);
    propose(&shared, 12, 5, N, phi, log_q[0], NULL);
    struct effective_flow *flow;
    check(effective_flow_new(m, 12, 1, 2, &flow, &e), &e);
    const struct effective_flow_work back = {NULL, 0, N, 2, phi, up, &never, NULL};
    check(effective_flow_run(flow, &back, &e), &e);
    effective_flow_free(flow);
    propose(&shared, 24, 5, N, phi, log_q[1], NULL);
    for (size_t k = 0; k < N; k++) {
        change[k] = log_q[1][k] - log_q[0][k];
        if (!(fabs(up[k] - log_q[0][k]) < 1e-2)) {
            fail_msg("field %zu: log q %.9g up, %.9g down", k, up[k], log_q[0][k]);
        }
    }
    if (!(deviation_of(change, N) < 0.01)) {
        fail_msg("twice the steps change log q by %g", deviation_of(change, N));
    }
    shared.model.pairs_above = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_level_without),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_flow),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
