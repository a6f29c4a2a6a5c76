/* Stage `network` from the command line: tables and artifact, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/report/artifacts.h"
#include "tests/stages/run_stage.h"

extern const struct stage stage_network;

static char folder[128];

static int prepare(void **state) {
    (void)state;
    test_folder("network", folder);
    return 0;
}

static double number(const struct npz *npz, const char *name, size_t i) {
    const struct npz_array *a = npz_find(npz, name);
    assert_non_null(a);
    assert_true(i < a->count);
    return a->type == NPZ_INT64 ? (double)((const int64_t *)a->data)[i] : ((const double *)a->data)[i];
}

static void published_network(void **state) {
    (void)state;
    char output[176], path[192], *text;
    size_t size;
    struct error e;
    struct npz *npz;
    snprintf(output, sizeof output, "--output=%s/out", folder);
    assert_int_equal(run_stage(&stage_network, (const char *const[]){output, NULL}, NULL), 0);
    snprintf(path, sizeof path, "%s/out/artifact.npz", folder);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_true(number(npz, "parameters.total", 0) == 1115297);
    assert_true(number(npz, "flop.convolutions", 0) == 77266944);
    assert_true(number(npz, "conv.out_channels", 3) == 256 && number(npz, "conv.out_height", 3) == 4);
    assert_true(number(npz, "conv.flop", 0) == 18.0 * 32 * 1024 && number(npz, "conv.in_channels", 7) == 64);
    double sum = 0;
    for (size_t i = 0; i < 23; i++) {
        sum += number(npz, "parameters", i);
    }
    assert_true(sum == 1115297);
    npz_free(npz);
    snprintf(path, sizeof path, "%s/out/table.tsv", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_non_null(
        strstr(text, "\ntconv3\ttransposed convolution 3x3\t256 x 8 x 8\t64 x 16 x 16\t147456\t18874368\n"));
    assert_non_null(strstr(text, "\ntotal\t\t\t\t1115297\t"));
    free(text);
    snprintf(path, sizeof path, "%s/out/table.md", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_non_null(strstr(text, "Convolutions 77.27 MFLOP, dense layers 0.49 MFLOP."));
    free(text);
    snprintf(path, sizeof path, "%s/out/table.tex", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_memory_equal(text, "\\begin{table}\n", 14); /* of one column */
    assert_non_null(strstr(text, "The score network: lattice $32\\times 32$, width 32"));
    assert_non_null(strstr(text, "\\label{tab:network-32x32-width-32-stride-2}\n"));
    assert_non_null(
        strstr(text, "\ntconv3 & transposed & $256 \\times 8^2$ & $64 \\times 16^2$ & 147456 & 18.87 \\\\\n"));
    free(text);
    snprintf(path, sizeof path, "%s/out/table-tabular.tex", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_non_null(strstr(text, "\\end{tabular}\n"));
    assert_null(strstr(text, "{table"));
    free(text);
    snprintf(path, sizeof path, "%s/out/table-macros.tex", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_non_null(strstr(text, "\n\\newcommand{\\dmsqNetworkStrideTwoConvOneParameters}{\\ensuremath{288}}\n"));
    assert_non_null(strstr(text, "\n\\newcommand{\\dmsqNetworkStrideTwoTotalMFLOP}{\\ensuremath{77.76}}\n"));
    free(text);
    snprintf(output, sizeof output, "--output=%s/wide", folder);
    assert_int_equal(run_stage(&stage_network, (const char *const[]){output, "--lattice=32x64", NULL}, NULL), 0);
    snprintf(path, sizeof path, "%s/wide/table.tex", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_memory_equal(text, "\\begin{table*}\n", 15);
    assert_non_null(strstr(text, "& $1 \\times 32 \\times 64$ &"));
    free(text);
}

static void refusals(void **state) {
    (void)state;
    char output[176];
    snprintf(output, sizeof output, "--output=%s/none", folder);
    expect_message(&stage_network, (const char *const[]){output, "--lattice=12x12", NULL}, 2, "divisible by");
    expect_message(&stage_network, (const char *const[]){output, "--lattice=16", NULL}, 2,
                   "parameter lattice: found 1 extents, expected 2");
    expect_message(&stage_network, (const char *const[]){output, "--width=20", NULL}, 2,
                   "width is 20, expected 4, 8, 16");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_network),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("network", tests, prepare, test_folders_remove);
}
