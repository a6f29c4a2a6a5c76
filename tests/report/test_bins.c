/* Bins and blocks of data for figures: report/bins.h, report/blocks.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/bins.h"
#include "report/blocks.h"
#include "tests/report/artifacts.h"

static void round_widths(void **state) {
    (void)state;
    const double a[] = {-0.17, 0.1}, b[] = {0.03, 0.19};
    const double *const sets[] = {a, b};
    struct bins bins;
    struct error e;
    assert_int_equal(bins_choose(sets, (const size_t[]){2, 2}, 2, 20, &bins, &e), STATUS_OK);
    /* 0.36/20 = 0.018 is rounded up to 0.02; edges are its multiples */
    assert_true(fabs(bins.low + 0.18) < 1e-12 && fabs(bins.high - 0.2) < 1e-12);
    assert_int_equal(bins.count, 19);
    assert_int_equal(bins_choose(sets, (const size_t[]){2, 2}, 2, 1, &bins, &e), STATUS_OK);
    assert_true(bins.high - bins.low >= 0.36 && bins.count <= 2);
}

static void all_equal(void **state) {
    (void)state;
    const double x[] = {3.0, 3.0}, zero[] = {0.0};
    struct bins bins;
    struct error e;
    assert_int_equal(bins_choose(&(const double *){x}, (const size_t[]){2}, 1, 30, &bins, &e), STATUS_OK);
    assert_true(bins.low <= 3.0 && bins.high > 3.0 && bins.count >= 1 && bins.count < 100);
    assert_int_equal(bins_choose(&(const double *){zero}, (const size_t[]){1}, 1, 30, &bins, &e), STATUS_OK);
    assert_true(bins.low <= 0.0 && bins.high > 0.0);
}

static void nothing_to_count(void **state) {
    (void)state;
    const double x[] = {1.0, (double)NAN};
    struct bins bins;
    struct error e;
    assert_int_equal(bins_choose(&(const double *){x}, (const size_t[]){0}, 1, 5, &bins, &e), STATUS_BAD_INPUT);
    assert_int_equal(bins_choose(&(const double *){x}, (const size_t[]){2}, 1, 5, &bins, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "expected finite numbers"));
}

static void histogram_block(void **state) {
    (void)state;
    const double x[] = {0.0, 0.1, 0.1, 0.9, 0.6, 2.0, -1.0, 1.0};
    const struct bins bins = {0.0, 1.0, 2};
    struct error e;
    struct block block;
    struct report_list members;
    char *text;
    size_t size, outside;
    assert_int_equal(block_histogram(&bins, x, 8, &outside, &block, &e), STATUS_OK);
    assert_int_equal(outside, 2);
    FILE *out = open_memstream(&text, &size);
    block_write_data(&block, out);
    fclose(out);
    assert_string_equal(text, "0.25 3 1.732050808\n0.75 3 1.732050808\n\n\n");
    free(text);
    out = open_memstream(&text, &size);
    assert_int_equal(report_split("M", ',', &members, &e), STATUS_OK);
    block_write_header(&members, BLOCK_HISTOGRAM, out);
    block_write_rows(&block, "testing (HMC)", out);
    fclose(out);
    assert_string_equal(text, "curve\tM\tcount\terror\n"
                              "testing (HMC)\t0.25\t3\t1.732050808\ntesting (HMC)\t0.75\t3\t1.732050808\n");
    free(text);
    report_list_free(&members);
    block_free(&block);
}

static void columns_block(void **state) {
    (void)state;
    char folder[128], path[160];
    const float loss[] = {3.5f, 2.25f, 1.0f};
    const int64_t epochs[] = {10, 20, 30};
    const double few[] = {1.0, 2.0};
    struct npz_writer *w;
    struct npz *npz;
    struct error e = {0};
    struct report_list members;
    test_folder("blocks", folder);
    snprintf(path, sizeof path, "%s/model.npz", folder);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "loss", NPZ_FLOAT32, 1, (const size_t[]){3}, loss, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "epochs", NPZ_INT64, 1, (const size_t[]){3}, epochs, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "few", few, 2, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=train\n", &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);

    char *text;
    size_t size;
    struct block block = {0};
    assert_int_equal(report_split("#,epochs,loss", ',', &members, &e), STATUS_OK);
    assert_int_equal(block_columns(npz, &members, &block, &e), STATUS_OK);
    assert_int_equal(block.rows, 3);
    FILE *out = open_memstream(&text, &size);
    block_write_data(&block, out);
    block_write_header(&members, BLOCK_COLUMNS, out);
    block_write_rows(&block, "a", out);
    fclose(out);
    assert_string_equal(text, "1 10 3.5\n2 20 2.25\n3 30 1\n\n\n"
                              "curve\tindex\tepochs\tloss\na\t1\t10\t3.5\na\t2\t20\t2.25\na\t3\t30\t1\n");
    free(text);
    report_list_free(&members);
    block_free(&block);

    static const struct {
        const char *members, *message;
    } bad[] = {
        {"loss,few", "member few: found 2 numbers, expected 3 as in loss"},
        {"index,lost", "found no member lost, expected a vector"},
        {"recipe", "member recipe: found 0 dimensions of text"},
        {"index", "found only index"},
        {"#", "found only index"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(report_split(bad[i].members, ',', &members, &e), STATUS_OK);
        assert_int_equal(block_columns(npz, &members, &block, &e), STATUS_BAD_INPUT);
        assert_non_null(strstr(e.message, bad[i].message));
        report_list_free(&members);
        block_free(&block);
    }
    npz_free(npz);
}

/* A row per artifact: scalars, last elements, observables and their errors. */
static void points_block(void **state) {
    (void)state;
    char folder[128], rows[3][160], path[160], *text;
    const double few[] = {1.0, 2.5};
    size_t size;
    struct npz_writer *w;
    struct npz *npz[2];
    struct error e = {0};
    struct report_list members;
    struct block block = {0};
    test_folder("points", folder);
    write_rows(folder, rows); /* training: M = 0.0012(7) */
    assert_int_equal(npz_read(rows[0], &npz[0], &e), STATUS_OK);
    assert_int_equal(npz_read(rows[1], &npz[1], &e), STATUS_OK);
    assert_int_equal(report_split("M,M_error,configurations", ',', &members, &e), STATUS_OK);
    assert_int_equal(block_points((const struct npz *const *)npz, (const double[]){10, 20}, 2, &members, &block, &e),
                     STATUS_OK);
    FILE *out = open_memstream(&text, &size);
    block_write_header(&members, BLOCK_POINTS, out);
    block_write_rows(&block, "a", out);
    fclose(out);
    assert_string_equal(text,
                        "curve\tx\tM\tM_error\tconfigurations\na\t10\t0.0012\t0.0007\t6\na\t20\t-4e-05\t0.0015\t6\n");
    free(text);
    report_list_free(&members);
    block_free(&block);
    for (size_t i = 0; i < 3; i++) {
        const char *const bad[] = {"chi", "M_err", "values"};
        assert_int_equal(report_split(bad[i], ',', &members, &e), STATUS_OK);
        assert_int_equal(block_points((const struct npz *const *)npz, few, 1, &members, &block, &e), STATUS_BAD_INPUT);
        assert_non_null(strstr(e.message, "expected a scalar member, an observable, or a vector as name[]"));
        report_list_free(&members);
        block_free(&block);
    }
    npz_free(npz[0]);
    npz_free(npz[1]);

    snprintf(path, sizeof path, "%s/vector.npz", folder);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "few", few, 2, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(npz_read(path, &npz[0], &e), STATUS_OK);
    assert_int_equal(report_split("few[]", ',', &members, &e), STATUS_OK);
    assert_int_equal(block_points((const struct npz *const *)npz, few, 1, &members, &block, &e), STATUS_OK);
    assert_true(block.rows == 1 && block.columns == 2 && block.x[0] == 1.0 && block.x[1] == 2.5);
    report_list_free(&members);
    block_free(&block);
    npz_free(npz[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_widths),    cmocka_unit_test(all_equal),     cmocka_unit_test(nothing_to_count),
        cmocka_unit_test(histogram_block), cmocka_unit_test(columns_block), cmocka_unit_test(points_block),
    };
    return cmocka_run_group_tests(tests, NULL, test_folders_remove);
}
