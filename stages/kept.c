/* Stage `kept`: reads numbers of an earlier run from a table or figure kept in git (results/reference), or the
 * published ones (experiments/published.tsv), for a row of a table or a curve of a figure beside new results. So new
 * results can be compared with others that would take a day to recompute. The file's SHA-256 is in the recipe, so the
 * key changes with the numbers.
 *
 * The .tsv of a table has the columns dataset, observable, value and error; in published.tsv a column of experiments
 * precedes them. The lines of one dataset become the row. The .tsv of a figure has the name of the curve in its first
 * column. The lines of one curve become vectors, one per column, with the names in the first line of the file. With
 * `x`, the one line with that number in its second column becomes single numbers, a point of a curve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/estimates.h"
#include "score/header.h"
#include "stages/arrays.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "file", .type = PARAMETER_FILE, .help = "The .tsv file of a table or figure of an earlier run."},
    {.name = "curve", .type = PARAMETER_TEXT, .help = "Name of the row (column dataset) or of the curve in the file."},
    {.name = "experiment",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "Name of the experiment, for files with such a column, as experiments/published.tsv."},
    {.name = "x",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "For a figure: value in the second column that selects one point; empty: the whole curve."},
    {.name = "configurations",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0,
     .maximum = 1e9,
     .help = "For a table: number of configurations of the row, which the file does not contain."},
    {.name = "marked",
     .type = PARAMETER_FLAG,
     .default_value = "no",
     .help = "Whether the row or curve was marked as not in equilibrium, which the file does not contain."},
};

static const struct stage_array arrays[] = {
    ARRAYS_ESTIMATES,
    ARRAY_THERMALISED,
    {"*", NPZ_FLOAT64, "", "",
     "For a table: every estimate, and NAME_error; for a figure: every column, a number or a vector."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

enum { COLUMNS = 64 };

/* The selected lines, cut into fields in place. */
struct lines {
    char *text, *header[COLUMNS];
    size_t columns, count;
    char **field;        /* count x columns */
    bool of_experiments; /* a column of experiments precedes the others */
};

/* The selection, from the parameters. */
struct wanted {
    const char *path, *experiment, *curve, *x;
};

static bool is_wanted(const struct wanted *w, const struct lines *l, char *const *field) {
    const size_t first = l->of_experiments;
    return (!first || strcmp(field[0], w->experiment) == 0) && strcmp(field[first], w->curve) == 0 &&
           (!*w->x || strcmp(field[first + 1], w->x) == 0);
}

/* Cuts a line at its tabs and returns the number of fields; those beyond COLUMNS are not stored. */
static size_t cut(char *line, char *field[COLUMNS]) {
    size_t count = 0;
    for (char *next; line; line = next) {
        if ((next = strchr(line, '\t'))) {
            *next++ = '\0';
        }
        if (count < COLUMNS) {
            field[count] = line;
        }
        count++;
    }
    return count;
}

static enum status keep_line(const struct wanted *w, size_t number, char *line, size_t *room, struct lines *l,
                             struct error *e) {
    char *field[COLUMNS];
    const size_t columns = cut(line, field);
    if (l->columns == 0) {
        if (columns < 3 || columns > COLUMNS) {
            return error_set(e, STATUS_BAD_INPUT,
                             "%s:%zu: found %zu columns, expected the names of 3 to %d, separated by tabs", w->path,
                             number, columns, COLUMNS);
        }
        l->columns = columns;
        l->of_experiments = strcmp(field[0], "experiment") == 0;
        memcpy(l->header, field, columns * sizeof *field);
        return STATUS_OK;
    }
    if (columns != l->columns) {
        return error_set(e, STATUS_BAD_INPUT, "%s:%zu: found %zu columns, expected %zu as in the first line", w->path,
                         number, columns, l->columns);
    }
    if (!is_wanted(w, l, field)) {
        return STATUS_OK;
    }
    if (l->count == *room) {
        *room = 2 * *room + 16;
        char **more = realloc(l->field, *room * columns * sizeof *more);
        if (!more) {
            return error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
        }
        l->field = more;
    }
    memcpy(l->field + l->count++ * columns, field, columns * sizeof *field);
    return STATUS_OK;
}

static enum status read_lines(const struct wanted *w, struct lines *lines, struct error *e) {
    size_t size, room = 0, number = 0;
    enum status status = file_read(w->path, &lines->text, &size, e);
    for (char *line = status ? NULL : lines->text, *next; line && status == STATUS_OK; line = next) {
        if ((next = strchr(line, '\n'))) {
            *next++ = '\0';
        }
        number++;
        if (*line && *line != '#') {
            status = keep_line(w, number, line, &room, lines, e);
        }
    }
    const char *at = *w->x ? " at " : *w->experiment ? " in experiment " : "", *where = *w->x ? w->x : w->experiment;
    if (status == STATUS_OK && lines->of_experiments != (*w->experiment != '\0')) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found %s column `experiment`, expected %s", w->path,
                         lines->of_experiments ? "a" : "no",
                         lines->of_experiments ? "parameter experiment" : "one for parameter experiment");
    }
    if (status == STATUS_OK && (lines->count == 0 || (*w->x && lines->count != 1))) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: found %zu lines of '%s'%s%s, expected %s", w->path, lines->count,
                           w->curve, at, where, *w->x ? "one" : "at least one");
    }
    return status;
}

/* A field as a number; an empty one is NaN. */
static enum status number_of(const char *path, const char *column, const char *text, double *value, struct error *e) {
    char *end;
    *value = *text ? strtod(text, &end) : (double)NAN;
    return !*text || *end == '\0'
               ? STATUS_OK
               : error_set(e, STATUS_BAD_INPUT, "%s: column %s: found '%s', expected a number", path, column, text);
}

static bool is_table(const struct lines *l) {
    static const char *const names[] = {"dataset", "observable", "value", "error"};
    bool same = l->columns >= 4u + l->of_experiments;
    for (size_t i = 0; i < 4 && same; i++) {
        same = strcmp(l->header[l->of_experiments + i], names[i]) == 0;
    }
    return same;
}

static enum status add_row(const struct lines *l, const char *path, size_t configurations, struct npz_writer *w,
                           struct error *e) {
    const size_t n = l->count;
    const char **names = malloc((n + 1) * sizeof *names);
    double *values = malloc(2 * (n + 1) * sizeof *values), *errors = values ? values + n : NULL;
    enum status status = names && values ? STATUS_OK : error_set(e, STATUS_FAILED, "%s: out of memory", path);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        char **field = l->field + i * l->columns + l->of_experiments, name[128];
        names[i] = field[1];
        status = number_of(path, "value", field[2], &values[i], e);
        THEN(status, number_of(path, "error", field[3], &errors[i], e));
        snprintf(name, sizeof name, "%s_error", field[1]);
        THEN(status, npz_add_real(w, field[1], values[i], e));
        THEN(status, npz_add_real(w, name, errors[i], e));
    }
    const struct estimates rows = {.count = n,
                                   .names = names,
                                   .values = values,
                                   .errors = errors,
                                   .method = "kept",
                                   .configurations = configurations};
    THEN(status, estimates_add(&rows, w, e));
    free(names);
    free(values);
    return status;
}

static enum status add_curve(const struct lines *l, const char *path, bool point, struct npz_writer *w,
                             struct error *e) {
    double *values = malloc(l->count * sizeof *values);
    enum status status = values ? STATUS_OK : error_set(e, STATUS_FAILED, "%s: out of memory", path);
    for (size_t column = 1; column < l->columns && status == STATUS_OK; column++) {
        for (size_t i = 0; i < l->count && status == STATUS_OK; i++) {
            status = number_of(path, l->header[column], l->field[i * l->columns + column], &values[i], e);
        }
        THEN(status, point ? npz_add_real(w, l->header[column], values[0], e)
                           : npz_add_reals(w, l->header[column], values, l->count, e));
    }
    free(values);
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    const struct parameters *p = c->parameters;
    const struct wanted wanted = {parameters_text(p, "file"), parameters_text(p, "experiment"),
                                  parameters_text(p, "curve"), parameters_text(p, "x")};
    const char *path = wanted.path, *x = wanted.x;
    struct lines lines = {0};
    struct npz_writer *w;
    enum status status = read_lines(&wanted, &lines, e);
    if (status == STATUS_OK && is_table(&lines) && *x) {
        status = error_set(e, STATUS_BAD_INPUT,
                           "%s: found a table with parameter x = %s, expected the file of a figure", path, x);
    }
    THEN(status, stage_artifact(c, &w, e));
    THEN(status, is_table(&lines) ? add_row(&lines, path, (size_t)parameters_integer(p, "configurations"), w, e)
                                  : add_curve(&lines, path, *x != '\0', w, e));
    THEN(status, header_add_thermalised(w, parameters_flag(p, "marked") ? 0 : 1, e));
    stage_note_value(c, "lines", (double)lines.count, NAN, "");
    free(lines.field);
    free(lines.text);
    return status;
}

const struct stage stage_kept = {
    .name = "kept",
    .summary = "numbers of an earlier run, from a table or figure kept in git",
    .version = 1,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
};
