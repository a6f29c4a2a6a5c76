/* Running gnuplot: report/gnuplot.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/gnuplot.h"
#include "tests/report/artifacts.h"

static void write_text(const char *folder, const char *name, const char *text) {
    char path[200];
    struct error e;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
}

static void version(void **state) {
    (void)state;
    char text[64];
    struct error e = {0};
    if (gnuplot_version(text, sizeof text, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    assert_true(text[0] >= '5' && text[0] <= '9');
}

static void missing(void **state) {
    (void)state;
    char text[64], *path = strdup(getenv("PATH"));
    struct error e = {0};
    assert_non_null(path);
    setenv("PATH", "/nonexistent", 1);
    enum status status = gnuplot_version(text, sizeof text, &e);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(status, STATUS_FAILED);
    assert_non_null(strstr(e.message, "cannot run gnuplot"));
    assert_non_null(strstr(e.message, "gnuplot-nox"));
}

/* A replacement for fc-match that finds another font. */
static void fonts(void **state) {
    (void)state;
    char folder[128], path[200], *before = strdup(getenv("PATH")), with[4200];
    struct error e = {0};
    test_folder("gnuplot", folder);
    enum status status = gnuplot_font(folder, "DejaVu Sans", &e);
    if (status != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    assert_int_equal(gnuplot_font(folder, "DejaVu", &e), STATUS_FAILED);
    write_text(folder, "fc-match", "#!/bin/sh\nprintf 'Noto Sans,Noto Sans Thin'\n");
    snprintf(path, sizeof path, "%s/fc-match", folder);
    assert_int_equal(chmod(path, 0755), 0);
    char *absolute = realpath(folder, NULL);
    snprintf(with, sizeof with, "%s:%s", absolute, before);
    setenv("PATH", with, 1);
    status = gnuplot_font(folder, "DejaVu Sans", &e);
    setenv("PATH", before, 1);
    free(absolute);
    free(before);
    assert_int_equal(status, STATUS_FAILED);
    assert_string_equal(
        e.message, "the font DejaVu Sans is missing: found 'Noto Sans,Noto Sans Thin' instead; expected that of the "
                   "Debian package fonts-dejavu-core (`make setup` installs it)");
}

/* The message of a failure contains the line and gnuplot's own message; locale, home and settings are not the
 * user's. */
static void failure(void **state) {
    (void)state;
    char folder[128];
    struct error e = {0};
    test_folder("gnuplot", folder);
    write_text(folder, "bad.gp", "set xlabel 'x'\nplot no_such_function(x)\n");
    assert_int_equal(gnuplot_run(folder, "bad.gp", &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "gnuplot bad.gp: "));
    assert_non_null(strstr(e.message, "line 2: undefined function: no_such_function"));
    assert_null(strchr(e.message, '\n'));
    write_text(folder, ".gnuplot", "exit status 9\n");
    write_text(folder, "good.gp", "set print 'out.txt'\nprint 1\n");
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    enum status status = gnuplot_run(folder, "good.gp", &e);
    unsetenv("LC_ALL");
    assert_int_equal(status, STATUS_OK);
}

static void strings(void **state) {
    (void)state;
    static const char *const texts[] = {"it's \"a\\n\" `x` $y",
                                        "'begins",
                                        "ends'",
                                        "two '' there",
                                        "''",
                                        "@a",
                                        "† φ",
                                        "\t\\101",
                                        "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
                                        ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text, folder[128], path[200], expected[64], *data;
        size_t size;
        struct error e = {0};
        FILE *out = open_memstream(&text, &size);
        fputs("a = 'x'\nset print 'out.txt'\nprint ", out);
        gnuplot_string(texts[i], out);
        fclose(out);
        test_folder("gnuplot", folder);
        write_text(folder, "string.gp", text);
        free(text);
        if (gnuplot_run(folder, "string.gp", &e) != STATUS_OK) {
            fail_msg("%s: %s", texts[i], e.message);
        }
        snprintf(path, sizeof path, "%s/out.txt", folder);
        assert_int_equal(file_read(path, &data, &size, &e), STATUS_OK);
        snprintf(expected, sizeof expected, "%s\n", texts[i]);
        assert_string_equal(data, expected);
        free(data);
    }
}

static void dates(void **state) {
    (void)state;
    char folder[128], path[200], *data;
    size_t size;
    struct error e;
    test_folder("gnuplot", folder);
    write_text(folder, "a.pdf", "%PDF <</CreationDate (D:20261122010950Z)/ModDate (D:20261122010950+02'00)>> (D:2026)");
    snprintf(path, sizeof path, "%s/a.pdf", folder);
    assert_int_equal(pdf_neutralise_dates(path, &e), STATUS_OK);
    assert_int_equal(file_read(path, &data, &size, &e), STATUS_OK);
    assert_string_equal(data, "%PDF <</CreationDate (D:19800101000000Z)/ModDate (D:19800101000000+02'00)>> (D:2026)");
    free(data);
    write_text(folder, "a.pdf", "/CreationDate (D:2026");
    assert_int_equal(pdf_neutralise_dates(path, &e), STATUS_OK);
}

/* A figure truncated by a full disk is recognised. */
static void complete(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
        bool whole;
    } cases[] = {
        {"a.svg", "<svg>\n<path/></svg>\n\n", true},
        {"a.svg", "<svg>\n<path/></sv", false},
        {"a.svg", "", false},
        {"a.png", "PNG data IEND\xae\x42\x60\x82", true},
        {"a.png", "PNG IEND, and then data without end of a full disk", false},
        {"a.pdf", "%PDF xref\n%%EOF\n", true},
        {"a.pdf", "%PDF xref\n", false},
    };
    char folder[128], path[200];
    test_folder("gnuplot", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        write_text(folder, cases[i].name, cases[i].text);
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].name);
        assert_int_equal(gnuplot_complete(path, &e), cases[i].whole ? STATUS_OK : STATUS_FAILED);
        assert_true(cases[i].whole || (strstr(e.message, path) && strstr(e.message, "the end is missing")));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version), cmocka_unit_test(missing), cmocka_unit_test(fonts),    cmocka_unit_test(failure),
        cmocka_unit_test(strings), cmocka_unit_test(dates),   cmocka_unit_test(complete),
    };
    return cmocka_run_group_tests(tests, NULL, test_folders_remove);
}
