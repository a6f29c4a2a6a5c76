/* The toy model in diffusion: its network as a score model against the formulas of score.h and finite differences, its
 * artifact, its training; and the processes of toy_process.h against exact results. */
#include "diffusion/toy_process.h"
#include "diffusion/training.h"
#include "score/toy.h"
#include "score/schedule.h"
#include "tests/score/models.h"
#include "tests/scratch.h"

static struct score_model toy_model(enum score_parameterisation how) {
    const struct mlp_shape shape = {8, 6};
    struct score_model m = model_new(&score_toy, 1, (size_t[]){1});
    struct error e = {0};
    m.variance = m.propagator[0] = 13.5;
    assert_ok(score_toy_make(&m, &shape, how, &e));
    assert_ok(mlp_initialise(&shape, 3, m.weights, &e));
    for (int i = 0; i < 3; i++) {
        score_network(&m)->frequencies[i] = 0.3f * (float)(i + 1);
    }
    return m;
}

static const double times[SCORE_BATCH] = {1, 0.5, 0.1, 1e-3, 1e-5, 0.75, 0.02, 0.3};
static const float fields[SCORE_BATCH] = {12, -3, 4, 0.5f, -3.75f, 0, 1, -5},
                   probe[SCORE_BATCH] = {1, -1, 0.5f, 2, 1, 1, -2, 1};

/* s(t) score by the formulas, from the network alone. */
static void formulas(const struct score_model *m, const float *weights, const double *phi, double *out) {
    struct mlp *network;
    struct mlp_workspace *ws;
    struct error e = {0};
    assert_ok(mlp_new(score_toy_shape(m), score_network(m)->frequencies, SCORE_BATCH, &network, &e));
    mlp_set_weights(network, weights);
    assert_ok(mlp_workspace_new(network, &ws, &e));
    for (int b = 0; b < SCORE_BATCH; b++) {
        const double square = s2(m->sigma, times[b]), s = sqrt(square), total = m->variance + square;
        const bool published = score_network(m)->parameterisation == SCORE_PUBLISHED;
        const float x = (float)(published ? phi[b] : phi[b] / sqrt(total));
        const float label = (float)(published ? times[b] : log(s) / 4);
        float F;
        mlp_forward(ws, 1, &x, &label, &F);
        out[b] = published ? (double)F : -s * phi[b] / total + network_factor(m, s) * (double)F;
    }
    mlp_workspace_free(ws);
    mlp_free(network);
}

static void check_score(enum score_parameterisation how) {
    struct score_model m = toy_model(how);
    struct scorer s = scorer_new(&m);
    struct error e = {0};
    double phi[SCORE_BATCH], expected[SCORE_BATCH], up[SCORE_BATCH], down[SCORE_BATCH];
    float out[SCORE_BATCH], vjp[SCORE_BATCH];
    for (int b = 0; b < SCORE_BATCH; b++) {
        phi[b] = (double)fields[b];
    }
    formulas(&m, m.weights, phi, expected);
    assert_ok(score_evaluate(s.worker, SCORE_BATCH, fields, times, out, &e));
    assert_ok(score_vjp(s.worker, SCORE_BATCH, probe, vjp, &e));
    assert_int_equal(score_gradient_size(s.score), m.weight_count);
    float *packed = test_floats(m.weight_count), *gradient = test_floats(m.weight_count),
          *moved = test_floats(m.weight_count);
    assert_ok(score_weight_gradient(s.worker, SCORE_BATCH, probe, packed, &e));
    score_unpack_gradient(s.score, packed, gradient);
    for (int b = 0; b < SCORE_BATCH; b++) {
        const double step = 0.01 * (1 + fabs(phi[b]));
        double sides[2][SCORE_BATCH];
        memcpy(sides[0], phi, sizeof phi);
        memcpy(sides[1], phi, sizeof phi);
        sides[0][b] += step;
        sides[1][b] -= step;
        formulas(&m, m.weights, sides[0], up);
        formulas(&m, m.weights, sides[1], down);
        assert_near((double)out[b], expected[b], 1e-5);
        assert_near((double)vjp[b], (double)probe[b] * (up[b] - down[b]) / (2 * step), 1e-3);
    }
    for (size_t k = 0; k < m.weight_count; k += 7) {
        double difference = 0;
        const float step = 0x1p-6f;
        for (int side = 0; side < 2; side++) {
            memcpy(moved, m.weights, m.weight_count * sizeof *moved);
            moved[k] += side ? -step : step;
            formulas(&m, moved, phi, up);
            for (int b = 0; b < SCORE_BATCH; b++) {
                difference += (side ? -1 : 1) * (double)probe[b] * up[b] / (2 * (double)step);
            }
        }
        assert_near((double)gradient[k], difference, 2e-3 * (1 + fabs(difference)));
    }
    free(packed);
    free(gradient);
    free(moved);
    scorer_free(&s);
    score_model_release(&m);
}

static void test_score(void **state) {
    (void)state;
    check_score(SCORE_PUBLISHED);
    check_score(SCORE_PRECONDITIONED);
    check_score(SCORE_WIENER);
}

static void test_artifact(void **state) {
    (void)state;
    const char *folder = scratch_folder("toy");
    char path[300], kept[256];
    struct score_model m = toy_model(SCORE_PRECONDITIONED), read;
    struct npz_writer *w;
    struct npz *npz;
    struct error e = {0};
    snprintf(kept, sizeof kept, "%s", folder);
    snprintf(path, sizeof path, "%s/model.npz", folder);
    assert_ok(npz_create(path, &w, &e));
    assert_ok(score_model_add(&m, w, &e));
    assert_ok(npz_commit(w, &e));
    assert_ok(npz_read(path, &npz, &e));
    assert_ok(score_model_read(npz, &read, &e));
    assert_true(read.kind == &score_toy && score_network(&read)->parameterisation == SCORE_PRECONDITIONED &&
                read.volume == 1);
    assert_true(score_toy_shape(&read)->width == 8 && score_toy_shape(&read)->embedding == 6 &&
                read.weight_count == m.weight_count);
    assert_memory_equal(read.weights, m.weights, m.weight_count * sizeof *m.weights);
    assert_memory_equal(score_network(&read)->frequencies, score_network(&m)->frequencies, 3 * sizeof(float));
    assert_int_equal(reference_array(npz, "layer2.weight", NPZ_FLOAT32)->shape[1], 8);
    npz_free(npz);
    score_model_release(&read);
    /* there is no toy network for more than one site */
    m.extents[0] = m.volume = 2;
    free(m.propagator);
    m.propagator = test_reals(2);
    assert_ok(npz_create(path, &w, &e));
    assert_ok(score_model_add(&m, w, &e));
    assert_ok(npz_commit(w, &e));
    assert_ok(npz_read(path, &npz, &e));
    assert_refused(score_model_read(npz, &read, &e), STATUS_BAD_INPUT,
                   "a toy network whose propagator has 2 sites found");
    npz_free(npz);
    score_model_release(&m);
    scratch_remove(kept);
}

/* After training on a double well, the mean square of s (s_theta - score) with respect to p_t is far below that of the
 * best linear score. */
static void test_training(void **state) {
    (void)state;
    enum { COUNT = 2048 };
    static double x[COUNT];
    static float phi[COUNT];
    static const volatile sig_atomic_t never = 0;
    const struct toy_theory theory = {-1, 0.4};
    struct toy *toy;
    struct training *t;
    struct error e = {0};
    assert_ok(toy_new(&theory, &toy, &e));
    toy_draw(toy, 1, "training", 0, COUNT, x);
    for (int i = 0; i < COUNT; i++) {
        phi[i] = (float)x[i];
    }
    struct score_model m = toy_model(SCORE_PRECONDITIONED);
    const struct training_settings settings = {.seed = 2,
                                               .epochs = 40,
                                               .batch = 32,
                                               .learning_rate = 1e-2,
                                               .log_noise = true,
                                               .t_min = 1e-3,
                                               .flip = true,
                                               .ema = 0.99,
                                               .cosine = true};
    assert_ok(training_new(&m, phi, COUNT, &settings, 1, &t, &e));
    assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
    training_finish(t);
    training_free(t);
    struct scorer s = scorer_new(&m);
    double learned = 0, linear = 0;
    for (int k = 0; k < 5; k++) {
        const double noise[] = {0.3, 0.6, 1.2, 2.5, 5}, time = schedule_time(25, noise[k]);
        for (double y = -12; y <= 12; y += 0.125) {
            double log_density, score;
            const float field = (float)y;
            float out;
            toy_smeared(toy, noise[k] * noise[k], y, &log_density, &score);
            assert_ok(score_evaluate(s.worker, 1, &field, &time, &out, &e));
            const double filter = -y / (13.673 + noise[k] * noise[k]), weight = exp(log_density) * 0.125;
            learned += weight * pow((double)out - noise[k] * score, 2);
            linear += weight * pow(noise[k] * (filter - score), 2);
        }
    }
    assert_true(linear > 0.5); /* otherwise there would be nothing to learn */
    if (!(learned < 0.1 * linear)) {
        fail_msg("square error %.4g, linear %.4g", learned, linear);
    }
    scorer_free(&s);
    score_model_release(&m);
    toy_free(toy);
}

/* --- processes ----------------------------------------------------------------------------------- */

enum { N = 4096, KEPT = 3 };

static struct toy_process_settings process(enum toy_process which, size_t steps, const size_t *at, size_t snapshots) {
    return (struct toy_process_settings){.process = which,
                                         .duration = 1.5,
                                         .width = 0.5,
                                         .sigma = 25,
                                         .t_end = 1e-3,
                                         .steps = steps,
                                         .seed = 9,
                                         .kept = KEPT,
                                         .snapshot_steps = at,
                                         .snapshots = snapshots};
}

static double mean_square(const double *x) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
        sum += x[i] * x[i];
    }
    return sum / N;
}

/* For Gaussian theories, the final variance of every process in closed form, including discretisation; within 4.5
 * sigma. */
static void test_gaussian_processes(void **state) {
    (void)state;
    enum { STEPS = 60 };
    const struct toy_theory theory = {2, 0};
    const size_t at[] = {0, STEPS};
    struct toy *toy;
    struct error e = {0};
    assert_ok(toy_new(&theory, &toy, &e));
    for (int which = 0; which < 3; which++) {
        static double paths[KEPT * (STEPS + 1)], snapshot[2 * N], other[2 * N];
        const struct toy_process_settings s = process((enum toy_process)which, STEPS, at, 2);
        double v = which == TOY_LANGEVIN ? 0.25 : which == TOY_FORWARD ? 0.5 : s2(25, 1), start = v;
        for (int step = 0; step < STEPS; step++) {
            const double time = toy_process_time(&s, (size_t)step), next = toy_process_time(&s, (size_t)step + 1);
            const double d = exp(2 * (1 - time) * log(25)) * (1 - 1e-3) / (STEPS - 1);
            if (which == TOY_LANGEVIN) {
                v = v * pow(1 - 2 * (next - time), 2) + 2 * (next - time);
            } else if (which == TOY_FORWARD) {
                v += s2(25, next) - s2(25, time);
            } else {
                v = v * pow(1 - d / (0.5 + s2(25, 1 - time)), 2) + (step + 1 < STEPS ? d : 0);
            }
        }
        assert_ok(toy_process_run(toy, &s, N, 1, paths, snapshot, &e));
        assert_near(mean_square(snapshot), start, 4.5 * start * sqrt(2.0 / N));
        assert_near(mean_square(snapshot + N), v, 4.5 * v * sqrt(2.0 / N));
        for (int k = 0; k < KEPT; k++) {
            assert_true(paths[k * (STEPS + 1)] == snapshot[k] && paths[k * (STEPS + 1) + STEPS] == snapshot[N + k]);
        }
        assert_ok(toy_process_run(toy, &s, N, 3, paths, other, &e));
        assert_memory_equal(other, snapshot, sizeof snapshot);
        assert_near(toy_process_time(&s, 0), 0, 0);
        assert_near(toy_process_time(&s, STEPS), which == TOY_LANGEVIN ? 1.5 : 1, 1e-12);
    }
    toy_free(toy);
}

/* For the double well, the cumulative distribution of the trajectories against that of the density, within 2.5/sqrt(N)
 * (Kolmogorov-Smirnov, 7e-6) and a tolerance for finite steps. */
static void test_densities(void **state) {
    (void)state;
    enum { STEPS = 150, POINTS = 1201 };
    const struct toy_theory theory = {-1, 0.4};
    const size_t at[] = {0, 15, 75, STEPS};
    struct toy *toy;
    struct error e = {0};
    assert_ok(toy_new(&theory, &toy, &e));
    for (int which = 0; which < 3; which++) {
        static double paths[KEPT * (STEPS + 1)], snapshot[4 * N], phi[POINTS], density[POINTS];
        const struct toy_process_settings s = process((enum toy_process)which, STEPS, at, 4);
        assert_ok(toy_process_run(toy, &s, N, 2, paths, snapshot, &e));
        for (int k = 0; k < 4; k++) {
            const double h = which == TOY_LANGEVIN ? 0.015 : 0.1;
            double sum = 0;
            for (int i = 0; i < POINTS; i++) {
                phi[i] = (i - POINTS / 2) * h;
            }
            assert_ok(toy_process_density(toy, &s, at[k], POINTS, phi, density, &e));
            for (int i = 0; i < POINTS; i++) {
                int below = 0;
                sum += density[i] * h;
                if (i % 40 != 0) {
                    continue;
                }
                for (int j = 0; j < N; j++) {
                    below += snapshot[k * N + j] < phi[i] + 0.5 * h;
                }
                assert_near((double)below / N, sum, 2.5 / sqrt(N) + 0.005);
            }
            assert_near(sum, 1, 2e-3);
        }
    }
    toy_free(toy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_score),     cmocka_unit_test(test_artifact),
        cmocka_unit_test(test_training),  cmocka_unit_test(test_gaussian_processes),
        cmocka_unit_test(test_densities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
