/* Parameters of a stage: defaults, setting, access and --help, all from one table. parameter_value.c parses and writes
 * values. */
#include "base/parameters.h"

#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/parameter_value.h"
#include "base/words.h"

struct parameters {
    const struct parameter *table;
    size_t count;
    struct parameter_value *values;
    char **default_canonical; /* NULL: no default */
};

static enum status no_memory(const char *where, struct error *e) {
    return error_set(e, STATUS_FAILED, "%s: out of memory", where);
}

/* --- creating and setting -------------------------------------------------------------------------- */

static enum status set_entry(struct parameters *p, size_t i, const char *text, const char *where, struct error *e) {
    struct parameter_value v;
    enum status status = parameter_value_parse(&p->table[i], text, where, &v, e);
    if (status == STATUS_OK) {
        parameter_value_clear(&p->values[i]);
        p->values[i] = v;
    }
    return status;
}

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
            if (table[i].later) {
                misuse(table[i].name, "is marked as added later and needs a default");
            }
            continue;
        }
        struct error e = {0};
        if (set_entry(p, i, table[i].default_value, "default", &e) == STATUS_OK) {
            p->default_canonical[i] = strdup(p->values[i].canonical);
            fine = p->default_canonical[i] != NULL;
        } else if (table[i].type != PARAMETER_FILE) {
            /* a default file may be missing: another may be given, which parameters_complete() checks */
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
            parameter_value_clear(&p->values[i]);
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
            const enum status status = set_entry(p, i, text, where, e);
            if (status == STATUS_OK && (p->values[i].origin = strdup(where)) == NULL) {
                return no_memory(where, e);
            }
            return status;
        }
    }
    const char **names = calloc(p->count + 1, sizeof *names);
    if (names == NULL) {
        return no_memory(where, e);
    }
    for (size_t i = 0; i < p->count; i++) {
        names[i] = p->table[i].name;
    }
    char hint[NEAREST_HINT];
    nearest_hint(name, names, p->count, "", hint);
    free(names);
    return error_set(e, STATUS_BAD_INPUT, "%s: unknown parameter '%.100s'%s", where, name, hint);
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
        parameter_describe(t, expected, sizeof expected);
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter '%s' is missing: expected %s", where, t->name, expected);
    }
    return STATUS_OK;
}

enum status parameters_unchanged(const struct parameters *p, struct error *e) {
    for (size_t i = 0; i < p->count; i++) {
        const struct parameter_value *v = &p->values[i];
        if (p->table[i].type != PARAMETER_FILE || !v->set || v->text[0] == '\0') {
            continue;
        }
        struct parameter_value now;
        TRY(parameter_value_parse(&p->table[i], v->text, p->table[i].name, &now, e));
        enum status status = STATUS_OK;
        if (strcmp(now.canonical, v->canonical) != 0) {
            status = error_set(e, STATUS_FAILED, "%s: %s was changed during the run: run it again", p->table[i].name,
                               v->text);
        }
        parameter_value_clear(&now);
        TRY(status);
    }
    return STATUS_OK;
}

/* --- access ---------------------------------------------------------------------------------------- */

static const struct parameter_value *get(const struct parameters *p, const char *name, enum parameter_type first,
                                         enum parameter_type second, enum parameter_type third) {
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->table[i].name, name) != 0) {
            continue;
        }
        enum parameter_type type = p->table[i].type;
        if (type != first && type != second && type != third) {
            misuse(name, "is read as another type than its declared one");
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
    const struct parameter_value *v = get(p, name, PARAMETER_INTEGERS, PARAMETER_INTEGERS, PARAMETER_INTEGERS);
    *count = v->count;
    return v->integers;
}

const double *parameters_reals(const struct parameters *p, const char *name, size_t *count) {
    const struct parameter_value *v = get(p, name, PARAMETER_REALS, PARAMETER_REALS, PARAMETER_REALS);
    *count = v->count;
    return v->reals;
}

bool parameters_is(const struct parameters *p, const char *name, const char *choice) {
    return strcmp(get(p, name, PARAMETER_CHOICE, PARAMETER_CHOICE, PARAMETER_CHOICE)->text, choice) == 0;
}

int parameters_word(const struct parameters *p, const char *name, const char *const *words, int count) {
    const char *text = get(p, name, PARAMETER_CHOICE, PARAMETER_CHOICE, PARAMETER_CHOICE)->text;
    const int i = words_find(words, count, text);
    if (i < 0) {
        misuse(name, "has a choice without a value of the enum");
    }
    return i;
}

size_t parameters_count(const struct parameters *p) {
    return p->count;
}

const struct parameter *parameters_entry(const struct parameters *p, size_t i) {
    return &p->table[i];
}

bool parameters_differs(const struct parameters *p, size_t i) {
    return p->values[i].set &&
           (p->default_canonical[i] == NULL || strcmp(p->values[i].canonical, p->default_canonical[i]) != 0);
}

bool parameters_in_recipe(const struct parameters *p, size_t i) {
    return !p->table[i].later || parameters_differs(p, i);
}

const char *parameters_canonical(const struct parameters *p, size_t i) {
    return p->values[i].set ? p->values[i].canonical : "";
}

const char *parameters_origin(const struct parameters *p, size_t i) {
    return p->values[i].origin != NULL ? p->values[i].origin : "default";
}

const char *parameters_argument(const struct parameters *p, size_t i) {
    if (p->values[i].set && p->table[i].type == PARAMETER_FILE) {
        return p->values[i].text;
    }
    return parameters_canonical(p, i);
}

/* --- help ------------------------------------------------------------------------------------------ */

enum { INDENT = 8, COLUMNS = 100 };

void parameters_paragraph(const char *text, FILE *out) {
    for (size_t column = 0; *text;) {
        const size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%*s%.*s", column ? 1 : INDENT, "", (int)word, text);
        text += word + strspn(text + word, " ");
    }
    fputc('\n', out);
}

void parameters_help(const struct parameter *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        const struct parameter *t = &table[i];
        char expected[512];
        parameter_describe(t, expected, sizeof expected);
        fprintf(out, "  --%s=%s\n", t->name, t->type == PARAMETER_CHOICE ? t->choices : "VALUE");
        parameters_paragraph(t->help ? t->help : "", out);
        fprintf(out, "%*s%s", INDENT, "", expected);
        if (t->unit != NULL && *t->unit != '\0') {
            fprintf(out, ", unit: %s", t->unit);
        }
        if (t->default_value == NULL) {
            fprintf(out, "; required\n");
        } else {
            fprintf(out, "; default: %s%s\n", *t->default_value != '\0' ? t->default_value : "(empty)",
                    t->later ? ", then not in the recipe" : "");
        }
    }
}
