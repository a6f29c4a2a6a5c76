/* Experiment files as text: valid ones, and the message for every error. */
#include "tests/experiment/fixture.h"

static void expect_failure(const char *text, const char *message) {
    struct pool *pool = pool_new();
    struct settings settings;
    struct error e = {0};
    assert_int_equal(settings_read(pool, write_text("a.ini", text), &settings, &e), STATUS_BAD_INPUT);
    assert_message(&e, message);
    pool_free(pool);
}

static void reads(const char *text) {
    struct pool *pool = pool_new();
    struct settings s;
    struct error e = {0};
    const char *path = write_text("a.ini", text);
    assert_int_equal(settings_read(pool, path, &s, &e), STATUS_OK);
    assert_int_equal(s.count, 3);
    const struct section *train = settings_find(&s, "train"), *last = settings_find(&s, "last");
    assert_int_equal(train->count, 2);
    assert_string_equal(section_find(train, "epochs")->value, "250");
    assert_string_equal(section_find(train, "rows")->value, "a, b, c, d");
    assert_int_equal(settings_find(&s, "empty")->count, 0);
    assert_string_equal(section_find(last, "text")->value, "x=y");
    assert_string_equal(section_find(last, "none")->value, "");
    char expected[256];
    snprintf(expected, sizeof expected, "%s:6", path);
    assert_string_equal(section_find(train, "rows")->where, expected);
    assert_null(section_find(train, "lr"));
    assert_null(settings_find(&s, "test"));
    pool_free(pool);
}

static void reads_sections_settings_and_comments(void **state) {
    (void)state;
    static const char text[] = "# heading\n"
                               "\n"
                               "[train] ; all of them\n"
                               "epochs = 250   ; as published\n"
                               "  ; a comment between\n"
                               "rows = a, b,\n"
                               "       c,   ; and on\n"
                               "       d\n"
                               "[empty]\n"
                               "[last]\n"
                               "text=x=y\n"
                               "none =";
    char windows[2 * sizeof text];
    size_t length = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '\n') {
            windows[length++] = '\r';
        }
        windows[length++] = *c;
    }
    windows[length] = '\0';
    reads(text);
    reads(windows); /* line ends of Windows */
}

static void duplicates_are_errors(void **state) {
    (void)state;
    expect_failure("[a]\nx = 1\n[b]\nx = 1\n[a]\ny = 2\n",
                   "%a.ini:5: section [a] already exists, at %a.ini:1; expected each section once");
    expect_failure("[a]\n[b]\n[a]\n", "%a.ini:3: section [a] already exists, at %a.ini:1; expected each section once");
    expect_failure("[a]\nx = 1\n\ny = 2\nx = 1\n", "%a.ini:5: 'x' is already set, at %a.ini:2; expected it once");
}

/* libinih splits lines after 199 bytes, and truncates names of sections after 49. */
static void lines_are_not_truncated(void **state) {
    (void)state;
    const char too_long[] = "%a.ini:2: the line is too long; expected at most 198 bytes (a value may continue in an "
                            "indented line)";
    char text[512];
    for (int length = 190; length < 230; length++) {
        snprintf(text, sizeof text, "[a]\nx = %0*d\ny = 1\n", length - 4, 1);
        if (length > 198) {
            expect_failure(text, too_long);
            continue;
        }
        struct pool *pool = pool_new();
        struct settings s;
        struct error e = {0};
        assert_int_equal(settings_read(pool, write_text("a.ini", text), &s, &e), STATUS_OK);
        assert_int_equal(strlen(section_find(&s.sections[0], "x")->value), length - 4);
        assert_string_equal(section_find(&s.sections[0], "y")->value, "1");
        pool_free(pool);
    }
    snprintf(text, sizeof text, "[%050d]\nx = 1\n", 7);
    expect_failure(text, "%a.ini:1: the name of a section may have at most 49 bytes");
}

static void malformed_lines_are_errors(void **state) {
    (void)state;
    expect_failure("[a]\nx\n", "%a.ini:2: expected 'name = value' or '[section]'");
    expect_failure("[a\nx = 1\n", "%a.ini:1: expected ']' after the name of the section");
    expect_failure("[a] b\n", "%a.ini:1: expected nothing after ']'");
    expect_failure("[]\n", "%a.ini:1: expected a name between '[' and ']'");
    expect_failure("x = 1\n[a]\n", "%a.ini:1: expected a section, as [experiment], before the first setting");
    expect_failure("[a]\n= 1\n", "%a.ini:2: expected a name before '='");
    expect_failure("[a]\nx = 1\n  y = 2\n", "%a.ini:3: expected a section or a setting to begin in the first column "
                                            "(an indented line continues the value above)");
    expect_failure("[a]\nx = 1\n  [b]\n", "%a.ini:3: expected a section or a setting to begin in the first column (an "
                                          "indented line continues the value above)");
}

static void a_zero_byte_and_a_missing_file_are_errors(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct settings s;
    struct error e = {0};
    const char *path = write_text("a.ini", "[a]\nx = 1\n");
    assert_int_equal(file_write(path, "[a]\nx\0= 1\n", 10, &e), STATUS_OK);
    assert_int_equal(settings_read(pool, path, &s, &e), STATUS_BAD_INPUT);
    assert_message(&e, "%a.ini:2: found a zero byte; expected text");
    assert_int_not_equal(settings_read(pool, "build/tmp/none.ini", &s, &e), STATUS_OK);
    assert_non_null(strstr(e.message, "build/tmp/none.ini"));
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sections_settings_and_comments),
        cmocka_unit_test(duplicates_are_errors),
        cmocka_unit_test(lines_are_not_truncated),
        cmocka_unit_test(malformed_lines_are_errors),
        cmocka_unit_test(a_zero_byte_and_a_missing_file_are_errors),
    };
    fixture_open();
    int failed = cmocka_run_group_tests_name("settings", tests, NULL, NULL);
    fixture_close();
    return failed;
}
