/* Training sets: scalings and propagator against their definitions, refusals. */
#include "score/dataset.h"
#include "tests/score/models.h"
#include "tests/scratch.h"

enum { N = 70 }; /* more than one block of configurations */

static char folder[256], path[400];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("dataset"));
    snprintf(path, sizeof path, "%s/ensemble.npz", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static struct npz *ensemble(const float *phi, size_t count, size_t dimensions, const size_t *extents) {
    struct npz *npz;
    struct error e = {0};
    write_ensemble(path, phi, count, dimensions, extents);
    assert_ok(npz_read(path, &npz, &e));
    return npz;
}

/* Noise of width 3 and mean 1.25, with asymmetric extreme values. */
static float *test_fields(size_t count) {
    float *phi = white_noise("fields", count);
    for (size_t i = 0; i < count; i++) {
        phi[i] = 3 * phi[i] + 1.25f;
    }
    phi[7] = 40;
    return phi;
}

static void test_scalings(void **state) {
    (void)state;
    const size_t extents[] = {4, 6}, sites = N * 24;
    float *phi = test_fields(sites), *scaled;
    struct npz *npz = ensemble(phi, N, 2, extents);
    struct error e = {0};
    double sum = 0, square = 0, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < sites; i++) {
        sum += (double)phi[i];
        square += (double)phi[i] * (double)phi[i];
        low = fmin(low, (double)phi[i]);
        high = fmax(high, (double)phi[i]);
    }
    const double mean = sum / (double)sites, width = sqrt(square / (double)sites - mean * mean);
    const double expected[3][2] = {{0, 1}, {mean, 1 / width}, {(low + high) / 2, 2 / (high - low)}};
    for (int scaling = DATASET_NONE; scaling <= DATASET_MINMAX; scaling++) {
        struct score_model m = {0};
        size_t count;
        assert_ok(dataset_describe(npz, (enum dataset_scaling)scaling, &m, &e));
        assert_true(m.theory.kappa == 0.2 && m.theory.lambda == 0.02);
        assert_int_equal(m.dimensions, 2);
        assert_memory_equal(m.extents, extents, sizeof extents);
        assert_int_equal(m.volume, 24);
        assert_near(m.offset, expected[scaling][0], 1e-12 * (1 + fabs(mean)));
        assert_near(m.factor, expected[scaling][1], 1e-12);
        assert_ok(dataset_fields(npz, &m, &scaled, &count, &e));
        assert_int_equal(count, N);
        double smallest = INFINITY, largest_value = -INFINITY;
        for (size_t i = 0; i < sites; i++) {
            const double right = ((double)phi[i] - expected[scaling][0]) * expected[scaling][1];
            assert_near((double)scaled[i], right, 1e-7 * (1 + fabs(right)));
            smallest = fmin(smallest, (double)scaled[i]);
            largest_value = fmax(largest_value, (double)scaled[i]);
        }
        if (scaling == DATASET_NONE) {
            assert_memory_equal(scaled, phi, sites * sizeof *phi);
        }
        if (scaling == DATASET_MINMAX) {
            assert_near(smallest, -1, 1e-7);
            assert_near(largest_value, 1, 1e-7);
        }
        free(scaled);
    }
    npz_free(npz);
    free(phi);
}

/* Compares with G(p) by its definition, averaged over reflections and over exchanges of equal directions. */
static void check_propagator(size_t dimensions, const size_t *extents) {
    struct score_model m = model_new(&score_gaussian, dimensions, extents), other = m;
    struct error e = {0};
    const size_t V = m.volume;
    float *phi = test_fields(N * V);
    double *power = test_reals(V), *expected = test_reals(V), phi2 = 0;
    double complex *modes = test_alloc(V, sizeof *modes);
    for (size_t i = 0; i < N; i++) {
        double *field = to_reals(V, phi + i * V);
        transform(&m, field, modes);
        for (size_t p = 0; p < V; p++) {
            power[p] += (creal(modes[p]) * creal(modes[p]) + cimag(modes[p]) * cimag(modes[p])) / (double)(V * N);
        }
        for (size_t x = 0; x < V; x++) {
            phi2 += field[x] * field[x] / (double)(V * N);
        }
        free(field);
    }
    const bool square = dimensions == 2 && extents[0] == extents[1];
    for (size_t p = 0; p < V; p++) {
        size_t images = 0;
        for (size_t q = 0; q < V; q++) { /* every mode is counted once: the orbit of p */
            bool straight = true, exchanged = square;
            for (size_t mu = 0; mu < dimensions; mu++) {
                const size_t k = component(&m, q, mu), L = extents[mu];
                const size_t own = component(&m, p, mu), transposed = component(&m, p, dimensions - 1 - mu);
                straight = straight && (k == own || k == (L - own) % L);
                exchanged = exchanged && (k == transposed || k == (L - transposed) % L);
            }
            if (straight || exchanged) {
                expected[p] += power[q];
                images++;
            }
        }
        expected[p] /= (double)images;
    }
    free(m.propagator);
    assert_ok(dataset_propagator(phi, N, 1, &m, &e));
    assert_close(V, m.propagator, expected, 1e-12);
    assert_near(m.variance, phi2, 1e-12 * phi2); /* Parseval */
    assert_ok(dataset_propagator(phi, N, 3, &other, &e));
    assert_memory_equal(other.propagator, m.propagator, V * sizeof *m.propagator);
    assert_true(other.variance == m.variance);
    free(phi);
    free(power);
    free(expected);
    free(modes);
    score_model_release(&m);
    score_model_release(&other);
}

static void test_propagator(void **state) {
    (void)state;
    check_propagator(2, (size_t[]){4, 6});
    check_propagator(2, (size_t[]){5, 5});
    check_propagator(1, (size_t[]){8});
    check_propagator(3, (size_t[]){2, 3, 4});
}

static void test_refusals(void **state) {
    (void)state;
    struct error e = {0};
    struct score_model m = {0};
    const size_t extents[] = {4, 6}, transposed[] = {6, 4};
    float *phi = test_fields(N * 24), *fields;
    size_t count;
    struct npz *npz = ensemble(phi, N, 2, extents);
    assert_ok(dataset_describe(npz, DATASET_NONE, &m, &e));
    npz_free(npz);
    npz = ensemble(phi, N, 2, transposed);
    assert_refused(dataset_fields(npz, &m, &fields, &count, &e), STATUS_BAD_INPUT, "another lattice than the model");
    assert_non_null(strstr(e.message, path));
    assert_null(fields);
    npz_free(npz);
    npz = ensemble(phi, N, 1, (size_t[]){24});
    assert_refused(dataset_fields(npz, &m, &fields, &count, &e), STATUS_BAD_INPUT, "phi");
    npz_free(npz);
    phi[5 * 24 + 3] = NAN;
    npz = ensemble(phi, N, 2, extents);
    assert_refused(dataset_fields(npz, &m, &fields, &count, &e), STATUS_BAD_INPUT, "not finite in configuration 5");
    npz_free(npz);
    for (size_t i = 0; i < 3 * 24; i++) {
        phi[i] = 0.75f;
    }
    npz = ensemble(phi, 3, 2, extents);
    assert_ok(dataset_describe(npz, DATASET_NONE, &m, &e));
    assert_refused(dataset_describe(npz, DATASET_STD, &m, &e), STATUS_BAD_INPUT, "constant");
    assert_refused(dataset_describe(npz, DATASET_MINMAX, &m, &e), STATUS_BAD_INPUT, "constant");
    npz_free(npz);
    npz = ensemble(phi, 0, 2, extents);
    assert_refused(dataset_describe(npz, DATASET_NONE, &m, &e), STATUS_BAD_INPUT, "0 elements");
    npz_free(npz);
    free(phi);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalings),
        cmocka_unit_test(test_propagator),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
