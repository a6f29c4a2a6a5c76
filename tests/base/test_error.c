/* Error messages: base/error.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void set_and_prefix(void **state) {
    (void)state;
    struct error e;
    assert_int_equal(error_set(&e, STATUS_BAD_INPUT, "found %d, expected %d", 3, 4), STATUS_BAD_INPUT);
    assert_int_equal(error_prefix(&e, "%s", "a.npz"), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "a.npz: found 3, expected 4");
    assert_int_equal(error_set(&e, STATUS_FAILED, "again: %s", e.message), STATUS_FAILED);
    assert_string_equal(e.message, "again: a.npz: found 3, expected 4");
}

static void long_messages_are_marked(void **state) {
    (void)state;
    struct error e;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&e, STATUS_FAILED, "%s", text);
    assert_int_equal(strlen(e.message), sizeof e.message - 1);
    assert_string_equal(e.message + sizeof e.message - 4, "...");
    error_prefix(&e, "prefix");
    assert_memory_equal(e.message, "prefix: xxx", 11);
    assert_string_equal(e.message + sizeof e.message - 4, "...");
}

/* A quoted text with a terminal's control sequences in two encodings, line ends, and letters that are not ASCII. */
static void no_control_characters(void **state) {
    (void)state;
    struct error e;
    error_set(&e, STATUS_BAD_INPUT, "stage '%s'",
              "\x1b[31mred\x1b]0;title\a\b\x7f \xc2\x9b"
              "31m \n \t \xe2\x80\xa0 \xc3\xa9 \xcf\x86");
    assert_string_equal(e.message, "stage '?[31mred?]0;title??? ??31m     \xe2\x80\xa0 \xc3\xa9 \xcf\x86'");
    char text[] = "a\tb\nc\r\x01";
    error_plain_text(text);
    assert_string_equal(text, "a\tb\nc??");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(set_and_prefix), cmocka_unit_test(long_messages_are_marked),
                                       cmocka_unit_test(no_control_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
