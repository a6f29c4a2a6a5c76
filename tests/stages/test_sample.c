/* The stage `sample` from command line to artifact: contents, bits for any number of threads, digests that tie the bits
 * to the stage's version, interrupted runs that resume, refusals. */
#include "diffusion/reverse.h"
#include "score/schedule.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_sample;

static int set_up(void **state) {
    (void)state;
    static const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_PERIODIC}, other = {8, 8, 8, 32, 1, UNET_ZEROS};
    snprintf(root, sizeof root, "%s", scratch_folder("sample"));
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.2);
    m.offset = 0.5;
    m.factor = 0.25;
    make_model("gaussian.npz", &m);
    m = free_field(3, (size_t[]){2, 4, 3}, 0.12);
    make_model("cube.npz", &m);
    m = free_field(7, (size_t[]){2, 2, 2, 2, 2, 2, 2}, 0.03);
    make_model("seven.npz", &m);
    m = network_model(shape, SCORE_PUBLISHED, 30);
    make_model("published.npz", &m);
    m = network_model(shape, SCORE_WIENER, 1);
    make_model("wiener.npz", &m);
    m = network_model(other, SCORE_PRECONDITIONED, 1);
    make_model("preconditioned.npz", &m);
    make_ensemble("ensemble.npz", 4, 2, (size_t[]){8, 8});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static int run(const char *folder, const char *model, const char *const *arguments) {
    return run_with(&stage_sample, folder, (const char *[]){model, NULL}, arguments);
}

static double real(const struct npz *npz, const char *name) {
    return *(const double *)reference_array(npz, name, NPZ_FLOAT64)->data;
}

static struct score_model model_of(const char *name) {
    struct score_model m;
    struct npz *npz;
    struct error e = {0};
    assert_ok(npz_read(in_root("", name), &npz, &e));
    assert_ok(score_model_read(npz, &m, &e));
    npz_free(npz);
    return m;
}

/* --- contents ------------------------------------------------------------------------------------ */

/* The arrays are those of the library with the same settings. */
static void test_contents(void **state) {
    (void)state;
    static const double taus[] = {0, 0.5, 1};
    static const volatile sig_atomic_t never = 0;
    const struct reverse_settings settings = {.method = REVERSE_ANCESTRAL,
                                              .log_grid = true,
                                              .steps = 9,
                                              .t_end = 0.01,
                                              .seed = 17,
                                              .snapshot_times = taus,
                                              .snapshot_count = 3,
                                              .snapshot_configurations = 2};
    struct score_model m = model_of("gaussian.npz");
    struct error e = {0};
    assert_int_equal(
        run("contents", "gaussian.npz",
            (const char *[]){"--configurations=11", "--method=ancestral", "--grid=log-s", "--steps=9", "--t-end=0.01",
                             "--seed=17", "--snapshots=0,0.5,1", "--snapshot-configurations=2", NULL}),
        0);
    struct npz *npz = open_artifact("contents");
    const struct npz_array *phi = reference_array(npz, "phi", NPZ_FLOAT32);
    const struct npz_array *kept = reference_array(npz, "snapshots", NPZ_FLOAT32);
    const size_t shape[] = {11, 8, 8}, kept_shape[] = {3, 2, 8, 8};
    assert_int_equal(phi->dimensions, 3);
    assert_memory_equal(phi->shape, shape, sizeof shape);
    assert_int_equal(kept->dimensions, 4);
    assert_memory_equal(kept->shape, kept_shape, sizeof kept_shape);
    float *expected = test_floats(11 * 64), *snapshots = test_floats(3 * 2 * 64);
    assert_ok(reverse_run(&m, &settings, 0, 11, 1, expected, snapshots, &never, NULL, &e));
    assert_memory_equal(phi->data, expected, 11 * 64 * sizeof *expected);
    assert_memory_equal(kept->data, snapshots, 3 * 2 * 64 * sizeof *snapshots);
    assert_memory_equal(reference_array(npz, "snapshot-times", NPZ_FLOAT64)->data, taus, sizeof taus);
    double t[9];
    const double *grid = reference_array(npz, "grid.t", NPZ_FLOAT64)->data;
    const double *noise = reference_array(npz, "grid.s", NPZ_FLOAT64)->data;
    reverse_grid(&settings, 25, t);
    assert_memory_equal(grid, t, sizeof t);
    for (int i = 0; i < 9; i++) {
        assert_true(noise[i] == schedule_noise(25, t[i]));
    }
    assert_true(real(npz, "kappa") == 0.2 && real(npz, "lambda") == 0.02);
    assert_true(integer(npz, "chains") == 11 && integer(npz, "independent") == 1);
    free(expected);
    free(snapshots);
    npz_free(npz);
    score_model_release(&m);
}

static void test_other_dimensions(void **state) {
    (void)state;
    assert_int_equal(
        run("cube", "cube.npz", (const char *[]){"--configurations=3", "--steps=4", "--snapshots=0.5", NULL}), 0);
    struct npz *npz = open_artifact("cube");
    const size_t shape[] = {3, 2, 4, 3}, kept_shape[] = {1, 3, 2, 4, 3}; /* no more snapshots than configurations */
    assert_memory_equal(reference_array(npz, "phi", NPZ_FLOAT32)->shape, shape, sizeof shape);
    assert_memory_equal(reference_array(npz, "snapshots", NPZ_FLOAT32)->shape, kept_shape, sizeof kept_shape);
    npz_free(npz);
    assert_int_equal(run("seven", "seven.npz", (const char *[]){"--configurations=2", "--method=direct", NULL}), 0);
    npz = open_artifact("seven");
    assert_int_equal(reference_array(npz, "phi", NPZ_FLOAT32)->dimensions, 8);
    assert_true(!npz_find(npz, "grid.t") && !npz_find(npz, "snapshots"));
    npz_free(npz);
}

/* --- bits ---------------------------------------------------------------------------------------- */

#define COMMON "--configurations=19", "--seed=23"

/* If a digest changes, raise the version in stages/sample.c. */
static const struct digest_case cases[] = {
    {&stage_sample,
     3,
     "euler-maruyama",
     {"gaussian.npz"},
     {COMMON, "--steps=12", "--snapshots=0,0.7,1"},
     "6c824bcc0a3297e0c7178095f7afe2e33265c1c2c96acf97b37d3bd449c6317b"},
    {&stage_sample,
     3,
     "ancestral",
     {"gaussian.npz"},
     {COMMON, "--method=ancestral", "--grid=log-s", "--steps=5"},
     "c0779f1fb011af99957e3539e6f2bee7853414c8b1dc4d63c7c7168b32810397"},
    {&stage_sample,
     3,
     "direct",
     {"cube.npz"},
     {COMMON, "--method=direct"},
     "e2fc415942e5f1ad9370e67b5f61f8a02586efb0cc53d2e229112f8f5552a3d3"},
    {&stage_sample,
     3,
     "published",
     {"published.npz"},
     {COMMON, "--steps=6"},
     "2076ac3ed132fd43e722619d5a5c529e412ae8a9b54854c2b1a99d88ab93390a"},
    {&stage_sample,
     3,
     "wiener",
     {"wiener.npz"},
     {COMMON, "--method=ancestral", "--grid=log-s", "--steps=5"},
     "0a3b219e8c877a4d661ebf46f8d26adac847f9d346f061bf268e625630fde961"},
    {&stage_sample,
     3,
     "preconditioned",
     {"preconditioned.npz"},
     {COMMON, "--grid=log-s", "--steps=5", "--snapshots=0.5"},
     "8eefd7528dfacb684b88e02858889a6ef307d34107642451620ecb290a27150f"},
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

/* --- interrupted runs ---------------------------------------------------------------------------- */

static void test_terminated(void **state) {
    (void)state;
    assert_goes_on((const char *[]){option("--model=", "", "published.npz"), "--configurations=1200", "--steps=20",
                                    "--snapshots=0,0.5,1", "--snapshot-configurations=300", NULL});
}

static void test_parts(void **state) {
    (void)state;
    assert_same_in_parts(&stage_sample, "snapshots",
                         (const char *[]){option("--model=", "", "gaussian.npz"), "--configurations=600", "--steps=5",
                                          "--snapshots=0,0.5,1", "--snapshot-configurations=300", NULL});
    assert_same_in_parts(
        &stage_sample, "direct",
        (const char *[]){option("--model=", "", "gaussian.npz"), "--configurations=20", "--method=direct", NULL});
}

static void test_foreign_parts(void **state) {
    (void)state;
    assert_refuses_foreign_parts(&stage_sample, (const char *[]){option("--model=", "", "gaussian.npz"), NULL});
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void test_refusals(void **state) {
    (void)state;
    const struct {
        const char *model, *arguments[3], *message;
        int status;
    } refused[] = {
        {"ensemble.npz", {NULL}, "--model: ", 2},
        {"ensemble.npz", {NULL}, "found an artifact of stage 'ensemble', expected train", 2},
        {"none.npz", {NULL}, "none.npz: cannot open", 2},
        {"gaussian.npz", {"--method=ancestral", NULL}, "ancestral with grid uniform-t found, grid log-s expected", 2},
        {"gaussian.npz", {"--method=modes", NULL}, "modes with a model of kind gaussian found", 2},
        {"gaussian.npz",
         {"--method=modes-noisy", "--snapshots=0,1", NULL},
         "modes-noisy has no intermediate times: expected no snapshots",
         2},
        {"published.npz", {"--method=direct", NULL}, "method direct with a model of kind unet found", 2},
        {"gaussian.npz",
         {"--method=direct", "--snapshots=0,1", NULL},
         "direct has no intermediate times: expected no snapshots",
         2},
        {"gaussian.npz", {"--method=heun", NULL}, "method = 'heun'", 2},
        {"gaussian.npz", {"--steps=1", NULL}, "steps = '1'", 2},
        {"gaussian.npz", {"--snapshots=0,1.5", NULL}, "snapshots", 2},
        {"gaussian.npz", {"--configuration=5", NULL}, "unknown option '--configuration'", 2},
        {"seven.npz", {"--snapshots=0.5", NULL}, "snapshots of a field in 7 dimensions", 2},
        {"flipped.npz", {NULL}, "flipped.npz", 2},
        {"truncated.npz", {NULL}, "truncated.npz", 2},
        {"empty.npz", {NULL}, "model.kind", 2},
        {"negative.npz", {NULL}, "negative.npz: propagator of mode 5 is -1, expected a finite number >= 0", 2},
        {"diverging.npz", {"--steps=4", NULL}, "configuration 0 is not finite: the sampler diverged", 1},
    };
    char *data;
    size_t size;
    struct error e = {0};
    struct npz_writer *writer;
    assert_ok(file_read(in_root("", "published.npz"), &data, &size, &e));
    assert_ok(file_write(in_root("", "truncated.npz"), data, size - 1000, &e));
    data[size / 2] ^= 1;
    assert_ok(file_write(in_root("", "flipped.npz"), data, size, &e));
    free(data);
    assert_ok(npz_create(in_root("", "empty.npz"), &writer, &e));
    assert_ok(npz_add_text(writer, "recipe", "stage=train\n", &e));
    assert_ok(npz_commit(writer, &e));
    struct score_model m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_PUBLISHED, 1);
    m.weights[m.weight_count - 1] = NAN;
    make_model("diverging.npz", &m);
    m = free_field(2, (size_t[]){4, 4}, 0.2);
    m.propagator[5] = -1;
    make_model("negative.npz", &m);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *all[8] = {option("--output=", "refused", ""), option("--model=", "", refused[i].model),
                              "--ledger=", "--threads=1"};
        for (size_t n = 0; refused[i].arguments[n]; n++) {
            all[4 + n] = refused[i].arguments[n];
        }
        expect_message(&stage_sample, all, refused[i].status, refused[i].message);
        assert_false(there("refused", "artifact.npz"));
    }
    expect_message(&stage_sample, (const char *[]){option("--output=", "refused", ""), NULL}, 2, "--model");
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_other_dimensions),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_foreign_parts),
        cmocka_unit_test(test_refusals),
    };
    find_program(argv[0], "sample");
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
