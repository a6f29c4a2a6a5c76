/* The stages with BACKEND=cuda from command line to artifact, on the emulated device, against the same stages on the
 * CPU: a wiener training with stored epochs, the model of an earlier epoch, the reverse process and the flow in both
 * directions with it; the toy model. */
#include "tests/stages/artifacts.h"

extern const struct stage stage_toy, stage_train, stage_checkpoint, stage_sample, stage_propose, stage_likelihood;

enum { COUNT = 12, V = 64 };

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("cuda-stages"));
    make_ensemble("ensemble.npz", COUNT, 2, (size_t[]){8, 8});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static void run(const struct stage *stage, const char *backend, const char *folder, const char *const *arguments) {
    char which[40];
    const char *all[24] = {option("--output=", folder, ""), "--ledger="};
    size_t n = 2;
    if (backend) {
        snprintf(which, sizeof which, "--backend=%s", backend);
        all[n++] = which;
    }
    for (size_t i = 0; arguments[i]; i++) {
        all[n++] = arguments[i];
    }
    assert_int_equal(run_stage(stage, all, NULL), 0);
}

static void train(const char *backend, const char *folder, const char *epochs, const char *keep) {
    run(&stage_train, backend, folder,
        (const char *[]){option("--training=", "", "ensemble.npz"), "--parameterisation=wiener", "--width=4",
                         "--embedding=8", "--stride=1", "--batch=5", "--excess-levels=3", "--noise-levels=log-s",
                         "--ema=0.5", epochs, keep, NULL});
}

static const void *data_of(const struct npz *npz, const char *name, enum npz_type type) {
    return reference_array(npz, name, type)->data;
}

static void training(void **state) {
    (void)state;
    train("cuda", "kept", "--epochs=3", "--keep-epochs=1,2");
    train("cuda", "again", "--epochs=3", "--keep-epochs=1,2");
    train("cuda", "shorter", "--epochs=2", "--keep-epochs=");
    train("cpu", "here", "--epochs=3", "--keep-epochs=1,2");
    assert_same_artifact("kept", "again");
    run(&stage_checkpoint, NULL, "made",
        (const char *[]){option("--training=", "kept", "artifact.npz"), "--epoch=2", NULL});
    struct npz *kept = open_artifact("kept"), *shorter = open_artifact("shorter"), *made = open_artifact("made");
    struct npz *here = open_artifact("here");
    struct score_model early, earlier;
    struct error e = {0};
    assert_ok(score_model_read(made, &early, &e));
    assert_ok(score_model_read(shorter, &earlier, &e));
    assert_memory_equal(early.weights, earlier.weights, early.weight_count * sizeof *early.weights);
    assert_close(3, data_of(kept, "loss", NPZ_FLOAT64), data_of(here, "loss", NPZ_FLOAT64), 1e-4);
    char *recipe;
    assert_ok(npz_text(kept, "recipe", &recipe, &e));
    assert_non_null(strstr(recipe, "backend=cuda\n"));
    free(recipe);
    score_model_release(&early);
    score_model_release(&earlier);
    npz_free(kept);
    npz_free(shorter);
    npz_free(made);
    npz_free(here);

    char *record;
    size_t size;
    assert_ok(file_read(in_root("kept", "run.json"), &record, &size, &e));
    assert_non_null(strstr(record, "emulated device, compute capability 9.0"));
    free(record);
}

/* Runs a stage with the model of epoch 2 on both. */
static void on_both(const struct stage *stage, const char *there, const char *here, const char *const *arguments) {
    const char *all[16] = {option("--model=", "made", "artifact.npz")};
    for (size_t i = 0; arguments[i]; i++) {
        all[i + 1] = arguments[i];
    }
    run(stage, "cuda-float32", there, all);
    run(stage, "cpu", here, all);
}

static void samples(void **state) {
    (void)state;
    on_both(&stage_sample, "sampled", "sampled-here", (const char *[]){"--configurations=6", "--steps=5", NULL});
    struct npz *there = open_artifact("sampled"), *here = open_artifact("sampled-here");
    double *a = to_reals(6 * V, data_of(there, "phi", NPZ_FLOAT32));
    double *b = to_reals(6 * V, data_of(here, "phi", NPZ_FLOAT32));
    assert_close(6 * V, a, b, 1e-4);
    free(a);
    free(b);
    npz_free(there);
    npz_free(here);
}

static void densities(void **state) {
    (void)state;
    on_both(&stage_propose, "proposed", "proposed-here",
            (const char *[]){"--configurations=5", "--method=heun", "--steps=2", "--probes=2",
                             "--probe-distribution=rademacher", "--control-variate=wiener", NULL});
    on_both(&stage_likelihood, "scored", "scored-here",
            (const char *[]){option("--fields=", "proposed", "artifact.npz"), "--tolerance=1e-3", "--t-start=1e-2",
                             "--probes=2", NULL});
    static const char *const folders[2][2] = {{"proposed", "proposed-here"}, {"scored", "scored-here"}};
    for (int i = 0; i < 2; i++) {
        struct npz *there = open_artifact(folders[i][0]), *here = open_artifact(folders[i][1]);
        assert_close(5, data_of(there, "log_q", NPZ_FLOAT64), data_of(here, "log_q", NPZ_FLOAT64), i ? 1e-3 : 1e-4);
        npz_free(there);
        npz_free(here);
    }
}

/* No device computes the network of the toy model: it is trained and sampled on the CPU with any backend. */
static void toy(void **state) {
    (void)state;
    run(&stage_toy, NULL, "double", (const char *[]){"--mu2=-1", "--configurations=64", NULL});
    const char *const backends[] = {"cuda", "cpu"}, *const models[] = {"toy-there", "toy-here"},
                      *const samples[] = {"toy-sampled", "toy-sampled-here"};
    for (int i = 0; i < 2; i++) {
        run(&stage_train, backends[i], models[i],
            (const char *[]){option("--training=", "double", "artifact.npz"), "--network=toy", "--width=8",
                             "--embedding=8", "--epochs=2", "--excess-levels=3", NULL});
        run(&stage_sample, backends[i], samples[i],
            (const char *[]){option("--model=", models[i], "artifact.npz"), "--configurations=8", "--steps=5", NULL});
    }
    struct npz *a = open_artifact("toy-sampled"), *b = open_artifact("toy-sampled-here");
    assert_memory_equal(data_of(a, "phi", NPZ_FLOAT32), data_of(b, "phi", NPZ_FLOAT32), 8 * sizeof(float));
    npz_free(a);
    npz_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training),
        cmocka_unit_test(samples),
        cmocka_unit_test(densities),
        cmocka_unit_test(toy),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
