/* The cluster algorithm at the size of the papers against independent long runs: 32x32, lambda = 0.022, at
 * kappa = 0.5 (broken phase) and at kappa = 0.27 (near criticality). Half a minute each on one core. */
#include "tests/lattice/run_ensemble.h"

#define SIGMAS 4.0

static const struct {
    double kappa, chi[2], magnetisation[2], square[2], action[2];
} equilibrium[] = {
    {0.5, {23888.287, 1.480}, {4.829923, 0.000150}, {23.461400, 0.001442}, {-11.881991, 0.000167}},
    {0.27, {475.56987, 2.55915}, {0.629443, 0.002287}, {1.396512, 0.001192}, {0.401154, 0.000122}},
};

static void published_size(void **state) {
    (void)state;
    enum { QUANTITIES = 4 };
    for (int i = 0; i < 2; i++) {
        struct ensemble_plan plan = default_plan();
        plan.sampler.algorithm = SAMPLER_CLUSTER;
        plan.sampler.theory.kappa = equilibrium[i].kappa;
        plan.thermalisation = 400;
        plan.measurements = 500;
        plan.stride = 4;
        struct run r = run_ensemble((size_t[]){32, 32}, 2, &plan);
        double *x = malloc(QUANTITIES * r.count * sizeof *x);
        assert_non_null(x);
        for (size_t k = 0; k < r.count; k++) {
            const struct configuration_means m =
                configuration_measure_float(r.geometry, &plan.sampler.theory, r.data.phi + k * r.geometry->volume);
            x[k] = (double)r.geometry->volume * m.field * m.field;
            x[r.count + k] = fabs(m.field);
            x[2 * r.count + k] = m.square;
            x[3 * r.count + k] = r.data.action[k];
        }
        const double *expected[] = {equilibrium[i].chi, equilibrium[i].magnetisation, equilibrium[i].square,
                                    equilibrium[i].action};
        for (size_t q = 0; q < QUANTITIES; q++) {
            const struct estimate found = estimate_chains(x + q * r.count, plan.chains, plan.measurements);
            print_message("kappa %.2f: %.6f +- %.6f, expected %.6f +- %.6f\n", equilibrium[i].kappa, found.mean,
                          found.error, expected[q][0], expected[q][1]);
            assert_agrees(found, expected[q][0], expected[q][1], SIGMAS, 6.0 * expected[q][1]);
        }
        assert_agrees(estimate_chains(r.data.virial, plan.chains, plan.measurements), 1.0, 0.0, SIGMAS, 0.01);
        free(x);
        run_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
