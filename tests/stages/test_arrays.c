/* Names of arrays have one style (docs/artifacts.md), and a stage does not declare a name twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "experiment/stage.h"

/* Whether a word has lower-case letters and digits, or is a symbol; '*' stands for any word. Words are joined by '_',
 * groups by '.'. */
static bool is_word(const char *word, size_t length) {
    static const char *const symbols[] = {"M", "U", "L", "R2", "dH"};
    bool lower = length > 0 && (*word == '*' || (*word >= 'a' && *word <= 'z'));
    for (size_t i = 1; i < length; i++) {
        lower = lower && (word[i] == '*' || (word[i] >= 'a' && word[i] <= 'z') || (word[i] >= '0' && word[i] <= '9'));
    }
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols && !lower; i++) {
        lower = strlen(symbols[i]) == length && strncmp(symbols[i], word, length) == 0;
    }
    return lower;
}

static bool has_style(const char *name) {
    for (;; name++) {
        const size_t length = strcspn(name, "_.");
        if (!is_word(name, length)) {
            return false;
        }
        name += length;
        if (*name == '\0') {
            return true;
        }
    }
}

static bool is_exception(const char *name) {
    return strcmp(name, "snapshot-times") == 0 || strcmp(name, "weights-of") == 0;
}

static size_t check_names(const char *where, const struct stage_array *arrays, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!has_style(arrays[i].name) && !is_exception(arrays[i].name)) {
            fail_msg("%s: array '%s': expected words of lower case joined by '_', and groups by '.'", where,
                     arrays[i].name);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(arrays[i].name, arrays[k].name) == 0) {
                fail_msg("%s: array '%s' is declared twice", where, arrays[i].name);
            }
        }
    }
    return count;
}

static void names(void **state) {
    (void)state;
    size_t count = 0;
    for (size_t i = 0; all_stages[i] != NULL; i++) {
        const struct stage *s = all_stages[i];
        count += check_names(s->name, s->arrays, s->array_count);
        if (s->beside != NULL) {
            count += check_names(s->beside->name, s->beside->arrays, s->beside->array_count);
        }
    }
    assert_true(count > 200);
}

static void style(void **state) {
    (void)state;
    static const char *const good[] = {"phi", "log_w", "thermalisation.sigmas", "*", "*.weight", "effective.log_s",
                                       "phi2"};
    static const char *const bad[] = {"", "Phi", "log-w", "_x", "x_", "a..b", "2x", "a.", "a b", "camelCase"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(has_style(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(has_style(bad[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(style), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
