/* Artifacts: arrays are read as they were written, bytes are reproducible, and the reader rejects damaged and foreign
 * files without crashing. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zip.h>

#include <cmocka.h>

#include "base/file.h"
#include "store/npy.h"
#include "store/npz.h"
#include "tests/scratch.h"

static char folder[256], path[300];

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("npz"));
    snprintf(path, sizeof path, "%s/a.npz", folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static const float phi[2][3] = {{1, -2.5f, 3}, {0, 1e-30f, 1e30f}};
static const int64_t steps[2] = {-1, INT64_MAX};
static const int32_t order[1] = {-7};
static const uint8_t flags[3] = {0, 1, 255};
static const double errors[2] = {0.25, -1e-300};

static void write_sample(const char *file) {
    struct error e;
    struct npz_writer *w;
    assert_int_equal(npz_create(file, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "kappa=0.21\nstage=test\n", &e), STATUS_OK);
    assert_int_equal(npz_add(w, "phi", NPZ_FLOAT32, 2, (size_t[]){2, 3}, phi, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "kappa", 0.21, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "chains", 5120, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "errors", errors, 2, &e), STATUS_OK);
    assert_int_equal(npz_add_texts(w, "names", (const char *const[]){"M", "chi2", "U_L"}, 3, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "steps", NPZ_INT64, 1, (size_t[]){2}, steps, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "order", NPZ_INT32, 3, (size_t[]){1, 1, 1}, order, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "flags", NPZ_UINT8, 1, (size_t[]){3}, flags, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "none", NPZ_FLOAT64, 2, (size_t[]){0, 4}, NULL, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "empty", "", &e), STATUS_OK);
    assert_int_equal(access(file, F_OK), -1); /* nothing before the commit */
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
}

static bool is(const struct npz *npz, const char *name, enum npz_type type, size_t dimensions, size_t count,
               const void *data) {
    const struct npz_array *a = npz_find(npz, name);
    return a != NULL && a->type == type && a->dimensions == dimensions && a->count == count &&
           (count == 0 || memcmp(a->data, data, count * a->item_size) == 0) && (uintptr_t)a->data % 64 == 0;
}

/* Checks all arrays of write_sample(). */
static bool is_sample(const struct npz *npz) {
    const struct npz_array *names = npz_find(npz, "names");
    return npz_count(npz) == 11 && is(npz, "phi", NPZ_FLOAT32, 2, 6, phi) && is(npz, "steps", NPZ_INT64, 1, 2, steps) &&
           is(npz, "kappa", NPZ_FLOAT64, 0, 1, &(double){0.21}) &&
           is(npz, "chains", NPZ_INT64, 0, 1, &(int64_t){5120}) && is(npz, "errors", NPZ_FLOAT64, 1, 2, errors) &&
           is(npz, "order", NPZ_INT32, 3, 1, order) && is(npz, "flags", NPZ_UINT8, 1, 3, flags) &&
           is(npz, "none", NPZ_FLOAT64, 2, 0, NULL) && is(npz, "recipe", NPZ_BYTES, 0, 1, "kappa=0.21\nstage=test\n") &&
           is(npz, "empty", NPZ_BYTES, 0, 1, "") && names != NULL && names->item_size == 4 &&
           is(npz, "names", NPZ_BYTES, 1, 3, "M\0\0\0chi2U_L");
}

static void round_trip(void **state) {
    (void)state;
    struct error e;
    struct npz *npz;
    write_sample(path);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_true(is_sample(npz));
    assert_string_equal(npz_array_at(npz, 1)->name, "phi");
    assert_string_equal(npz_path(npz), path);
    char *text;
    assert_int_equal(npz_text(npz, "recipe", &text, &e), STATUS_OK);
    assert_string_equal(text, "kappa=0.21\nstage=test\n");
    free(text);
    assert_int_equal(npz_text(npz, "empty", &text, &e), STATUS_OK);
    assert_string_equal(text, "");
    free(text);
    npz_free(npz);
}

/* Reading with a digest gives the same arrays, and the digest of the file; a missing file gives one message. */
static void with_digest(void **state) {
    (void)state;
    char expected[65], found[65];
    struct npz *npz;
    struct error e;
    write_sample(path);
    assert_int_equal(file_sha256(path, expected, &e), STATUS_OK);
    assert_int_equal(npz_read_digest(path, &npz, found, &e), STATUS_OK);
    assert_string_equal(found, expected);
    assert_true(is_sample(npz));
    npz_free(npz);
    assert_int_equal(npz_read_digest("/nowhere/a.npz", &npz, found, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "cannot open"));
}

/* The same for many members, some of them long. */
static void many_with_digest(void **state) {
    (void)state;
    enum { MEMBERS = 150, LONG = 700000 };
    struct error e;
    struct npz_writer *w;
    struct npz *npz;
    char expected[65], found[65], name[32];
    float *data = malloc(LONG * sizeof *data);
    for (size_t i = 0; i < LONG; i++) {
        data[i] = (float)i;
    }
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    for (size_t i = 0; i < MEMBERS; i++) {
        snprintf(name, sizeof name, "a%zu", i);
        assert_int_equal(npz_add(w, name, NPZ_FLOAT32, 1, (size_t[]){i % 50 == 7 ? LONG : i}, data, &e), STATUS_OK);
    }
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(file_sha256(path, expected, &e), STATUS_OK);
    assert_int_equal(npz_read_digest(path, &npz, found, &e), STATUS_OK);
    assert_string_equal(found, expected);
    assert_memory_equal(npz_find(npz, "a107")->data, data, LONG * sizeof *data);
    npz_free(npz);
    free(data);
}

/* A change of these bytes would change every artifact. */
static void same_bytes(void **state) {
    (void)state;
    struct error e;
    char hex[65];
    write_sample(path);
    assert_int_equal(file_sha256(path, hex, &e), STATUS_OK);
    assert_string_equal(hex, "be15cfe7ede4a411794dbd5495267ecd59a3b7a36e6dbe8f96f070e99240014e");
}

/* Doubles are copied when they are added, and every NaN has the same bytes. */
static void reals(void **state) {
    (void)state;
    struct error e;
    struct npz_writer *w;
    struct npz *npz;
    const struct npz_array *a;
    double values[3] = {1, copysign((double)NAN, -1), copysign((double)NAN, 1)}, value;
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "vector", values, 3, &e), STATUS_OK);
    assert_int_equal(npz_add_real_array(w, "array", 2, (const size_t[]){3, 1}, values, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "scalar", values[1], &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "half", 0.5, &e), STATUS_OK);
    values[0] = 2;
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    const double expected[3] = {1, values[2], values[2]};
    assert_int_equal(npz_require(npz, "vector", NPZ_FLOAT64, 1, &a, &e), STATUS_OK);
    assert_memory_equal(a->data, expected, sizeof expected);
    assert_int_equal(npz_require(npz, "array", NPZ_FLOAT64, 2, &a, &e), STATUS_OK);
    assert_true(a->shape[0] == 3 && a->shape[1] == 1);
    assert_memory_equal(a->data, expected, sizeof expected);
    assert_int_equal(npz_require(npz, "scalar", NPZ_FLOAT64, 0, &a, &e), STATUS_OK);
    assert_memory_equal(a->data, expected + 1, sizeof *expected);
    assert_int_equal(npz_real(npz, "half", &value, &e), STATUS_OK);
    assert_true(value == 0.5);
    assert_int_equal(npz_real(npz, "vector", &value, &e), STATUS_BAD_INPUT);
    assert_int_equal(npz_real(npz, "none", &value, &e), STATUS_BAD_INPUT);
    npz_free(npz);
}

static void require(void **state) {
    (void)state;
    struct error e;
    struct npz *npz;
    const struct npz_array *a;
    char expected[400], *text;
    write_sample(path);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "phi", NPZ_FLOAT32, 2, &a, &e), STATUS_OK);
    assert_int_equal(a->shape[1], 3);
    assert_int_equal(npz_require(npz, "phi", NPZ_FLOAT32, -1, &a, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "psi", NPZ_FLOAT32, 2, &a, &e), STATUS_BAD_INPUT);
    snprintf(expected, sizeof expected, "%s: has no array 'psi'", path);
    assert_string_equal(e.message, expected);
    assert_int_equal(npz_require(npz, "phi", NPZ_FLOAT64, 2, &a, &e), STATUS_BAD_INPUT);
    snprintf(expected, sizeof expected, "%s: array 'phi': found type float32, expected float64", path);
    assert_string_equal(e.message, expected);
    assert_int_equal(npz_require(npz, "phi", NPZ_FLOAT32, 3, &a, &e), STATUS_BAD_INPUT);
    snprintf(expected, sizeof expected, "%s: array 'phi': found 2 dimensions, expected 3", path);
    assert_string_equal(e.message, expected);
    assert_int_equal(npz_text(npz, "kappa", &text, &e), STATUS_BAD_INPUT);
    npz_free(npz);
}

/* Files written by numpy. */
static void reference(void **state) {
    (void)state;
    static const char *const files[] = {"tests/data/unet-w8-stride2-periodic-L16.npz",
                                        "tests/data/unet-w8-stride1-zeros-L8.npz"};
    for (size_t i = 0; i < 2; i++) {
        struct error e;
        struct npz *npz;
        const struct npz_array *a;
        assert_int_equal(npz_read(files[i], &npz, &e), STATUS_OK);
        assert_int_equal(npz_count(npz), 87);
        assert_int_equal(npz_require(npz, "embed.fourier", NPZ_FLOAT32, 1, &a, &e), STATUS_OK);
        npz_free(npz);
    }
}

static size_t files_in_folder(void) {
    DIR *list = opendir(folder);
    size_t n = 0;
    while (list != NULL && readdir(list) != NULL) {
        n++;
    }
    closedir(list);
    return n - 2;
}

static void writer_errors(void **state) {
    (void)state;
    struct error e;
    struct npz_writer *w;
    char long_name[200];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "x", 1, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "x", 2, &e), STATUS_FAILED); /* twice */
    assert_int_equal(npz_add_real(w, "", 2, &e), STATUS_FAILED);
    assert_int_equal(npz_add_real(w, "a/b", 2, &e), STATUS_FAILED);
    assert_int_equal(npz_add_real(w, long_name, 2, &e), STATUS_FAILED);
    npz_abandon(w);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_FAILED); /* no arrays */
    snprintf(path, sizeof path, "%s/none/a.npz", folder);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "x", 1, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "none/a.npz: cannot write"));
    assert_non_null(strstr(e.message, "No such file or directory"));
    assert_int_equal(files_in_folder(), 0);
}

/* With a file size limit, as on a full disk: a message with file and cause, and only the old file remains. */
static void full_disk(void **state) {
    (void)state;
    write_sample(path);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static double data[20000];
        struct error e;
        struct npz_writer *w;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, 100000});
        bool right = npz_create(path, &w, &e) == STATUS_OK && npz_add_reals(w, "x", data, 20000, &e) == STATUS_OK &&
                     npz_commit(w, &e) == STATUS_FAILED && strstr(e.message, path) == e.message &&
                     strstr(e.message, "File too large") != NULL;
        if (!right) {
            fprintf(stderr, "found: %s\n", e.message);
        }
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct error e;
    struct npz *npz;
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_true(is_sample(npz));
    npz_free(npz);
    assert_int_equal(files_in_folder(), 1);
}

/* --- damaged files ------------------------------------------------------------------------------- */

/* A file in memory, as thousands of variants are tested. */
static int memory_file(void) {
    int file = memfd_create("npz", 0);
    assert_true(file >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return file;
}

static void write_bytes(int file, const char *data, size_t size) {
    assert_int_equal(pwrite(file, data, size, 0), size);
    assert_int_equal(ftruncate(file, (off_t)size), 0);
}

/* The file is rejected with a message that names it, or all arrays are read unchanged (some bytes are ignored: times,
 * attributes). */
static bool refused_or_same(size_t *refused) {
    struct error e = {0};
    struct npz *npz;
    enum status status = npz_read(path, &npz, &e);
    if (status == STATUS_OK) {
        bool same = is_sample(npz);
        npz_free(npz);
        return same;
    }
    ++*refused;
    return status == STATUS_BAD_INPUT && strncmp(e.message, path, strlen(path)) == 0;
}

static void mutated(void **state) {
    (void)state;
    struct error e;
    char *good;
    size_t size, refused = 0, tried = 0;
    write_sample(path);
    assert_int_equal(file_read(path, &good, &size, &e), STATUS_OK);
    char *bad = malloc(size);
    assert_non_null(bad);
    int file = memory_file();
    for (size_t i = 0; i < size; i++) { /* every byte */
        static const unsigned char masks[] = {0x01, 0x80, 0xff};
        for (size_t k = 0; k < sizeof masks; k++) {
            memcpy(bad, good, size);
            bad[i] = (char)(bad[i] ^ (char)masks[k]);
            write_bytes(file, bad, size);
            tried++;
            if (!refused_or_same(&refused)) {
                fail_msg("byte %zu ^ %#x: accepted with other content, or a wrong message", i, masks[k]);
            }
        }
    }
    assert_true(refused > tried * 2 / 3);
    refused = tried = 0;
    uint64_t bits = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
    for (int n = 0; n < 3000; n++) {    /* several bytes, with values that may be lengths or signatures */
        memcpy(bad, good, size);
        for (int k = 0; k < 1 + n % 4; k++) {
            bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
            size_t at = (size_t)(bits >> 20) % (size - 4), from = (size_t)(bits >> 40) % (size - 4);
            memcpy(bad + at, n % 3 == 0 ? "\xff\xff\xff\x7f" : good + from, 4);
        }
        write_bytes(file, bad, size);
        assert_true(refused_or_same(&refused));
    }
    for (size_t n = 0; n < size; n++) { /* every length */
        write_bytes(file, good, n);
        size_t before = refused;
        assert_true(refused_or_same(&refused));
        assert_int_equal(refused, before + 1);
    }
    close(file);
    free(bad);
    free(good);
}

static void foreign(void **state) {
    (void)state;
    struct error e;
    struct npz *npz;
    snprintf(path, sizeof path, "%s", "tests/store/test_npz.c");
    assert_int_equal(npz_read(path, &npz, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "test_npz.c: not a readable .npz file"));
    assert_int_equal(npz_read(folder, &npz, &e), STATUS_BAD_INPUT);
    assert_int_equal(npz_read("/dev/zero", &npz, &e), STATUS_BAD_INPUT);
    assert_int_equal(npz_read("build/tmp/none.npz", &npz, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "build/tmp/none.npz: cannot open: No such file or directory");
}

/* A valid zip file with one member of these bytes, so that the CRC is correct and the header is parsed. */
static void write_zip(const char *name, const void *data, size_t size) {
    int code;
    unlink(path);
    zip_t *zip = zip_open(path, ZIP_CREATE, &code);
    assert_non_null(zip);
    zip_source_t *source = zip_source_buffer(zip, data, size, 0);
    assert_true(zip_file_add(zip, name, source, 0) >= 0);
    assert_int_equal(zip_close(zip), 0);
}

static void write_npy(const char *header, size_t header_size, size_t data_size) {
    char bytes[4096] = "\x93NUMPY\x01";
    size_t length = header_size > 0 ? header_size : strlen(header);
    bytes[8] = (char)(length & 0xff);
    bytes[9] = (char)(length >> 8);
    memcpy(bytes + 10, header, strlen(header));
    write_zip("x.npy", bytes, 10 + strlen(header) + data_size);
}

static void headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t claimed, data; /* claimed length of the header (0: the true one), bytes after it */
        const char *message;  /* NULL: accepted */
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 0, 24, NULL},
        {"{'shape':(2,3),\"descr\":'<f4','fortran_order':False}\n", 0, 24, NULL},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }   \n", 0, 8, NULL},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }\n", 0, 0, NULL},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 0, 20, "found 20 bytes of data, expected 24"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 0, 28, "found 28 bytes of data, expected 24"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", 0, 24, "Fortran order"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }\n", 0, 24, "type '>f4' is big-endian"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", 0, 16,
         "type '|O' is an array of Python objects"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }\n", 0, 16, "type '<c8' is unknown"},
        {"{'descr': '<U4', 'fortran_order': False, 'shape': (), }\n", 0, 16, "type '<U4' is unknown"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }\n", 0, 8, "expected a simple type"},
        {"{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000000,), }\n", 0, 0, "list of empty strings"},
        {"{'descr': '|S99999999999999999999', 'fortran_order': False, 'shape': (), }\n", 0, 0, "is unknown"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n", 0, 0, "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296), }\n", 0, 0, "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n", 0, 8, "expected 4000000000000"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }\n", 0, 0,
         "expected a length"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", 0, 4, "expected a length"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1), }\n", 0, 4, "expected a comma in a shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n", 0, 4, "more than 8 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False}\n", 0, 4, "is missing"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 0, 4, "unknown or repeated key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}\n", 0, 4, "unknown or repeated key 'x'"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': ()}\n", 0, 4, "expected True or False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()} x\n", 0, 4, "expected blanks and one newline"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 0, 4, "ends with a newline"},
        {"{'descr': '<f4", 0, 0, "ends with a newline"},
        {"{'descr': '<f4\n", 0, 0, "expected a simple type"},
        {"import os; os.remove\n", 0, 0, "expected {"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 65535, 4, "the .npy header claims 65535 bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 60, 4, "the .npy header claims 60 bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 5, 4, "found a .npy header of 5 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        struct npz *npz = NULL;
        write_npy(cases[i].header, cases[i].claimed, cases[i].data);
        enum status status = npz_read(path, &npz, &e);
        if (cases[i].message == NULL) {
            assert_int_equal(status, STATUS_OK);
            npz_free(npz);
        } else if (status != STATUS_BAD_INPUT || strstr(e.message, cases[i].message) == NULL ||
                   strstr(e.message, "'x'") == NULL || strchr(e.message, '\n') != NULL) {
            fail_msg("%s: found message '%s', expected '%s'", cases[i].header, e.message, cases[i].message);
        }
    }
}

static void members(void **state) {
    (void)state;
    static const struct {
        const char *name, *data;
        size_t size;
        const char *message;
    } cases[] = {
        {"readme.txt", "hello", 5, "found member 'readme.txt', expected arrays (.npy) only"},
        {".npy", "hello", 5, "found member '.npy', expected arrays (.npy) only"},
        {"x.npy", "hello", 5, "member 'x' is not a .npy array: found 5 bytes"},
        {"x.npy", "", 0, "member 'x' is not a .npy array: found 0 bytes"},
        {"x.npy", "GIF89a......................", 28, "wrong magic bytes"},
        {"x.npy", "\x93NUMPY\x03\x00\x76\x00\x00\x00........", 20, "found .npy version 3.0, expected 1.0 or 2.0"},
        {"x.npy", "\x93NUMPY\x02\x00\xff\xff\xff\x7f........", 20, "found a .npy header of 2147483647 bytes"},
        {"x.npy", "\x93NUMPY\x02\x00\x10\x00\x00\x00........", 20, "the .npy header claims 16 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        struct npz *npz;
        write_zip(cases[i].name, cases[i].data, cases[i].size);
        assert_int_equal(npz_read(path, &npz, &e), STATUS_BAD_INPUT);
        if (strstr(e.message, cases[i].message) == NULL) {
            fail_msg("found message '%s', expected '%s'", e.message, cases[i].message);
        }
    }
}

/* The parser of headers alone, on randomly changed headers: no crash (run this with SANITIZE=1), and accepted headers
 * are consistent. */
static void random_headers(void **state) {
    (void)state;
    static const char *const words[] = {"'",       "(",       ")",           "{", "}",  ",",     ":",
                                        "'shape'", "'descr'", "99999999999", " ", "\n", "'<f4'", "False",
                                        "True",    "-",       "|S",          "0", "\\", "\"",    "'fortran_order'"};
    uint64_t bits = 88172645463325252u;
    size_t accepted = 0;
    for (int n = 0; n < 50000; n++) {
        char text[256] = "{'descr': '|S12', 'fortran_order': False, 'shape': (2, 30, 4), }          \n";
        for (int k = 0; k < 1 + n % 3; k++) {
            bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
            const char *word = words[(bits >> 8) % (sizeof words / sizeof *words)];
            size_t at = (size_t)(bits >> 32) % strlen(text), cut = (size_t)(bits >> 48) % 4;
            char tail[100];
            snprintf(tail, sizeof tail, "%s", text + (at + cut < strlen(text) ? at + cut : strlen(text)));
            text[at] = '\0';
            strcat(strcat(text, word), tail);
        }
        size_t length = strlen(text);
        char *exact = malloc(length + 1); /* so that the sanitizer finds reads beyond the end */
        assert_non_null(exact);
        memcpy(exact, text, length + 1);
        struct npz_array a = {0};
        struct error e = {0};
        if (length > 0 && npy_parse(exact, length, &a, &e) == STATUS_OK) {
            accepted++;
            assert_true(a.dimensions <= NPZ_MAX_DIMENSIONS && exact[length - 1] == '\n');
        } else {
            assert_true(length == 0 || e.message[0] != '\0');
        }
        free(exact);
    }
    assert_true(accepted > 100 && accepted < 25000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(round_trip), TEST(with_digest), TEST(many_with_digest), TEST(same_bytes),     TEST(reals),
        TEST(require),    TEST(reference),   TEST(writer_errors),    TEST(full_disk),      TEST(mutated),
        TEST(foreign),    TEST(headers),     TEST(members),          TEST(random_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
