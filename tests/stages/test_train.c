/* The stage `train` from command line to artifact: contents, bits for any number of threads, digests that tie the bits
 * to the stage's version, killed and interrupted trainings, refusals. */
#include "score/dataset.h"
#include "score/gaussian.h"
#include "score/unet.h"
#include "diffusion/excess.h"
#include "score/schedule.h"
#include "store/record.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_train;

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("train"));
    make_ensemble("ensemble.npz", 40, 2, (size_t[]){8, 8});
    make_ensemble("validation.npz", 24, 2, (size_t[]){8, 8});
    make_ensemble("larger.npz", 8, 2, (size_t[]){16, 8});
    make_ensemble("six.npz", 8, 2, (size_t[]){6, 6});
    make_ensemble("cube.npz", 8, 3, (size_t[]){2, 4, 2});
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.2);
    make_model("model.npz", &m);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

/* Trains a tiny network with these arguments into a folder. Returns the exit status. */
#define SMALL "--width=8", "--embedding=32", "--batch=16", "--excess-levels=5"

static int run(const char *folder, const char *const *arguments) {
    const char *all[24] = {SMALL};
    size_t n = 4;
    for (size_t i = 0; arguments[i]; i++) {
        all[n++] = arguments[i];
    }
    return run_with(&stage_train, folder, (const char *[]){"ensemble.npz", NULL}, all);
}

/* --- contents ------------------------------------------------------------------------------------ */

static void test_network(void **state) {
    (void)state;
    struct score_model m;
    struct error e = {0};
    assert_int_equal(run("network", (const char *[]){"--epochs=3", "--scaling=minmax", "--sigma=9", "--stride=2",
                                                     "--padding=zeros", "--parameterisation=wiener", NULL}),
                     0);
    assert_false(there("network", "checkpoint.npz"));
    struct npz *npz = open_artifact("network");
    assert_ok(score_model_read(npz, &m, &e));
    assert_true(score_is_unet(&m) && score_network(&m)->parameterisation == SCORE_WIENER && m.sigma == 9);
    assert_true(m.theory.kappa == 0.2 && m.theory.lambda == 0.02 && m.dimensions == 2 && m.volume == 64);
    const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_ZEROS};
    assert_memory_equal(score_unet_shape(&m), &shape, sizeof shape);

    /* scaling and propagator are those of the training set */
    struct score_model expected = {0};
    struct npz *ensemble;
    float *fields;
    size_t count;
    assert_ok(npz_read(in_root("", "ensemble.npz"), &ensemble, &e));
    assert_ok(dataset_describe(ensemble, DATASET_MINMAX, &expected, &e));
    assert_ok(dataset_fields(ensemble, &expected, &fields, &count, &e));
    assert_ok(dataset_propagator(fields, count, 1, &expected, &e));
    assert_true(m.offset == expected.offset && m.factor == expected.factor && m.variance == expected.variance);
    assert_memory_equal(m.propagator, expected.propagator, 64 * sizeof(double));

    /* training has changed the weights */
    float *weights = test_floats(m.weight_count);
    assert_ok(initialise_weights(&shape, 1, weights, &e));
    size_t moved = 0;
    for (size_t i = 0; i < m.weight_count; i++) {
        moved += weights[i] != m.weights[i];
    }
    assert_true(moved > m.weight_count / 2);
    free(weights);

    /* the excess is that of these weights on the training set */
    const double *loss = reals(npz, "loss", 3), *sigma = reals(npz, "excess.sigma", 5);
    assert_true(loss[0] > 0 && loss[1] > 0 && loss[2] > 0);
    assert_near(sigma[0], sqrt(s2(9, 1e-5)), 1e-12);
    assert_near(sigma[4], sqrt(s2(9, 1)), 1e-9);
    struct excess x;
    assert_ok(excess_measure(&m, fields, count, 5, 1e-5, 1, 2, &x, &e));
    assert_memory_equal(reals(npz, "excess.loss", 5), x.loss, 5 * sizeof(double));
    assert_memory_equal(reals(npz, "excess.wiener", 5), x.wiener, 5 * sizeof(double));
    assert_memory_equal(reals(npz, "excess.excess", 5), x.excess, 5 * sizeof(double));
    assert_memory_equal(reals(npz, "excess.error", 5), x.error, 5 * sizeof(double));
    excess_release(&x);
    free(fields);
    npz_free(ensemble);
    score_model_release(&expected);
    score_model_release(&m);
    npz_free(npz);
}

/* Weights of an earlier epoch are those of a training with that number of epochs, and the stage `checkpoint` makes a
 * model from them. */
static void test_checkpoint(void **state) {
    (void)state;
    extern const struct stage stage_checkpoint;
    const char *const averages[] = {"--ema=0", "--ema=0.9"};
    for (int i = 0; i < 2; i++) {
        char kept[32], shorter[32], made[32];
        snprintf(kept, sizeof kept, "kept-%d", i);
        snprintf(shorter, sizeof shorter, "shorter-%d", i);
        snprintf(made, sizeof made, "made-%d", i);
        assert_int_equal(run(kept, (const char *[]){"--epochs=3", "--keep-epochs=1,2", averages[i], NULL}), 0);
        assert_int_equal(run(shorter, (const char *[]){"--epochs=2", averages[i], NULL}), 0);
        const char *training = option("--training=", kept, "artifact.npz");
        assert_int_equal(
            run_stage(&stage_checkpoint,
                      (const char *[]){option("--output=", made, ""), training, "--epoch=2", "--ledger=", NULL}, NULL),
            0);
        struct npz *a = open_artifact(made), *b = open_artifact(shorter), *whole = open_artifact(kept);
        struct score_model m, n, last;
        struct error e = {0};
        assert_ok(score_model_read(a, &m, &e));
        assert_ok(score_model_read(b, &n, &e));
        assert_ok(score_model_read(whole, &last, &e));
        assert_memory_equal(m.weights, n.weights, m.weight_count * sizeof *m.weights);
        assert_memory_equal(score_network(&m)->frequencies, score_network(&n)->frequencies, 16 * sizeof(float));
        assert_memory_equal(m.propagator, n.propagator, m.volume * sizeof *m.propagator);
        assert_true(memcmp(m.weights, last.weights, m.weight_count * sizeof *m.weights) != 0);
        assert_int_equal(*(const int64_t *)reference_array(a, "epoch", NPZ_INT64)->data, 2);
        score_model_release(&m);
        score_model_release(&n);
        score_model_release(&last);
        npz_free(a);
        npz_free(b);
        npz_free(whole);
        const char *output = option("--output=", "none", "");
        expect_message(&stage_checkpoint, (const char *[]){output, training, "--epoch=3", "--ledger=", NULL}, 2,
                       "epoch 3 was not kept, expected one of 1, 2");
        expect_message(
            &stage_checkpoint,
            (const char *[]){output, option("--training=", shorter, "artifact.npz"), "--epoch=1", "--ledger=", NULL}, 2,
            "a training with keep-epochs expected");
    }
}

/* With a validation set the training is the same, and the excess is measured on other fields. */
static void test_validation(void **state) {
    (void)state;
    assert_int_equal(run("alone", (const char *[]){"--epochs=1", NULL}), 0);
    assert_int_equal(
        run("validated", (const char *[]){"--epochs=1", option("--validation=", "", "validation.npz"), NULL}), 0);
    struct npz *alone = open_artifact("alone"), *validated = open_artifact("validated");
    const struct npz_array *a = npz_find(alone, "conv3.weight"), *b = npz_find(validated, "conv3.weight");
    assert_true(a && b);
    assert_memory_equal(a->data, b->data, a->count * sizeof(float));
    assert_true(memcmp(reals(alone, "excess.loss", 5), reals(validated, "excess.loss", 5), 5 * sizeof(double)) != 0);
    npz_free(alone);
    npz_free(validated);
}

static void test_gaussian(void **state) {
    (void)state;
    assert_int_equal(run_stage(&stage_train,
                               (const char *[]){option("--output=", "cube", ""), "--network=gaussian",
                                                "--ledger=", option("--training=", "", "cube.npz"), NULL},
                               NULL),
                     0);
    struct npz *npz = open_artifact("cube");
    struct score_model m;
    struct error e = {0};
    assert_ok(score_model_read(npz, &m, &e));
    assert_true(m.kind == &score_gaussian && m.dimensions == 3 && m.extents[1] == 4 && m.factor == 1);
    assert_true(!npz_find(npz, "loss") && !npz_find(npz, "conv1.weight"));
    assert_near(m.variance, 1, 5 * sqrt(2.0 / (8 * 16))); /* white noise, 128 numbers */
    score_model_release(&m);
    npz_free(npz);
}

/* --- bits ---------------------------------------------------------------------------------------- */

/* If a digest changes, raise the version in stages/train.c. */
static const struct digest_case cases[] = {
    {&stage_train,
     3,
     "published",
     {"ensemble.npz"},
     {SMALL, "--epochs=2"},
     "0022cde334802ec35436b802cfc6389371d4bd6466686dedb94c284eb08ce5e8"},
    {&stage_train,
     3,
     "preconditioned",
     {"ensemble.npz"},
     {SMALL, "--epochs=2", "--parameterisation=preconditioned", "--stride=1", "--padding=zeros", "--noise-levels=log-s",
      "--ema=0.9", "--flip=yes", "--learning-rate-decay=cosine", "--scaling=std"},
     "430037b925bcf1103837c93f0b2e2ecc7d3e49778da44b9fdc577e4d9df9ba2d"},
    {&stage_train,
     3,
     "wiener",
     {"ensemble.npz"},
     {SMALL, "--epochs=2", "--parameterisation=wiener", "--noise-levels=log-s", "--fourier-scale=1", "--scaling=minmax",
      "--t-min=1e-3"},
     "fc4172c344eb394fa32c2eba164f2134feedadcc0c03ee3ccb441c51a1a319d1"},
    {&stage_train,
     3,
     "winograd",
     {"ensemble.npz"},
     {"--width=16", "--embedding=32", "--batch=16", "--excess-levels=5", "--epochs=2", "--stride=1",
      "--convolutions=winograd"},
     "3c4a4150dc1e4a72f6595e6d0981c374b7dacc72ae469fd2028192c98a1c7d47"},
    {&stage_train,
     3,
     "bfloat16",
     {"ensemble.npz"},
     {SMALL, "--epochs=2", "--convolutions=bfloat16"},
     "b685b763a415000b86870f371b8b5c55870af494013a3dfacfe6ab2111727dad"},
    {&stage_train,
     3,
     "gaussian",
     {"ensemble.npz"},
     {SMALL, "--network=gaussian"},
     "34ae78f24c0c60c11590352bdef1676a1e5984a49d2fdbf7125afc01acec9b04"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void test_artifacts_do_not_depend_on_threads(void **state) {
    (void)state;
    assert_same_for_any_threads(cases, CASES);
}

static void test_digests(void **state) {
    (void)state;
    assert_digests(cases, CASES);
}

/* --- killed and interrupted runs ----------------------------------------------------------------- */

#define EPOCHS "--epochs=60"

static pid_t start(const char *folder, int threads) {
    return start_program(folder, threads,
                         (const char *[]){option("--training=", "", "ensemble.npz"), SMALL, "--ema=0.9", "--flip=yes",
                                          "--learning-rate-decay=cosine", EPOCHS, "--keep-epochs=7,30,60", NULL});
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void rest(double s) {
    const struct timespec time = {(time_t)s, (long)((s - floor(s)) * 1e9)};
    nanosleep(&time, NULL);
}

/* Runs the uninterrupted training once; returns its duration in seconds. */
static double whole(void) {
    static double took;
    if (took > 0) {
        return took;
    }
    const double from = seconds();
    assert_int_equal(exit_status(start("whole", 2)), 0);
    return took = seconds() - from;
}

/* Kills trainings in one folder by SIGKILL at random moments, with changing numbers of threads. Each run but the last
 * ends in the first half of the time of a training: at start-up, in an epoch, or in a checkpoint. */
static void test_killed_anywhere(void **state) {
    (void)state;
    const double took = whole();
    int kills = 0, resumable = 0, finished = 0;
    char folder[32] = "killed-0";
    for (uint64_t life = 0; kills < 14 || resumable < 5; life++) {
        double u;
        assert_true(life < 100);
        random_uniform(random_key(1, "test train", "kill"), life, 0, &u, 1);
        const pid_t child = start(folder, 1 + (int)(life % 2));
        rest(0.5 * u * took);
        kill(child, SIGKILL);
        const int status = exit_status(child);
        if (status == 0) { /* it ended before the kill: start another one */
            assert_same_artifact(folder, "whole");
            snprintf(folder, sizeof folder, "killed-%d", ++finished);
            continue;
        }
        assert_int_equal(status, 100 + SIGKILL);
        kills++;
        resumable += there(folder, "checkpoint.npz");
    }
    assert_int_equal(exit_status(start(folder, 1)), 0);
    assert_same_artifact(folder, "whole");
    assert_false(there(folder, "checkpoint.npz"));
    print_message("killed %d times, %d times with a checkpoint to resume from, finished %d times before\n", kills,
                  resumable, finished);
}

/* SIGTERM during a training: it is reported and recorded, and the next run resumes with the same bits. */
static void test_terminated(void **state) {
    (void)state;
    whole();
    int status = 0;
    char folder[32] = "";
    for (int tries = 0; tries < 5 && status == 0; tries++) { /* it may end before it is interrupted */
        snprintf(folder, sizeof folder, "terminated-%d", tries);
        const pid_t child = start(folder, 2);
        for (int i = 0; i < 30000 && !there(folder, "checkpoint.npz") && !there(folder, "artifact.npz"); i++) {
            rest(0.001);
        }
        kill(child, SIGTERM);
        status = exit_status(child);
    }
    char *text;
    size_t size;
    struct error e = {0};
    struct record *record;
    assert_int_equal(status, 1);
    assert_ok(file_read(in_root("", "log"), &text, &size, &e));
    assert_string_equal(text, "train: interrupted by SIGTERM\n");
    free(text);
    assert_true(there(folder, "checkpoint.npz") && !there(folder, "artifact.npz") && !there(folder, "run.json"));
    char command[700];
    snprintf(command, sizeof command, "grep -q '\"status\": \"interrupted\"' %s/*.json", in_root(folder, "runs"));
    assert_int_equal(system(command), 0);
    assert_int_equal(exit_status(start(folder, 1)), 0);
    assert_same_artifact(folder, "whole");
    assert_false(there(folder, "checkpoint.npz"));
    assert_ok(record_read(in_root(folder, "run.json"), &record, &e));
    text = record_json(record);
    assert_non_null(strstr(text, "\"resumed_after\": {"));
    free(text);
    record_free(record);
}

/* --- longer trainings ---------------------------------------------------------------------------- */

/* Moves the folder of a run to the name that make gives it, its key. */
static void move_to_key(const char *folder) {
    struct record *record;
    struct error e = {0};
    char from[PATH_MAX];
    assert_ok(record_read(in_root(folder, "run.json"), &record, &e));
    snprintf(from, sizeof from, "%s", in_root("", folder));
    assert_int_equal(rename(from, in_root("", record_text(record, "key"))), 0);
    record_free(record);
}

static double continued_after(const char *folder) {
    struct record *record;
    struct error e = {0};
    assert_ok(record_read(in_root(folder, "run.json"), &record, &e));
    const double epochs = record_value(record, "continued_after").value;
    assert_int_equal(isfinite(epochs), isfinite(record_value(record, "earlier_seconds").value));
    record_free(record);
    return epochs;
}

/* A training continues from the longest one that differs only in having fewer epochs, with the bits of a training that
 * begins at the beginning; not from one with another learning rate, nor from a damaged state. */
static void test_continued(void **state) {
    (void)state;
    const char *const more[] = {"--epochs=4", "--ema=0.9", "--keep-epochs=1", NULL};
    const char *const shorter[][4] = {{"--epochs=1", "--ema=0.9", "--keep-epochs=1", NULL},
                                      {"--epochs=2", "--ema=0.9", "--keep-epochs=1", NULL},
                                      {"--epochs=3", "--ema=0.9", "--keep-epochs=1", "--learning-rate=0.01"}};
    assert_int_equal(run("from-0", more), 0);
    assert_true(isnan(continued_after("from-0")));
    for (int i = 0; i < 3; i++) {
        char folder[32], longer[32];
        const char *const arguments[] = {shorter[i][0], shorter[i][1], shorter[i][2], shorter[i][3], NULL};
        snprintf(folder, sizeof folder, "fewer-%d", i);
        snprintf(longer, sizeof longer, "more-%d", i);
        assert_int_equal(run(folder, arguments), 0);
        move_to_key(folder);
        assert_int_equal(run(longer, more), 0);
        assert_true(continued_after(longer) == (i == 0 ? 1 : 2));
        assert_same_artifact(longer, "from-0");
    }

    assert_int_equal(run("damaged", (const char *[]){"--epochs=3", "--ema=0.9", "--keep-epochs=1", NULL}), 0);
    assert_int_equal(truncate(in_root("damaged", "state.npz"), 1000), 0);
    move_to_key("damaged");
    expect_message(&stage_train,
                   (const char *[]){option("--output=", "more-3", ""), option("--training=", "", "ensemble.npz"), SMALL,
                                    more[0], more[1], more[2], "--ledger=", NULL},
                   0, "train: does not continue from a shorter training: ");
    assert_true(continued_after("more-3") == 2);
    assert_same_artifact("more-3", "from-0");

    assert_int_equal(run("cosine", (const char *[]){"--epochs=1", "--learning-rate-decay=cosine", NULL}), 0);
    assert_false(there("cosine", "state.npz"));
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void test_refusals(void **state) {
    (void)state;
    const char *const ensemble = "ensemble.npz";
    const struct {
        const char *training, *arguments[3], *message;
    } refused[] = {
        {"model.npz", {NULL}, "--training: "},
        {"model.npz", {NULL}, "found an artifact of stage 'train', expected ensemble"},
        {"none.npz", {NULL}, "none.npz: cannot open"},
        {"cube.npz", {"--width=8", NULL}, "network unet with an ensemble in 3 dimensions found"},
        {"six.npz", {"--width=8", NULL}, "6 x 6"},
        {ensemble, {"--embedding=31", NULL}, "embedding 31 found, an even number expected"},
        {ensemble, {"--width=12", NULL}, "width 12 found, 4, 8, 16 or a multiple of 32 expected"},
        {ensemble, {"--epochs=0", NULL}, "epochs = '0'"},
        {ensemble, {"--learning-rate=fast", NULL}, "learning-rate = 'fast'"},
        {ensemble, {"--parameterisation=preconditoned", NULL}, "did you mean 'preconditioned'?"},
        {ensemble, {"--epoch=3", NULL}, "unknown option '--epoch'"},
        {"truncated.npz", {NULL}, "truncated.npz"},
        {"flipped.npz", {NULL}, "flipped.npz"},
        {"nan.npz", {"--network=gaussian", NULL}, "nan.npz: phi is not finite in configuration 3"},
        {"constant.npz", {"--network=gaussian", "--scaling=std", NULL}, "constant.npz: phi is constant"},
    };
    char *data;
    size_t size;
    struct error e = {0};
    assert_ok(file_read(in_root("", ensemble), &data, &size, &e));
    assert_ok(file_write(in_root("", "truncated.npz"), data, size / 2, &e));
    data[size / 2] ^= 16;
    assert_ok(file_write(in_root("", "flipped.npz"), data, size, &e));
    free(data);
    float *phi = white_noise("bad", 8 * 16);
    phi[3 * 16 + 7] = NAN;
    write_ensemble(in_root("", "nan.npz"), phi, 8, 2, (size_t[]){4, 4});
    for (size_t i = 0; i < 8 * 16; i++) {
        phi[i] = 0.5f;
    }
    write_ensemble(in_root("", "constant.npz"), phi, 8, 2, (size_t[]){4, 4});
    free(phi);
    phi = white_noise("other theory", 8 * 64);
    write_ensemble_at(0.25, in_root("", "other.npz"), phi, 8, 2, (size_t[]){8, 8});
    free(phi);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *all[8] = {option("--output=", "refused", ""), option("--training=", "", refused[i].training),
                              "--ledger="};
        for (size_t n = 0; refused[i].arguments[n]; n++) {
            all[3 + n] = refused[i].arguments[n];
        }
        expect_message(&stage_train, all, 2, refused[i].message);
        assert_false(there("refused", "artifact.npz"));
    }
    expect_message(&stage_train,
                   (const char *[]){option("--output=", "refused", ""), option("--training=", "", ensemble),
                                    "--ledger=", option("--validation=", "", "other.npz"), "--width=8",
                                    "--epochs=1000000", NULL},
                   2, "other.npz: kappa 0.25, lambda 0.02 found, 0.2 and 0.02 of the training set expected");
    /* a validation ensemble of another lattice is refused before the training */
    expect_message(&stage_train,
                   (const char *[]){option("--output=", "refused", ""), option("--training=", "", ensemble),
                                    "--ledger=", option("--validation=", "", "larger.npz"), "--width=8",
                                    "--epochs=1000000", NULL},
                   2, "larger.npz: phi has another lattice than the model");
    expect_message(&stage_train, (const char *[]){option("--output=", "refused", ""), NULL}, 2, "--training");
}

/* A training whose last loss exceeds that of a zero score prints a warning and notes it in its record. */
static void test_a_loss_that_is_too_large(void **state) {
    (void)state;
    expect_message(&stage_train,
                   (const char *[]){option("--output=", "wild", ""), option("--training=", "", "ensemble.npz"),
                                    "--ledger=", SMALL, "--epochs=6", "--learning-rate=10", NULL},
                   0, "train: warning: the loss is ");
    char *text;
    size_t size;
    struct error e = {0};
    assert_ok(file_read(in_root("wild", "run.json"), &text, &size, &e));
    assert_non_null(strstr(text, "\"training\": \"DIVERGED: the loss is "));
    free(text);
}

static void test_foreign_checkpoint(void **state) {
    (void)state;
    assert_refuses_foreign_checkpoint(
        &stage_train,
        (const char *[]){option("--training=", "", "ensemble.npz"), "--width=8", "--embedding=32", "--epochs=1", NULL});
}

/* A training does not resume on a machine with another instruction set, since its bits would be those of neither. */
static void test_other_instruction_set(void **state) {
    (void)state;
    const char *const arguments[] = {option("--training=", "", "ensemble.npz"), "--width=8", "--embedding=32",
                                     "--epochs=100000", NULL};
    setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1);
    const pid_t child = start_program("elsewhere", 1, arguments);
    for (int i = 0; i < 60000 && !there("elsewhere", "checkpoint.npz"); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    kill(child, SIGTERM);
    assert_int_equal(exit_status(child), 1);
    pin_instruction_set();
    assert_int_equal(exit_status(start_program("elsewhere", 1, arguments)), 2);
    char *text;
    size_t size;
    struct error e = {0};
    assert_ok(file_read(in_root("", "log"), &text, &size, &e));
    assert_non_null(strstr(text, "train: cannot resume; remove the checkpoint to start again: "));
    assert_non_null(strstr(text, "elsewhere/checkpoint.npz: written with SSE4.1, expected AVX2"));
    free(text);
    assert_true(there("elsewhere", "checkpoint.npz"));
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_validation),
        cmocka_unit_test(test_gaussian),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_killed_anywhere),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_continued),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_loss_that_is_too_large),
        cmocka_unit_test(test_foreign_checkpoint),
        cmocka_unit_test(test_other_instruction_set),
    };
    find_program(argv[0], "train");
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
