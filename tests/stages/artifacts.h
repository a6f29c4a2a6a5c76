/* Shared by the tests of stages: a folder with inputs, runs of a stage into it, and digests of the artifacts. */
#ifndef DMSQ_TESTS_STAGES_ARTIFACTS_H
#define DMSQ_TESTS_STAGES_ARTIFACTS_H

#include <dnnl.h>

#include "store/recipe.h"
#include "base/file.h"
#include "tests/score/models.h"
#include "tests/scratch.h"
#include "tests/stages/run_stage.h"

/* The folder of this test program, and paths in it (valid until the eighth call after). */
static char root[256];

static inline const char *in_root(const char *folder, const char *name) {
    static char path[8][600];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s%s%s", root, folder, folder[0] && name[0] ? "/" : "", name);
    return path[turn];
}

/* An option with a path in the folder: "--training=", "", "ensemble.npz". Valid as long as a path. */
static inline const char *option(const char *start, const char *folder, const char *name) {
    static char text[8][700];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(text[turn], sizeof text[turn], "%s%s", start, in_root(folder, name));
    return text[turn];
}

static inline bool there(const char *folder, const char *name) {
    return access(in_root(folder, name), F_OK) == 0;
}

/* Writes white noise as an ensemble. */
static inline void make_ensemble(const char *name, size_t count, size_t dimensions, const size_t *extents) {
    size_t sites = count;
    for (size_t mu = 0; mu < dimensions; mu++) {
        sites *= extents[mu];
    }
    float *phi = white_noise(name, sites);
    write_ensemble(in_root("", name), phi, count, dimensions, extents);
    free(phi);
}

/* Writes a model as an artifact of the stage `train`, and releases it. */
static inline void make_model(const char *name, struct score_model *m) {
    struct npz_writer *writer;
    struct error e = {0};
    assert_ok(npz_create(in_root("", name), &writer, &e));
    assert_ok(npz_add_text(writer, "recipe", "stage=train\n", &e));
    assert_ok(score_model_add(m, writer, &e));
    assert_ok(npz_commit(writer, &e));
    score_model_release(m);
}

static inline struct npz *open_artifact(const char *folder) {
    struct npz *npz;
    struct error e = {0};
    assert_ok(npz_read(in_root(folder, "artifact.npz"), &npz, &e));
    return npz;
}

static inline void assert_same_artifact(const char *a, const char *b) {
    char found[65], right[65];
    struct error e = {0};
    assert_ok(file_sha256(in_root(a, "artifact.npz"), found, &e));
    assert_ok(file_sha256(in_root(b, "artifact.npz"), right, &e));
    assert_string_equal(found, right);
}

/* SHA-256 over the names and digests of all arrays except the recipe; a stage's version must change with it. */
static inline void digest_of(const char *folder, char hex[65]) {
    struct npz *npz = open_artifact(folder);
    char *text = NULL;
    size_t size = 0;
    FILE *list = open_memstream(&text, &size);
    assert_non_null(list);
    for (size_t i = 0; i < npz_count(npz); i++) {
        const struct npz_array *a = npz_array_at(npz, i);
        sha256(a->data, a->count * a->item_size, hex);
        if (strcmp(a->name, "recipe") != 0) {
            fprintf(list, "%s %s\n", a->name, hex);
        }
    }
    fclose(list);
    sha256(text, size, hex);
    free(text);
    npz_free(npz);
}

/* Call this first in main(): the digests are those of oneDNN's AVX2 primitives, which more machines have than
 * AVX-512. */
static inline void pin_instruction_set(void) {
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    setenv("OMP_WAIT_POLICY", "passive", 1); /* for child processes */
}

/* The reason why digests cannot be compared on this machine, or NULL. */
static inline const char *no_digests(void) {
    const dnnl_version_t *version = dnnl_version();
    if (dnnl_get_effective_cpu_isa() != dnnl_cpu_isa_avx2) {
        return "this machine has no AVX2";
    }
    const bool known = (version->major == 2 && version->minor == 6) || (version->major == 3 && version->minor == 2);
    return known ? NULL : "they were made with oneDNN 2.6, and 3.2 has the same";
}

/* --- runs ---------------------------------------------------------------------------------------- */

/* Runs a stage into a folder of root. inputs: files of root for the stage's inputs, in their order. NULL ends both. */
static inline int run_with(const struct stage *stage, const char *folder, const char *const *inputs,
                           const char *const *arguments) {
    const char *all[40] = {option("--output=", folder, ""), "--ledger="};
    size_t n = 2;
    for (size_t i = 0; inputs[i]; i++) {
        char start[64];
        snprintf(start, sizeof start, "--%s=", stage->inputs[i].name);
        all[n++] = option(start, "", inputs[i]);
    }
    for (size_t i = 0; arguments[i]; i++) {
        assert_true(n < 39);
        all[n++] = arguments[i];
    }
    return run_stage(stage, all, NULL);
}

/* The same with inputs, if any, among the arguments. */
static inline int run_into(const struct stage *stage, const char *folder, const char *const *arguments) {
    return run_with(stage, folder, (const char *[]){NULL}, arguments);
}

static inline const double *reals(const struct npz *npz, const char *name, size_t count) {
    const struct npz_array *a = reference_array(npz, name, NPZ_FLOAT64);
    assert_int_equal(a->count, count);
    return a->data;
}

static inline int64_t integer(const struct npz *npz, const char *name) {
    return *(const int64_t *)reference_array(npz, name, NPZ_INT64)->data;
}

/* A tiny run of a stage, with the SHA-256 of its artifact at the pinned instruction set: if it changes, raise the
 * stage's version. */
struct digest_case {
    const struct stage *stage;
    int version;
    const char *name, *inputs[4], *arguments[14], *digest;
};

/* Runs a case with this number of threads, unless it has run before, and sets `folder` to the name of its folder. */
static inline void run_case(const struct digest_case *one, int threads, char folder[64]) {
    const char *arguments[16];
    char threads_option[32];
    size_t n = 0;
    for (; n < 14 && one->arguments[n]; n++) {
        arguments[n] = one->arguments[n];
    }
    snprintf(threads_option, sizeof threads_option, "--threads=%d", threads);
    arguments[n] = threads_option;
    arguments[n + 1] = NULL;
    snprintf(folder, 64, "%s-%d", one->name, threads);
    assert_int_equal(run_with(one->stage, folder, one->inputs, arguments), 0);
}

static inline void assert_same_for_any_threads(const struct digest_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char one[64], more[64];
        run_case(&cases[i], 1, one);
        for (int threads = 2; threads <= 3; threads++) {
            run_case(&cases[i], threads, more);
            assert_same_artifact(more, one);
        }
    }
}

/* The version in the recipe of an artifact. */
static inline int version_of(const char *folder) {
    struct npz *npz = open_artifact(folder);
    struct error e = {0};
    char *recipe = NULL;
    assert_ok(npz_text(npz, "recipe", &recipe, &e));
    char *value = recipe_value(recipe, "version");
    assert_non_null(value);
    const int version = atoi(value);
    free(value);
    free(recipe);
    npz_free(npz);
    return version;
}

static inline void assert_digests(const struct digest_case *cases, size_t count) {
    if (no_digests()) {
        print_message("SKIPPED, no digests compared: %s\n", no_digests());
        skip();
    }
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        char folder[64], hex[65];
        run_case(&cases[i], 1, folder);
        assert_int_equal(version_of(folder), cases[i].version); /* raise it if the digests change */
        digest_of(folder, hex);
        if (strcmp(hex, cases[i].digest) != 0) {
            print_message("%s: digest %s\n", folder, hex);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

#endif
