/* Training: steps against a separate computation (oracle gradients, Adam and the average in double precision), decrease
 * of the loss towards a known minimum, bits for any number of threads and after interruptions, refused checkpoints,
 * divergence. */
#include "diffusion/training.h"

#include <signal.h>
#include <sys/time.h>

#include "base/file.h"
#include "diffusion/reverse.h"
#include "tests/score/models.h"
#include "tests/scratch.h"

static const volatile sig_atomic_t never = 0;
static char folder[256];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("training"));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* A path in the folder, valid until the fourth call after. */
static const char *in_folder(const char *name) {
    static char path[4][400];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* 37 configurations in batches of 16 (two micro-batches), the last of 5. */
enum { COUNT = 37, BATCH = 16 };

static const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_PERIODIC};
/* The lattice for gradients: on 8x8 the deepest level has one site, and norms over two numbers amplify rounding. */
static const struct unet_shape larger = {16, 16, 8, 32, 2, UNET_PERIODIC};
static const struct training_settings plain = {
    .seed = 9, .epochs = 4, .batch = BATCH, .learning_rate = 1e-3, .t_min = 1e-5};
static const struct training_settings all_options = {.seed = 9,
                                                     .epochs = 4,
                                                     .batch = BATCH,
                                                     .learning_rate = 1e-3,
                                                     .cosine = true,
                                                     .ema = 0.3,
                                                     .log_noise = true,
                                                     .t_min = 1e-4,
                                                     .flip = true};

static float *gaussian_fields(const struct score_model *m, size_t count, uint64_t seed) {
    const struct reverse_settings settings = {.method = REVERSE_DIRECT, .seed = seed};
    struct score_model filter = *m;
    struct error e = {0};
    float *phi = test_floats(count * m->volume);
    filter.kind = &score_gaussian;
    assert_ok(reverse_run(&filter, &settings, 0, count, 2, phi, NULL, &never, NULL, &e));
    return phi;
}

static struct training *begin(struct score_model *m, const float *fields, size_t count,
                              const struct training_settings *settings, int threads) {
    struct training *t;
    struct error e = {0};
    assert_ok(training_new(m, fields, count, settings, threads, &t, &e));
    return t;
}

/* --- single steps -------------------------------------------------------------------------------- */

/* The contents of a checkpoint. */
struct snapshot {
    double *weights, *first, *second, *average;
};

static struct snapshot look(const struct training *t, const struct score_model *m) {
    struct snapshot s;
    struct npz *npz;
    struct error e = {0};
    assert_ok(training_save(t, in_folder("look.npz"), "key", &e));
    assert_ok(npz_read(in_folder("look.npz"), &npz, &e));
    const char *const names[] = {"weights", "first_moment", "second_moment", "average"};
    double **const targets[] = {&s.weights, &s.first, &s.second, &s.average};
    for (int i = 0; i < 4; i++) {
        const struct npz_array *a = reference_array(npz, names[i], NPZ_FLOAT32);
        assert_int_equal(a->count, m->weight_count);
        *targets[i] = to_reals(a->count, a->data);
    }
    npz_free(npz);
    return s;
}

static void forget(struct snapshot *s) {
    free(s->weights);
    free(s->first);
    free(s->second);
    free(s->average);
}

/* Loss and gradient of the batch of `size` at `first` of the first epoch, in double precision: fields in the order of
 * the permutation; times, noise and signs from the streams specified in training.h. */
static double by_hand(const struct score_model *m, const double *weights, const float *fields,
                      const struct training_settings *s, size_t first, size_t size, double *gradient) {
    const size_t V = m->volume;
    uint32_t order[COUNT], word[4];
    double time[BATCH], *phi = test_reals(size * V), *out = test_reals(size * V), *g = test_reals(size * V), sum = 0;
    float *z = test_floats(size * V);
    random_permutation(random_key(s->seed, "train", "shuffle"), 0, 0, order, COUNT);
    for (size_t b = 0; b < size; b++) {
        const size_t place = first + b;
        double u;
        random_uniform(random_key(s->seed, "train", "time"), place, 0, &u, 1);
        const double low = s2(m->sigma, s->t_min), high = s2(m->sigma, 1);
        time[b] = s->t_min + u * (1 - s->t_min);
        if (s->log_noise) { /* s2 = low (high/low)^u */
            time[b] = log1p(2 * log(m->sigma) * low * pow(high / low, u)) / (2 * log(m->sigma));
        }
        random_block(random_key(s->seed, "train", "sign"), place, 0, 0, word);
        const double sign = s->flip && word[0] % 2 ? -1 : 1, noise = sqrt(s2(m->sigma, time[b]));
        random_normal_float(random_key(s->seed, "train", "noise"), place, 0, z + b * V, V);
        for (size_t i = 0; i < V; i++) {
            phi[b * V + i] = sign * (double)fields[order[place] * V + i] + noise * (double)z[b * V + i];
        }
    }
    score_oracle(m, weights, size, phi, time, out, NULL, NULL);
    for (size_t i = 0; i < size * V; i++) {
        const double r = out[i] + (double)z[i];
        sum += r * r / (double)size;
        g[i] = 2 * r / (double)size;
    }
    score_oracle(m, weights, size, phi, time, out, g, gradient);
    free(phi);
    free(out);
    free(g);
    free(z);
    return sum;
}

/* The three steps of an epoch: loss and gradient (from the first moment) against the oracle to 1e-4 of the largest
 * number of an array; moments, weights and average against Adam in double precision. */
static void check_steps(enum score_parameterisation how, const struct training_settings *settings) {
    static const size_t sizes[] = {16, 16, 5};
    struct score_model m = network_model(larger, how, 3);
    float *fields = gaussian_fields(&m, COUNT, 1);
    struct training *t = begin(&m, fields, COUNT, settings, 2);
    struct error e = {0};
    struct snapshot before = look(t, &m);
    const size_t n = m.weight_count;
    double *gradient = test_reals(n), *found = test_reals(n), *expected = test_reals(n);
    for (int step = 1; step <= 3; step++) {
        const size_t first = (size_t)(step - 1) * BATCH;
        double loss;
        assert_ok(training_step(t, first, &loss, &e));
        struct snapshot after = look(t, &m);
        const double right = by_hand(&m, before.weights, fields, settings, first, sizes[step - 1], gradient);
        assert_near(loss, right, 1e-5 * right);
        for (size_t i = 0; i < n; i++) {
            found[i] = (after.first[i] - (double)0.9f * before.first[i]) / (double)(float)0.1;
        }
        assert_gradients_close(&larger, found, gradient, 1e-4, 0);
        for (size_t i = 0; i < n; i++) {
            expected[i] = (double)0.999f * before.second[i] + 0.001 * found[i] * found[i];
        }
        assert_close(n, after.second, expected, 1e-5);
        const double total = 3 * (double)settings->epochs, pi = two_pi / 2;
        const double rate =
            settings->learning_rate * (settings->cosine ? 0.01 + 0.99 * (1 + cos(pi * (step - 1) / total)) / 2 : 1);
        for (size_t i = 0; i < n; i++) {
            const double root = sqrt(after.second[i] / (1 - pow(0.999, step)));
            const double move = rate * after.first[i] / (1 - pow(0.9, step)) / (root + 1e-8);
            assert_near(after.weights[i], before.weights[i] - move, 1e-5 * rate + 1e-7 * fabs(before.weights[i]));
        }
        const double decay = fmin(settings->ema, (1.0 + step) / (10.0 + step));
        for (size_t i = 0; i < n; i++) {
            const double average =
                settings->ema > 0 ? decay * before.average[i] + (1 - decay) * after.weights[i] : before.average[i];
            assert_near(after.average[i], average, 2e-7 * fabs(average) + 1e-10);
        }
        forget(&before);
        before = after;
    }
    /* the result is the average, or the last weights */
    training_finish(t);
    double *result = to_reals(n, m.weights);
    assert_memory_equal(result, settings->ema > 0 ? before.average : before.weights, n * sizeof *result);
    double *all[] = {gradient, found, expected, result};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    forget(&before);
    training_free(t);
    free(fields);
    score_model_release(&m);
}

static void test_steps_by_hand_as_published(void **state) {
    (void)state;
    check_steps(SCORE_PUBLISHED, &plain);
}

static void test_steps_by_hand_with_all_options(void **state) {
    (void)state;
    check_steps(SCORE_PRECONDITIONED, &all_options);
    check_steps(SCORE_WIENER, &all_options);
}

/* The loss of a published network with weights and learning rate 0, F = 0, is |z|^2, with mean V for any field and
 * time. */
static void test_loss_without_weights(void **state) {
    (void)state;
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 3);
    float *fields = gaussian_fields(&m, COUNT, 1);
    struct training_settings settings = plain;
    struct error e = {0};
    settings.epochs = 20;
    settings.learning_rate = 0;
    memset(m.weights, 0, m.weight_count * sizeof *m.weights);
    struct training *t = begin(&m, fields, COUNT, &settings, 2);
    assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
    double mean = 0;
    /* batches have equal weights, so the last one with 5 has weight 1/3: the variance has a factor 1/3^2 (2/16 +
     * 1/5) */
    for (int i = 0; i < 20; i++) {
        assert_near(training_loss(t)[i], 64, 4.5 * sqrt(2 * 64 * (2 / 16.0 + 1 / 5.0) / 9));
        mean += training_loss(t)[i] / 20;
    }
    assert_near(mean, 64, 4 * sqrt(2 * 64 * (2 / 16.0 + 1 / 5.0) / 9 / 20));
    training_free(t);
    free(fields);
    score_model_release(&m);
}

/* The loss falls from that of an untrained network towards that of the Wiener filter, the minimum for Gaussian fields:
 * for noise uniform in log s, the mean of sum_p G/(G + s^2). */
static void test_it_learns(void **state) {
    (void)state;
    enum { MANY = 256, EPOCHS = 16 };
    for (int how = 0; how < SCORE_PARAMETERISATIONS; how++) {
        struct score_model m = network_model(shape, (enum score_parameterisation)how, how == SCORE_PUBLISHED ? 30 : 1);
        struct training_settings settings = all_options;
        struct error e = {0};
        float *fields = gaussian_fields(&m, MANY, 2);
        settings.epochs = EPOCHS;
        settings.t_min = 1e-3;
        double floor = 0, first = 0, last = 0;
        const double low = log(s2(m.sigma, settings.t_min)), high = log(s2(m.sigma, 1));
        for (int i = 0; i < 100; i++) {
            for (size_t p = 0; p < m.volume; p++) {
                floor += m.propagator[p] / (m.propagator[p] + exp(low + (high - low) * (i + 0.5) / 100)) / 100;
            }
        }
        struct training *t = begin(&m, fields, MANY, &settings, 2);
        assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
        assert_int_equal(training_epoch(t), EPOCHS);
        for (int i = 0; i < 4; i++) {
            first += training_loss(t)[i] / 4;
            last += training_loss(t)[EPOCHS - 1 - i] / 4;
        }
        print_message("%s: loss %.2f, then %.2f; floor %.2f\n", score_parameterisation_name[how], first, last, floor);
        /* the mean loss of an epoch of 256 has an error of a few per cent */
        assert_true((how == SCORE_WIENER || last < 0.8 * first) && last < first && last > 0.9 * floor);
        training_free(t);
        free(fields);
        score_model_release(&m);
    }
}

/* --- bits ---------------------------------------------------------------------------------------- */

static void assert_same_file(const char *a, const char *b) {
    char *data[2];
    size_t size[2];
    struct error e = {0};
    assert_ok(file_read(a, &data[0], &size[0], &e));
    assert_ok(file_read(b, &data[1], &size[1], &e));
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    free(data[0]);
    free(data[1]);
}

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    struct error e = {0};
    for (int threads = 1; threads <= 3; threads++) {
        struct score_model m = network_model(shape, SCORE_PRECONDITIONED, 1);
        float *fields = gaussian_fields(&m, COUNT, 1);
        struct training *t = begin(&m, fields, COUNT, &all_options, threads);
        assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
        assert_ok(training_save(t, in_folder(threads == 1 ? "one.npz" : "more.npz"), "key", &e));
        if (threads > 1) {
            assert_same_file(in_folder("more.npz"), in_folder("one.npz"));
        }
        training_free(t);
        free(fields);
        score_model_release(&m);
    }
}

/* A batch of 1, and a batch that is larger than the set. */
static void test_odd_batches(void **state) {
    (void)state;
    struct error e = {0};
    static const int64_t batches[] = {1, 7, 37, 1000};
    for (size_t k = 0; k < 4; k++) {
        struct training_settings settings = plain;
        settings.batch = batches[k];
        settings.epochs = 1;
        double loss[2];
        for (int i = 0; i < 2; i++) {
            struct score_model m = network_model(shape, SCORE_PUBLISHED, 30);
            float *fields = gaussian_fields(&m, COUNT, 1);
            struct training *t = begin(&m, fields, COUNT, &settings, 1 + i);
            assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
            loss[i] = training_loss(t)[0];
            training_free(t);
            free(fields);
            score_model_release(&m);
        }
        assert_true(loss[0] == loss[1] && isfinite(loss[0]));
    }
}

static volatile sig_atomic_t stop;

static void on_alarm(int signal) {
    stop = signal;
}

/* A training that is interrupted repeatedly by a timer, and resumed from checkpoints with other numbers of threads, has
 * the bits of an uninterrupted one. So does one that resumes from the last checkpoint of a finished training. */
static void test_interruptions_leave_no_trace(void **state) {
    (void)state;
    struct training_settings settings = all_options;
    settings.epochs = 16;
    struct score_model m = network_model(shape, SCORE_PRECONDITIONED, 1), copy;
    float *fields = gaussian_fields(&m, COUNT, 1);
    struct error e = {0};
    const char *checkpoint = in_folder("checkpoint.npz");
    char own[400];
    snprintf(own, sizeof own, "%s", checkpoint);
    copy = network_model(shape, SCORE_PRECONDITIONED, 1);
    struct training *t = begin(&copy, fields, COUNT, &settings, 2);
    assert_ok(training_run(t, own, "key", &never, NULL, &e));
    assert_ok(training_save(t, in_folder("whole.npz"), "key", &e));
    training_free(t);
    score_model_release(&copy);

    copy = network_model(shape, SCORE_PRECONDITIONED, 1);
    t = begin(&copy, fields, COUNT, &settings, 1);
    assert_ok(training_restore(t, own, "key", &e));
    assert_true(training_epoch(t) > 0 && training_epoch(t) < settings.epochs);
    assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
    assert_ok(training_save(t, in_folder("resumed.npz"), "key", &e));
    assert_same_file(in_folder("resumed.npz"), in_folder("whole.npz"));
    training_free(t);
    score_model_release(&copy);
    unlink(own);

    signal(SIGALRM, on_alarm);
    int interruptions = 0, resumed = 0;
    for (bool done = false; !done;) {
        copy = network_model(shape, SCORE_PRECONDITIONED, 1);
        t = begin(&copy, fields, COUNT, &settings, 1 + interruptions % 2);
        if (access(own, F_OK) == 0) {
            assert_ok(training_restore(t, own, "key", &e));
            resumed++;
        }
        stop = interruptions == 0; /* the first interruption is at the first step, also on a fast machine */
        const struct itimerval soon = {.it_value = {.tv_usec = 2000 + 3000 * interruptions}};
        setitimer(ITIMER_REAL, &soon, NULL);
        done = training_run(t, own, "key", &stop, NULL, &e) == STATUS_OK;
        setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
        if (!done) {
            assert_true(e.status == STATUS_FAILED && strstr(e.message, "interrupted in epoch "));
            interruptions++;
        } else {
            assert_ok(training_save(t, in_folder("pieces.npz"), "key", &e));
        }
        training_free(t);
        score_model_release(&copy);
    }
    print_message("interrupted %d times, resumed %d times\n", interruptions, resumed);
    assert_same_file(in_folder("pieces.npz"), in_folder("whole.npz"));
    assert_true(interruptions > 0);
    free(fields);
    score_model_release(&m);
}

/* --- failures ------------------------------------------------------------------------------------ */

static void test_foreign_checkpoints_are_refused(void **state) {
    (void)state;
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 30);
    float *fields = gaussian_fields(&m, COUNT, 1);
    struct error e = {0};
    struct training *t = begin(&m, fields, COUNT, &plain, 1);
    char path[400];
    snprintf(path, sizeof path, "%s", in_folder("foreign.npz"));
    assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
    assert_ok(training_save(t, path, "0123456789abcdef", &e));
    assert_refused(training_restore(t, path, "fedcba9876543210", &e), STATUS_BAD_INPUT,
                   "foreign.npz: checkpoint of recipe 0123456789ab, expected fedcba987654");
    training_free(t);

    struct training_settings shorter = plain;
    shorter.epochs = 3;
    t = begin(&m, fields, COUNT, &shorter, 1);
    assert_refused(training_restore(t, path, "0123456789abcdef", &e), STATUS_BAD_INPUT,
                   "4 epochs done, expected at most 3");
    training_free(t);
    struct unet_shape wider = shape;
    wider.width = 16;
    struct score_model other = network_model(wider, SCORE_PUBLISHED, 30);
    t = begin(&other, fields, COUNT, &plain, 1);
    assert_refused(training_restore(t, path, "0123456789abcdef", &e), STATUS_BAD_INPUT, "weights has ");
    training_free(t);

    /* a flipped bit in the weights; a missing end; not a checkpoint */
    char *data;
    size_t size;
    assert_ok(file_read(path, &data, &size, &e));
    t = begin(&m, fields, COUNT, &plain, 1);
    data[size / 2] ^= 4;
    assert_ok(file_write(path, data, size, &e));
    assert_refused(training_restore(t, path, "0123456789abcdef", &e), STATUS_BAD_INPUT, "foreign.npz");
    data[size / 2] ^= 4;
    assert_ok(file_write(path, data, size - 100, &e));
    assert_refused(training_restore(t, path, "0123456789abcdef", &e), STATUS_BAD_INPUT, "foreign.npz");
    assert_ok(file_write(path, "", 0, &e));
    assert_refused(training_restore(t, path, "0123456789abcdef", &e), STATUS_BAD_INPUT, "foreign.npz");
    assert_refused(training_restore(t, "tests/data/unet-w8-stride1-zeros-L8.npz", "key", &e), STATUS_BAD_INPUT, "key");
    assert_ok(file_write(path, data, size, &e));
    assert_ok(training_restore(t, path, "0123456789abcdef", &e));
    assert_int_equal(training_epoch(t), 4);
    training_free(t);
    free(data);
    free(fields);
    score_model_release(&m);
    score_model_release(&other);
}

static void test_divergence_is_reported(void **state) {
    (void)state;
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 30);
    float *fields = gaussian_fields(&m, COUNT, 1);
    struct error e = {0};
    fields[30 * m.volume + 5] = INFINITY;
    struct training *t = begin(&m, fields, COUNT, &plain, 2);
    assert_refused(training_run(t, in_folder("none.npz"), "key", &never, NULL, &e), STATUS_FAILED,
                   "the loss is not finite in epoch 1, batch ");
    assert_int_equal(training_epoch(t), 0);
    assert_true(access(in_folder("none.npz"), F_OK) != 0);
    training_free(t);
    free(fields);
    score_model_release(&m);
}

/* Also with good data: steps so long that the weights overflow. */
static void test_too_long_steps_are_reported(void **state) {
    (void)state;
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 30);
    float *fields = gaussian_fields(&m, COUNT, 1);
    struct error e = {0};
    struct training_settings wild = plain;
    wild.learning_rate = 1e30;
    struct training *t = begin(&m, fields, COUNT, &wild, 2);
    assert_refused(training_run(t, in_folder("none.npz"), "key", &never, NULL, &e), STATUS_FAILED,
                   "the loss is not finite in epoch 1, batch 2: training diverged");
    training_free(t);
    free(fields);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_by_hand_as_published),    cmocka_unit_test(test_steps_by_hand_with_all_options),
        cmocka_unit_test(test_loss_without_weights),          cmocka_unit_test(test_it_learns),
        cmocka_unit_test(test_bits_do_not_depend_on_threads), cmocka_unit_test(test_odd_batches),
        cmocka_unit_test(test_interruptions_leave_no_trace),  cmocka_unit_test(test_foreign_checkpoints_are_refused),
        cmocka_unit_test(test_divergence_is_reported),        cmocka_unit_test(test_too_long_steps_are_reported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
