/* The stage `import`: files of numpy in every order and type give the same artifact; layouts of chains; thermalisation
 * tests; refusals. */
#include <math.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/stages/artifacts.h"

extern const struct stage stage_import, stage_ensemble, stage_observables;

enum { CHAINS = 20, LENGTH = 3, X = 4, Y = 6, N = CHAINS * LENGTH, V = X * Y };

static float phi[N][V]; /* chain after chain; half-precision numbers, which every type represents exactly */

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("import"));
    for (size_t i = 0; i < N; i++) {
        random_normal_float(random_key(1, "test", "import"), i, 0, phi[i], V);
        for (size_t x = 0; x < V; x++) {
            phi[i][x] = roundf(128 * phi[i][x]) / 128;
        }
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

/* A .npy file: its type, order and shape, and a function that maps an index to the number phi[i][x]. */
struct file {
    const char *name, *descr, *order;
    size_t dimensions, shape[5];
    void (*where)(const size_t *at, size_t *i, size_t *x); /* sets i and x of the element at an index */
};

static void flat(const size_t *at, size_t *i, size_t *x) {
    *i = at[0];
    *x = at[1] * Y + at[2];
}
static void with_channel(const size_t *at, size_t *i, size_t *x) {
    *i = at[0];
    *x = at[2] * Y + at[3];
}
static void turns(const size_t *at, size_t *i, size_t *x) { /* one of each chain in turn */
    *i = at[0] % CHAINS * LENGTH + at[0] / CHAINS;
    *x = at[1] * Y + at[2];
}
static void chain_first(const size_t *at, size_t *i, size_t *x) {
    *i = at[0] * LENGTH + at[1];
    *x = at[2] * Y + at[3];
}
static void chain_second(const size_t *at, size_t *i, size_t *x) {
    *i = at[1] * LENGTH + at[0];
    *x = at[2] * Y + at[3];
}

/* The IEEE half-precision bits of a number that needs no rounding. */
static uint16_t half_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int exponent = (int)(bits >> 23 & 255) - 127;
    const uint32_t sign = bits >> 16 & 0x8000, fraction = bits & 0x7fffff;
    if (value == 0.0f) {
        return (uint16_t)sign;
    }
    assert_true(exponent > -15 && exponent < 16 && (fraction & 0x1fff) == 0);
    return (uint16_t)(sign | (uint32_t)(exponent + 15) << 10 | fraction >> 13);
}

static void put(FILE *out, const char *descr, float value) {
    unsigned char bytes[16] = {0};
    const uint16_t h = descr[2] == '2' ? half_bits(value) : 0;
    const double d = (double)value;
    const long double g = (long double)value;
    const size_t size = descr[2] == '1' ? 16 : (size_t)(descr[2] - '0');
    const void *from = size == 2   ? (const void *)&h
                       : size == 4 ? (const void *)&value
                       : size == 8 ? (const void *)&d
                                   : (const void *)&g;
    memcpy(bytes, from, size);
    for (size_t b = 0; b < size; b++) {
        fputc(bytes[descr[0] == '>' ? size - 1 - b : b], out);
    }
}

static void write_file(const struct file *f) {
    char header[256], text[160], shape[100] = "";
    size_t count = 1;
    for (size_t a = 0; a < f->dimensions; a++) {
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%zu, ", f->shape[a]);
        count *= f->shape[a];
    }
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", f->descr, f->order, shape);
    snprintf(header, sizeof header, "%-117s\n", text);
    FILE *out = fopen(in_root("", f->name), "wb");
    assert_non_null(out);
    fwrite("\x93NUMPY\1\0\x76\0", 1, 10, out);
    fwrite(header, 1, 118, out);
    for (size_t k = 0; k < count; k++) {
        size_t at[5], rest = k, i, x;
        for (size_t a = 0; a < f->dimensions; a++) {
            const size_t axis = strcmp(f->order, "True") == 0 ? a : f->dimensions - 1 - a;
            at[axis] = rest % f->shape[axis];
            rest /= f->shape[axis];
        }
        f->where(at, &i, &x);
        put(out, f->descr, phi[i][x]);
    }
    assert_int_equal(fclose(out), 0);
}

static int import(const char *file, const char *folder, const char *layout, const char *chains) {
    return run_into(&stage_import, folder,
                    (const char *[]){option("--file=", "", file), "--kappa=0.1", "--lambda=0.1", layout, chains, NULL});
}

static void orders_and_types(void **state) {
    (void)state;
    static const struct {
        struct file file;
        const char *layout, *chains;
    } cases[] = {
        {{"plain.npy", "<f4", "False", 3, {N, X, Y}, flat}, "--layout=chain-after-chain", "--chains=20"},
        {{"fortran.npy", "<f8", "True", 3, {N, X, Y}, flat}, "--layout=chain-after-chain", "--chains=20"},
        {{"big.npy", ">f4", "False", 3, {N, X, Y}, flat}, "--layout=chain-after-chain", "--chains=20"},
        {{"big-fortran.npy", ">f8", "True", 4, {N, 1, X, Y}, with_channel},
         "--layout=chain-after-chain",
         "--chains=20"},
        {{"half.npy", "<f2", "False", 4, {N, 1, X, Y}, with_channel}, "--layout=chain-after-chain", "--chains=20"},
        {{"big-half.npy", ">f2", "True", 3, {N, X, Y}, flat}, "--layout=chain-after-chain", "--chains=20"},
        {{"extended.npy", "<f16", "False", 3, {N, X, Y}, flat}, "--layout=chain-after-chain", "--chains=20"},
        {{"turns.npy", "<f8", "False", 3, {N, X, Y}, turns}, "--layout=interleaved", "--chains=20"},
        {{"first.npy", "<f4", "True", 4, {CHAINS, LENGTH, X, Y}, chain_first},
         "--layout=chain-axis-first",
         "--chains=0"},
        {{"second.npy", "<f4", "False", 4, {LENGTH, CHAINS, X, Y}, chain_second},
         "--layout=chain-axis-second",
         "--chains=20"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].file.name;
        write_file(&cases[i].file);
        char folder[64];
        snprintf(folder, sizeof folder, "%s-out", name);
        assert_int_equal(import(name, folder, cases[i].layout, cases[i].chains), 0);
        struct npz *npz = open_artifact(folder);
        const struct npz_array *found = reference_array(npz, "phi", NPZ_FLOAT32);
        assert_int_equal(found->dimensions, 3);
        assert_int_equal(found->shape[2], Y);
        assert_memory_equal(found->data, phi, sizeof phi);
        assert_int_equal(integer(npz, "chains"), CHAINS);
        assert_int_equal(integer(npz, "independent"), 0);
        npz_free(npz);
    }
}

/* A configuration of phi = 1: S/V = -2 d kappa + 1 - lambda, virial 2 S/V + 2 lambda. */
static void action_and_scale(void **state) {
    (void)state;
    for (size_t x = 0; x < V; x++) {
        phi[0][x] = 0.5f;
    }
    static const struct file two = {"two.npy", "<f8", "False", 3, {2, X, Y}, flat};
    write_file(&two);
    assert_int_equal(import("two.npy", "two", "--scale=2", "--layout=chain-after-chain"), 0);
    struct npz *npz = open_artifact("two");
    assert_true(((const float *)reference_array(npz, "phi", NPZ_FLOAT32)->data)[0] == 1.0f);
    assert_true(fabs(reals(npz, "action", 2)[0] - (-0.4 + 0.9)) < 1e-15);
    assert_true(fabs(reals(npz, "virial", 2)[0] - (1.0 + 0.2)) < 1e-15);
    assert_int_equal(integer(npz, "independent"), 1);
    assert_int_equal(integer(npz, "thermalised"), -1); /* fewer than 16 chains */
    npz_free(npz);
}

/* An ensemble of our own, imported from a file: it passes the tests, its observables have the same bits, and with
 * another coupling it fails. */
static void own_ensemble(void **state) {
    (void)state;
    assert_int_equal(run_into(&stage_ensemble, "made",
                              (const char *[]){"--lattice=4x6", "--kappa=0.15", "--lambda=0.1", "--configurations=1024",
                                               "--chains=32", "--thermalisation=50", "--stride=2", NULL}),
                     0);
    const char *file = option("--file=", "made", "artifact.npz");
    assert_int_equal(
        run_into(&stage_import, "again", (const char *[]){file, "--kappa=0.15", "--lambda=0.1", "--chains=32", NULL}),
        0);
    assert_int_equal(
        run_into(&stage_import, "wrong", (const char *[]){file, "--kappa=0.05", "--lambda=0.1", "--chains=32", NULL}),
        0);
    struct npz *again = open_artifact("again"), *wrong = open_artifact("wrong");
    assert_int_equal(integer(again, "thermalised"), 1);
    assert_int_equal(integer(wrong, "thermalised"), 0);
    npz_free(again);
    npz_free(wrong);
    assert_int_equal(
        run_with(&stage_observables, "measured", (const char *[]){"made/artifact.npz", NULL}, (const char *[]){NULL}),
        0);
    assert_int_equal(run_with(&stage_observables, "measured-again", (const char *[]){"again/artifact.npz", NULL},
                              (const char *[]){NULL}),
                     0);
    char one[65], two[65];
    digest_of("measured", one);
    digest_of("measured-again", two);
    assert_string_equal(one, two);
}

static void bad_input(void **state) {
    (void)state;
    static const struct file whole = {"whole.npy", "<f4", "False", 3, {N, X, Y}, flat};
    write_file(&whole);
    write_file(&(struct file){"integers.npy", "<i4", "False", 3, {2, X, Y}, flat});
    write_file(&(struct file){"line.npy", "<f4", "False", 1, {N}, flat});
    assert_int_equal(truncate(in_root("", "line.npy"), 140), 0);
    FILE *text = fopen(in_root("", "text.npy"), "w");
    fputs("1.0 2.0 3.0 and more\n", text);
    fclose(text);
    phi[1][5] = NAN;
    write_file(&(struct file){"nan.npy", "<f8", "False", 3, {2, X, Y}, flat});
    make_ensemble("ours.npz", 4, 2, (const size_t[]){X, Y});
    const struct {
        const char *file, *more, *message;
    } cases[] = {
        {"whole.npy", "--chains=7", "whole.npy: found 60 configurations, expected a multiple of chains = 7"},
        {"whole.npy", "--layout=chain-axis-first", "whole.npy: found a chain axis of length 60, expected chains = 2"},
        {"integers.npy", "--member=phi", "integers.npy: type '<i4': expected floating-point numbers"},
        {"line.npy", "--member=phi", "line.npy: found 12 bytes of data, expected 240 for 60 numbers of 4 bytes"},
        {"text.npy", "--member=phi", "text.npy: is not a .npy array: wrong magic bytes"},
        {"nan.npy", "--member=phi", "nan.npy: configuration 0 of chain 1: found action density"},
        {"ours.npz", "--member=psi", "ours.npz: no array 'psi'; expected one of recipe, phi"},
        {"whole.npy", "--lambda=-1", "lambda = '-1': expected a real number in [0, 1000000]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_message(&stage_import,
                       (const char *[]){option("--file=", "", cases[i].file), "--kappa=0.1", "--lambda=0.1",
                                        "--chains=2", cases[i].more, option("--output=", "bad", ""), "--ledger=", NULL},
                       2, cases[i].message);
    }
    assert_false(there("bad", "artifact.npz"));
}

int main(void) {
    pin_instruction_set();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_types),
        cmocka_unit_test(action_and_scale),
        cmocka_unit_test(own_ensemble),
        cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
