/* The effective-action model as it is fitted, refined and drawn from, where results are known: free fields, independent
 * sites and single ones by quadrature, the action's force at low noise, chains by their transfer matrix, one phase;
 * divergences against differences, features against their sum, the flow against its reverse and against finer steps;
 * and bits: of any number of threads, on any instruction set. */
#include "score/effective_levels.h"
#include "tests/score/effective.h"

static const struct effective_families small = {.local = 5, .kernels = 1, .pair = 3, .linear_pairs = 1, .zero = 5},
                                       rich = {.local = 9, .kernels = 2, .pair = 7, .linear_pairs = 3, .zero = 7},
                                       even = {.even = true, .local = 5, .kernels = 2, .pair = 4, .linear_pairs = 2};
static const struct effective_fit_settings levels = {
    .lowest = 0.05, .highest = 10, .levels = 12, .mixed = true, .ridge = 1e-6, .seed = 3};

enum { COUNT = 768, SIDE = 8, SITES = SIDE * SIDE };
static struct fitted shared; /* 8x8 at kappa = 0.24, in the small basis */

static int set_up(void **state) {
    (void)state;
    static const size_t extents[] = {SIDE, SIDE};
    const struct theory theory = {0.24, 0.022};
    shared = fitted_new(2, extents, theory, hmc(2, extents, theory, COUNT, 60), COUNT, false);
    fit(&shared, small, levels, 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fitted_free(&shared);
    return 0;
}

static float *lane(struct transform_site *site, size_t field) {
    return (float *)(field < WIDE_LANES ? &site->re : &site->im) + field % WIDE_LANES;
}

/* --- one noise level ----------------------------------------------------------------------------- */

/* A level of a model at noise s, with its scratch. */
struct scene {
    struct effective_lattices *lattices;
    const struct transform *transform; /* of the whole lattice */
    struct effective_filters filters;
    struct effective_level *level;
    struct transform_site *workspace;
};

static struct scene scene_new(const struct effective_model *m, double s, const double *coefficients) {
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

static void scene_free(struct scene *c) {
    free(c->workspace);
    effective_level_free(c->level);
    effective_filters_release(&c->filters);
    effective_lattices_release(c->lattices);
    free(c->lattices);
}

/* score[V] of a pack of fields y[V], both in position space; in place. */
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

/* Coefficients of order one, the same for every run. */
static void some_coefficients(size_t count, double *a) {
    random_normal(random_key(5, "test", "coefficients"), 0, 0, a, count);
    for (size_t i = 0; i < count; i++) {
        a[i] *= 0.3;
    }
}

/* The trace of d drift(x)/d xi(x), site by site, for every field of a pack. */
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
            trace[i] += ((double)*lane(&drift[x], i) - (double)*lane(&minus[x], i)) / (2 * h * (double)V);
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

/* The features one by one, times their coefficients, are the level's drift and divergence. */
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
                sum += a[f] * (double)*lane(&feature[f * V + p], i);
            }
            sum *= -s * s / c.filters.root[p];
            scale = fmax(scale, fabs(sum));
            error = fmax(error, fabs(sum - (double)*lane(&drift[p], i)));
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
    /* features are the same when no divergence is wanted */
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

/* --- where the result is known ------------------------------------------------------------------- */

/* A free field: nothing is left to the nonlinear part, whatever was drawn. */
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

/* The single-site law exp(-A phi^2 - lambda phi^4) by quadrature. */
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

/* d ln p_s(y)/dy of the law blurred by noise s. */
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

/* Independent draws by the inverse of the distribution. */
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

/* The local term is exact where sites are independent: the score by quadrature, and weights that all become equal as
 * the basis grows. */
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
            fail_msg("powers to %d leave a spread of log w of %g a site, fewer %g", powers[k], width, before);
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
            *lane(&y[V - 1], i) =
                (float)(width * 2.5 * ((double)i / (TRANSFORM_FIELDS - 1) * 2 - 1)); /* to 2.5 deviations */
        }
        float in[TRANSFORM_FIELDS];
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            in[i] = *lane(&y[V - 1], i);
        }
        score_of(&c, y);
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            const double expected = site_score(&site, s, (double)in[i]), found = (double)*lane(&y[V - 1], i);
            if (!(fabs(found - expected) * width < 0.06)) {
                fail_msg("s = %g, y = %g: score %g, by quadrature %g", s, (double)in[i], found, expected);
            }
        }
        free(y);
        scene_free(&c);
    }
    fitted_free(&f);
}

/* The lower the noise, the closer the score to the action's force. */
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
                *lane(&y[x], i) = shared.fields[i * SITES + x];
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
                error += pow((double)*lane(&y[x], i) - force[x], 2);
            }
        }
        error = sqrt(error / square);
        if (!(error < 0.7 * before)) {
            fail_msg("s = %g: %g off the force, %g before", c.filters.s, error, before);
        }
        before = error;
        free(y);
        scene_free(&c);
    }
    if (!(before < 0.02)) {
        fail_msg("at the lowest noise still %g off the force", before);
    }
    fit(&shared, small, levels, 2);
    geometry_free(g);
}

/* A chain of eight sites in d = 1: <phi^2> by powers of its transfer matrix. */
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

/* --- the flow ------------------------------------------------------------------------------------ */

/* Up from what was drawn the flow finds the density of the way down; twice the steps move neither. */
static void test_up_and_down(void **state) {
    (void)state;
    enum { N = 48 };
    static float phi[N * SITES], fine[N * SITES];
    double down[N], up[N], finer[N], finest[N], w[4][N], change[N], coarse[N];
    struct effective_flow *flow;
    struct error e;
    propose(&shared, 24, 5, N, phi, down, w[0]);
    check(effective_flow_new(&shared.model, 24, 1, 1, &flow, &e), &e);
    const struct effective_flow_work work = {NULL, 0, N, 2, phi, up, &never, NULL};
    memcpy(fine, phi, sizeof phi);
    check(effective_flow_run(flow, &work, &e), &e);
    assert_memory_equal(fine, phi, sizeof phi); /* given fields are left alone */
    for (size_t i = 0; i < N; i++) {
        if (!(fabs(up[i] - down[i]) < 2e-3)) {
            fail_msg("field %zu: log q %.9g up, %.9g down", i, up[i], down[i]);
        }
    }
    assert_int_equal(effective_flow_evaluations(flow), 96);
    effective_flow_free(flow);
    propose(&shared, 48, 5, N, fine, finer, w[1]);
    propose(&shared, 6, 5, N, fine, finest, w[2]);
    for (size_t i = 0; i < N; i++) {
        change[i] = w[1][i] - w[0][i];
        coarse[i] = w[2][i] - w[0][i];
    }
    assert_true(deviation_of(change, N) < 0.003);
    assert_true(deviation_of(change, N) < deviation_of(coarse, N) / 16); /* fourth order: 256, to single precision */
}

/* Field i is a function of its number: threads do not matter, nor, but for rounding, where a run begins. */
static void test_numbers(void **state) {
    (void)state;
    enum { N = 70, FIRST = TRANSFORM_FIELDS, PART = 20 };
    static float phi[N * SITES], part[PART * SITES];
    double log_q[N], part_q[PART];
    const struct random_key key = random_key(5, "test", "effective");
    struct effective_flow *flow;
    struct error e;
    propose(&shared, 4, 5, N, phi, log_q, NULL);
    check(effective_flow_new(&shared.model, 4, 1, 1, &flow, &e), &e);
    for (int threads = 1; threads <= 3; threads++) {
        const struct effective_flow_work work = {&key, FIRST, PART, threads, part, part_q, &never, NULL};
        check(effective_flow_run(flow, &work, &e), &e);
        assert_memory_equal(part, phi + FIRST * SITES, sizeof part);
        assert_memory_equal(part_q, log_q + FIRST, sizeof part_q);
    }
    const struct effective_flow_work shifted = {&key, FIRST + 1, PART, 2, part, part_q, &never, NULL};
    check(effective_flow_run(flow, &shifted, &e), &e);
    for (size_t i = 0; i < PART; i++) {
        assert_true(fabs(part_q[i] - log_q[FIRST + 1 + i]) < 1e-3);
    }
    for (size_t i = 0; i < PART * SITES; i++) {
        assert_true(fabsf(part[i] - phi[(FIRST + 1) * SITES + i]) < 1e-5f);
    }
    const volatile sig_atomic_t now = 1;
    const struct effective_flow_work work = {&key, 0, PART, 2, part, part_q, &now, NULL};
    assert_int_equal(effective_flow_run(flow, &work, &e), STATUS_FAILED);
    assert_string_equal(e.message, "interrupted while following the flow");
    effective_flow_free(flow);
}

/* A field that is not finite has no density, and costs the others nothing. */
static void test_not_finite(void **state) {
    (void)state;
    enum { N = 3 };
    float phi[N * SITES];
    double log_q[N], alone[N];
    struct effective_flow *flow;
    struct error e;
    memcpy(phi, shared.fields, sizeof phi);
    check(effective_flow_new(&shared.model, 4, 1, 1, &flow, &e), &e);
    const struct effective_flow_work work = {NULL, 0, N, 1, phi, log_q, &never, NULL},
                                     again = {NULL, 0, N, 1, phi, alone, &never, NULL};
    check(effective_flow_run(flow, &work, &e), &e);
    phi[SITES + 3] = NAN;
    check(effective_flow_run(flow, &again, &e), &e);
    assert_true(isnan(alone[1]) && alone[0] == log_q[0] && alone[2] == log_q[2]);
    effective_flow_free(flow);
}

/* In the broken phase: either sign as often, the density of the mixture, and the magnetization of the ensemble. */
static void test_one_phase(void **state) {
    (void)state;
    enum { N = 2048, DATA = 512 };
    static const size_t extents[] = {SIDE, SIDE};
    const struct theory theory = {0.32, 0.022};
    static float phi[N * SITES];
    static double log_q[N], log_w[N], M[N];
    struct fitted f = fitted_new(2, extents, theory, hmc(2, extents, theory, DATA, 60), DATA, true);
    fit(&f, even, levels, 2);
    propose(&f, 16, 6, N, phi, log_q, log_w);
    size_t negative = 0, rejected = 0;
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t x = 0; x < SITES; x++) {
            sum += (double)phi[i * SITES + x] / SITES;
        }
        negative += sum < 0;
        rejected += isinf(log_w[i]) != 0;
        M[i] = isinf(log_w[i]) ? 0 : fabs(sum);
    }
    assert_true(fabs((double)negative - N / 2) < 4 * sqrt(N / 4.0));
    assert_true(rejected < N / 100);
    double error, spread = 0;
    const double found = reweighted(log_w, M, N, &error);
    for (size_t i = 0; i < DATA; i++) {
        double sum = 0;
        for (size_t x = 0; x < SITES; x++) {
            sum += (double)f.fields[i * SITES + x] / SITES;
        }
        spread += sum * sum / DATA / DATA;
    }
    if (!(fabs(found - f.model.mean) < 4 * hypot(error, sqrt(spread)))) {
        fail_msg("|M| = %g +- %g, in the ensemble %g +- %g", found, error, f.model.mean, sqrt(spread));
    }
    /* sign-flipped, a field has the same density */
    enum { SOME = 8 };
    double own[SOME], turned[SOME];
    struct effective_flow *flow;
    struct error e;
    check(effective_flow_new(&f.model, 16, 1, 1, &flow, &e), &e);
    const struct effective_flow_work work = {NULL, 0, SOME, 1, phi, own, &never, NULL},
                                     other = {NULL, 0, SOME, 1, phi, turned, &never, NULL};
    check(effective_flow_run(flow, &work, &e), &e);
    for (size_t i = 0; i < SOME * SITES; i++) {
        phi[i] = -phi[i];
    }
    check(effective_flow_run(flow, &other, &e), &e);
    assert_memory_equal(own, turned, sizeof own);
    for (size_t i = 0; i < SOME; i++) {
        assert_true(isnan(log_q[i]) || fabs(own[i] - log_q[i]) < 5e-3);
    }
    effective_flow_free(flow);
    fitted_free(&f);
}

/* --- fit and refinement -------------------------------------------------------------------------- */

static size_t coefficients_size(const struct effective_model *m) {
    return m->levels * m->features.count * sizeof(double);
}

static void test_threads(void **state) {
    (void)state;
    double *one = room(1, coefficients_size(&shared.model)), gain[12];
    fit(&shared, small, levels, 1);
    memcpy(one, shared.model.coefficients, coefficients_size(&shared.model));
    memcpy(gain, shared.model.gain, sizeof gain);
    for (int threads = 2; threads <= 3; threads++) {
        fit(&shared, small, levels, threads);
        assert_memory_equal(one, shared.model.coefficients, coefficients_size(&shared.model));
        assert_memory_equal(gain, shared.model.gain, sizeof gain);
    }
    free(one);
}

static void test_interrupted(void **state) {
    (void)state;
    const volatile sig_atomic_t now = 1;
    struct effective_model m = shared.model;
    struct effective_fit_settings settings = levels;
    struct error e;
    settings.theory = shared.theory;
    assert_int_equal(effective_fit(&settings, shared.fields, shared.count, 2, &m, &now, NULL, &e), STATUS_FAILED);
    assert_string_equal(e.message, "interrupted while fitting");
    assert_true(!m.coefficients && !m.log_s && !m.gain);
    const struct effective_refine_settings refine = {shared.theory, 64, 1, 8, 4, 0.3, 1};
    struct effective_refine_result result;
    double *before = room(1, coefficients_size(&shared.model));
    memcpy(before, shared.model.coefficients, coefficients_size(&shared.model));
    assert_int_equal(effective_refine(&refine, 2, &shared.model, &result, &now, &e), STATUS_FAILED);
    assert_string_equal(e.message, "interrupted while refining");
    assert_memory_equal(before, shared.model.coefficients, coefficients_size(&shared.model));
    free(before);
}

/* What is taken lowers the spread of log w, of other proposals too, with the same bits for any threads. */
static void test_refined(void **state) {
    (void)state;
    enum { N = 1024 };
    static float phi[N * SITES];
    static double log_q[N], log_w[N];
    const struct effective_refine_settings settings = {shared.theory, 1024, 2, 10, 4, 0.3, 1};
    struct effective_refine_result result[3];
    struct error e;
    double *one = room(1, coefficients_size(&shared.model));
    propose(&shared, 10, 7, N, phi, log_q, log_w);
    const double before = deviation_of(log_w, N);
    for (int threads = 1; threads <= 3; threads++) {
        fit(&shared, small, levels, 2);
        check(effective_refine(&settings, threads, &shared.model, &result[threads - 1], &never, &e), &e);
        if (threads == 1) {
            memcpy(one, shared.model.coefficients, coefficients_size(&shared.model));
        }
        assert_memory_equal(one, shared.model.coefficients, coefficients_size(&shared.model));
        assert_true(result[threads - 1].before == result[0].before && result[threads - 1].after == result[0].after);
    }
    propose(&shared, 10, 7, N, phi, log_q, log_w);
    const double after = deviation_of(log_w, N);
    assert_true(result[0].rounds > 0 && result[0].after < result[0].before);
    if (!(after < before)) {
        fail_msg("the spread of log w was %g, and refined it is %g", before, after);
    }
    free(one);
    fit(&shared, small, levels, 2);
}

/* More coefficients than proposals, and next to no penalty: what comes out is worse for others, and not taken. */
static void test_not_taken(void **state) {
    (void)state;
    const struct effective_refine_settings settings = {shared.theory, 32, 2, 12, 10, 1e-6, 1};
    struct effective_refine_result result;
    struct error e;
    double *before = room(1, coefficients_size(&shared.model));
    memcpy(before, shared.model.coefficients, coefficients_size(&shared.model));
    check(effective_refine(&settings, 2, &shared.model, &result, &never, &e), &e);
    assert_true(result.rounds == 0 && !(result.after < result.before));
    assert_memory_equal(before, shared.model.coefficients, coefficients_size(&shared.model));
    free(before);
}

/* Fit, refinement and draws: the same bits on every machine. */
static void test_digests(void **state) {
    (void)state;
    enum { N = 40, DATA = 40, V = 24 };
    static const size_t extents[] = {6, 4};
    static const char *const names[] = {"fit", "refinement", "fields", "densities"};
    static const char *const expected[] = {"c8a2a762c3eaa1cb8560a80df75671ae8f122ee132fe3fe456c6800ba78e11d5",
                                           "bbc903c6c27adba3a6ee9df0341104a91b0ddaf2a4ddfc72c1faf697e277da32",
                                           "0f327e4f72528e8bd8b4280d6aa29775ee63655c5ef0cba3d115acd5a560da73",
                                           "082bd2055201ce6d39ce93ff8e33a8779f72ee0a82acc129d0deba1cc7c0a551"};
    const struct theory theory = {0.24, 0.1};
    float *fields = room(DATA * V, sizeof *fields);
    static float phi[N * V];
    double log_q[N];
    char found[4][65];
    struct error e;
    random_normal_float(random_key(1, "test", "digest"), 0, 0, fields, DATA * V);
    struct fitted f = fitted_new(2, extents, theory, fields, DATA, false);
    fit(&f, small,
        (struct effective_fit_settings){
            .lowest = 0.05, .highest = 10, .levels = 4, .mixed = true, .ridge = 1e-6, .seed = 2},
        2);
    sha256(f.model.coefficients, coefficients_size(&f.model), found[0]);
    struct effective_refine_result result;
    const struct effective_refine_settings settings = {theory, 1024, 2, 10, 4, 3, 1};
    check(effective_refine(&settings, 2, &f.model, &result, &never, &e), &e);
    assert_true(result.rounds > 0);
    sha256(f.model.coefficients, coefficients_size(&f.model), found[1]);
    propose(&f, 5, 1, N, phi, log_q, NULL);
    sha256(phi, sizeof phi, found[2]);
    sha256(log_q, sizeof log_q, found[3]);
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        if (strcmp(found[i], expected[i]) != 0) {
            print_message("%s: digest %s\n", names[i], found[i]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    fitted_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divergence),  cmocka_unit_test(test_sum_of_features),
        cmocka_unit_test(test_free_field),  cmocka_unit_test(test_independent_sites),
        cmocka_unit_test(test_force),       cmocka_unit_test(test_transfer_matrix),
        cmocka_unit_test(test_up_and_down), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_not_finite),  cmocka_unit_test(test_one_phase),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_refined),     cmocka_unit_test(test_not_taken),
        cmocka_unit_test(test_digests),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
