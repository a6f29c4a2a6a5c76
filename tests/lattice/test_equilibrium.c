/* The samplers against exact results: one site by quadrature (kappa = 0), the free propagator (lambda = 0), one
 * dimension by the transfer matrix, the identities <virial> = 1 and <exp(-dH)> = 1; and against independent equilibrium
 * runs of the interacting theory in two dimensions.
 *
 * Chains are independent, errors are from the scatter of their means, and all comparisons are at 4 standard errors.
 * There are about 140 of them, so a new seed would fail by chance one time in a hundred. */
#include "lattice/fourier.h"
#include "tests/lattice/run_ensemble.h"

#define SIGMAS 4.0

/* Hybrid Monte Carlo in single precision with Omelyan's integrator. */
enum { HMC_SINGLE = 100 };

static struct ensemble_plan long_chains(int algorithm, double kappa, double lambda) {
    struct ensemble_plan plan = default_plan();
    plan.sampler.algorithm = algorithm == HMC_SINGLE ? SAMPLER_HMC : (enum sampler_algorithm)algorithm;
    plan.sampler.single_precision = algorithm == HMC_SINGLE;
    plan.sampler.integrator = algorithm == HMC_SINGLE ? INTEGRATOR_OMELYAN : INTEGRATOR_LEAPFROG;
    plan.sampler.theory = (struct theory){kappa, lambda};
    plan.sampler.leapfrog_steps = algorithm == HMC_SINGLE ? 10 : 6;
    plan.measurements = 200;
    plan.thermalisation = 100;
    plan.stride = 2;
    return plan;
}

/* Algorithms without errors from the step size, and with a sufficient acceptance at this volume. */
static const int unbiased[] = {SAMPLER_HMC, HMC_SINGLE, SAMPLER_METROPOLIS, SAMPLER_CLUSTER};
enum { UNBIASED = sizeof unbiased / sizeof unbiased[0] };

/* Functions of a configuration, whose means are compared. */
enum mean { FIELD, SQUARED_MAGNETISATION, MAGNETISATION, MAGNITUDE, SQUARE, QUARTIC, ACTION, VIRIAL };

static struct estimate mean_of(const struct run *r, enum mean which) {
    double *x = malloc(r->count * sizeof *x);
    assert_non_null(x);
    const double volume = (double)r->geometry->volume;
    for (size_t i = 0; i < r->count; i++) {
        const struct configuration_means m =
            configuration_measure_float(r->geometry, &r->plan.sampler.theory, r->data.phi + i * r->geometry->volume);
        const double values[] = {m.field,   volume * m.field * m.field, fabs(m.field),    m.magnitude, m.square,
                                 m.quartic, r->data.action[i],          r->data.virial[i]};
        x[i] = values[which];
    }
    const struct estimate e = estimate_chains(x, r->plan.chains, r->plan.measurements);
    free(x);
    return e;
}

static void check_identities(const struct run *r) {
    assert_agrees(mean_of(r, VIRIAL), 1.0, 0.0, SIGMAS, 0.02);
    if (r->plan.sampler.algorithm == SAMPLER_HMC) {
        assert_agrees(estimate_chains(r->data.exp_minus_dH, r->plan.chains, 1), 1.0, 0.0, SIGMAS, 0.01);
    }
}

/* --- kappa = 0 ---------------------------------------------------------------------------------------- */

/* <f> of one site by the trapezoidal rule, which converges faster than any power here. */
static double one_site(double lambda, double (*f)(double)) {
    double sum = 0.0, norm = 0.0;
    for (int i = -1000; i <= 1000; i++) {
        const double phi = 0.008 * i, square = phi * phi;
        const double weight = exp(-(1.0 - 2.0 * lambda) * square - lambda * square * square);
        sum += weight * f(phi);
        norm += weight;
    }
    return sum / norm;
}

static double power2(double x) {
    return x * x;
}

static double power4(double x) {
    return x * x * x * x;
}

static void one_site_integrals(void **state) {
    (void)state;
    const size_t extents[] = {4, 8};
    for (size_t i = 0; i < 2 * UNBIASED; i++) {
        const double lambda = i < UNBIASED ? 0.5 : 1.5;
        struct ensemble_plan plan = long_chains(unbiased[i % UNBIASED], 0.0, lambda);
        struct run r = run_ensemble(extents, 2, &plan);
        assert_agrees(mean_of(&r, FIELD), 0.0, 0.0, SIGMAS, 0.005);
        assert_agrees(mean_of(&r, MAGNITUDE), one_site(lambda, fabs), 0.0, SIGMAS, 0.005);
        assert_agrees(mean_of(&r, SQUARE), one_site(lambda, power2), 0.0, SIGMAS, 0.005);
        assert_agrees(mean_of(&r, QUARTIC), one_site(lambda, power4), 0.0, SIGMAS, 0.01);
        check_identities(&r);
        run_free(&r);
    }
}

/* --- lambda = 0 --------------------------------------------------------------------------------------- */

/* Compares the two-point function of every orbit of momenta with G(p), or, for Langevin, with its exact stationary
 * variance 2 dt / (1 - (1 - dt/G)^2) = G / (1 - dt/(2 G)). */
static void check_propagator(const struct run *r, double largest_relative_error) {
    const struct geometry *g = r->geometry;
    const double kappa = r->plan.sampler.theory.kappa;
    const double dt = r->plan.sampler.algorithm == SAMPLER_LANGEVIN ? r->plan.sampler.langevin_step : 0.0;
    struct fourier *f;
    struct error e;
    assert_int_equal(fourier_new(g->extents, g->dimensions, &f, &e), STATUS_OK);
    const size_t orbits = fourier_orbits(f);
    double *power = malloc(g->volume * sizeof *power), *phi = malloc(g->volume * sizeof *phi);
    double *means = malloc(orbits * r->count * sizeof *means), *x = malloc(r->count * sizeof *x);
    double *workspace = malloc(fourier_workspace(f) * sizeof *workspace), *exact = calloc(orbits, sizeof *exact);
    assert_true(power != NULL && phi != NULL && means != NULL && x != NULL && workspace != NULL && exact != NULL);
    for (size_t i = 0; i < r->count; i++) {
        for (size_t site = 0; site < g->volume; site++) {
            phi[site] = (double)r->data.phi[i * g->volume + site];
        }
        fourier_power(f, phi, power, workspace);
        fourier_orbit_means(f, power, means + i * orbits);
    }
    for (size_t mode = 0; mode < g->volume; mode++) {
        double cosines = 0.0;
        size_t stride = g->volume;
        for (size_t mu = 0; mu < g->dimensions; mu++) {
            stride /= g->extents[mu];
            const size_t k = mode / stride % g->extents[mu];
            cosines += cos(2.0 * 3.14159265358979323846 * (double)k / (double)g->extents[mu]);
        }
        const double propagator = 1.0 / (2.0 - 4.0 * kappa * cosines);
        exact[fourier_orbit_of(f, mode)] = propagator / (1.0 - dt / (2.0 * propagator));
    }
    for (size_t orbit = 0; orbit < orbits; orbit++) {
        for (size_t i = 0; i < r->count; i++) {
            x[i] = means[i * orbits + orbit];
        }
        assert_agrees(estimate_chains(x, r->plan.chains, r->plan.measurements), exact[orbit], 0.0, SIGMAS,
                      largest_relative_error * exact[orbit]);
    }
    fourier_free(f);
    free(power);
    free(phi);
    free(means);
    free(x);
    free(workspace);
    free(exact);
}

static void free_field(void **state) {
    (void)state;
    const struct {
        size_t dimensions, extents[3];
        double kappa;
    } cases[] = {{1, {8}, 0.4}, {2, {6, 4}, 0.2}, {3, {4, 3, 4}, 0.13}};
    for (size_t i = 0; i < 6; i++) {
        const size_t k = i % 3;
        struct ensemble_plan plan = long_chains(i < 3 ? SAMPLER_HMC : HMC_SINGLE, cases[k].kappa, 0.0);
        struct run r = run_ensemble(cases[k].extents, cases[k].dimensions, &plan);
        check_propagator(&r, 0.05);
        check_identities(&r);
        run_free(&r);
    }
    /* clusters are flipped for either sign of kappa, also on odd extents, which have no sublattices to sign-flip */
    const struct {
        enum sampler_algorithm algorithm;
        size_t extents[2];
        double kappa;
    } local[] = {{SAMPLER_METROPOLIS, {6, 4}, 0.2}, {SAMPLER_CLUSTER, {6, 4}, 0.2}, {SAMPLER_CLUSTER, {2, 5}, -0.2}};
    for (size_t i = 0; i < 3; i++) {
        struct ensemble_plan plan = long_chains((int)local[i].algorithm, local[i].kappa, 0.0);
        plan.stride = 5;
        struct run r = run_ensemble(local[i].extents, 2, &plan);
        check_propagator(&r, 0.05);
        check_identities(&r);
        run_free(&r);
    }
    /* the step size changes the variance by 4 to 56 per cent */
    struct ensemble_plan plan = long_chains(SAMPLER_LANGEVIN, 0.2, 0.0);
    plan.sampler.langevin_step = 0.2;
    plan.stride = 10;
    struct run r = run_ensemble((size_t[]){6, 4}, 2, &plan);
    check_propagator(&r, 0.05);
    run_free(&r);
}

/* --- one dimension -------------------------------------------------------------------------------------- */

enum { GRID = 96 };

static void multiply(double (*restrict out)[GRID], double (*a)[GRID], double (*b)[GRID]) {
    for (int i = 0; i < GRID; i++) {
        for (int j = 0; j < GRID; j++) {
            out[i][j] = 0.0;
        }
        for (int k = 0; k < GRID; k++) {
            for (int j = 0; j < GRID; j++) {
                out[i][j] += a[i][k] * b[k][j];
            }
        }
    }
}

/* <phi^2>, <phi^4> and V <M^2> on a ring of L sites from traces of powers of the transfer matrix
 * T(x,y) = exp(2 kappa x y - (V(x) + V(y))/2), V = (1 - 2 lambda) x^2 + lambda x^4, on a grid. */
static void transfer_matrix(const struct theory *theory, size_t L, double *square, double *quartic, double *chi) {
    double(*power)[GRID][GRID] = calloc(L + 1, sizeof *power); /* T^n */
    assert_non_null(power);
    double x[GRID];
    for (int i = 0; i < GRID; i++) {
        x[i] = 0.1 * (i - 0.5 * (GRID - 1));
        power[0][i][i] = 1.0;
    }
    for (int i = 0; i < GRID; i++) {
        for (int j = 0; j < GRID; j++) {
            const double v = (1.0 - 2.0 * theory->lambda) * (x[i] * x[i] + x[j] * x[j]) +
                             theory->lambda * (pow(x[i], 4) + pow(x[j], 4));
            power[1][i][j] = 0.1 * exp(2.0 * theory->kappa * x[i] * x[j] - 0.5 * v);
        }
    }
    for (size_t n = 2; n <= L; n++) {
        multiply(power[n], power[n - 1], power[1]);
    }
    double norm = 0.0;
    *square = *quartic = *chi = 0.0;
    for (int i = 0; i < GRID; i++) {
        norm += power[L][i][i];
        *square += x[i] * x[i] * power[L][i][i];
        *quartic += pow(x[i], 4) * power[L][i][i];
        for (size_t n = 1; n < L; n++) {
            for (int j = 0; j < GRID; j++) {
                *chi += x[i] * power[n][i][j] * x[j] * power[L - n][j][i];
            }
        }
    }
    *chi = (*chi + *square) / norm;
    *square /= norm;
    *quartic /= norm;
    free(power);
}

static void one_dimension(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * UNBIASED; i++) {
        const size_t L = i < UNBIASED ? 7 : 12;
        struct ensemble_plan plan =
            long_chains(unbiased[i % UNBIASED], i < UNBIASED ? 0.35 : 0.6, i < UNBIASED ? 0.1 : 0.3);
        plan.stride = 4;
        double square, quartic, chi;
        transfer_matrix(&plan.sampler.theory, L, &square, &quartic, &chi);
        struct run r = run_ensemble(&L, 1, &plan);
        assert_agrees(mean_of(&r, SQUARE), square, 0.0, SIGMAS, 0.01);
        assert_agrees(mean_of(&r, QUARTIC), quartic, 0.0, SIGMAS, 0.03);
        assert_agrees(mean_of(&r, SQUARED_MAGNETISATION), chi, 0.0, SIGMAS, 0.05 * chi);
        check_identities(&r);
        run_free(&r);
    }
}

/* --- the theory of the papers ------------------------------------------------------------------------- */

/* Independent runs of hybrid Monte Carlo (320 to 640 chains, thermalised 500 to 4000 trajectories) at lambda = 0.022:
 * value and one standard deviation. */
static const struct {
    size_t L;
    double kappa, chi[2], magnetisation[2], square[2], action[2];
} equilibrium[] = {
    {8, 0.21, {2.58354, 0.00299}, {0.160583, 0.000097}, {0.622682, 0.000074}, {0.475785, 0.000039}},
    {16, 0.21, {2.58652, 0.00466}, {0.080244, 0.000075}, {0.622432, 0.000052}, {0.475837, 0.000028}},
    {8, 0.27, {59.92882, 0.07685}, {0.885724, 0.000747}, {1.563102, 0.001029}, {0.383001, 0.000089}},
};

static void two_dimensions(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t a = 0; a < UNBIASED; a++) {
            struct ensemble_plan plan = long_chains(unbiased[a], equilibrium[i].kappa, 0.022);
            plan.thermalisation = i == 2 && unbiased[a] != SAMPLER_CLUSTER ? 500 : 150;
            plan.stride = unbiased[a] == SAMPLER_METROPOLIS ? 10 : 5;
            const size_t extents[] = {equilibrium[i].L, equilibrium[i].L};
            struct run r = run_ensemble(extents, 2, &plan);
            const double chi = equilibrium[i].chi[0];
            assert_agrees(mean_of(&r, SQUARED_MAGNETISATION), chi, equilibrium[i].chi[1], SIGMAS, 0.03 * chi);
            assert_agrees(mean_of(&r, MAGNETISATION), equilibrium[i].magnetisation[0], equilibrium[i].magnetisation[1],
                          SIGMAS, 0.03 * equilibrium[i].magnetisation[0]);
            assert_agrees(mean_of(&r, SQUARE), equilibrium[i].square[0], equilibrium[i].square[1], SIGMAS, 0.03);
            assert_agrees(mean_of(&r, ACTION), equilibrium[i].action[0], equilibrium[i].action[1], SIGMAS, 0.003);
            check_identities(&r);
            run_free(&r);
        }
    }
}

/* Langevin has an error of first order in the step, so 2 <phi^2>(dt) - <phi^2>(2 dt) is correct to second order. */
static void langevin_extrapolated(void **state) {
    (void)state;
    const size_t extents[] = {8, 8};
    struct estimate square[2], action_density[2];
    for (int i = 0; i < 2; i++) {
        struct ensemble_plan plan = long_chains(SAMPLER_LANGEVIN, 0.21, 0.022);
        plan.sampler.langevin_step = i == 0 ? 0.02 : 0.04;
        plan.thermalisation = i == 0 ? 600 : 300;
        plan.stride = i == 0 ? 40 : 20;
        plan.chains = 128;
        struct run r = run_ensemble(extents, 2, &plan);
        square[i] = mean_of(&r, SQUARE);
        action_density[i] = mean_of(&r, ACTION);
        assert_true(r.data.acceptance[0] == 1.0 && isnan(r.data.exp_minus_dH[0]));
        run_free(&r);
    }
    const struct estimate extrapolated[] = {
        {2.0 * square[0].mean - square[1].mean, hypot(2.0 * square[0].error, square[1].error)},
        {2.0 * action_density[0].mean - action_density[1].mean,
         hypot(2.0 * action_density[0].error, action_density[1].error)},
    };
    /* there is an effect of the step to extrapolate */
    assert_true(action_density[1].mean - equilibrium[0].action[0] > 5.0 * action_density[1].error);
    assert_agrees(extrapolated[0], equilibrium[0].square[0], equilibrium[0].square[1], SIGMAS, 0.01);
    assert_agrees(extrapolated[1], equilibrium[0].action[0], equilibrium[0].action[1], SIGMAS, 0.005);
}

/* As published: a hot start, 164 trajectories of ten steps, one configuration per chain; acceptance about 0.93. Single
 * precision gives the same acceptance and observables within errors. Two steps of Omelyan's integrator, which need half
 * as many forces, have a higher acceptance. */
static void published_protocol(void **state) {
    (void)state;
    struct estimate acceptance[3];
    for (int i = 0; i < 3; i++) {
        struct ensemble_plan plan = default_plan();
        plan.chains = 512;
        plan.sampler.single_precision = i > 0;
        plan.sampler.integrator = i == 2 ? INTEGRATOR_OMELYAN : INTEGRATOR_LEAPFROG;
        plan.sampler.leapfrog_steps = i == 2 ? 2 : 10;
        struct run r = run_ensemble((size_t[]){32, 32}, 2, &plan);
        assert_agrees(mean_of(&r, ACTION), 0.475848, 0.000007, SIGMAS, 0.002);
        assert_agrees(mean_of(&r, SQUARE), 0.622424, 0.000014, SIGMAS, 0.01);
        assert_agrees(mean_of(&r, SQUARED_MAGNETISATION), 2.59060, 0.00251, SIGMAS, 0.3);
        assert_agrees(mean_of(&r, FIELD), 0.0, 0.0, SIGMAS, 0.01);
        acceptance[i] = estimate_chains(r.data.acceptance, plan.chains, 1);
        assert_true(fabs(acceptance[i].mean - (i == 2 ? 0.97 : 0.93)) < 0.01);
        check_identities(&r);
        run_free(&r);
    }
    assert_agrees(acceptance[1], acceptance[0].mean, acceptance[0].error, SIGMAS, 0.002);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_site_integrals),    cmocka_unit_test(free_field),
        cmocka_unit_test(one_dimension),         cmocka_unit_test(two_dimensions),
        cmocka_unit_test(langevin_extrapolated), cmocka_unit_test(published_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
