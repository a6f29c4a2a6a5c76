/* The value of one parameter: see parameter_value.h; canonical forms are listed in parameters.h. */
#include "base/parameter_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"

void parameter_value_clear(struct parameter_value *v) {
    free(v->integers);
    free(v->reals);
    free(v->text);
    free(v->canonical);
    free(v->origin);
    memset(v, 0, sizeof *v);
}

/* --- messages ---------------------------------------------------------------------------------- */

static bool has_limits(const struct parameter *t) {
    return !(t->minimum == 0 && t->maximum == 0);
}

void parameter_describe(const struct parameter *t, char *text, size_t size) {
    static const char *const kind[] = {"an integer",         "a real number",          "one of ", "yes or no", "a text",
                                       "a list of integers", "a list of real numbers", "a file"};
    int n = snprintf(text, size, "%s", kind[t->type]);
    if (n < 0 || (size_t)n >= size) {
        return;
    }
    bool number = t->type == PARAMETER_INTEGER || t->type == PARAMETER_REAL || t->type == PARAMETER_INTEGERS ||
                  t->type == PARAMETER_REALS;
    if (number && has_limits(t)) {
        snprintf(text + n, size - (size_t)n, " in [%.10g, %.10g]", t->minimum, t->maximum);
    } else if (t->type == PARAMETER_CHOICE) {
        snprintf(text + n, size - (size_t)n, "%s", t->choices);
    }
}

static enum status reject(const struct parameter *t, const char *text, const char *where, struct error *e) {
    char expected[512];
    parameter_describe(t, expected, sizeof expected);
    return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%.200s': expected %s", where, t->name, text, expected);
}

static enum status no_memory(const char *where, struct error *e) {
    return error_set(e, STATUS_FAILED, "%s: out of memory", where);
}

/* --- canonical form ------------------------------------------------------------------------------ */

enum { REAL_TEXT = 40 };

/* The shortest result of %.Ng that reads back to x; of two equally short ones the one without exponent. More digits
 * only shorten a number that has an exponent: 1e+02, 100. */
static void write_real(double x, char text[REAL_TEXT]) {
    size_t best = REAL_TEXT;
    bool exponent = true;
    for (int digits = 1; digits <= 17 && exponent; digits++) {
        char candidate[REAL_TEXT];
        snprintf(candidate, sizeof candidate, "%.*g", digits, x);
        if (strtod(candidate, NULL) != x) {
            continue;
        }
        size_t length = strlen(candidate);
        exponent = strchr(candidate, 'e') != NULL;
        if (length < best || (length == best && !exponent)) {
            best = length;
            memcpy(text, candidate, length + 1);
        }
    }
}

static char *canonical_numbers(const struct parameter_value *v) {
    char *text = malloc(v->count * REAL_TEXT + 1);
    if (text == NULL) {
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (i > 0) {
            text[used++] = ',';
        }
        if (v->integers != NULL) {
            used += (size_t)snprintf(text + used, REAL_TEXT, "%lld", (long long)v->integers[i]);
        } else {
            char number[REAL_TEXT];
            write_real(v->reals[i], number);
            used += (size_t)snprintf(text + used, REAL_TEXT, "%s", number);
        }
    }
    text[used] = '\0';
    return text;
}

/* --- parsing --------------------------------------------------------------------------------------- */

static bool in_range(const struct parameter *t, double x) {
    return !has_limits(t) || (x >= t->minimum && x <= t->maximum);
}

static bool parse_integer(const struct parameter *t, const char *text, int64_t *value, const char **end) {
    if (!isdigit((unsigned char)text[text[0] == '-' || text[0] == '+'])) {
        return false;
    }
    errno = 0;
    char *stop;
    long long x = strtoll(text, &stop, 10);
    *value = x;
    *end = stop;
    return errno == 0 && in_range(t, (double)x);
}

static bool parse_real(const struct parameter *t, const char *text, double *value, const char **end) {
    /* strtod would also accept "inf", "nan" and hexadecimal numbers. */
    size_t length = strspn(text, "0123456789+-.eE");
    if (length == 0 || length >= 128) {
        return false;
    }
    char number[128];
    memcpy(number, text, length);
    number[length] = '\0';
    char *stop;
    double x = strtod(number, &stop);
    if (stop == number || *stop != '\0' || !isfinite(x)) {
        return false;
    }
    *value = x == 0 ? 0 : x; /* -0 becomes 0 */
    *end = text + length;
    return in_range(t, x);
}

/* One number, or a list separated by commas or blanks (integers also by 'x'). */
static enum status parse_numbers(const struct parameter *t, const char *text, const char *where,
                                 struct parameter_value *v, struct error *e) {
    bool integers = t->type == PARAMETER_INTEGER || t->type == PARAMETER_INTEGERS;
    bool list = t->type == PARAMETER_INTEGERS || t->type == PARAMETER_REALS;
    size_t capacity = strlen(text) / 2 + 1; /* every element but the last takes two characters or more */
    if (integers) {
        v->integers = calloc(capacity, sizeof *v->integers);
    } else {
        v->reals = calloc(capacity, sizeof *v->reals);
    }
    if (v->integers == NULL && v->reals == NULL) {
        return no_memory(where, e);
    }
    const char *at = text;
    while (*at != '\0') {
        if (integers ? !parse_integer(t, at, &v->integers[v->count], &at)
                     : !parse_real(t, at, &v->reals[v->count], &at)) {
            return reject(t, text, where, e);
        }
        v->count++;
        if (*at == '\0') {
            break;
        }
        const char *next = at + strspn(at, " \t");
        if (*next == ',' || (integers && *next == 'x')) {
            next++;
            next += strspn(next, " \t");
        }
        if (!list || next == at || *next == '\0') {
            return reject(t, text, where, e);
        }
        at = next;
    }
    bool may_be_empty = t->type == PARAMETER_REALS || (list && t->default_value && !*t->default_value);
    if (v->count == 0 && !may_be_empty) {
        return reject(t, text, where, e);
    }
    v->canonical = canonical_numbers(v);
    return v->canonical != NULL ? STATUS_OK : no_memory(where, e);
}

static enum status parse_flag(const struct parameter *t, const char *text, const char *where, struct parameter_value *v,
                              struct error *e) {
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        bool is_yes = strcasecmp(text, yes[i]) == 0;
        if (is_yes || strcasecmp(text, no[i]) == 0) {
            v->integers = malloc(sizeof *v->integers);
            v->canonical = strdup(is_yes ? "yes" : "no");
            if (v->integers == NULL || v->canonical == NULL) {
                return no_memory(where, e);
            }
            v->integers[0] = is_yes;
            v->count = 1;
            return STATUS_OK;
        }
    }
    return reject(t, text, where, e);
}

enum { MAX_CHOICES = 32, CHOICE_LENGTH = 32 };

static size_t split_choices(const char *choices, char words[MAX_CHOICES][CHOICE_LENGTH]) {
    size_t n = 0;
    for (const char *at = choices; n < MAX_CHOICES; n++) {
        size_t length = strcspn(at, "|");
        snprintf(words[n], CHOICE_LENGTH, "%.*s", (int)length, at);
        if (at[length] == '\0') {
            return n + 1;
        }
        at += length + 1;
    }
    return n;
}

static enum status parse_choice(const struct parameter *t, const char *text, const char *where,
                                struct parameter_value *v, struct error *e) {
    char words[MAX_CHOICES][CHOICE_LENGTH];
    const char *candidates[MAX_CHOICES];
    size_t n = split_choices(t->choices, words);
    for (size_t i = 0; i < n; i++) {
        candidates[i] = words[i];
        if (strcmp(words[i], text) == 0) {
            v->text = strdup(text);
            v->canonical = strdup(text);
            return v->text != NULL && v->canonical != NULL ? STATUS_OK : no_memory(where, e);
        }
    }
    char hint[NEAREST_HINT];
    nearest_hint(text, candidates, n, "", hint);
    return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%.200s': expected one of %s%s", where, t->name, text, t->choices,
                     hint);
}

static enum status parse_file(const char *text, const char *where, struct parameter_value *v, struct error *e) {
    v->text = strdup(text);
    v->canonical = calloc(1, 7 + 65);
    if (v->text == NULL || v->canonical == NULL) {
        return no_memory(where, e);
    }
    if (*text == '\0') {
        return STATUS_OK; /* no file */
    }
    memcpy(v->canonical, "sha256:", 7);
    if (file_sha256(text, v->canonical + 7, e) != STATUS_OK) {
        return error_prefix(e, "%s", where);
    }
    return STATUS_OK;
}

/* Parses text without surrounding blanks into *v, which is zero before; on failure the caller clears it. */
static enum status parse_value(const struct parameter *t, const char *text, const char *where,
                               struct parameter_value *v, struct error *e) {
    switch (t->type) {
    case PARAMETER_INTEGER:
    case PARAMETER_REAL:
    case PARAMETER_INTEGERS:
    case PARAMETER_REALS:
        return parse_numbers(t, text, where, v, e);
    case PARAMETER_CHOICE:
        return parse_choice(t, text, where, v, e);
    case PARAMETER_FLAG:
        return parse_flag(t, text, where, v, e);
    case PARAMETER_FILE:
        return parse_file(text, where, v, e);
    case PARAMETER_TEXT:
        break;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at)) { /* each parameter is one line of a recipe */
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: %s: found a control character (code %d); expected one line of text", where, t->name,
                             (unsigned char)*at);
        }
    }
    v->text = strdup(text);
    v->canonical = strdup(text);
    return v->text != NULL && v->canonical != NULL ? STATUS_OK : no_memory(where, e);
}

static char *without_blanks(const char *text) {
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        length--;
    }
    return strndup(text, length);
}

enum status parameter_value_parse(const struct parameter *t, const char *text, const char *where,
                                  struct parameter_value *value, struct error *e) {
    *value = (struct parameter_value){0};
    char *trimmed = without_blanks(text);
    if (trimmed == NULL) {
        return no_memory(where, e);
    }
    enum status status = parse_value(t, trimmed, where, value, e);
    free(trimmed);
    value->set = status == STATUS_OK;
    if (status != STATUS_OK) {
        parameter_value_clear(value);
    }
    return status;
}
