/* The effective-action model in the stages: training, proposals with method = modes, likelihood, chains; contents of
 * the artifacts, rejected proposals, bits, interrupted runs, and refusals. */
#include "backend/backend.h"
#include "lattice/action.h"
#include "score/unet.h"
#include "store/record.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_train, stage_propose, stage_likelihood, stage_sample, stage_dm_mcmc, stage_ensemble;

enum { V = 64, N = 600 };

#define BASIS \
    "--network=effective-action", "--local=5", "--kernels=1", "--pairs=3", "--linear-pairs=1", "--zero-mode=5", \
        "--levels=10", "--excess-levels=3"

static int train(const char *folder, const char *const *arguments) {
    const char *all[32] = {BASIS};
    size_t n = 8;
    for (size_t i = 0; arguments[i]; i++) {
        all[n++] = arguments[i];
    }
    return run_with(&stage_train, folder, (const char *[]){"ensemble/artifact.npz", NULL}, all);
}

static int propose(const char *folder, const char *model, const char *const *arguments) {
    const char *all[32] = {"--method=modes"};
    size_t n = 1;
    for (size_t i = 0; arguments[i]; i++) {
        all[n++] = arguments[i];
    }
    return run_with(&stage_propose, folder, (const char *[]){model, NULL}, all);
}

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("effective-action"));
    assert_int_equal(run_into(&stage_ensemble, "ensemble",
                              (const char *[]){"--lattice=8x8", "--kappa=0.24", "--chains=384", "--configurations=384",
                                               "--thermalisation=60", "--stride=1", "--test-chains=0", NULL}),
                     0);
    assert_int_equal(train("model", (const char *[]){"--refine=512", NULL}), 0);
    /* a model of one phase for data of two: many draws leave the phase */
    assert_int_equal(train("phase", (const char *[]){"--phase=broken", "--refine=0", NULL}), 0);
    assert_int_equal(
        propose("proposals", "model/artifact.npz", (const char *[]){"--configurations=600", "--steps=12", NULL}), 0);
    assert_int_equal(run_into(&stage_ensemble, "other",
                              (const char *[]){"--lattice=4x4", "--kappa=0.24", "--chains=4", "--configurations=4",
                                               "--thermalisation=1", "--stride=1", "--test-chains=0", NULL}),
                     0);
    struct score_model m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_WIENER, 1);
    make_model("unet.npz", &m);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

/* --- contents ------------------------------------------------------------------------------------ */

static void test_model(void **state) {
    (void)state;
    struct npz *npz = open_artifact("model");
    struct score_model m;
    struct error e = {0};
    assert_ok(score_model_read(npz, &m, &e));
    assert_string_equal(score_model_kind(&m), "effective-action");
    assert_true(m.theory.kappa == 0.24 && m.volume == V && m.offset == 0 && m.factor == 1 && score_model_closed(&m));
    const struct npz_array *features = npz_find(npz, "effective.features"),
                           *a = npz_find(npz, "effective.coefficients");
    assert_true(a->dimensions == 2 && a->shape[0] == 10 && a->shape[1] == features->count);
    assert_true(*reals(npz, "effective.refine_after", 1) < *reals(npz, "effective.refine_before", 1));
    for (size_t k = 0; k < 10; k++) {
        assert_true(reals(npz, "effective.gain", 10)[k] > -1e-3);
    }
    for (size_t k = 0; k < 3; k++) { /* no worse than the Wiener filter at any level */
        assert_true(reals(npz, "excess.excess", 3)[k] < 4 * reals(npz, "excess.error", 3)[k]);
    }
    score_model_release(&m);
    npz_free(npz);
}

/* The weights are those of the stored fields, the density is that of the flow from the data to the noise, and the chain
 * satisfies the virial theorem <sum phi dS/dphi> = V. */
static void test_exact(void **state) {
    (void)state;
    struct npz *npz = open_artifact("proposals");
    const double *S = reals(npz, "action", N), *log_q = reals(npz, "log_q", N), *log_w = reals(npz, "log_w", N);
    const float *phi = reference_array(npz, "phi", NPZ_FLOAT32)->data;
    const struct theory theory = {0.24, *reals(npz, "lambda", 1)};
    struct geometry *g;
    struct error e = {0};
    assert_ok(geometry_new((size_t[]){8, 8}, 2, &g, &e));
    assert_int_equal((int64_t)*reals(npz, "rejected", 1), 0);
    assert_true(*reals(npz, "step_error", 1) > 0 && *reals(npz, "step_error", 1) < 0.01);
    assert_true(*reals(npz, "acceptance", 1) > 0.8 && reals(npz, "cost", N)[0] == 48);
    double largest = -INFINITY, sum = 0, mean = 0, square = 0, virial[N];
    for (size_t i = 0; i < N; i++) {
        assert_true(log_w[i] == -S[i] - log_q[i]);
        const struct configuration_means means = configuration_measure_float(g, &theory, phi + i * V);
        assert_near(S[i], means.action * V, 1e-9 * (1 + fabs(S[i])));
        virial[i] = means.virial;
        largest = fmax(largest, log_w[i]);
    }
    for (size_t i = 0; i < N; i++) {
        sum += exp(log_w[i] - largest);
        mean += exp(log_w[i] - largest) * virial[i];
    }
    mean /= sum;
    for (size_t i = 0; i < N; i++) {
        square += pow(exp(log_w[i] - largest) * (virial[i] - mean), 2);
    }
    assert_near(mean, 1, 4 * sqrt(square) / sum);
    assert_int_equal(run_into(&stage_likelihood, "back",
                              (const char *[]){option("--model=", "model", "artifact.npz"),
                                               option("--fields=", "proposals", "artifact.npz"), "--method=modes",
                                               "--steps=12", NULL}),
                     0);
    struct npz *back = open_artifact("back");
    for (size_t i = 0; i < N; i++) {
        assert_near(reals(back, "log_q", N)[i], log_q[i], 2e-3);
    }
    npz_free(back);
    geometry_free(g);
    npz_free(npz);
}

/* Blocked lattices and growing steps in the stages: the artifact has the parameter only if it is set; densities are
 * those of the flow from the data to the noise, and step_error is the change with finer steps. */
static void test_blocked(void **state) {
    (void)state;
    enum { DRAWS = 64 };
    struct npz *npz = open_artifact("model");
    assert_null(npz_find(npz, "effective.blocking"));
    npz_free(npz);
    assert_int_equal(run_into(&stage_ensemble, "large",
                              (const char *[]){"--lattice=16x16", "--kappa=0.26", "--chains=96", "--configurations=96",
                                               "--thermalisation=80", "--stride=1", "--test-chains=0", NULL}),
                     0);
    assert_int_equal(run_with(&stage_train, "blocked", (const char *[]){"large/artifact.npz", NULL},
                              (const char *[]){BASIS, "--refine=0", "--blocking=0.2", NULL}),
                     0);
    npz = open_artifact("blocked");
    assert_true(*reals(npz, "effective.blocking", 1) == 0.2);
    npz_free(npz);
    double log_q[2][DRAWS];
    for (int i = 0; i < 2; i++) {
        const char *const folder = i ? "stretched" : "even", *const upwards = i ? "upwards-stretched" : "upwards-even",
                          *const stretch = i ? "--stretch=3" : "--stretch=1";
        assert_int_equal(propose(folder, "blocked/artifact.npz",
                                 (const char *[]){"--configurations=64", "--steps=16", stretch, NULL}),
                         0);
        npz = open_artifact(folder);
        memcpy(log_q[i], reals(npz, "log_q", DRAWS), sizeof log_q[i]);
        assert_true(*reals(npz, "step_error", 1) < 0.05);
        npz_free(npz);
        assert_int_equal(run_into(&stage_likelihood, upwards,
                                  (const char *[]){option("--model=", "blocked", "artifact.npz"),
                                                   option("--fields=", folder, "artifact.npz"), "--method=modes",
                                                   "--steps=16", stretch, NULL}),
                         0);
        npz = open_artifact(upwards);
        for (size_t k = 0; k < DRAWS; k++) {
            assert_near(reals(npz, "log_q", DRAWS)[k], log_q[i][k], 1e-2);
        }
        npz_free(npz);
    }
    assert_memory_not_equal(log_q[0], log_q[1], sizeof log_q[0]);
}

/* Limits of the bilocal features, and a noise level below which there are none, reach the artifact; proposals of such a
 * model have weights as narrow as those of the full one. */
static void test_graphs(void **state) {
    (void)state;
    struct npz *npz = open_artifact("model");
    assert_null(npz_find(npz, "effective.pairs_above"));
    npz_free(npz);
    assert_int_equal(train("graphs", (const char *[]){"--refine=0", "--pairs=5", "--pairs-outer=1", "--pairs-inner=3",
                                                      "--pairs-above=0.4", NULL}),
                     0);
    npz = open_artifact("graphs");
    assert_true(*reals(npz, "effective.pairs_above", 1) == 0.4);
    const struct npz_array *names = npz_find(npz, "effective.features");
    size_t pairs = 0;
    for (size_t i = 0; i < names->count; i++) {
        int p, n, q;
        if (sscanf((const char *)names->data + i * names->item_size, "t^%d (C^%d * t^%d)", &p, &n, &q) == 3) {
            assert_true(p <= 1 && q <= 3);
            pairs += p + q > 1;
        }
    }
    assert_int_equal(pairs, 2); /* t^0 (C * t^3), t^1 (C * t^2) */
    npz_free(npz);
    assert_int_equal(
        propose("graph-proposals", "graphs/artifact.npz", (const char *[]){"--configurations=256", "--steps=12", NULL}),
        0);
    npz = open_artifact("graph-proposals");
    assert_true(*reals(npz, "step_error", 1) < 0.01);
    assert_true(*reals(npz, "var_log_w", 1) < 0.1);
    npz_free(npz);
}

/* Draws that leave the phase are rejected: they are counted, zero at all sites, of weight 0, and never in a chain. */
static void test_rejected(void **state) {
    (void)state;
    assert_int_equal(
        propose("some", "phase/artifact.npz", (const char *[]){"--configurations=600", "--steps=12", NULL}), 0);
    assert_int_equal(run_into(&stage_dm_mcmc, "chain",
                              (const char *[]){option("--proposals=", "some", "artifact.npz"), "--discard=50", NULL}),
                     0);
    struct npz *npz = open_artifact("some"), *chain = open_artifact("chain");
    const float *phi = reference_array(npz, "phi", NPZ_FLOAT32)->data;
    const double *log_q = reals(npz, "log_q", N), *log_w = reals(npz, "log_w", N);
    int64_t rejected = 0;
    for (size_t i = 0; i < N; i++) {
        const bool out = isinf(log_q[i]);
        rejected += out;
        assert_true(out ? log_q[i] > 0 && log_w[i] < 0 && isinf(log_w[i]) : isfinite(log_w[i]));
        assert_true(isnan(reals(npz, "action_difference", N)[i]) == out);
        for (size_t x = 0; x < V; x++) {
            assert_true(!out || phi[i * V + x] == 0);
        }
    }
    assert_int_equal((int64_t)*reals(npz, "rejected", 1), rejected);
    assert_in_range(rejected, 1, N / 2);
    assert_true(isfinite(*reals(npz, "step_error", 1)) && isfinite(*reals(npz, "acceptance", 1)) &&
                isfinite(*reals(npz, "R2", 1)));
    const int64_t *index = reference_array(chain, "proposal", NPZ_INT64)->data;
    for (size_t i = 0; i < N - 50; i++) {
        assert_true(isfinite(log_w[index[i]]));
    }
    npz_free(chain);
    npz_free(npz);
}

/* --- bits ---------------------------------------------------------------------------------------- */

static const struct digest_case cases[] = {
    {&stage_train,
     4,
     "trained",
     {"ensemble/artifact.npz"},
     {BASIS, "--refine=96", "--fit-configurations=100"},
     "0eef38c11bc9dee277cd147457f1beaf464a734de34cadab98c8748e86cff656"},
    {&stage_propose,
     2,
     "proposed",
     {"trained-1/artifact.npz"},
     {"--method=modes", "--steps=4", "--configurations=50"},
     "9baa876c726bd0cefd54cccb9cf96651cb5b6dc1d758510045a938bf6584b827"},
    {&stage_likelihood,
     3,
     "scored",
     {"trained-1/artifact.npz", "proposed-1/artifact.npz"},
     {"--method=modes", "--steps=4"},
     "e202effb6fb080cd1b434a1785e2e9699b9b0543345d35959f299930d4db4cfa"},
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

/* --- from another lattice ----------------------------------------------------------------------- */

/* Transferred coefficients are those of the other lattice at equal levels; those of the zero mode are fitted. */
static void test_transfer(void **state) {
    (void)state;
    assert_int_equal(
        run_into(&stage_ensemble, "larger",
                 (const char *[]){"--lattice=12x12", "--kappa=0.24", "--chains=64", "--configurations=64",
                                  "--thermalisation=60", "--stride=1", "--test-chains=0", "--seed=3", NULL}),
        0);
    assert_int_equal(run_with(&stage_train, "small", (const char *[]){"ensemble/artifact.npz", NULL},
                              (const char *[]){"--highest-level=20", "--refine=0", BASIS, NULL}),
                     0);
    assert_int_equal(run_with(&stage_train, "transferred", (const char *[]){"larger/artifact.npz", NULL},
                              (const char *[]){option("--transfer=", "small", "artifact.npz"), "--highest-level=20",
                                               "--refine=0", BASIS, NULL}),
                     0);
    assert_int_equal(run_with(&stage_train, "partly", (const char *[]){"larger/artifact.npz", NULL},
                              (const char *[]){option("--transfer=", "small", "artifact.npz"), "--highest-level=20",
                                               "--transfer-below=1", "--refine=0", BASIS, NULL}),
                     0);
    assert_int_equal(run_with(&stage_train, "alone", (const char *[]){"larger/artifact.npz", NULL},
                              (const char *[]){"--highest-level=20", "--refine=0", BASIS, NULL}),
                     0);
    struct npz *npz[4] = {open_artifact("small"), open_artifact("transferred"), open_artifact("partly"),
                          open_artifact("alone")};
    const struct npz_array *names = npz_find(npz[0], "effective.features"),
                           *a = npz_find(npz[0], "effective.coefficients");
    const size_t F = a->shape[1], width = names->item_size;
    size_t fitted = 0;
    for (size_t i = 0; i < F; i++) {
        for (size_t k = 0; k < 10; k++) {
            const double one = reals(npz[0], "effective.coefficients", 10 * F)[k * F + i],
                         other = reals(npz[1], "effective.coefficients", 10 * F)[k * F + i];
            const bool zero_mode = memcmp((const char *)names->data + i * width, "t0^", 3) == 0;
            fitted += zero_mode;
            if (zero_mode ? one == other : fabs(one - other) > 1e-6 * fabs(one) + 1e-12) {
                fail_msg("coefficient %zu at level %zu: %g found, %g of the smaller lattice", i, k, other, one);
            }
        }
    }
    assert_true(fitted >= 20 && fitted < 10 * F);
    size_t below = 0; /* levels under transfer-below are those of the transferred model, others those of a fit alone */
    for (size_t k = 0; k < 10; k++) {
        const bool taken = reals(npz[2], "effective.log_s", 10)[k] < 0;
        below += taken;
        for (size_t i = 0; i < F; i++) {
            assert_true(reals(npz[2], "effective.coefficients", 10 * F)[k * F + i] ==
                        reals(npz[taken ? 1 : 3], "effective.coefficients", 10 * F)[k * F + i]);
        }
    }
    assert_true(below > 2 && below < 8);
    for (int i = 0; i < 4; i++) {
        npz_free(npz[i]);
    }
    const char *output = option("--output=", "refused", ""),
               *training = option("--training=", "larger", "artifact.npz"),
               *transfer = option("--transfer=", "small", "artifact.npz");
    expect_message(&stage_train,
                   (const char *[]){output, training, transfer, "--ledger=", "--network=effective-action", NULL}, 2,
                   "transfer: model of other features or saturation found");
    expect_message(&stage_train, (const char *[]){output, training, transfer, "--ledger=", "--network=gaussian", NULL},
                   2, "input transfer found with network = gaussian, expected only for network = effective-action");
}

/* --- interrupted runs ---------------------------------------------------------------------------- */

/* A run that is interrupted right after its start prints a message and leaves no incomplete file, and the next run is
 * not affected by it. */
static void ended_early(const char *called, const char *stage, const char *whole, const char *const *arguments) {
    char *text;
    size_t size;
    struct error e = {0};
    find_program(called, stage);
    for (int signal = 0; signal < 2; signal++) {
        const pid_t child = start_program("early", 2, arguments);
        for (int i = 0; i < 30000 && !there("early", "runs"); i++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        kill(child, signal ? SIGKILL : SIGTERM);
        const int status = exit_status(child);
        assert_int_equal(status, signal ? 100 + SIGKILL : 1);
        assert_false(there("early", "artifact.npz"));
        if (signal) {
            continue;
        }
        assert_ok(file_read(in_root("", "log"), &text, &size, &e));
        if (!strstr(text, "interrupted by SIGTERM")) {
            fail_msg("'%s' found, expected that SIGTERM is named", text);
        }
        free(text);
    }
    assert_int_equal(exit_status(start_program("early", 1, arguments)), 0);
    assert_same_artifact("early", whole);
    scratch_remove(in_root("early", ""));
}

static const char *own_name;

static void test_ended(void **state) {
    (void)state;
    static const char *const basis[] = {BASIS};
    const char *training[16] = {option("--training=", "ensemble", "artifact.npz")};
    for (size_t i = 0; i < 8; i++) {
        training[1 + i] = basis[i];
    }
    training[9] = "--refine=512";
    ended_early(own_name, "train", "model", training);
    ended_early(own_name, "propose", "proposals",
                (const char *[]){option("--model=", "model", "artifact.npz"), "--method=modes", "--configurations=600",
                                 "--steps=12", NULL});
}

static void test_parts(void **state) {
    (void)state;
    assert_same_in_parts(&stage_propose, "modes",
                         (const char *[]){option("--model=", "model", "artifact.npz"), "--method=modes",
                                          "--configurations=300", "--steps=4", NULL});
    assert_same_in_parts(&stage_sample, "noisy",
                         (const char *[]){option("--model=", "model", "artifact.npz"), "--method=modes-noisy",
                                          "--configurations=300", "--steps=4", NULL});
    assert_same_in_parts(&stage_likelihood, "scores",
                         (const char *[]){option("--model=", "model", "artifact.npz"), "--method=modes", "--steps=4",
                                          option("--fields=", "split-modes", "artifact.npz"), NULL});
}

/* --- refusals ------------------------------------------------------------------------------------ */

/* Writes a copy of the model in which an array is replaced, or omitted if data is NULL. */
static void damage(const char *name, enum npz_type type, size_t dimensions, const size_t *shape, const void *data) {
    struct npz *npz = open_artifact("model");
    struct npz_writer *writer;
    struct error e = {0};
    assert_ok(npz_create(in_root("", "damaged.npz"), &writer, &e));
    for (size_t i = 0; i < npz_count(npz); i++) {
        const struct npz_array *a = npz_array_at(npz, i);
        char *text = NULL;
        if (strcmp(a->name, name) == 0) {
            continue;
        }
        if (strcmp(a->name, "effective.features") == 0) {
            const char *names[32];
            for (size_t k = 0; k < a->count; k++) {
                names[k] = strndup((const char *)a->data + k * a->item_size, a->item_size);
            }
            assert_ok(npz_add_texts(writer, a->name, names, a->count, &e));
            for (size_t k = 0; k < a->count; k++) {
                free((void *)(uintptr_t)names[k]);
            }
        } else if (a->type == NPZ_BYTES) {
            assert_ok(npz_text(npz, a->name, &text, &e));
            assert_ok(npz_add_text(writer, a->name, text, &e));
            free(text);
        } else {
            assert_ok(npz_add(writer, a->name, a->type, a->dimensions, a->shape, a->data, &e));
        }
    }
    if (type == NPZ_BYTES && data) {
        assert_ok(npz_add_texts(writer, name, data, shape[0], &e));
    } else if (data) {
        assert_ok(npz_add(writer, name, type, dimensions, shape, data, &e));
    }
    assert_ok(npz_commit(writer, &e));
    npz_free(npz);
}

static void refuses(const char *text) {
    expect_message(&stage_propose,
                   (const char *[]){option("--output=", "refused", ""), option("--model=", "", "damaged.npz"),
                                    "--ledger=", "--method=modes", NULL},
                   2, text);
    assert_false(there("refused", "artifact.npz"));
}

static void test_damaged(void **state) {
    (void)state;
    struct npz *npz = open_artifact("model");
    const size_t F = npz_find(npz, "effective.features")->count, levels = 10, two = 2;
    double *a = test_alloc(levels * F, sizeof *a), s[10], G[V];
    memcpy(a, reals(npz, "effective.coefficients", levels * F), levels * F * sizeof *a);
    memcpy(s, reals(npz, "effective.log_s", levels), sizeof s);
    memcpy(G, reals(npz, "propagator", V), sizeof G);
    damage("effective.features", NPZ_BYTES, 1, (size_t[]){2}, (const char *[]){"t^1", "x^3"});
    refuses("damaged.npz: 'x^3' is no feature of an effective-action model");
    damage("effective.features", NPZ_BYTES, 1, (size_t[]){2}, (const char *[]){"t^1", "t^3"});
    refuses("damaged.npz: effective.coefficients has shape 10 x ");
    damage("effective.coefficients", NPZ_FLOAT64, 2, (size_t[]){F, levels}, a);
    refuses("damaged.npz: effective.coefficients has shape ");
    damage("effective.coefficients", NPZ_FLOAT64, 1, (size_t[]){levels * F}, a);
    refuses("damaged.npz: ");
    a[F + 1] = NAN;
    damage("effective.coefficients", NPZ_FLOAT64, 2, (size_t[]){levels, F}, a);
    refuses("damaged.npz: effective.coefficients is nan, expected finite numbers");
    damage("effective.coefficients", NPZ_FLOAT64, 0, NULL, NULL);
    refuses("effective.coefficients");
    damage("effective.log_s", NPZ_FLOAT64, 1, &two, s);
    refuses("damaged.npz: 2 levels found, expected at least 3");
    s[4] += 0.01;
    damage("effective.log_s", NPZ_FLOAT64, 1, &levels, s);
    refuses("damaged.npz: effective.log_s ascends unevenly, expected equal distances");
    damage("effective.saturation", NPZ_FLOAT64, 0, NULL, &(double){0});
    refuses("damaged.npz: saturations 0 and 1.3 found, expected more than 0");
    damage("effective.blocking", NPZ_FLOAT64, 0, NULL, &(double){2});
    refuses("damaged.npz: effective.blocking 2 found, expected 0 to 1");
    damage("effective.pairs_above", NPZ_FLOAT64, 0, NULL, &(double){-1});
    refuses("damaged.npz: effective.pairs_above -1 found, expected at least 0, and finite");
    G[5] = -1;
    damage("propagator", NPZ_FLOAT64, 2, (size_t[]){8, 8}, G);
    refuses("damaged.npz: ");
    free(a);
    npz_free(npz);
}

/* With huge coefficients every proposal is rejected, and a message says so. */
static void test_all_proposals_rejected(void **state) {
    (void)state;
    struct npz *npz = open_artifact("model");
    const size_t F = npz_find(npz, "effective.features")->count, shape[] = {10, F};
    double *a = test_alloc(10 * F, sizeof *a);
    for (size_t i = 0; i < 10 * F; i++) {
        a[i] = 1e36;
    }
    damage("effective.coefficients", NPZ_FLOAT64, 2, shape, a);
    assert_int_equal(propose("away", "damaged.npz", (const char *[]){"--configurations=40", "--steps=3", NULL}), 0);
    struct npz *away = open_artifact("away");
    assert_int_equal((int64_t)*reals(away, "rejected", 1), 40);
    for (size_t i = 0; i < 40; i++) {
        assert_true(isinf(reals(away, "log_q", 40)[i]) && reals(away, "log_w", 40)[i] == -(double)INFINITY);
    }
    npz_free(away);
    npz_free(npz);
    free(a);
}

static void test_refusals(void **state) {
    (void)state;
    const char *output = option("--output=", "refused", "");
    expect_message(&stage_propose,
                   (const char *[]){output, option("--model=", "", "unet.npz"), "--ledger=", "--method=modes", NULL}, 2,
                   "method modes with a model of kind unet found");
    expect_message(
        &stage_propose,
        (const char *[]){output, option("--model=", "model", "artifact.npz"), "--ledger=", "--method=direct", NULL}, 2,
        "method direct with a model of kind effective-action found");
    expect_message(&stage_likelihood,
                   (const char *[]){output, option("--model=", "model", "artifact.npz"),
                                    option("--fields=", "other", "artifact.npz"), "--ledger=", "--method=modes", NULL},
                   2, "other/artifact.npz: phi has another lattice than the model");
    expect_message(&stage_train,
                   (const char *[]){output, option("--training=", "ensemble", "artifact.npz"), "--ledger=",
                                    "--network=effective-action", "--highest-level=0.5", "--lowest-level=0.6", NULL},
                   2, "highest-level 0.5 found, expected more than lowest-level 0.6");
    expect_message(&stage_train,
                   (const char *[]){output, option("--training=", "ensemble", "artifact.npz"),
                                    "--ledger=", "--network=effective-action", "--pairs=13", "--kernels=8", NULL},
                   2, "features, expected at most 128");
    assert_false(there("refused", "artifact.npz"));
}

/* No device computes this model, so a run with a device is refused. */
static void test_device(void **state) {
    (void)state;
    struct backend device = {.name = "cuda", .supports = score_is_unet};
    struct npz *npz = open_artifact("model");
    struct score_model m;
    struct error e = {0};
    assert_ok(score_model_read(npz, &m, &e));
    assert_int_equal(backend_attach(&device, &m, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message,
                        "model of kind effective-action found with backend cuda, expected cpu: no device computes it");
    assert_null(m.backend);
    assert_ok(backend_attach(NULL, &m, &e));
    score_model_release(&m);
    npz_free(npz);
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),    cmocka_unit_test(test_exact),
        cmocka_unit_test(test_blocked),  cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_rejected), cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),  cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_ended),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_damaged),  cmocka_unit_test(test_all_proposals_rejected),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_device),
    };
    own_name = argv[0];
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
