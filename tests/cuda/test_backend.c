/* Training and sampling by the CUDA backend (tests/cuda/emulate: its kernels and graphs, run on the CPU) against the
 * CPU backend: the same random numbers, and results that differ only by rounding; bits that depend neither on splitting
 * nor on interruptions; refusals. (The probability flow: test_flow.c.) */
#include <cuda_runtime_api.h>

#include "diffusion/excess.h"
#include "diffusion/reverse.h"
#include "diffusion/training.h"
#include "tests/cuda/device.h"
#include "tests/scratch.h"

static const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_PERIODIC};
enum { V = 64 };

/* --- training ------------------------------------------------------------------------------------- */

enum { COUNT = 13 };
static const struct training_settings settings = {.seed = 9,
                                                  .epochs = 3,
                                                  .batch = 5,
                                                  .learning_rate = 1e-3,
                                                  .cosine = true,
                                                  .ema = 0.3,
                                                  .log_noise = true,
                                                  .t_min = 1e-3,
                                                  .flip = true};

static void train(const struct score_model *m, struct backend *b, const float *fields, const char *checkpoint,
                  float *weights, double *loss) {
    struct score_model own = on_device(m, b);
    struct training *t;
    struct error e = {0};
    own.weights = test_floats(m->weight_count);
    memcpy(own.weights, m->weights, m->weight_count * sizeof *weights);
    assert_ok(training_new(&own, fields, COUNT, &settings, 1, &t, &e));
    if (checkpoint) {
        assert_ok(training_restore(t, checkpoint, "key", &e));
        assert_in_range(training_epoch(t), 1, 2);
    }
    assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
    memcpy(loss, training_loss(t), (size_t)settings.epochs * sizeof *loss);
    training_finish(t);
    memcpy(weights, own.weights, m->weight_count * sizeof *weights);
    training_free(t);
    free(own.weights);
}

static void training_follows_the_cpu(void **state) {
    (void)state;
    struct backend *b = device_open("cuda-float32");
    for (int how = 0; how < SCORE_PARAMETERISATIONS; how++) {
        struct score_model m =
            network_model((struct unet_shape){16, 16, 4, 8, 2, UNET_PERIODIC}, (enum score_parameterisation)how, 3);
        float *fields = white_noise("fields", COUNT * m.volume);
        float *here = test_floats(m.weight_count), *there = test_floats(m.weight_count);
        double loss_here[3], loss_there[3];
        train(&m, NULL, fields, NULL, here, loss_here);
        train(&m, b, fields, NULL, there, loss_there);
        assert_close(3, loss_there, loss_here, 1e-4);
        /* Adam divides by the size of the gradient: if that is zero up to rounding, a step has a random sign. Such
         * weights do not affect the result; the others agree. */
        size_t apart = 0;
        for (size_t i = 0; i < m.weight_count; i++) {
            apart += fabsf(here[i] - there[i]) > 1e-4f;
        }
        if (apart > m.weight_count / 3) {
            fail_msg("%zu of %zu weights differ", apart, m.weight_count);
        }
        free(fields);
        free(here);
        free(there);
        score_model_release(&m);
    }
    b->close(b);
}

/* A training that resumes from a checkpoint ends with the bits of an uninterrupted one, and so does a second one. An
 * interruption ends it between epochs. */
static void training_resumes_to_the_same_bits(void **state) {
    (void)state;
    struct backend *b = device_open("cuda");
    struct score_model m = network_model(shape, SCORE_PRECONDITIONED, 3), own = on_device(&m, b);
    const char *folder = scratch_folder("cuda-training");
    char path[400];
    struct error e = {0};
    snprintf(path, sizeof path, "%s/checkpoint.npz", folder);
    float *fields = white_noise("fields", COUNT * V);
    float *whole = test_floats(m.weight_count), *again = test_floats(m.weight_count),
          *start = test_floats(m.weight_count);
    double loss[3], second[3];
    train(&m, b, fields, NULL, whole, loss);
    train(&m, b, fields, NULL, again, second);
    assert_memory_equal(whole, again, m.weight_count * sizeof *whole);
    assert_memory_equal(loss, second, sizeof loss);

    struct training *t;
    const volatile sig_atomic_t stop = 1;
    memcpy(start, m.weights, m.weight_count * sizeof *start);
    own.weights = start;
    assert_ok(training_new(&own, fields, COUNT, &settings, 1, &t, &e));
    assert_refused(training_run(t, NULL, "key", &stop, NULL, &e), STATUS_FAILED, "interrupted in epoch 1 of 3");
    training_free(t);
    assert_ok(training_new(&own, fields, COUNT, &settings, 1, &t, &e));
    assert_ok(training_run(t, path, "key", &never, NULL, &e)); /* saves after the first epoch, at least */
    training_free(t);
    train(&m, b, fields, path, again, second);
    assert_memory_equal(whole, again, m.weight_count * sizeof *whole);
    assert_memory_equal(loss, second, sizeof loss);
    free(fields);
    free(whole);
    free(again);
    free(start);
    scratch_remove(folder);
    score_model_release(&m);
    b->close(b);
}

/* The weights stored after an epoch have the bits of a training with that number of epochs, on the device as on the
 * CPU. Storing them does not change later epochs. */
static void what_is_kept_on_the_way(void **state) {
    (void)state;
    static const int64_t epochs[] = {1, 2};
    struct backend *b = device_open("cuda");
    struct error e = {0};
    for (int there = 0; there < 2; there++) {
        for (int how = SCORE_PRECONDITIONED; how <= SCORE_WIENER; how++) {
            struct score_model m = network_model(shape, (enum score_parameterisation)how, 3);
            struct score_model own = there ? on_device(&m, b) : m;
            const size_t n = m.weight_count, bytes = n * sizeof(float);
            float *fields = white_noise("fields", COUNT * V), *kept = test_floats(2 * n), *last = test_floats(n);
            for (int run = 3; run >= 0; run--) { /* 3 epochs with stored weights; 1 and 2 epochs; 3 without */
                struct training_settings s = settings;
                struct training *t;
                s.cosine = false; /* whose rate depends on the number of epochs */
                s.epochs = run == 0 ? 3 : run;
                s.keep = epochs;
                s.keep_count = run == 3 ? 2 : 0;
                own.weights = test_floats(n);
                memcpy(own.weights, m.weights, bytes);
                assert_ok(training_new(&own, fields, COUNT, &s, 1, &t, &e));
                assert_ok(training_run(t, NULL, "key", &never, NULL, &e));
                training_finish(t);
                if (run == 3) {
                    memcpy(kept, training_kept(t), 2 * bytes);
                    memcpy(last, own.weights, bytes);
                } else {
                    assert_memory_equal(own.weights, run == 0 ? last : kept + (size_t)(run - 1) * n, bytes);
                }
                training_free(t);
                free(own.weights);
            }
            assert_memory_not_equal(kept, kept + n, bytes);
            free(fields);
            free(kept);
            free(last);
            score_model_release(&m);
        }
    }
    b->close(b);
}

/* --- sampling ------------------------------------------------------------------------------------- */

static void draw(const struct score_model *m, const struct reverse_settings *s, size_t first, size_t count, float *phi,
                 float *snapshots) {
    struct error e = {0};
    assert_ok(reverse_run(m, s, first, count, 1, phi, snapshots, &never, NULL, &e));
}

static void check_sampler(struct reverse_settings s, enum score_parameterisation how) {
    enum { N = 6, KEPT = 2, TIMES = 3 }; /* the device takes 4 at a time */
    static const double times[TIMES] = {0, 0.5, 1};
    struct backend *b = device_open("cuda-float32");
    struct score_model m = network_model(shape, how, 3), remote = on_device(&m, b);
    float here[N * V], there[N * V], split[N * V], snaps_here[TIMES * KEPT * V], snaps_there[TIMES * KEPT * V];
    assert_int_equal(b->capacity(b, &m), 4);
    s.snapshot_times = times;
    s.snapshot_count = TIMES;
    s.snapshot_configurations = KEPT;
    draw(&m, &s, 0, N, here, snaps_here);
    draw(&remote, &s, 0, N, there, snaps_there);
    assert_same(N * V, there, here, 1e-3);
    assert_same(TIMES * KEPT * V, snaps_there, snaps_here, 1e-3);
    /* the prior, before any computation, has the same bits */
    assert_memory_equal(snaps_there, snaps_here, KEPT * V * sizeof(float));
    /* split over calls */
    s.snapshot_count = 0;
    const size_t launches = emulate_launches();
    draw(&remote, &s, 0, 3, split, NULL);
    assert_int_equal(emulate_launches() - launches, (size_t)s.steps); /* one graph per step */
    draw(&remote, &s, 3, 3, split + 3 * V, NULL);
    assert_memory_equal(split, there, sizeof there);
    score_model_release(&m);
    b->close(b);
}

static void samplers(void **state) {
    (void)state;
    check_sampler((struct reverse_settings){.method = REVERSE_EULER_MARUYAMA, .steps = 5, .t_end = 1e-3, .seed = 4},
                  SCORE_PUBLISHED);
    check_sampler(
        (struct reverse_settings){
            .method = REVERSE_EULER_MARUYAMA, .log_grid = true, .steps = 4, .t_end = 1e-3, .seed = 4},
        SCORE_PRECONDITIONED);
    check_sampler(
        (struct reverse_settings){.method = REVERSE_ANCESTRAL, .log_grid = true, .steps = 4, .t_end = 1e-3, .seed = 4},
        SCORE_WIENER);
}

/* --- scoring -------------------------------------------------------------------------------------- */

static void the_excess_loss(void **state) {
    (void)state;
    enum { N = 6, LEVELS = 2 };
    struct backend *b = device_open("cuda-float32");
    struct score_model m = network_model(shape, SCORE_WIENER, 3), remote = on_device(&m, b);
    struct error e = {0};
    struct excess here, there;
    float *fields = white_noise("excess", N * V);
    assert_ok(excess_measure(&m, fields, N, LEVELS, 1e-3, 1, 1, &here, &e));
    assert_ok(excess_measure(&remote, fields, N, LEVELS, 1e-3, 1, 1, &there, &e));
    assert_close(LEVELS, there.loss, here.loss, 1e-4);
    assert_memory_equal(there.wiener, here.wiener, LEVELS * sizeof(double));
    excess_release(&here);
    excess_release(&there);
    free(fields);
    score_model_release(&m);
    b->close(b);
}

/* --- refusals ------------------------------------------------------------------------------------- */

static void refusals(void **state) {
    (void)state;
    struct backend *b;
    struct error e = {0};
    assert_refused(backend_cuda_open("cuda-float16", &b, &e), STATUS_BAD_INPUT,
                   "expected cuda, cuda-float32 or cuda-bf16");
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 3);
    struct training *t;
    float *fields = white_noise("fields", COUNT * V);
    b = m.backend = device_open("cuda-bf16");
    assert_refused(training_new(&m, fields, COUNT, &settings, 1, &t, &e), STATUS_BAD_INPUT,
                   "backend 'cuda-bf16' has no gradients, which training needs");
    b->close(b);

    const size_t before = emulate_used();
    b = m.backend = device_open("cuda");
    struct training_settings large = settings;
    large.batch = 64;
    emulate_limit(before + 1200 * 1024);
    assert_refused(training_new(&m, fields, COUNT, &large, 1, &t, &e), STATUS_FAILED,
                   "out of device memory: training with "
                   "a batch of 64 needs ");
    unsigned fits = 0;
    const char *said = strstr(e.message, "a batch of ");
    said = said ? strstr(said + 1, "; a batch of ") : NULL;
    assert_non_null(said);
    assert_int_equal(sscanf(said, "; a batch of %u fits", &fits), 1);
    assert_in_range(fits, 2, 63);
    assert_non_null(strstr(e.message, "network of 8x8 sites, width 8, stride 2, batch 64"));
    emulate_limit((size_t)1 << 34);
    b->close(b);
    assert_int_equal(emulate_used(), before); /* all memory has been released */

    /* a propagator that does not suit the filter */
    b = m.backend = device_open("cuda");
    score_network(&m)->parameterisation = SCORE_WIENER;
    m.propagator[1] *= 2;
    assert_refused(training_new(&m, fields, COUNT, &settings, 1, &t, &e), STATUS_BAD_INPUT, "expected equal values");
    b->close(b);
    m.backend = NULL;
    free(fields);
    score_model_release(&m);
}

static void the_record_names_device_and_engines(void **state) {
    (void)state;
    struct backend *b = device_open("cuda");
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 3), remote = on_device(&m, b);
    struct backend_network *network;
    struct error e = {0};
    assert_ok(b->network_new(b, &remote, &network, &e));
    const char *text = b->describe(b);
    assert_non_null(strstr(text, "emulated device, compute capability 9.0, CUDA driver 13.0, cuDNN"));
    assert_non_null(strstr(text, "scoring, batch 4, engines 0f0 0a1 1f0"));
    b->network_free(network);
    score_model_release(&m);
    b->close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_follows_the_cpu),
        cmocka_unit_test(training_resumes_to_the_same_bits),
        cmocka_unit_test(what_is_kept_on_the_way),
        cmocka_unit_test(samplers),
        cmocka_unit_test(the_excess_loss),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_record_names_device_and_engines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
