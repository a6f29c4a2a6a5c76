/* The published values: see published.h. */
#include "report/published.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define COLUMNS 6

struct published {
    char *text; /* the file, split into fields in place */
    size_t count;
    struct published_value *value;
};

static const char header[] = "experiment\tdataset\tobservable\tvalue\terror\tsource";

/* Digits after the decimal point of a number in plain notation. */
static int decimals_of(const char *number) {
    const char *point = strchr(number, '.');
    return point == NULL ? 0 : (int)strspn(point + 1, "0123456789");
}

static enum status parse_number(const char *path, int line, const char *column, const char *text, double *number,
                                struct error *e) {
    char *end;
    *number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*number)) {
        return error_set(e, STATUS_BAD_INPUT, "%s:%d: column %s: found '%s', expected a number", path, line, column,
                         text);
    }
    return STATUS_OK;
}

static enum status parse_line(const char *path, int line, char *text, struct published *p, struct error *e) {
    char *field[COLUMNS];
    size_t fields = 0;
    for (char *rest = text, *next; rest != NULL; rest = next) {
        next = strchr(rest, '\t');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (fields < COLUMNS) {
            field[fields] = rest;
        }
        fields++;
    }
    if (fields != COLUMNS) {
        return error_set(e, STATUS_BAD_INPUT, "%s:%d: found %zu columns, expected %d separated by tabs", path, line,
                         fields, COLUMNS);
    }
    struct published_value v = {
        .experiment = field[0],
        .dataset = field[1],
        .observable = field[2],
        .source = field[5],
        .error = (double)NAN,
        .decimals = decimals_of(field[3]),
        .line = line,
    };
    enum status status = parse_number(path, line, "value", field[3], &v.value, e);
    if (status == STATUS_OK && field[4][0] != '\0') {
        status = parse_number(path, line, "error", field[4], &v.error, e);
        if (status == STATUS_OK && v.error < 0) {
            status = error_set(e, STATUS_BAD_INPUT, "%s:%d: column error: found %s, expected 0 or more", path, line,
                               field[4]);
        }
        if (decimals_of(field[4]) > v.decimals) {
            v.decimals = decimals_of(field[4]);
        }
    }
    TRY(status);
    const struct published_value *twin = published_find(p, v.experiment, v.dataset, v.observable);
    if (twin != NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s:%d: %s %s %s is also on line %d; expected one value of each", path,
                         line, v.experiment, v.dataset, v.observable, twin->line);
    }
    p->value[p->count++] = v;
    return STATUS_OK;
}

enum status published_read(const char *path, struct published **published, struct error *e) {
    struct published *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    size_t size, lines = 1;
    enum status status = file_read(path, &p->text, &size, e);
    if (status != STATUS_OK) {
        published_free(p);
        return status;
    }
    for (size_t i = 0; i < size; i++) {
        lines += p->text[i] == '\n';
    }
    p->value = calloc(lines, sizeof *p->value);
    if (p->value == NULL) {
        published_free(p);
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    int line = 0;
    int header_seen = 0;
    for (char *text = p->text, *next; text != NULL && status == STATUS_OK; text = next) {
        next = strchr(text, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        const size_t length = strlen(text);
        if (length > 0 && text[length - 1] == '\r') { /* line ends of Windows */
            text[length - 1] = '\0';
        }
        line++;
        if (text[0] == '#' || text[0] == '\0') {
            continue;
        }
        if (header_seen) {
            status = parse_line(path, line, text, p, e);
        } else if (strcmp(text, header) != 0) {
            status = error_set(e, STATUS_BAD_INPUT,
                               "%s:%d: found '%.80s', expected the column names 'experiment dataset "
                               "observable value error source' separated by tabs",
                               path, line, text);
        }
        header_seen = 1;
    }
    if (status == STATUS_OK && !header_seen) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: found no line, expected column names and published values", path);
    }
    if (status != STATUS_OK) {
        published_free(p);
        return status;
    }
    *published = p;
    return STATUS_OK;
}

void published_free(struct published *published) {
    if (published != NULL) {
        free(published->value);
        free(published->text);
        free(published);
    }
}

size_t published_count(const struct published *published) {
    return published->count;
}

const struct published_value *published_at(const struct published *published, size_t i) {
    return &published->value[i];
}

const struct published_value *published_find(const struct published *published, const char *experiment,
                                             const char *dataset, const char *observable) {
    for (size_t i = 0; published != NULL && i < published->count; i++) {
        const struct published_value *v = &published->value[i];
        if (strcmp(v->experiment, experiment) == 0 && strcmp(v->dataset, dataset) == 0 &&
            strcmp(v->observable, observable) == 0) {
            return v;
        }
    }
    return NULL;
}
