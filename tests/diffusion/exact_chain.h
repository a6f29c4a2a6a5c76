/* The exactness of chains of independent proposals: with proposals that are wrong on purpose (a Gaussian field with the
 * propagator of a small ensemble, with a factor for each mode) they must give the equilibrium values of the interacting
 * theory on 8x8. */
#ifndef DMSQ_TESTS_DIFFUSION_EXACT_CHAIN_H
#define DMSQ_TESTS_DIFFUSION_EXACT_CHAIN_H

#include "score/gaussian.h"
#include "lattice/fourier.h"
#include "statistics/gamma_method.h"
#include "statistics/independence.h"
#include "tests/score/models.h"
#include "tests/lattice/run_ensemble.h"

enum { EXACT_PHI2, EXACT_ACTION, EXACT_CHI2, EXACT_ABS_M, EXACT_QUANTITIES };
static const char *const exact_name[EXACT_QUANTITIES] = {"phi2", "action", "chi2", "|M|"};

static inline void exact_measure(const struct geometry *g, const struct theory *theory, const float *phi, size_t stride,
                                 double *x) {
    const struct configuration_means m = configuration_measure_float(g, theory, phi);
    x[EXACT_PHI2 * stride] = m.square;
    x[EXACT_ACTION * stride] = m.action;
    x[EXACT_CHI2 * stride] = (double)g->volume * m.field * m.field; /* <M> = 0 by symmetry */
    x[EXACT_ABS_M * stride] = fabs(m.field);
}

/* A reference ensemble by HMC, of chains x measurements configurations. */
static inline struct run exact_ensemble(double kappa, uint64_t chains, uint64_t measurements, uint64_t seed) {
    struct ensemble_plan plan = default_plan();
    plan.sampler.theory.kappa = kappa;
    plan.sampler.seed = seed;
    plan.chains = chains;
    plan.measurements = measurements;
    plan.thermalisation = 400;
    plan.stride = 5;
    return run_ensemble((size_t[]){8, 8}, 2, &plan);
}

/* The model of the proposals: the measured propagator with every mode multiplied by `wrong`. */
static inline struct score_model exact_model(const struct run *r, double wrong) {
    struct score_model m = model_new(&score_gaussian, 2, (size_t[]){8, 8});
    struct fourier *f;
    struct error e = {0};
    assert_ok(fourier_new(m.extents, 2, &f, &e));
    double *phi = test_reals(m.volume), *power = test_reals(m.volume), *work = test_reals(fourier_workspace(f));
    for (size_t i = 0; i < r->count; i++) {
        for (size_t x = 0; x < m.volume; x++) {
            phi[x] = (double)r->data.phi[i * m.volume + x];
        }
        fourier_power(f, phi, power, work);
        for (size_t p = 0; p < m.volume; p++) {
            m.propagator[p] += wrong * power[p] / (double)r->count;
        }
    }
    fourier_symmetrise(f, m.propagator, work);
    fourier_free(f);
    free(phi);
    free(power);
    free(work);
    return m;
}

/* Runs a chain of n proposals; sets results[EXACT_QUANTITIES] and, for comparison, means over the proposals. Returns
 * the acceptance. */
static inline double exact_chain(const struct score_model *m, double kappa, size_t n, uint64_t seed,
                                 struct gamma_result *results, double *proposed) {
    static const volatile sig_atomic_t never = 0;
    enum { BLOCK = 4096 };
    const struct theory theory = {kappa, 0.022};
    struct geometry *g;
    struct error e = {0};
    assert_ok(geometry_new(m->extents, 2, &g, &e));
    float *phi = test_floats(BLOCK * m->volume);
    double *log_w = test_reals(n), *x = test_reals(EXACT_QUANTITIES * n), *chain = test_reals(EXACT_QUANTITIES * n);
    size_t *proposal = test_alloc(n, sizeof *proposal), *state = test_alloc(n, sizeof *state), accepted = 0;
    unsigned char *taken = test_alloc(n, 1);
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t count = n - at < BLOCK ? n - at : BLOCK;
        assert_ok(gaussian_sample(m, seed, at, count, 2, phi, log_w + at, &never, &e));
        for (size_t i = 0; i < count; i++) {
            exact_measure(g, &theory, phi + i * m->volume, n, x + at + i);
            log_w[at + i] = -x[EXACT_ACTION * n + at + i] * (double)m->volume - log_w[at + i];
        }
    }
    independence_fresh(0, n, proposal);
    assert_ok(independence_chain(log_w, proposal, n, random_key(seed, "test", "accept"), 0, state, taken, &e));
    const size_t skip = n / 100, kept = n - skip; /* it starts at a proposal */
    for (size_t q = 0; q < EXACT_QUANTITIES; q++) {
        proposed[q] = sum_tree(x + q * n, n) / (double)n;
        for (size_t i = 0; i < kept; i++) {
            chain[q * kept + i] = x[q * n + state[skip + i]];
        }
    }
    for (size_t i = 0; i < n; i++) {
        accepted += taken[i];
    }
    const struct series series = {chain, EXACT_QUANTITIES, kept, 1};
    const struct estimator means = {.values = EXACT_QUANTITIES};
    assert_ok(gamma_method(&series, &means, GAMMA_METHOD_S, results, &e));
    geometry_free(g);
    void *all[] = {phi, log_w, x, chain, proposal, state, taken};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    return (double)accepted / (double)n;
}

/* Compares the chain with expected[q] = {value, error}, within `sigmas`. The proposals must differ: their action is off
 * by at least `wrong` times the chain's error. */
static inline void assert_exact(const struct score_model *m, double kappa, size_t n, uint64_t seed,
                                const double expected[EXACT_QUANTITIES][2], double sigmas, double wrong) {
    struct gamma_result r[EXACT_QUANTITIES];
    double proposed[EXACT_QUANTITIES];
    const double acceptance = exact_chain(m, kappa, n, seed, r, proposed);
    print_message("kappa %.2f: acceptance %.3f of %zu\n", kappa, acceptance, n);
    for (int q = 0; q < EXACT_QUANTITIES; q++) {
        const double error = hypot(r[q].error, expected[q][1]);
        print_message("  %-6s %.6f +- %.6f, expected %.6f +- %.6f (%+.1f sigma), proposals %.6f\n", exact_name[q],
                      r[q].value, r[q].error, expected[q][0], expected[q][1], (r[q].value - expected[q][0]) / error,
                      proposed[q]);
        if (!(fabs(r[q].value - expected[q][0]) < sigmas * error)) {
            fail_msg("kappa %.2f: %s is %.6f +- %.6f, expected %.6f +- %.6f", kappa, exact_name[q], r[q].value,
                     r[q].error, expected[q][0], expected[q][1]);
        }
    }
    assert_true(fabs(proposed[EXACT_ACTION] - expected[EXACT_ACTION][0]) > wrong * r[EXACT_ACTION].error);
}

/* Sets expected to the results of a reference run. */
static inline void exact_expected(const struct run *r, double expected[EXACT_QUANTITIES][2]) {
    double *x = test_reals(EXACT_QUANTITIES * r->count);
    for (size_t i = 0; i < r->count; i++) {
        exact_measure(r->geometry, &r->plan.sampler.theory, r->data.phi + i * r->geometry->volume, r->count, x + i);
    }
    for (size_t q = 0; q < EXACT_QUANTITIES; q++) {
        const struct estimate found = estimate_chains(x + q * r->count, r->plan.chains, r->plan.measurements);
        expected[q][0] = found.mean;
        expected[q][1] = found.error;
    }
    free(x);
}

/* 8x8, kappa = 0.21, from 640 independent chains of another implementation: phi2, action, chi2, |M|. */
static const double exact_symmetric[EXACT_QUANTITIES][2] = {
    {0.622682, 0.000074}, {0.475785, 0.000039}, {2.58354, 0.00299}, {0.160583, 0.000097}};

#endif
