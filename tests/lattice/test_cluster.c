/* cluster.h and the global Metropolis proposal against exact results: flips of signs at fixed |phi| on 3x2 sites, their
 * frequencies and detailed balance, by enumeration of all 64 sign patterns; sweeps of larger lattices by their
 * definition; and complete samplers on 2x2 sites, where every pair is joined by two bonds, by quadrature over all
 * fields.
 *
 * Seeds are fixed; limits are 4 standard errors, for chi^2 4 standard deviations. */
#include <stdbool.h>
#include <string.h>

#include "lattice/cluster.h"
#include "tests/lattice/run_ensemble.h"

#define SIGMAS 4.0

/* Probability of each sign pattern (bit x: site x is positive) for fixed magnitudes. */
static void pattern_weights(const struct geometry *g, const struct theory *theory, const double *magnitude, double *p) {
    const size_t patterns = (size_t)1 << g->volume;
    double norm = 0.0, phi[16];
    for (size_t i = 0; i < patterns; i++) {
        for (size_t x = 0; x < g->volume; x++) {
            phi[x] = i >> x & 1 ? magnitude[x] : -magnitude[x];
        }
        p[i] = exp(-action(g, theory, phi));
        norm += p[i];
    }
    for (size_t i = 0; i < patterns; i++) {
        p[i] /= norm;
    }
}

/* Checks that chi^2 of `terms` independent terms is within its statistical error of its mean. */
static void assert_chi2(double chi2, double terms, const char *what) {
    if (fabs(chi2 - terms) > SIGMAS * sqrt(2.0 * terms)) {
        fail_msg("%s: chi^2 %.1f of %.0f terms", what, chi2, terms);
    }
}

/* Many sweeps from patterns drawn from their exact distribution: the distribution does not change, and transitions
 * between two patterns are equally frequent in both directions. Magnitudes do not change. */
static void signs_of_frozen_magnitudes(void **state) {
    (void)state;
    enum { V = 6, PATTERNS = 64, SWEEPS = 20000 };
    const double magnitude[V] = {0.9, 1.4, 0.3, 1.1, 0.7, 1.6};
    const double kappas[] = {0.12, -0.15};
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new((size_t[]){3, 2}, 2, &g, &e), STATUS_OK);
    struct cluster_flips *c = cluster_flips_new(g);
    assert_non_null(c);
    const struct random_key bonds = random_key(5, "test", "bonds"), flips = random_key(5, "test", "flips");
    const struct random_key draws = random_key(5, "test", "draws");
    for (int k = 0; k < 2; k++) {
        double p[PATTERNS];
        pattern_weights(g, &(struct theory){kappas[k], 0.0}, magnitude, p);
        static double flow[PATTERNS][PATTERNS];
        memset(flow, 0, sizeof flow);
        for (uint64_t sweep = 0; sweep < SWEEPS; sweep++) {
            double uniform[LATTICE_LANES], phi[V * LATTICE_LANES];
            size_t from[LATTICE_LANES];
            random_uniform_lanes(draws, 0, sweep, uniform, 1);
            for (int l = 0; l < LATTICE_LANES; l++) {
                size_t i = 0;
                for (double sum = p[0]; sum < uniform[l] && i + 1 < PATTERNS; sum += p[i]) {
                    i++;
                }
                from[l] = i;
                for (size_t x = 0; x < V; x++) {
                    phi[x * LATTICE_LANES + (size_t)l] = i >> x & 1 ? magnitude[x] : -magnitude[x];
                }
            }
            cluster_flips_sweep(c, kappas[k], bonds, flips, 0, sweep, phi);
            for (int l = 0; l < LATTICE_LANES; l++) {
                size_t to = 0;
                for (size_t x = 0; x < V; x++) {
                    const double value = phi[x * LATTICE_LANES + (size_t)l];
                    assert_true(fabs(value) == magnitude[x]);
                    to |= value > 0.0 ? (size_t)1 << x : 0;
                }
                flow[from[l]][to] += 1.0;
            }
        }
        const double n = (double)SWEEPS * LATTICE_LANES;
        double chi2 = 0.0, balance = 0.0, pairs = 0.0;
        for (size_t i = 0; i < PATTERNS; i++) {
            double arrived = 0.0;
            for (size_t j = 0; j < PATTERNS; j++) {
                arrived += flow[j][i];
                if (j < i && flow[i][j] + flow[j][i] > 20.0) {
                    balance += pow(flow[i][j] - flow[j][i], 2) / (flow[i][j] + flow[j][i]);
                    pairs += 1.0;
                }
            }
            chi2 += pow(arrived - n * p[i], 2) / (n * p[i]);
        }
        assert_chi2(chi2, PATTERNS - 1, "distribution of the signs");
        assert_true(pairs > 500.0);
        assert_chi2(balance, pairs, "detailed balance");
    }
    cluster_flips_free(c);
    geometry_free(g);
}

/* <phi^2>, <phi^4>, V<M^2>, V<M^4>, <S>/V over the fields of 2x2 sites, the trapezoidal rule in each. */
enum { MOMENTS = 5, GRID = 33 };

static void add_moments(const struct geometry *g, const struct theory *theory, const double *phi, double weight,
                        double *sum) {
    const struct configuration_means m = configuration_measure(g, theory, phi);
    const double volume = (double)g->volume;
    sum[0] += weight * m.square;
    sum[1] += weight * m.quartic;
    sum[2] += weight * volume * m.field * m.field;
    sum[3] += weight * volume * pow(m.field, 4);
    sum[4] += weight * m.action;
}

static void quadrature(const struct geometry *g, const struct theory *theory, double exact[MOMENTS]) {
    double norm = 0.0;
    memset(exact, 0, MOMENTS * sizeof *exact);
    for (int i = 0; i < GRID * GRID * GRID * GRID; i++) {
        double phi[4];
        for (int x = 0, left = i; x < 4; x++, left /= GRID) {
            phi[x] = 0.25 * (left % GRID - GRID / 2);
        }
        const double weight = exp(-action(g, theory, phi));
        if (weight > 1e-12) {
            norm += weight;
            add_moments(g, theory, phi, weight, exact);
        }
    }
    for (int m = 0; m < MOMENTS; m++) {
        exact[m] /= norm;
    }
}

static void four_sites(void **state) {
    (void)state;
    const struct theory theories[] = {{0.35, 0.3}, {-0.3, 0.2}};
    for (int t = 0; t < 2; t++) {
        double exact[MOMENTS] = {0};
        for (int a = 0; a < 2; a++) {
            struct ensemble_plan plan = default_plan();
            plan.sampler.algorithm = a == 0 ? SAMPLER_CLUSTER : SAMPLER_METROPOLIS_GLOBAL;
            plan.sampler.metropolis_step = a == 0 ? 2.0 : 1.0; /* global: as published */
            plan.sampler.theory = theories[t];
            plan.thermalisation = 500;
            plan.measurements = 2000;
            plan.stride = a == 0 ? 2 : 10;
            struct run r = run_ensemble((size_t[]){2, 2}, 2, &plan);
            if (a == 0) {
                quadrature(r.geometry, &plan.sampler.theory, exact);
            }
            double *x = malloc(MOMENTS * r.count * sizeof *x);
            assert_non_null(x);
            for (size_t i = 0; i < r.count; i++) {
                double phi[4], moments[MOMENTS] = {0};
                for (size_t site = 0; site < 4; site++) {
                    phi[site] = (double)r.data.phi[4 * i + site];
                }
                add_moments(r.geometry, &plan.sampler.theory, phi, 1.0, moments);
                for (size_t m = 0; m < MOMENTS; m++) {
                    x[m * r.count + i] = moments[m];
                }
            }
            for (size_t m = 0; m < MOMENTS; m++) {
                assert_agrees(estimate_chains(x + m * r.count, plan.chains, plan.measurements), exact[m], 0.0, SIGMAS,
                              0.02 * fabs(exact[m]) + 0.005);
            }
            assert_agrees(estimate_chains(r.data.virial, plan.chains, plan.measurements), 1.0, 0.0, SIGMAS, 0.01);
            const struct estimate acceptance = estimate_chains(r.data.acceptance, plan.chains, 1);
            assert_true(acceptance.mean > 0.1 && acceptance.mean < 0.8);
            free(x);
            run_free(&r);
        }
    }
}

/* The published comparison of A, shifts by N(0,1) at each of 32x32 sites: no proposal is ever accepted. */
static void global_proposals_at_the_published_size(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.sampler.algorithm = SAMPLER_METROPOLIS_GLOBAL;
    plan.sampler.metropolis_step = 1.0;
    plan.thermalisation = 200;
    struct run r = run_ensemble((size_t[]){32, 32}, 2, &plan);
    for (size_t c = 0; c < plan.chains; c++) {
        assert_true(r.data.acceptance[c] == 0.0);
    }
    run_free(&r);
}

/* Deep in the broken phase on 16x16: from a hot start the chains settle in one of the two phases with equal
 * probability, and change between them. */
static void broken_phase(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.sampler.algorithm = SAMPLER_CLUSTER;
    plan.sampler.theory.kappa = 0.5;
    plan.measurements = 20;
    plan.stride = 5;
    plan.thermalisation = 100;
    struct run r = run_ensemble((size_t[]){16, 16}, 2, &plan);
    double *sign = malloc(r.count * sizeof *sign);
    assert_non_null(sign);
    for (size_t i = 0; i < r.count; i++) {
        const double m =
            configuration_measure_float(r.geometry, &plan.sampler.theory, r.data.phi + i * r.geometry->volume).field;
        assert_true(fabs(m) > 4.5 && fabs(m) < 5.2); /* 4.83 +- 0.03: no walls */
        sign[i] = m > 0.0 ? 1.0 : -1.0;
    }
    assert_agrees(estimate_chains(sign, plan.chains, plan.measurements), 0.0, 0.0, SIGMAS, 0.04);
    assert_agrees(estimate_chains(r.data.virial, plan.chains, plan.measurements), 1.0, 0.0, SIGMAS, 0.03);
    free(sign);
    run_free(&r);
}

/* Every sign after a sweep against the definition in cluster.h, bond by bond with the same random numbers, with sites
 * labelled by the lowest site of their cluster. Rows are shorter and longer than a word of bits, odd and even. */
static void sweep_by_definition(void **state) {
    (void)state;
    const struct {
        size_t dimensions, extents[3];
        double kappa;
    } cases[] = {{1, {7}, 0.4},        {1, {64}, 0.4},      {1, {131}, 0.4},     {2, {5, 3}, 0.2},
                 {2, {3, 65}, -0.3},   {2, {4, 128}, 0.3},  {2, {32, 32}, 0.27}, {2, {2, 200}, 0.25},
                 {3, {3, 2, 5}, 0.15}, {3, {2, 3, 66}, 0.2}};
    const struct random_key bonds = random_key(6, "test", "bonds"), flips = random_key(6, "test", "flips");
    const uint64_t first = 3, step = 5;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct geometry *g;
        struct error e;
        assert_int_equal(geometry_new(cases[i].extents, cases[i].dimensions, &g, &e), STATUS_OK);
        const size_t V = g->volume, d = g->dimensions;
        struct cluster_flips *c = cluster_flips_new(g);
        double *phi = malloc(V * LATTICE_LANES * sizeof *phi), *start = malloc(V * LATTICE_LANES * sizeof *start);
        double *bond = malloc(d * V * sizeof *bond), *coin = malloc(V * sizeof *coin);
        size_t *label = malloc(V * sizeof *label), flipped = 0;
        assert_true(c != NULL && phi != NULL && start != NULL && bond != NULL && coin != NULL && label != NULL);
        random_normal(random_key(6, "test", "phi"), i, 0, start, V * LATTICE_LANES);
        memcpy(phi, start, V * LATTICE_LANES * sizeof *phi);
        cluster_flips_sweep(c, cases[i].kappa, bonds, flips, first, step, phi);
        for (size_t lane = 0; lane < LATTICE_LANES; lane++) {
            random_uniform(bonds, first + lane, step, bond, d * V);
            random_uniform(flips, first + lane, step, coin, V);
            for (size_t x = 0; x < V; x++) {
                label[x] = x;
            }
            for (bool changed = true; changed;) {
                changed = false;
                for (size_t x = 0; x < V; x++) {
                    for (size_t mu = 0; mu < d; mu++) {
                        const size_t y = g->neighbours[2 * (d * x + mu)];
                        const double product = start[x * LATTICE_LANES + lane] * start[y * LATTICE_LANES + lane];
                        if (bond[d * x + mu] > exp(-4.0 * cases[i].kappa * product) && label[x] != label[y]) {
                            label[x] = label[y] = label[x] < label[y] ? label[x] : label[y];
                            changed = true;
                        }
                    }
                }
            }
            for (size_t x = 0; x < V; x++) {
                const double was = start[x * LATTICE_LANES + lane];
                assert_true(phi[x * LATTICE_LANES + lane] == (coin[label[x]] < 0.5 ? -was : was));
                flipped += coin[label[x]] < 0.5;
            }
        }
        assert_true(flipped > 0 && flipped < V * LATTICE_LANES);
        free(phi);
        free(start);
        free(bond);
        free(coin);
        free(label);
        cluster_flips_free(c);
        geometry_free(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep_by_definition), cmocka_unit_test(signs_of_frozen_magnitudes),
        cmocka_unit_test(four_sites),          cmocka_unit_test(global_proposals_at_the_published_size),
        cmocka_unit_test(broken_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
