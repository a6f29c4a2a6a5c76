/* Parameters of a stage: parsing, validation, canonical form and --help, all from one table. */
#include "base/parameters.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct value {
    bool set;         /* has a value, default or given */
    int64_t *integers; /* INTEGER (one), INTEGERS; FLAG as 0 or 1 */
    double *reals;    /* REAL (one), REALS */
    size_t count;
    char *text;       /* TEXT, CHOICE, and the path of a FILE */
    char *canonical;
};

struct parameters {
    const struct parameter *table;
    size_t count;
    struct value *values;
    char **default_canonical; /* NULL where there is no default */
};

static void value_clear(struct value *v) {
    free(v->integers);
    free(v->reals);
    free(v->text);
    free(v->canonical);
    memset(v, 0, sizeof *v);
}

/* --- messages ---------------------------------------------------------------------------------- */

static bool limited(const struct parameter *t) {
    return !(t->minimum == 0 && t->maximum == 0);
}

/* "a real number in [0, 1]" */
static void describe(const struct parameter *t, char *text, size_t size) {
    static const char *const kind[] = {"an integer", "a real number", "one of ", "yes or no", "a text",
                                       "a list of integers", "a list of real numbers", "a file"};
    int n = snprintf(text, size, "%s", kind[t->type]);
    if (n < 0 || (size_t)n >= size) {
        return;
    }
    bool number = t->type == PARAMETER_INTEGER || t->type == PARAMETER_REAL || t->type == PARAMETER_INTEGERS ||
                  t->type == PARAMETER_REALS;
    if (number && limited(t)) {
        snprintf(text + n, size - (size_t)n, " in [%.10g, %.10g]", t->minimum, t->maximum);
    } else if (t->type == PARAMETER_CHOICE) {
        snprintf(text + n, size - (size_t)n, "%s", t->choices);
    }
}

static enum status reject(const struct parameter *t, const char *text, const char *where, struct error *e) {
    char expected[512];
    describe(t, expected, sizeof expected);
    return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%.200s': expected %s", where, t->name, text, expected);
}

static enum status no_memory(const char *where, struct error *e) {
    return error_set(e, STATUS_FAILED, "%s: out of memory", where);
}

/* --- canonical form ------------------------------------------------------------------------------ */

enum { REAL_TEXT = 40 };

/* The shortest of all %.Ng that reads back to x; of two equally short ones the one without exponent. */
static void write_real(double x, char text[REAL_TEXT]) {
    size_t best = REAL_TEXT;
    for (int digits = 1; digits <= 17; digits++) {
        char candidate[REAL_TEXT];
        snprintf(candidate, sizeof candidate, "%.*g", digits, x);
        size_t length = strlen(candidate);
        if (strtod(candidate, NULL) == x && (length < best || (length == best && !strchr(candidate, 'e')))) {
            best = length;
            memcpy(text, candidate, length + 1);
        }
    }
}

static char *canonical_numbers(const struct value *v) {
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
    return !limited(t) || (x >= t->minimum && x <= t->maximum);
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
    /* strtod would also take "inf", "nan" and hexadecimal numbers. */
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
    *value = x == 0 ? 0 : x; /* one zero only */
    *end = text + length;
    return in_range(t, x);
}

/* One number, or numbers separated by commas or blanks (integers also by 'x'). */
static enum status parse_numbers(const struct parameter *t, const char *text, const char *where,
                                 struct value *v, struct error *e) {
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

static enum status parse_flag(const struct parameter *t, const char *text, const char *where, struct value *v,
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
                                struct value *v, struct error *e) {
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
    const char *near = nearest_word(text, candidates, n);
    return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%.200s': expected one of %s%s%s%s", where, t->name, text,
                     t->choices, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static enum status parse_file(const char *text, const char *where, struct value *v, struct error *e) {
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
                               struct value *v, struct error *e) {
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
        if (iscntrl((unsigned char)*at)) { /* a recipe has one line a parameter */
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: %s: found a control character (code %d), expected one line of text", where,
                             t->name, (unsigned char)*at);
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

static enum status set_entry(struct parameters *p, size_t i, const char *text, const char *where,
                             struct error *e) {
    char *trimmed = without_blanks(text);
    if (trimmed == NULL) {
        return no_memory(where, e);
    }
    struct value v = {0};
    enum status status = parse_value(&p->table[i], trimmed, where, &v, e);
    free(trimmed);
    if (status != STATUS_OK) {
        value_clear(&v);
        return status;
    }
    v.set = true;
    value_clear(&p->values[i]);
    p->values[i] = v;
    return STATUS_OK;
}

/* --- life ------------------------------------------------------------------------------------------ */

static void misuse(const char *name, const char *what) {
    fprintf(stderr, "parameters: '%s' %s\n", name, what);
    abort();
}

struct parameters *parameters_new(const struct parameter *table, size_t count) {
    struct parameters *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->table = table;
    p->count = count;
    p->values = calloc(count + 1, sizeof *p->values);
    p->default_canonical = calloc(count + 1, sizeof *p->default_canonical);
    bool fine = p->values != NULL && p->default_canonical != NULL;
    for (size_t i = 0; fine && i < count; i++) {
        if (table[i].default_value == NULL) {
            continue;
        }
        struct error e = {0};
        if (set_entry(p, i, table[i].default_value, "default", &e) == STATUS_OK) {
            p->default_canonical[i] = strdup(p->values[i].canonical);
            fine = p->default_canonical[i] != NULL;
        } else if (table[i].type != PARAMETER_FILE) {
            /* A file that is missing may still be given later; parameters_complete() looks again. */
            if (e.status == STATUS_BAD_INPUT) {
                misuse(table[i].name, e.message);
            }
            fine = false;
        }
    }
    if (!fine) {
        parameters_free(p);
        return NULL;
    }
    return p;
}

void parameters_free(struct parameters *p) {
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        if (p->values != NULL) {
            value_clear(&p->values[i]);
        }
        if (p->default_canonical != NULL) {
            free(p->default_canonical[i]);
        }
    }
    free(p->values);
    free(p->default_canonical);
    free(p);
}

enum status parameters_set(struct parameters *p, const char *name, const char *text, const char *where,
                           struct error *e) {
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->table[i].name, name) == 0) {
            return set_entry(p, i, text, where, e);
        }
    }
    const char **names = calloc(p->count + 1, sizeof *names);
    if (names == NULL) {
        return no_memory(where, e);
    }
    for (size_t i = 0; i < p->count; i++) {
        names[i] = p->table[i].name;
    }
    const char *near = nearest_word(name, names, p->count);
    free(names);
    return error_set(e, STATUS_BAD_INPUT, "%s: unknown parameter '%.100s'%s%s%s", where, name,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

enum status parameters_complete(const struct parameters *p, const char *where, struct error *e) {
    for (size_t i = 0; i < p->count; i++) {
        const struct parameter *t = &p->table[i];
        if (p->values[i].set) {
            continue;
        }
        if (t->default_value != NULL) { /* a FILE whose default was missing */
            return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%s': cannot read this file", where, t->name,
                             t->default_value);
        }
        char expected[512];
        describe(t, expected, sizeof expected);
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter '%s' is missing: expected %s", where, t->name,
                         expected);
    }
    return STATUS_OK;
}

/* --- access ---------------------------------------------------------------------------------------- */

static const struct value *get(const struct parameters *p, const char *name, enum parameter_type first,
                               enum parameter_type second, enum parameter_type third) {
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->table[i].name, name) != 0) {
            continue;
        }
        enum parameter_type type = p->table[i].type;
        if (type != first && type != second && type != third) {
            misuse(name, "is read as another type than it was declared");
        }
        if (!p->values[i].set) {
            misuse(name, "is read but was never set");
        }
        return &p->values[i];
    }
    misuse(name, "is not in the table");
    return NULL;
}

int64_t parameters_integer(const struct parameters *p, const char *name) {
    return get(p, name, PARAMETER_INTEGER, PARAMETER_INTEGER, PARAMETER_INTEGER)->integers[0];
}

double parameters_real(const struct parameters *p, const char *name) {
    return get(p, name, PARAMETER_REAL, PARAMETER_REAL, PARAMETER_REAL)->reals[0];
}

bool parameters_flag(const struct parameters *p, const char *name) {
    return get(p, name, PARAMETER_FLAG, PARAMETER_FLAG, PARAMETER_FLAG)->integers[0] != 0;
}

const char *parameters_text(const struct parameters *p, const char *name) {
    return get(p, name, PARAMETER_TEXT, PARAMETER_CHOICE, PARAMETER_FILE)->text;
}

const int64_t *parameters_integers(const struct parameters *p, const char *name, size_t *count) {
    const struct value *v = get(p, name, PARAMETER_INTEGERS, PARAMETER_INTEGERS, PARAMETER_INTEGERS);
    *count = v->count;
    return v->integers;
}

const double *parameters_reals(const struct parameters *p, const char *name, size_t *count) {
    const struct value *v = get(p, name, PARAMETER_REALS, PARAMETER_REALS, PARAMETER_REALS);
    *count = v->count;
    return v->reals;
}

bool parameters_is(const struct parameters *p, const char *name, const char *choice) {
    return strcmp(get(p, name, PARAMETER_CHOICE, PARAMETER_CHOICE, PARAMETER_CHOICE)->text, choice) == 0;
}

size_t parameters_count(const struct parameters *p) {
    return p->count;
}

const struct parameter *parameters_entry(const struct parameters *p, size_t i) {
    return &p->table[i];
}

bool parameters_differs(const struct parameters *p, size_t i) {
    return p->values[i].set && (p->default_canonical[i] == NULL ||
                                strcmp(p->values[i].canonical, p->default_canonical[i]) != 0);
}

const char *parameters_canonical(const struct parameters *p, size_t i) {
    return p->values[i].set ? p->values[i].canonical : "";
}

const char *parameters_argument(const struct parameters *p, size_t i) {
    if (p->values[i].set && p->table[i].type == PARAMETER_FILE) {
        return p->values[i].text;
    }
    return parameters_canonical(p, i);
}

/* --- help ------------------------------------------------------------------------------------------ */

void parameters_help(const struct parameter *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        const struct parameter *t = &table[i];
        char expected[512];
        describe(t, expected, sizeof expected);
        fprintf(out, "  --%s=%s\n", t->name, t->type == PARAMETER_CHOICE ? t->choices : "VALUE");
        fprintf(out, "        %s\n        %s", t->help ? t->help : "", expected);
        if (t->unit != NULL && *t->unit != '\0') {
            fprintf(out, ", unit: %s", t->unit);
        }
        if (t->default_value == NULL) {
            fprintf(out, "; must be given\n");
        } else {
            fprintf(out, "; default: %s\n", *t->default_value != '\0' ? t->default_value : "(empty)");
        }
    }
}

/* Levenshtein distance with one row of the table; words longer than the row are never near. */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 128 };
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) {
        return SIZE_MAX;
    }
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = best < above + 1 ? best : above + 1;
            best = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[m];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count) {
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < best_distance && distance <= strlen(word) / 2) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    return best;
}
