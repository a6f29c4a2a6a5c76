/* Stage `table`: a paper's table from artifacts with estimates, with the published values and the equilibrium run
 * beside ours, as .md, .tex (a float, the tabular alone, macros) and .tsv. Its contents are described in
 * report/table.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/table.h"
#include "score/header.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "datasets",
     .type = PARAMETER_TEXT,
     .help = "Names of the rows, separated by commas, in the order of the input. They are in column `dataset`, and "
             "published values are looked up under them; the row `equilibrium` is the one that others are compared "
             "with."},
    {.name = "labels",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "Labels of the rows in print, separated by '|'; empty: the names."},
    {.name = "experiment", .type = PARAMETER_TEXT, .help = "Name under which published values are looked up."},
    {.name = "published",
     .type = PARAMETER_FILE,
     .default_value = "experiments/published.tsv",
     .help = "Published values, columns experiment, dataset, observable, value, error, source; empty: none."},
    {.name = "observables",
     .type = PARAMETER_TEXT,
     .default_value = "M,chi2,U_L,abs_M,mean_abs_phi,phi2,action,virial,xi",
     .help = "Columns, separated by commas; those with a published value come first."},
    {.name = "title", .type = PARAMETER_TEXT, .default_value = "", .help = "Heading."},
    {.name = "remark",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "The first footnote, used by profiles to state the scale of the computation."},
    {.name = "notes", .type = PARAMETER_TEXT, .default_value = "", .help = "Footnotes, separated by '|'."},
    {.name = "altered",
     .type = PARAMETER_INTEGERS,
     .default_value = "",
     .minimum = 1,
     .maximum = 1e6,
     .later = true,
     .help = "Rows, counted from 1, whose theory, lattice or protocol differs from the experiment's file; no published "
             "values are shown for them. The planner sets it if a profile or SET changes their inputs."},
};

static const struct stage_input inputs[] = {
    {.name = "rows", .stages = NULL, .required = true, .many = true, .help = "The rows of the table, in order."},
};

static const char *const outputs[] = {"table.md",         "table.tex", "table-tabular.tex",
                                      "table-macros.tex", "table.tsv", NULL};

/* Checks the name of a row or experiment, which is used in .tsv columns and file names. */
static enum status check_name(const char *name, const char *parameter, const char *where, struct error *e) {
    if (name[0] == '\0' || strpbrk(name, " \t|") != NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter %s: found '%s', expected a name without blanks", where,
                         parameter, name);
    }
    return STATUS_OK;
}

static enum status check_lists(const struct report_list *datasets, const struct report_list *labels, const char *where,
                               struct error *e) {
    if (datasets->count == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter datasets: found no name, expected one per row", where);
    }
    for (size_t i = 0; i < datasets->count; i++) {
        TRY(check_name(datasets->item[i], "datasets", where, e));
        for (size_t j = 0; j < i; j++) {
            if (strcmp(datasets->item[i], datasets->item[j]) == 0) {
                return error_set(e, STATUS_BAD_INPUT,
                                 "%s: parameter datasets: found '%s' twice, expected different names for the rows",
                                 where, datasets->item[i]);
            }
        }
    }
    if (labels->count != 0 && labels->count != datasets->count) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter labels: found %zu labels, expected %zu, one per dataset",
                         where, labels->count, datasets->count);
    }
    return STATUS_OK;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    struct report_list datasets = {0}, labels = {0};
    enum status status = report_split(parameters_text(p, "datasets"), ',', &datasets, e);
    THEN(status, report_split(parameters_text(p, "labels"), '|', &labels, e));
    THEN(status, check_lists(&datasets, &labels, where, e));
    THEN(status, check_name(parameters_text(p, "experiment"), "experiment", where, e));
    report_list_free(&datasets);
    report_list_free(&labels);
    return status;
}

static const char other_protocol[] =
    "No published values stand beside what was computed with other parameters than the paper's.";
static const char unthermalised[] =
    REPORT_MARK " not in equilibrium: the ensemble, or the one that the model was trained on, "
                "failed its thermalisation tests (its run record says which), or a Markov chain of "
                "proposals spent more than a tenth of its steps in one state";

static enum status write_output(struct stage_context *c, const struct table *table, const char *name, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", name);
    }
    enum status status = STATUS_OK;
    if (strcmp(name, "table.md") == 0) {
        status = table_write_markdown(table, out, e);
    } else if (strcmp(name, "table.tex") == 0) {
        table_write_latex(table, out);
    } else if (strcmp(name, "table-tabular.tex") == 0) {
        table_write_tabular(table, out);
    } else if (strcmp(name, "table-macros.tex") == 0) {
        table_write_macros(table, out);
    } else {
        table_write_tsv(table, out);
    }
    if (fclose(out) != 0 && status == STATUS_OK) {
        status = error_set(e, STATUS_FAILED, "%s: out of memory", name);
    }
    THEN(status, file_write(stage_output(c, name), text, size, e));
    free(text);
    return status;
}

static enum status write_table(struct stage_context *c, const struct table_row *rows, size_t count, bool failed,
                               const struct report_list *observables, const struct published *published,
                               struct error *e) {
    const struct parameters *p = c->parameters;
    struct table table;
    size_t altered;
    parameters_integers(p, "altered", &altered);
    const char *const parts[] = {parameters_text(p, "remark"), parameters_text(p, "notes"),
                                 altered && published ? other_protocol : "", failed ? unthermalised : ""};
    char *all_notes = NULL;
    size_t size;
    FILE *out = open_memstream(&all_notes, &size);
    if (out == NULL) {
        return error_set(e, STATUS_FAILED, "table: out of memory");
    }
    for (size_t i = 0, written = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i][0] != '\0') {
            fprintf(out, "%s%s", written++ > 0 ? "|" : "", parts[i]);
        }
    }
    if (fclose(out) != 0) {
        free(all_notes);
        return error_set(e, STATUS_FAILED, "table: out of memory");
    }
    enum status status = table_new(parameters_text(p, "title"), all_notes, parameters_text(p, "experiment"), rows,
                                   count, observables, published, &table, e);
    free(all_notes);
    TRY(status);
    for (size_t i = 0; outputs[i] != NULL && status == STATUS_OK; i++) {
        status = write_output(c, &table, outputs[i], e);
    }
    stage_note_value(c, "published_values", (double)table.matched, NAN, "");
    table_free(&table);
    return status;
}

/* The label of a row, with a mark if its ensemble, or the one that its model was trained on, failed the thermalisation
 * tests. The caller frees it. */
static enum status mark_label(const struct npz *row, const char *label, char **marked, bool *failed, struct error *e) {
    int64_t thermalised;
    TRY(header_read_thermalised(row, &thermalised, e));
    *failed = *failed || thermalised == 0;
    if (asprintf(marked, "%s%s", label, thermalised == 0 ? " " REPORT_MARK : "") < 0) {
        *marked = NULL;
        return error_set(e, STATUS_FAILED, "table: out of memory");
    }
    return STATUS_OK;
}

static enum status run(struct stage_context *c, struct error *e) {
    const struct parameters *p = c->parameters;
    size_t count = stage_input_count(c, "rows"), read = 0;
    struct report_list datasets = {0}, labels = {0}, observables = {0};
    struct published *published = NULL;
    struct table_row *rows = calloc(count + 1, sizeof *rows);
    char **marked = calloc(count + 1, sizeof *marked);
    bool failed = false;
    enum status status =
        rows != NULL && marked != NULL ? STATUS_OK : error_set(e, STATUS_FAILED, "table: out of memory");
    THEN(status, report_split(parameters_text(p, "datasets"), ',', &datasets, e));
    THEN(status, report_split(parameters_text(p, "labels"), '|', &labels, e));
    THEN(status, report_split(parameters_text(p, "observables"), ',', &observables, e));
    THEN(status, check_lists(&datasets, &labels, "table", e));
    if (status == STATUS_OK && datasets.count != count) {
        status = error_set(e, STATUS_BAD_INPUT,
                           "table: parameter datasets: found %zu names, expected %zu, one for each input row",
                           datasets.count, count);
    }
    if (status == STATUS_OK && parameters_text(p, "published")[0] != '\0') {
        status = published_read(parameters_text(p, "published"), &published, e);
    }
    for (; read < count && status == STATUS_OK; read += status == STATUS_OK) {
        status = mark_label(stage_input(c, "rows", read), labels.count > 0 ? labels.item[read] : datasets.item[read],
                            &marked[read], &failed, e);
        THEN(status, table_row_read(stage_input(c, "rows", read), datasets.item[read], marked[read], &rows[read], e));
    }
    size_t altered_count;
    const int64_t *altered = parameters_integers(p, "altered", &altered_count);
    for (size_t i = 0; i < altered_count && status == STATUS_OK; i++) {
        if ((size_t)altered[i] <= count) {
            rows[altered[i] - 1].altered = true;
        }
    }
    THEN(status, write_table(c, rows, count, failed, &observables, published, e));
    for (size_t i = 0; i < read; i++) {
        table_row_free(&rows[i]);
    }
    for (size_t i = 0; marked != NULL && i < count; i++) {
        free(marked[i]);
    }
    free(marked);
    free(rows);
    published_free(published);
    report_list_free(&datasets);
    report_list_free(&labels);
    report_list_free(&observables);
    return status;
}

const struct stage stage_table = {
    .name = "table",
    .summary = "writes a table of observables with the published values beside them",
    .version = 3,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
