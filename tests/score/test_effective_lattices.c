/* Blocked lattices of the effective-action model: their modes and their choice; a level on a blocked lattice against
 * the whole one where they agree, its divergence against finite differences, and its features against their sum; flows
 * and their refinement; and flows with growing steps. */
#include "score/effective_lattices.h"

#include "score/effective_levels.h"
#include "tests/score/effective.h"

enum { SIDE = 16, SITES = SIDE * SIDE };

static const struct effective_families rich = {.local = 7, .kernels = 2, .pair = 5, .linear_pairs = 2, .zero = 5};

static void free_propagator(size_t L, double *G) {
    for (size_t p = 0; p < L * L; p++) {
        G[p] = 1 / (1.002 - 0.5 * cos(2 * M_PI * (double)(p / L) / (double)L) -
                    0.5 * cos(2 * M_PI * (double)(p % L) / (double)L));
    }
}

/* --- modes --------------------------------------------------------------------------------------- */

/* Modes of a blocked lattice are those of the whole one with the same momentum, and include -p with p. */
static void test_modes(void **state) {
    (void)state;
    const size_t extents[] = {32, 16}, V = 32 * 16;
    struct effective_lattices l;
    struct error e;
    check(effective_lattices_make(extents, 2, 0.1, &l, &e), &e);
    assert_int_equal(l.count, 2); /* 8x4 would be too small */
    assert_null(l.lattice[0].mode);
    const struct effective_lattice *half = &l.lattice[1];
    assert_int_equal(half->factor, 2);
    assert_int_equal(half->volume, 16 * 8);
    assert_true(half->unit == 2);
    const size_t *back = transform_opposite(half->transform), *opposite = transform_opposite(l.lattice[0].transform);
    size_t none = 0;
    for (size_t p = 0; p < half->volume; p++) {
        const size_t i = p / 8, j = p % 8, q = half->mode[p];
        if (i == 8 || j == 4) {
            assert_int_equal(q, V);
            none++;
            continue;
        }
        assert_int_equal(q, (i < 8 ? i : i + 16) * 16 + (j < 4 ? j : j + 8));
        assert_int_equal(half->mode[back[p]], opposite[q]);
    }
    assert_int_equal(none, 16 + 8 - 1);
    struct transform_site *whole = transform_allocate(2 * V + half->volume), *again = whole + V, *own = again + V;
    assert_non_null(whole);
    random_normal_float(random_key(1, "test", "modes"), 0, 0, (float *)whole, V * TRANSFORM_FIELDS);
    effective_lattice_gather(half, whole, own);
    effective_lattice_scale(half, half->unit, own);
    memset(again, 0, V * sizeof *again);
    effective_lattice_put(half, own, again);
    for (size_t q = 0; q < V; q++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            bool kept = false;
            for (size_t p = 0; p < half->volume; p++) {
                kept = kept || half->mode[p] == q;
            }
            assert_true(*transform_field(&again[q], i) == (kept ? *transform_field(&whole[q], i) : 0));
        }
    }
    free(whole);
    effective_lattices_release(&l);
}

/* The chosen lattice is the smallest one whose omitted modes have at most the share; without a share, or with odd
 * extents, it is the whole one. */
static void test_choice(void **state) {
    (void)state;
    enum { L = 64 };
    static double G[L * L];
    const size_t extents[] = {L, L}, odd[] = {L, 33};
    struct effective_lattices l;
    struct error e;
    free_propagator(L, G);
    check(effective_lattices_make(extents, 2, 0.05, &l, &e), &e);
    assert_int_equal(l.count, 4);
    size_t last = 1, found = 0;
    for (double s = 0.1; s < 100; s *= 1.3) {
        const struct effective_lattice *chosen = effective_lattices_choose(&l, G, s);
        double all = 0, left = 0, more = 0;
        for (size_t p = 0; p < L * L; p++) {
            const size_t i = p / L, j = p % L, k = i < L - i ? i : L - i, m = j < L - j ? j : L - j,
                         most = k > m ? k : m;
            const double u = G[p] * G[p] / (G[p] + s * s);
            all += u;
            left += chosen->factor > 1 && 2 * chosen->factor * most >= L ? u : 0;
            more += 4 * chosen->factor * most >= L ? u : 0;
        }
        assert_true(left <= 0.05 * all);
        assert_true(chosen->factor == 8 || more > 0.05 * all);
        assert_true(chosen->factor >= last); /* more noise, fewer modes */
        found += chosen->factor != last;
        last = chosen->factor;
    }
    assert_true(found >= 2);
    effective_lattices_release(&l);
    check(effective_lattices_make(extents, 2, 0, &l, &e), &e);
    assert_int_equal(l.count, 1);
    assert_ptr_equal(effective_lattices_choose(&l, G, 100), &l.lattice[0]);
    effective_lattices_release(&l);
    check(effective_lattices_make(odd, 2, 0.5, &l, &e), &e);
    assert_int_equal(l.count, 1);
    effective_lattices_release(&l);
}

/* --- a level ------------------------------------------------------------------------------------- */

struct scene {
    struct effective_model model;
    double G[SITES], coefficients[EFFECTIVE_FEATURES];
    struct effective_lattices lattices;
    const struct transform *transform;
    struct effective_filters filters;
    struct effective_level *level;
    struct transform_site *workspace;
};

static void scene_make(const struct effective_families *families, double saturation, double blocking, double s,
                       struct scene *c) {
    struct effective_model *m = &c->model;
    struct error e;
    *c = (struct scene){
        .model = {.dimensions = 2, .volume = SITES, .extents = {SIDE, SIDE}, .saturation = {saturation, 1.5}}};
    free_propagator(SIDE, c->G);
    m->propagator = c->G;
    check(effective_features_make(families, &m->features, &e), &e);
    random_normal(random_key(5, "test", "coefficients"), 0, 0, c->coefficients, m->features.count);
    check(effective_lattices_make(m->extents, 2, blocking, &c->lattices, &e), &e);
    c->transform = c->lattices.lattice[0].transform;
    check(effective_filters_make(&c->lattices, c->G, s, effective_model_kernels(m), &c->filters, &e), &e);
    check(effective_level_new(&c->filters, &m->features, c->coefficients, m->saturation, &c->level, &e), &e);
    c->workspace = transform_allocate(effective_levels_workspace(&c->lattices, 1, &c->level));
    assert_non_null(c->workspace);
}

static void scene_release(struct scene *c) {
    free(c->workspace);
    effective_level_free(c->level);
    effective_filters_release(&c->filters);
    effective_lattices_release(&c->lattices);
}

static void white_modes(const struct scene *c, struct transform_site *xi) {
    random_normal_float(random_key(6, "test", "modes"), 0, 0, (float *)xi, SITES * TRANSFORM_FIELDS);
    transform_forward(c->transform, xi, xi, c->workspace);
}

/* For the same coefficients, terms linear in u are the same on both lattices, mode by mode, so coefficients are
 * continuous where the lattice changes. The omitted modes have no drift. */
static void test_linear(void **state) {
    (void)state;
    static const struct effective_families linear = {.local = 1, .kernels = 2, .pair = 0, .linear_pairs = 2, .zero = 3};
    static struct scene whole, half;
    scene_make(&linear, 100, 0, 3, &whole);
    scene_make(&linear, 100, 0.2, 3, &half);
    assert_int_equal(whole.filters.lattice->factor, 1);
    assert_int_equal(half.filters.lattice->factor, 2);
    struct transform_site *xi = transform_allocate(3 * SITES), *a = xi + SITES, *b = a + SITES;
    double unused[TRANSFORM_FIELDS], scale = 0;
    assert_non_null(xi);
    white_modes(&whole, xi);
    effective_level_evaluate(whole.level, xi, a, unused, whole.workspace);
    effective_level_evaluate(half.level, xi, b, unused, half.workspace);
    for (size_t p = 0; p < SITES; p++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            scale = fmax(scale, fabs((double)*transform_field(&a[p], i)));
        }
    }
    for (size_t p = 0; p < SITES; p++) {
        const size_t i = p / SIDE, j = p % SIDE, k = i < SIDE - i ? i : SIDE - i, m = j < SIDE - j ? j : SIDE - j;
        const bool kept = k < SIDE / 4 && m < SIDE / 4;
        for (size_t f = 0; f < TRANSFORM_FIELDS; f++) {
            const double expected = kept ? (double)*transform_field(&a[p], f) : 0;
            if (!(fabs((double)*transform_field(&b[p], f) - expected) <= (kept ? 2e-3 * scale : 0))) {
                fail_msg("mode %zu of field %zu: drift %g on the blocked lattice, %g expected", p, f,
                         (double)*transform_field(&b[p], f), expected);
            }
        }
    }
    free(xi);
    scene_release(&whole);
    scene_release(&half);
}

/* The divergence is the trace of d drift(x)/d xi(x) over all sites of the whole lattice. */
static void test_divergence(void **state) {
    (void)state;
    static struct scene c;
    scene_make(&rich, 2.5, 0.2, 2, &c);
    assert_int_equal(c.filters.lattice->factor, 2);
    struct transform_site *xi = transform_allocate(4 * SITES), *moved = xi + SITES, *drift = moved + SITES,
                          *minus = drift + SITES;
    double divergence[TRANSFORM_FIELDS], unused[TRANSFORM_FIELDS], trace[TRANSFORM_FIELDS] = {0}, scale = 0;
    assert_non_null(xi);
    random_normal_float(random_key(6, "test", "divergence"), 0, 0, (float *)xi, SITES * TRANSFORM_FIELDS);
    transform_forward(c.transform, xi, moved, c.workspace);
    effective_level_evaluate(c.level, moved, drift, divergence, c.workspace);
    const double h = 0.05;
    for (size_t x = 0; x < SITES; x++) {
        for (int side = 0; side < 2; side++) {
            struct transform_site *out = side ? minus : drift;
            memcpy(moved, xi, SITES * sizeof *xi);
            moved[x].re += (float)(side ? -h : h);
            moved[x].im += (float)(side ? -h : h);
            transform_forward(c.transform, moved, moved, c.workspace);
            effective_level_evaluate(c.level, moved, out, unused, c.workspace);
            transform_inverse(c.transform, out, out, c.workspace);
        }
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            trace[i] +=
                ((double)*transform_field(&drift[x], i) - (double)*transform_field(&minus[x], i)) / (2 * h * SITES);
        }
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        scale = fmax(scale, fabs(divergence[i]));
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        if (!(fabs(trace[i] - divergence[i]) < 2e-3 * scale)) {
            fail_msg("field %zu: divergence %.7g, differences %.7g", i, divergence[i], trace[i]);
        }
    }
    free(xi);
    scene_release(&c);
}

/* The sum of the separate features times their coefficients is the drift and the divergence of the level. */
static void test_sum_of_features(void **state) {
    (void)state;
    static struct scene c;
    const double s = 2;
    struct effective_basis *basis;
    struct error e;
    scene_make(&rich, 2.5, 0.2, s, &c);
    const struct effective_lattice *lattice = c.filters.lattice;
    const size_t F = c.model.features.count, V = lattice->volume;
    check(effective_basis_new(&c.filters, &c.model.features, c.model.saturation, &basis, &e), &e);
    struct transform_site *xi = transform_allocate(2 * SITES + (2 + F) * V + effective_basis_workspace(basis)),
                          *drift = xi + SITES, *y = drift + SITES, *own = y + V, *feature = own + V;
    double divergence[TRANSFORM_FIELDS], *part = room(F * TRANSFORM_FIELDS, sizeof *part), scale = 0, error = 0;
    assert_non_null(xi);
    white_modes(&c, xi);
    effective_level_evaluate(c.level, xi, drift, divergence, c.workspace);
    effective_lattice_gather(lattice, xi, y);
    effective_lattice_gather(lattice, drift, own);
    for (size_t p = 0; p < V; p++) {
        y[p] = (struct transform_site){y[p].re * (float)c.filters.root[p], y[p].im * (float)c.filters.root[p]};
    }
    effective_basis_evaluate(basis, y, feature, part, feature + F * V);
    for (size_t p = 0; p < V; p++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            double sum = 0;
            for (size_t f = 0; f < F; f++) {
                sum -= s * s / c.filters.root[p] * c.coefficients[f] * (double)*transform_field(&feature[f * V + p], i);
            }
            scale = fmax(scale, fabs(sum));
            error = fmax(error, fabs(sum - (double)*transform_field(&own[p], i)));
        }
    }
    if (!(error < 1e-5 * scale)) {
        fail_msg("the drift differs by %g of %g", error, scale);
    }
    scale = error = 0;
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        double sum = 0;
        for (size_t f = 0; f < F; f++) {
            sum -= s * s * c.coefficients[f] * part[f * TRANSFORM_FIELDS + i];
        }
        scale = fmax(scale, fabs(sum));
        error = fmax(error, fabs(sum - divergence[i]));
    }
    if (!(error < 1e-5 * scale)) {
        fail_msg("the divergence differs by %g of %g", error, scale);
    }
    free(part);
    free(xi);
    effective_basis_free(basis);
    scene_release(&c);
}

/* --- fits and flows ------------------------------------------------------------------------------ */

static const struct effective_fit_settings levels = {
    .lowest = 0.1, .highest = 20, .levels = 12, .mixed = true, .ridge = 1e-6, .seed = 3};

/* The flow on blocked lattices, with equal and growing steps: the flow back gives the same density, and so do finer
 * steps. The refinement, on the same lattices, corrects the loss from blocking, with the same bits for any number of
 * threads. */
static void test_flow(void **state) {
    (void)state;
    enum { COUNT = 512, N = 64 };
    static const size_t extents[] = {SIDE, SIDE};
    static float phi[N * SITES];
    const struct theory theory = {0.265, 0.022};
    double log_q[2][N], w[2][N], up[N], change[N];
    struct error e;
    struct fitted f = fitted_new(2, extents, theory, hmc(2, extents, theory, COUNT, 300), COUNT, false);
    fit(&f, rich, levels, 2);
    const size_t size = f.model.levels * f.model.features.count * sizeof *f.model.coefficients;
    double *fitted = room(2, size), *refined = fitted + size / sizeof *fitted;
    memcpy(fitted, f.model.coefficients, size);
    f.model.blocking = 0.06;
    for (int threads = 1; threads <= 2; threads++) {
        const struct effective_refine_settings settings = {theory, 512, 1, 12, 6, 0.3, 1};
        struct effective_refine_result result;
        memcpy(f.model.coefficients, fitted, size);
        check(effective_refine(&settings, threads, &f.model, &result, &never, &e), &e);
        assert_true(result.rounds == 1 && result.after < result.before);
        if (threads == 1) {
            memcpy(refined, f.model.coefficients, size);
        }
    }
    assert_memory_equal(refined, f.model.coefficients, size);
    free(fitted);
    struct effective_lattices l;
    check(effective_lattices_make(extents, 2, f.model.blocking, &l, &e), &e);
    assert_int_equal(effective_lattices_choose(&l, f.propagator, 20)->factor, 2); /* or nothing was tested */
    effective_lattices_release(&l);
    for (double stretch = 1; stretch < 4; stretch += 2) {
        struct effective_flow *flow;
        for (int i = 0; i < 2; i++) {
            const struct random_key key = random_key(5, "test", "effective");
            check(effective_flow_new(&f.model, i ? 48 : 24, stretch, 2, &flow, &e), &e);
            const struct effective_flow_work work = {&key, 0, N, 2, phi, log_q[i], &never, NULL};
            check(effective_flow_run(flow, &work, &e), &e);
            if (i == 0) {
                const struct effective_flow_work back = {NULL, 0, N, 2, phi, up, &never, NULL};
                check(effective_flow_run(flow, &back, &e), &e);
                for (size_t k = 0; k < N; k++) {
                    if (!(fabs(up[k] - log_q[0][k]) < 5e-3)) {
                        fail_msg("stretch %g, field %zu: log q %.9g up, %.9g down", stretch, k, up[k], log_q[0][k]);
                    }
                }
            }
            effective_flow_free(flow);
            propose(&f, 24, 5, N, phi, up, w[i]);
        }
        for (size_t k = 0; k < N; k++) {
            change[k] = log_q[1][k] - log_q[0][k];
        }
        if (!(deviation_of(change, N) < 0.02)) {
            fail_msg("stretch %g: twice the steps change log q by %g", stretch, deviation_of(change, N));
        }
        if (!(deviation_of(w[0], N) < 0.3)) { /* the standard deviation of log w */
            fail_msg("log w spreads by %g", deviation_of(w[0], N));
        }
    }
    fitted_free(&f);
}

/* Fields with roughness above the limit, and no others, are computed again with four times the steps, independently of
 * threads. With a limit of 0 all fields are, and have the results of these steps. */
static void test_recheck(void **state) {
    (void)state;
    enum { N = 2 * TRANSFORM_FIELDS };
    static const size_t extents[] = {SIDE, SIDE};
    static float coarse[N * SITES], fine[N * SITES], found[N * SITES];
    const struct theory theory = {0.265, 0.022};
    const struct random_key key = random_key(5, "test", "effective");
    double log_q[4][N];
    struct error e;
    struct fitted f = fitted_new(2, extents, theory, hmc(2, extents, theory, 256, 200), 256, false);
    fit(&f, rich, levels, 2);
    propose(&f, 6, 5, N, coarse, log_q[0], NULL);
    propose(&f, 24, 5, N, fine, log_q[1], NULL);
    size_t others = 0;
    for (int turn = 0; turn < 4; turn++) { /* all; some, with one thread and with two; none */
        const double limit = (double[]){0, 0.6, 0.6, 1e9}[turn];
        struct effective_flow *flow;
        check(effective_flow_new(&f.model, 6, 1, 2, &flow, &e), &e);
        check(effective_flow_recheck(flow, limit, 2, &e), &e);
        const struct effective_flow_work work = {&key, 0, N, turn == 1 ? 1 : 2, found, log_q[2], &never, NULL};
        check(effective_flow_run(flow, &work, &e), &e);
        size_t again = 0;
        for (size_t i = 0; i < N; i++) {
            const bool redone = log_q[2][i] != log_q[0][i];
            again += redone;
            assert_true(log_q[2][i] == log_q[redone][i]);
            assert_memory_equal(found + i * SITES, (redone ? fine : coarse) + i * SITES, SITES * sizeof *found);
        }
        if (turn == 1) {
            others = again;
        }
        if (turn == 0) {
            assert_int_equal(again, N);
        } else if (turn < 3) {
            assert_true(again > 0 && again < N && again == others);
        } else {
            assert_int_equal(again, 0);
        }
        const struct effective_flow_work back = {NULL, 0, N, 2, found, log_q[3], &never, NULL};
        check(effective_flow_run(flow, &back, &e), &e); /* also from the data to the noise */
        for (size_t i = 0; i < N; i++) {
            if (!(fabs(log_q[3][i] - log_q[2][i]) < 0.3)) {
                fail_msg("field %zu: log q %g up, %g down", i, log_q[3][i], log_q[2][i]);
            }
        }
        effective_flow_free(flow);
    }
    fitted_free(&f);
}

/* Steps of a stretched flow go from the highest level to the lowest, and the last is `stretch` times as long as the
 * first, to order 1/steps. */
static void test_stretch(void **state) {
    (void)state;
    static struct scene c;
    double log_s[3] = {log(0.1), log(1), log(10)}, gain[3] = {0};
    struct effective_flow *flow;
    struct error e;
    scene_make(&rich, 2.5, 0, 1, &c);
    double *coefficients = room(3 * c.model.features.count, sizeof *coefficients);
    c.model.levels = 3;
    c.model.log_s = log_s;
    c.model.coefficients = coefficients;
    c.model.gain = gain;
    check(effective_flow_new(&c.model, 64, 3, 1, &flow, &e), &e);
    const double first = effective_flow_log_s(flow, 0) - effective_flow_log_s(flow, 1),
                 last = effective_flow_log_s(flow, 63) - effective_flow_log_s(flow, 64);
    assert_true(fabs(effective_flow_log_s(flow, 0) - log(10)) < 1e-12);
    assert_true(fabs(effective_flow_log_s(flow, 64) - log(0.1)) < 1e-12);
    assert_true(fabs(last / first - pow(3, 63.0 / 64)) < 1e-9);
    effective_flow_free(flow);
    free(coefficients);
    scene_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),      cmocka_unit_test(test_choice),          cmocka_unit_test(test_linear),
        cmocka_unit_test(test_divergence), cmocka_unit_test(test_sum_of_features), cmocka_unit_test(test_flow),
        cmocka_unit_test(test_recheck),    cmocka_unit_test(test_stretch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
