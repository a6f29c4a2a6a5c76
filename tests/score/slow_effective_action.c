/* Long exact chains of the effective-action model: in three dimensions against hybrid Monte Carlo, and 10^6 proposals
 * near criticality, none of which may diverge. One and a half minutes on two cores. (One dimension against the transfer
 * matrix: test_effective_exact.c.) */
#include "base/sum.h"
#include "tests/diffusion/exact_chain.h"
#include "tests/score/effective.h"

static const struct effective_families families = {
    .local = 9, .kernels = 2, .pair = 7, .linear_pairs = 3, .zero = 7}; /* the defaults of the stage `train` */

/* Makes a model that is fitted to `count` configurations of hybrid Monte Carlo, and refined. */
static struct fitted make(size_t dimensions, const size_t *extents, struct theory theory, size_t count,
                          size_t trajectories, double highest) {
    struct fitted f =
        fitted_new(dimensions, extents, theory, hmc(dimensions, extents, theory, count, trajectories), count, false);
    const struct effective_refine_settings refine = {
        .theory = theory, .proposals = 2048, .rounds = 2, .steps = 20, .knots = 10, .penalty = 0.3, .seed = 1};
    struct effective_refine_result result;
    struct error e;
    fit(&f, families,
        (struct effective_fit_settings){
            .lowest = 0.1, .highest = highest, .levels = 20, .mixed = true, .ridge = 1e-6, .seed = 1},
        2);
    check(effective_refine(&refine, 2, &f.model, &result, &never, &e), &e);
    print_message("refined in %zu rounds: standard deviation of log w %.4f, before %.4f\n", result.rounds, result.after,
                  result.before);
    return f;
}

/* Draws n proposals in blocks: log_w[n], -INFINITY for rejected ones, and quantity q of proposal i in x[q n + i]. */
static void draw(const struct fitted *f, size_t steps, size_t n, double *log_w, double *x) {
    enum { BLOCK = 128 * TRANSFORM_FIELDS };
    const struct effective_model *m = &f->model;
    const struct random_key key = random_key(7, "test", "effective");
    struct effective_flow *flow;
    struct geometry *g;
    struct error e;
    check(effective_flow_new(m, steps, 1, 2, &flow, &e), &e);
    check(geometry_new(m->extents, m->dimensions, &g, &e), &e);
    float *phi = room(BLOCK * m->volume, sizeof *phi);
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t count = n - at < BLOCK ? n - at : BLOCK;
        const struct effective_flow_work work = {&key, at, count, 2, phi, log_w + at, &never, NULL};
        check(effective_flow_run(flow, &work, &e), &e);
        for (size_t i = 0; i < count; i++) {
            exact_measure(g, &f->theory, phi + i * m->volume, n, x + at + i);
            const double log_q = log_w[at + i];
            log_w[at + i] =
                isnan(log_q) ? -(double)INFINITY : -x[EXACT_ACTION * n + at + i] * (double)m->volume - log_q;
        }
    }
    free(phi);
    geometry_free(g);
    effective_flow_free(flow);
}

/* Runs the chain that uses each proposal once: sets results[EXACT_QUANTITIES], and returns the acceptance. */
static double chain_of(const double *log_w, const double *x, size_t n, struct gamma_result *results) {
    size_t *proposal = room(n, sizeof *proposal), *state = room(n, sizeof *state), accepted = 0;
    unsigned char *taken = room(n, 1);
    double *chain = room(EXACT_QUANTITIES * n, sizeof *chain);
    const struct series series = {chain, EXACT_QUANTITIES, n, 1};
    const struct estimator means = {.values = EXACT_QUANTITIES};
    struct error e;
    independence_fresh(0, n, proposal);
    check(independence_chain(log_w, proposal, n, random_key(7, "test", "accept"), 0, state, taken, &e), &e);
    for (size_t i = 0; i < n; i++) {
        accepted += taken[i];
        for (size_t q = 0; q < EXACT_QUANTITIES; q++) {
            chain[q * n + i] = x[q * n + state[i]];
        }
    }
    check(gamma_method(&series, &means, GAMMA_METHOD_S, results, &e), &e);
    void *all[] = {proposal, state, taken, chain};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    return (double)accepted / (double)n;
}

/* Compares the chain with a long run of hybrid Monte Carlo: within 4 combined errors, which must be below `precision`
 * of the value. */
static void agree(const struct fitted *f, const struct ensemble_plan *plan, const double *log_w, const double *x,
                  size_t n, double least, double precision) {
    struct gamma_result found[EXACT_QUANTITIES];
    double expected[EXACT_QUANTITIES][2];
    const double acceptance = chain_of(log_w, x, n, found);
    struct run reference = run_ensemble(f->model.extents, f->model.dimensions, plan);
    exact_expected(&reference, expected);
    run_free(&reference);
    print_message("acceptance %.4f of %zu\n", acceptance, n);
    for (int q = 0; q < EXACT_QUANTITIES; q++) {
        const double error = hypot(found[q].error, expected[q][1]);
        print_message("  %-6s %.6f +- %.6f, by HMC %.6f +- %.6f (%+.1f sigma), tau_int %.2f\n", exact_name[q],
                      found[q].value, found[q].error, expected[q][0], expected[q][1],
                      (found[q].value - expected[q][0]) / error, found[q].tau_int);
        if (!(fabs(found[q].value - expected[q][0]) < 4 * error && error < precision * fabs(expected[q][0]))) {
            fail_msg("%s is %.6f +- %.6f, by HMC %.6f +- %.6f", exact_name[q], found[q].value, found[q].error,
                     expected[q][0], expected[q][1]);
        }
    }
    if (!(acceptance > least)) {
        fail_msg("acceptance %g, expected more than %g", acceptance, least);
    }
}

static void three_dimensions(void **state) {
    (void)state;
    enum { N = 65536 };
    static const size_t extents[] = {8, 8, 8};
    const struct theory theory = {0.15, 0.022};
    struct ensemble_plan plan = default_plan();
    double *log_w = room(N, sizeof *log_w), *x = room(EXACT_QUANTITIES * N, sizeof *x);
    struct fitted f = make(3, extents, theory, 4096, 100, 10);
    draw(&f, 16, N, log_w, x);
    plan.sampler.theory = theory;
    plan.chains = 256;
    plan.measurements = 512;
    plan.stride = 6;
    agree(&f, &plan, log_w, x, N, 0.97, 0.01);
    fitted_free(&f);
    free(log_w);
    free(x);
}

/* On 12x12 at kappa = 0.27 the lattice is as large as the correlation length, and its zero mode has two wells. */
static void no_diverging_proposals(void **state) {
    (void)state;
    enum { N = 1000000 };
    static const size_t extents[] = {12, 12};
    const struct theory theory = {0.27, 0.022};
    struct ensemble_plan plan = default_plan();
    double *log_w = room(N, sizeof *log_w), *x = room(EXACT_QUANTITIES * N, sizeof *x);
    struct fitted f = make(2, extents, theory, 4096, 600, 30);
    draw(&f, 12, N, log_w, x);
    double largest = -INFINITY, sum = 0, square = 0, most = 0;
    size_t rejected = 0;
    for (size_t i = 0; i < N; i++) {
        rejected += isinf(log_w[i]) && log_w[i] < 0;
        assert_false(isnan(log_w[i]) || (isinf(log_w[i]) && log_w[i] > 0));
        largest = fmax(largest, log_w[i]);
    }
    for (size_t i = 0; i < N; i++) {
        const double w = exp(log_w[i] - largest);
        sum += w;
        square += w * w;
        most = fmax(most, fabs(x[EXACT_ABS_M * N + i]));
    }
    print_message("10^6 proposals: %zu rejected, ESS %.4f, largest weight %.1f means, |M| up to %.2f\n", rejected,
                  sum * sum / (N * square), N / sum, most);
    assert_true(rejected == 0); /* all are finite */
    assert_true(sum * sum / (N * square) > 0.99);
    assert_true(N / sum < 10); /* the largest weight over the mean, the scale of the longest stay in one state */
    plan.sampler.theory = theory;
    plan.chains = 256;
    plan.measurements = 512;
    plan.thermalisation = 2000;
    plan.stride = 20;
    agree(&f, &plan, log_w, x, N, 0.97, 0.01);
    fitted_free(&f);
    free(log_w);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_dimensions), cmocka_unit_test(no_diverging_proposals)};
    return cmocka_run_group_tests_name("effective action", tests, NULL, NULL);
}
