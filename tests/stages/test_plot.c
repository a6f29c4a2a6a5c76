/* Stage `plot`: every style of figures/ draws a figure; tables of the numbers; the same bytes in every run;
 * messages. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/report/artifacts.h"
#include "tests/stages/run_stage.h"

extern const struct stage stage_plot;

static char folder[128], rows[3][512], model[512], reference[512], sample[512], broken_sample[512];

/* Writes snapshots at three times of two configurations of 3x4 sites; `last` replaces the last number of the fields. */
static void write_snapshots(const char *name, size_t times, float last, char option[512]) {
    float phi[3 * 2 * 12];
    char path[200];
    struct npz_writer *w;
    struct error e;
    for (size_t i = 0; i < 72; i++) {
        phi[i] = (float)i - 36.0f;
    }
    phi[71] = last;
    snprintf(path, sizeof path, "%s/%s.npz", folder, name);
    snprintf(option, 512, "--data=%s", path);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=sample\nversion=1\n", &e), STATUS_OK);
    assert_int_equal(npz_add(w, "snapshots", NPZ_FLOAT32, 4, (const size_t[]){3, 2, 3, 4}, phi, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "snapshot-times", (const double[]){0, 0.25, 1}, times, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
}

static int prepare(void **state) {
    (void)state;
    char path[3][160], text[160];
    const double sigma[] = {0.01, 0.1, 1, 10}, excess[] = {0.2, 1.5, 0.7, -0.1}, error[] = {0.1, 0.1, 0.2, 0.2};
    const double loss[] = {900, 300, 150, 120, 110}, wiener[] = {10, 8, 5, 1.0 / 3};
    struct npz_writer *w;
    struct error e;
    test_folder("plot", folder);
    write_rows(folder, path);
    for (size_t i = 0; i < 3; i++) {
        snprintf(rows[i], sizeof rows[i], "--data=%s", path[i]);
    }
    snprintf(reference, sizeof reference, "--reference=%s", path[2]);
    snprintf(text, sizeof text, "%s/model.npz", folder);
    snprintf(model, sizeof model, "--data=%s", text);
    assert_int_equal(npz_create(text, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=train\nversion=1\n", &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "excess.sigma", sigma, 4, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "excess.excess", excess, 4, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "excess.error", error, 4, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "excess.wiener", wiener, 4, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "loss", loss, 5, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    write_snapshots("sample", 3, 35.0f, sample);
    write_snapshots("broken-sample", 2, 35.0f, broken_sample);
    return 0;
}

static void read_figure(const char *name, const char *format, char **data, size_t *size) {
    char path[192];
    struct error e;
    snprintf(path, sizeof path, "%s/%s/figure.%s", folder, name, format);
    if (file_read(path, data, size, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    assert_true(*size > (strcmp(format, "tsv") == 0 ? 0 : 1000));
}

static const char *output(const char *name) {
    static char text[8][176];
    static size_t next;
    char *t = text[next++ % 8];
    snprintf(t, 176, "--output=%s/%s", folder, name);
    return t;
}

static void all_styles(void **state) {
    (void)state;
    assert_int_equal(
        run_stage(&stage_plot,
                  (const char *const[]){output("excess"), model, model, "--style=figures/excess.gp", "--kind=columns",
                                        "--labels=it's|b",
                                        "--members=excess.sigma,excess.excess,excess.error,excess.wiener", NULL},
                  NULL),
        0);
    assert_int_equal(run_stage(&stage_plot,
                               (const char *const[]){output("loss"), model, "--style=figures/loss.gp", "--kind=columns",
                                                     "--members=index,loss", NULL},
                               NULL),
                     0);
    assert_int_equal(run_stage(&stage_plot,
                               (const char *const[]){output("histogram"), rows[0], rows[1], "--kind=histogram",
                                                     "--style=figures/magnetization.gp", "--range=-1,1", "--bins=10",
                                                     "--labels=a|b", "--title=T", "--xlabel=X", "--ylabel=Y", NULL},
                               NULL),
                     0);
    /* a single dataset, no legend */
    assert_int_equal(run_stage(&stage_plot,
                               (const char *const[]){output("alone"), rows[0], "--kind=histogram",
                                                     "--style=figures/magnetization.gp", NULL},
                               NULL),
                     0);
    assert_int_equal(
        run_stage(&stage_plot,
                  (const char *const[]){output("acceptance"), rows[0], rows[1], rows[2], rows[1], "--kind=points",
                                        "--x=0.1,0.2", "--curves=2", "--labels=published|right",
                                        "--style=figures/acceptance.gp", "--members=chi2,chi2_error", NULL},
                  NULL),
        0);
    assert_int_equal(run_stage(&stage_plot,
                               (const char *const[]){output("panels"), rows[0], rows[1], rows[2], "--kind=points",
                                                     "--x=1,2,3", "--style=figures/panels.gp", "--labels=a",
                                                     "--members=M,M_error,chi2,chi2_error,M,M_error,M,M_error", NULL},
                               NULL),
                     0);
    char *data;
    size_t size;
    read_figure("excess", "svg", &data, &size);
    assert_non_null(strstr(data, "it's"));
    free(data);
    read_figure("histogram", "pdf", &data, &size);
    assert_memory_equal(data, "%PDF-", 5);
    free(data);
    /* only the figures are left, and the records of a stage */
    char path[192];
    snprintf(path, sizeof path, "%s/loss/partial-gnuplot", folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* Images: the site (x1, x2) of configuration c at time t is number ((2 t + c) 3 + x1) 4 + x2 of the snapshots. */
static void images(void **state) {
    (void)state;
    const char *const style = "--style=figures/fields.gp", *const kind = "--kind=fields";
    const char *const members = "--members=snapshots,snapshot-times";
    assert_int_equal(
        run_stage(&stage_plot, (const char *const[]){output("fields"), sample, style, kind, members, NULL}, NULL), 0);
    char *data, not_finite[512];
    size_t size;
    read_figure("fields", "tsv", &data, &size);
    const char *line = data;
    assert_int_equal(strncmp(line, "curve\ttime\tconfiguration\tx1\tx2\tfield\n", 37), 0);
    for (int row = 0; row < 72; row++) { /* images row by row: a configuration, its times */
        const double times[] = {0, 0.25, 1};
        const int image = row / 12, c = image / 3, t = image % 3, x1 = row % 12 / 4, x2 = row % 4;
        int found[4];
        double time, field;
        line = strchr(line, '\n') + 1;
        assert_int_equal(
            sscanf(line, "%d\t%lf\t%d\t%d\t%d\t%lf", &found[0], &time, &found[1], &found[2], &found[3], &field), 6);
        assert_true(found[0] == image + 1 && time == times[t] && found[1] == c + 1 && found[2] == x1 && found[3] == x2);
        assert_true(field == ((2 * t + c) * 3 + x1) * 4 + x2 - 36);
    }
    assert_string_equal(strchr(line, '\n'), "\n");
    free(data);
    read_figure("fields", "svg", &data, &size);
    assert_non_null(strstr(data, "0.25"));
    free(data);
    expect_message(&stage_plot, (const char *const[]){output("refused"), broken_sample, style, kind, members, NULL}, 2,
                   "found 2 numbers, expected 3, one for each time of snapshots");
    expect_message(&stage_plot, (const char *const[]){output("refused"), sample, sample, style, kind, members, NULL}, 2,
                   "expected one artifact");
    expect_message(&stage_plot,
                   (const char *const[]){output("refused"), sample, style, kind, "--members=snapshots", NULL}, 2,
                   "expected two for kind = fields");
    write_snapshots("not-finite", 3, NAN, not_finite);
    expect_message(&stage_plot, (const char *const[]){output("refused"), not_finite, style, kind, members, NULL}, 2,
                   "not finite");
}

/* An ensemble out of equilibrium is marked in the legend and explained in a corner. */
static void marked(void **state) {
    (void)state;
    char path[160], young[200], *data;
    size_t size;
    write_unthermalised(folder, path);
    snprintf(young, sizeof young, "--data=%s", path);
    assert_int_equal(run_stage(&stage_plot,
                               (const char *const[]){output("marked"), young, rows[0], "--kind=histogram",
                                                     "--style=figures/magnetization.gp", "--labels=young|old",
                                                     "--remark=at a small scale", NULL},
                               NULL),
                     0);
    read_figure("marked", "svg", &data, &size);
    assert_true(strstr(data, "young †") && strstr(data, "† not in equilibrium") && strstr(data, "at a small scale") &&
                !strstr(data, "old †"));
    free(data);
    read_figure("histogram", "svg", &data, &size);
    assert_null(strstr(data, "†"));
    free(data);
}

static void expect_table(const char *name, const char *expected) {
    char *data;
    size_t size;
    read_figure(name, "tsv", &data, &size);
    assert_string_equal(data, expected);
    free(data);
}

/* The numbers of the figures that all_styles() drew. */
static void numbers(void **state) {
    (void)state;
#define CURVE(label) \
    label "\t0.01\t0.2\t0.1\t10\n" label "\t0.1\t1.5\t0.1\t8\n" label "\t1\t0.7\t0.2\t5\n" label \
          "\t10\t-0.1\t0.2\t0.3333333333\n"
    expect_table("excess",
                 "curve\texcess.sigma\texcess.excess\texcess.error\texcess.wiener\n" CURVE("it's") CURVE("b"));
#undef CURVE
    expect_table("loss", "curve\tindex\tloss\n1\t1\t900\n1\t2\t300\n1\t3\t150\n1\t4\t120\n1\t5\t110\n");
    expect_table("acceptance", "curve\tx\tchi2\tchi2_error\npublished\t0.1\t2.516\t0.0457\npublished\t0.2\t1.81\t0.16\n"
                               "right\t0.1\t2.5906\t0.0025\nright\t0.2\t1.81\t0.16\n");
    const char *const counted[] = {"a", "b"}; /* both hold -0.5, -0.25, 0, 0, 0.25, 0.5 */
    const double count[] = {0, 0, 1, 1, 0, 2, 1, 1, 0, 0};
    char *expected, *found;
    size_t size;
    FILE *out = open_memstream(&expected, &size);
    fputs("curve\tM\tcount\terror\n", out);
    for (size_t i = 0; i < 20; i++) {
        fprintf(out, "%s\t%.10g\t%.10g\t%.10g\n", counted[i / 10], -0.9 + 0.2 * (double)(i % 10), count[i % 10],
                sqrt(count[i % 10]));
    }
    fclose(out);
    read_figure("histogram", "tsv", &found, &size);
    assert_string_equal(found, expected);
    free(found);
    free(expected);
}

/* A schematic figure is drawn by the style alone and accepts no data; all other kinds need data. */
static void schemes(void **state) {
    (void)state;
    const char *const style = "--style=figures/scheme.gp";
    char *found;
    size_t size;
    assert_int_equal(
        run_stage(&stage_plot, (const char *const[]){output("scheme"), style, "--kind=schematic", NULL}, NULL), 0);
    read_figure("scheme", "svg", &found, &size);
    assert_non_null(strstr(found, "Stochastic quantization"));
    free(found);
    read_figure("scheme", "tsv", &found, &size);
    assert_string_equal(found, "curve\n");
    free(found);
    expect_message(&stage_plot, (const char *const[]){output("scheme2"), style, "--kind=schematic", rows[0], NULL}, 2,
                   "found 1 data for kind = schematic, expected none");
    expect_message(&stage_plot, (const char *const[]){output("scheme3"), style, "--kind=columns", NULL}, 2,
                   "found 0 data for kind = columns, expected at least one");
}

/* Two runs of one recipe in two folders more than a second apart. */
static void same_bytes(void **state) {
    (void)state;
    const char *const formats[] = {"tsv", "svg", "png", "pdf"};
    for (int i = 0; i < 2; i++) {
        const char *const arguments[] = {output(i == 0 ? "one" : "another"),
                                         rows[0],
                                         rows[1],
                                         rows[2],
                                         reference,
                                         "--style=figures/magnetization.gp",
                                         "--kind=histogram",
                                         "--labels=a|b|c",
                                         NULL};
        assert_int_equal(run_stage(&stage_plot, arguments, NULL), 0);
        if (i == 0) {
            sleep(1);
            usleep(100000);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        char *a, *b;
        size_t size_a, size_b;
        read_figure("one", formats[i], &a, &size_a);
        read_figure("another", formats[i], &b, &size_b);
        assert_int_equal(size_a, size_b);
        assert_memory_equal(a, b, size_a);
        free(a);
        free(b);
    }
}

/* A full disk is an error, although gnuplot does not report it. */
static void full_disk(void **state) {
    (void)state;
    char path[192];
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) { /* the records fit (a few KiB), the figures do not */
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){12000, 12000});
        expect_message(&stage_plot,
                       (const char *const[]){output("full"), rows[0], "--style=figures/magnetization.gp",
                                             "--kind=histogram", "--ledger=", NULL},
                       1, "figure.svg: gnuplot wrote only 12000 bytes; the end is missing");
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    snprintf(path, sizeof path, "%s/full/figure.svg", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/full/partial-gnuplot", folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* A style that changes between the computation of its digest and the end of the drawing is an error. */
static void changed_style(void **state) {
    (void)state;
    char bad[192], style[256], text[400], *absolute = realpath(folder, NULL);
    struct error e;
    snprintf(bad, sizeof bad, "%s/changing.gp", folder);
    snprintf(style, sizeof style, "--style=%s", bad);
    snprintf(text, sizeof text, "system(\"echo '#' >>%s/changing.gp\")\nplot x\n", absolute);
    free(absolute);
    assert_int_equal(file_write(bad, text, strlen(text), &e), STATUS_OK);
    expect_message(&stage_plot, (const char *const[]){output("changing"), style, "--kind=schematic", NULL}, 1,
                   "changing.gp was changed during the run: run it again");
    snprintf(bad, sizeof bad, "%s/changing/figure.svg", folder);
    assert_int_not_equal(access(bad, F_OK), 0);
}

static void messages(void **state) {
    (void)state;
    char bad[192], style[256];
    struct error e;
    snprintf(bad, sizeof bad, "%s/bad.gp", folder);
    snprintf(style, sizeof style, "--style=%s", bad);
    assert_int_equal(file_write(bad, "\nplot nothing(x)\n", 17, &e), STATUS_OK);
    expect_message(&stage_plot, (const char *const[]){output("a"), rows[0], style, "--kind=histogram", NULL}, 1,
                   "bad.gp\" line 2: undefined function: nothing");
    assert_int_equal(file_write(bad, "x = 1\n", 6, &e), STATUS_OK);
    expect_message(&stage_plot, (const char *const[]){output("a"), rows[0], style, "--kind=histogram", NULL}, 1,
                   "gnuplot drew nothing into figure.svg");
    const char *good = "--style=figures/magnetization.gp";
    expect_message(&stage_plot,
                   (const char *const[]){output("a"), rows[0], good, "--kind=histogram", "--labels=a|b", NULL}, 2,
                   "parameter labels: found 2 labels, expected 1");
    expect_message(&stage_plot,
                   (const char *const[]){output("a"), rows[0], good, "--kind=histogram", "--range=1,0", NULL}, 2,
                   "parameter range");
    expect_message(&stage_plot,
                   (const char *const[]){output("a"), rows[0], good, "--kind=histogram", "--members=M,chi2", NULL}, 2,
                   "parameter members: found 2 names, expected one");
    expect_message(&stage_plot,
                   (const char *const[]){output("a"), rows[0], good, "--kind=histogram", "--members=magnet", NULL}, 2,
                   "found no member magnet");
    expect_message(&stage_plot, (const char *const[]){output("a"), rows[0], reference, good, "--kind=columns", NULL}, 2,
                   "found an input reference");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_styles), cmocka_unit_test(images),        cmocka_unit_test(marked),
        cmocka_unit_test(numbers),    cmocka_unit_test(schemes),       cmocka_unit_test(same_bytes),
        cmocka_unit_test(full_disk),  cmocka_unit_test(changed_style), cmocka_unit_test(messages)};
    return cmocka_run_group_tests(tests, prepare, test_folders_remove);
}
