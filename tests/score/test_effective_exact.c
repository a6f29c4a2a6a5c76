/* The effective-action model against exact results: free fields, independent sites by quadrature, the force of the
 * action at low noise, one-dimensional chains by the transfer matrix. */
#include "tests/score/effective_fixture.h"

/* Replaces a pack of fields y[V] by their score, both in position space. */
static void score_of(const struct scene *c, struct transform_site *y) {
    const size_t V = c->filters.volume;
    struct transform_site *drift = transform_allocate(V);
    double divergence[TRANSFORM_FIELDS];
    assert_non_null(drift);
    transform_forward(c->transform, y, y, c->workspace);
    for (size_t p = 0; p < V; p++) {
        y[p].re *= (float)(1 / c->filters.root[p]);
        y[p].im *= (float)(1 / c->filters.root[p]);
    }
    effective_level_evaluate(c->level, y, drift, divergence, c->workspace);
    for (size_t p = 0; p < V; p++) {
        const float linear = (float)(-1 / c->filters.root[p] / (double)V),
                    other = (float)(-c->filters.root[p] / (c->filters.s * c->filters.s) / (double)V);
        y[p].re = y[p].re * linear + drift[p].re * other;
        y[p].im = y[p].im * linear + drift[p].im * other;
    }
    transform_inverse(c->transform, y, y, c->workspace);
    free(drift);
}

/* For a free field the nonlinear part vanishes, for any training data. */
static void test_free_field(void **state) {
    (void)state;
    static const size_t extents[] = {6, 5};
    enum { V = 30, N = 64 };
    struct fourier *fourier;
    struct error e;
    check(fourier_new(extents, 2, &fourier, &e), &e);
    float *fields = room(N * V, sizeof *fields);
    random_normal_float(random_key(8, "test", "free"), 0, 0, fields, N * V);
    struct fitted f = fitted_new(2, extents, (struct theory){0.2, 0}, fields, N, false);
    double *phi = room(2 * V + fourier_workspace(fourier), sizeof *phi), *gain = phi + V;
    for (size_t p = 0; p < V; p++) {
        f.propagator[p] =
            1 / (2 - 0.8 * cos(2 * M_PI * (double)(p / 5) / 6) - 0.8 * cos(2 * M_PI * (double)(p % 5) / 5));
        gain[p] = sqrt(f.propagator[p]);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t x = 0; x < V; x++) {
            phi[x] = (double)fields[i * V + x];
        }
        fourier_filter(fourier, gain, phi, phi, gain + V);
        for (size_t x = 0; x < V; x++) {
            fields[i * V + x] = (float)phi[x];
        }
    }
    fit(&f, small, levels, 2);
    for (size_t i = 0; i < f.model.levels * f.model.features.count; i++) {
        if (!(fabs(f.model.coefficients[i]) < 1e-5)) {
            fail_msg("coefficient %zu is %g, expected 0", i, f.model.coefficients[i]);
        }
    }
    for (size_t k = 0; k < f.model.levels; k++) {
        assert_true(fabs(f.model.gain[k]) < 1e-9);
    }
    assert_true(fabs(effective_model_gain(&f.model)) < 1e-8);
    double log_q[N], log_w[N];
    propose(&f, 8, 1, N, fields, log_q, log_w);
    assert_true(deviation_of(log_w, N) < 1e-3);
    free(phi);
    fourier_free(fourier);
    fitted_free(&f);
}

/* The distribution of a single site, exp(-A phi^2 - lambda phi^4), by quadrature. */
struct site {
    double A, lambda;
};
enum { GRID = 4001 };
static const double reach = 6;

static double site_density(const struct site *site, double phi) {
    return exp(-site->A * phi * phi - site->lambda * phi * phi * phi * phi);
}

static double site_square(const struct site *site) {
    double sum = 0, square = 0;
    for (int i = 0; i < GRID; i++) {
        const double phi = -reach + 2 * reach * i / (GRID - 1);
        sum += site_density(site, phi);
        square += phi * phi * site_density(site, phi);
    }
    return square / sum;
}

/* d ln p_s(y)/dy of the distribution with noise s. */
static double site_score(const struct site *site, double s, double y) {
    double sum = 0, slope = 0;
    for (int i = 0; i < GRID; i++) {
        const double phi = -reach + 2 * reach * i / (GRID - 1),
                     w = site_density(site, phi) * exp(-(y - phi) * (y - phi) / (2 * s * s));
        sum += w;
        slope -= w * (y - phi) / (s * s);
    }
    return slope / sum;
}

/* Independent draws by the inverse of the cumulative distribution. */
static float *site_draws(const struct site *site, size_t count) {
    static double below[GRID];
    double *u = room(count, sizeof *u);
    float *phi = room(count, sizeof *phi);
    random_uniform(random_key(9, "test", "sites"), 0, 0, u, count);
    for (int i = 1; i < GRID; i++) {
        below[i] = below[i - 1] + site_density(site, -reach + 2 * reach * (i - 0.5) / (GRID - 1));
    }
    for (size_t k = 0; k < count; k++) {
        int low = 0, high = GRID - 1;
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            *(below[middle] <= u[k] * below[GRID - 1] ? &low : &high) = middle;
        }
        const double share = (u[k] * below[GRID - 1] - below[low]) / (below[high] - below[low]);
        phi[k] = (float)(-reach + 2 * reach * (low + share) / (GRID - 1));
    }
    free(u);
    return phi;
}

/* For independent sites the local terms are exact: the score is that of quadrature, and weights become equal as the
 * basis grows. */
static void test_independent_sites(void **state) {
    (void)state;
    enum { V = 16, COUNTED = 2048 };
    static const int powers[] = {1, 3, 9};
    static const size_t extents[] = {4, 4};
    const struct site site = {0.4, 0.3};
    const struct theory theory = {0, 0.3};
    double before = INFINITY;
    struct fitted f = fitted_new(2, extents, theory, site_draws(&site, COUNTED * V), COUNTED, false);
    for (size_t p = 0; p < V; p++) {
        f.propagator[p] = site_square(&site);
    }
    for (int k = 0; k < 3; k++) {
        enum { PROPOSALS = 512 };
        const struct effective_families local = {.local = powers[k]};
        fit(&f, local,
            (struct effective_fit_settings){
                .lowest = 0.02, .highest = 6, .levels = 24, .mixed = true, .ridge = 1e-8, .seed = 1},
            2);
        float *phi = room(PROPOSALS * V, sizeof *phi);
        double log_q[PROPOSALS], log_w[PROPOSALS];
        propose(&f, 24, 2, PROPOSALS, phi, log_q, log_w);
        const double width = deviation_of(log_w, PROPOSALS) / sqrt((double)V);
        if (!(width < 0.6 * before)) {
            fail_msg("with powers up to %d log w has a spread of %g per site, with fewer %g", powers[k], width, before);
        }
        before = width;
        free(phi);
    }
    assert_true(before < 0.02);
    for (size_t k = 0; k < f.model.levels; k += 6) {
        const double s = exp(f.model.log_s[k]), width = sqrt(f.propagator[0] + s * s);
        struct scene c = scene_new(&f.model, s, f.model.coefficients + k * f.model.features.count);
        struct transform_site *y = transform_allocate(V);
        assert_non_null(y);
        memset(y, 0, V * sizeof *y);
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            *transform_field(&y[V - 1], i) =
                (float)(width * 2.5 * ((double)i / (TRANSFORM_FIELDS - 1) * 2 - 1)); /* to 2.5 deviations */
        }
        float in[TRANSFORM_FIELDS];
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            in[i] = *transform_field(&y[V - 1], i);
        }
        score_of(&c, y);
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            const double expected = site_score(&site, s, (double)in[i]), found = (double)*transform_field(&y[V - 1], i);
            if (!(fabs(found - expected) * width < 0.06)) {
                fail_msg("s = %g, y = %g: score %g, by quadrature %g", s, (double)in[i], found, expected);
            }
        }
        free(y);
        scene_free(&c);
    }
    fitted_free(&f);
}

/* At low noise the score approaches the force of the action. */
static void test_force(void **state) {
    (void)state;
    struct geometry *g;
    struct error e;
    check(geometry_new(shared.model.extents, 2, &g, &e), &e);
    fit(&shared, rich,
        (struct effective_fit_settings){
            .lowest = 0.01, .highest = 10, .levels = 20, .mixed = true, .ridge = 1e-8, .seed = 3},
        2);
    const size_t which[] = {10, 6, 0};
    double before = INFINITY;
    for (int k = 0; k < 3; k++) {
        struct scene c = scene_new(&shared.model, exp(shared.model.log_s[which[k]]),
                                   shared.model.coefficients + which[k] * shared.model.features.count);
        struct transform_site *y = transform_allocate(SITES);
        double phi[SITES], force[SITES], square = 0, error = 0;
        assert_non_null(y);
        for (size_t x = 0; x < SITES; x++) {
            for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
                *transform_field(&y[x], i) = shared.fields[i * SITES + x];
            }
        }
        score_of(&c, y);
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            for (size_t x = 0; x < SITES; x++) {
                phi[x] = (double)shared.fields[i * SITES + x];
            }
            action_force(g, &shared.theory, phi, force);
            for (size_t x = 0; x < SITES; x++) {
                square += force[x] * force[x];
                error += pow((double)*transform_field(&y[x], i) - force[x], 2);
            }
        }
        error = sqrt(error / square);
        if (!(error < 0.7 * before)) {
            fail_msg("s = %g: the score differs from the force by %g, by %g before", c.filters.s, error, before);
        }
        before = error;
        free(y);
        scene_free(&c);
    }
    if (!(before < 0.02)) {
        fail_msg("at the lowest noise the score differs from the force by %g", before);
    }
    fit(&shared, small, levels, 2);
    geometry_free(g);
}

/* <phi^2> of a one-dimensional lattice from powers of the transfer matrix. */
static double transfer_square(struct theory theory, size_t length) {
    enum { N = 97 };
    static double T[N][N], P[N][N], Q[N][N];
    double trace = 0, square = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            const double a = -4 + 8.0 * i / (N - 1), b = -4 + 8.0 * j / (N - 1);
            T[i][j] = P[i][j] = exp(2 * theory.kappa * a * b - 0.5 * ((1 - 2 * theory.lambda) * (a * a + b * b) +
                                                                      theory.lambda * (a * a * a * a + b * b * b * b)));
        }
    }
    for (size_t l = 1; l < length; l++) {
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                Q[i][j] = 0;
                for (int k = 0; k < N; k++) {
                    Q[i][j] += P[i][k] * T[k][j];
                }
            }
        }
        memcpy(P, Q, sizeof P);
    }
    for (int i = 0; i < N; i++) {
        const double a = -4 + 8.0 * i / (N - 1);
        trace += P[i][i];
        square += a * a * P[i][i];
    }
    return square / trace;
}

static void test_transfer_matrix(void **state) {
    (void)state;
    enum { L = 8, N = 4096 };
    static const size_t extents[] = {L};
    const struct theory theory = {0.35, 0.4};
    static float phi[N * L];
    static double log_q[N], log_w[N], square[N];
    struct fitted f = fitted_new(1, extents, theory, hmc(1, extents, theory, 2048, 40), 2048, false);
    fit(&f, small, levels, 2);
    propose(&f, 16, 4, N, phi, log_q, log_w);
    for (size_t i = 0; i < N; i++) {
        for (size_t x = 0; x < L; x++) {
            square[i] += (double)phi[i * L + x] * (double)phi[i * L + x] / L;
        }
    }
    double error;
    const double found = reweighted(log_w, square, N, &error), expected = transfer_square(theory, L);
    if (!(fabs(found - expected) < 4 * error && error < 0.01 * expected)) {
        fail_msg("<phi^2> = %g +- %g, expected %g", found, error, expected);
    }
    assert_true(deviation_of(log_w, N) < 0.3);
    fitted_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_field),
        cmocka_unit_test(test_independent_sites),
        cmocka_unit_test(test_force),
        cmocka_unit_test(test_transfer_matrix),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
