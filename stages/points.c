/* Tool `points` (make points): draws a figure of kind = points from the run records of its points, for sweeps too long
 * for one machine or one day. The records are in RESULTS/reference/EXPERIMENT-points/runs, where stages/points.sh
 * collects them; their notes hold all numbers that such a figure shows. Nothing is drawn before all are there, except
 * with --gaps=yes, where points without a record are left out ("nan" in the table). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/kept_figure.h"

static const char *only, *gaps;

/* The finished record of a node; *record is NULL if there is none. The caller frees it. */
static enum status read_point(const struct kept_figure *k, const struct node *node, struct record **record,
                              struct error *e) {
    struct error none;
    const char *path = pool_print(k->plan->pool, "%s/runs/%s.json", k->folder, node->name);
    *record = NULL;
    if (!path) {
        return pool_exhausted(e);
    }
    if (record_read(path, record, &none) == STATUS_OK &&
        (strcmp(record_text(*record, "key"), node->key) || strcmp(record_text(*record, "status"), "done"))) {
        record_free(*record);
        *record = NULL;
    }
    return STATUS_OK;
}

/* The note called `member`, or for NAME_error the error of the note NAME; NaN: the note has none. */
static enum status read_number(const struct kept_figure *k, const struct node *node, const struct record *record,
                               const char *member, double *x, struct error *e) {
    static const char ending[] = "_error";
    const size_t length = strlen(member), end = sizeof ending - 1;
    const bool is_error = length > end && strcmp(member + length - end, ending) == 0;
    char text[RECORD_TEXT];
    const char *name = pool_print(k->plan->pool, "%.*s", (int)(is_error ? length - end : length), member);
    if (!name) {
        return pool_exhausted(e);
    }
    if (*record_note_text(record, name, text) == '\0') {
        return error_set(e, STATUS_BAD_INPUT, "%s/runs/%s.json: the notes have no number %s, which %s shows", k->folder,
                         node->name, name, k->name);
    }
    const struct record_value value = record_value(record, name);
    *x = is_error ? value.error : value.value;
    return STATUS_OK;
}

/* Whether the node's data come from an ensemble that failed its tests of equilibrium, by the kept records. */
static enum status read_mark(const struct kept_figure *k, const struct node *node, bool *failed, struct error *e) {
    struct record *record;
    TRY(read_point(k, node, &record, e));
    if (record) {
        *failed = *failed || strncmp(record_member(record, "notes", "thermalisation"), "FAILED", 6) == 0 ||
                  strcmp(record_member(record, "notes", "thermalised"), "no") == 0;
        record_free(record);
    }
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            TRY(read_mark(k, node->inputs[i].nodes[j], failed, e));
        }
    }
    return STATUS_OK;
}

/* One row of a curve: x, then the members. */
static enum status read_row(const struct kept_figure *k, const struct node *node, const struct record *record,
                            const struct report_list *members, double *row, struct error *e) {
    for (size_t i = 0; i < members->count; i++) {
        TRY(read_number(k, node, record, members->item[i], &row[i + 1], e));
    }
    return STATUS_OK;
}

static void add_input(struct record *drawing, const struct record *point) {
    const char *folder = record_text(point, "folder");
    char *path;
    if (asprintf(&path, "%s/artifact.npz", folder) >= 0) {
        record_input(drawing, "data", path, record_text(point, "key"), record_output_sha256(point, "artifact.npz"));
        free(path);
    }
}

/* Reads all points, and prints and counts those that are missing. */
static enum status read_points(const struct kept_figure *k, const struct node_inputs *data, struct figure *f,
                               struct record *drawing, struct error *e) {
    size_t points;
    const double *x = parameters_reals(k->node->parameters, "x", &points);
    const size_t columns = f->sets[0].count + 1;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < data->count && status == STATUS_OK; i++) {
        struct block *block = &f->block[i / points];
        const struct node *node = data->nodes[i];
        struct record *record;
        if (i % points == 0) {
            *block = (struct block){columns, points, calloc(points * columns, sizeof *block->x)};
            f->entries[i / points] = points;
            if (!block->x) {
                return pool_exhausted(e);
            }
        }
        status = read_point(k, node, &record, e);
        if (status == STATUS_OK && !record) {
            printf("%s: no record of %s/%s\n", k->name, k->experiment->name, node->name);
            f->missing++;
        }
        double *row = &block->x[i % points * columns];
        row[0] = x[i % points];
        for (size_t c = 1; c < columns && !record; c++) {
            row[c] = NAN;
        }
        if (status == STATUS_OK && record) {
            status = read_row(k, node, record, &f->sets[0], row, e);
            THEN(status, read_mark(k, node, &f->failed[i / points], e));
            add_input(drawing, record);
        }
        record_free(record);
    }
    return status;
}

static enum status draw(struct kept_figure *k, struct error *e) {
    const struct node_inputs *data = kept_figure_inputs(k, "data");
    if (!parameters_is(k->node->parameters, "kind", "points") || kept_figure_inputs(k, "lines")->count > 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: expected a figure of kind = points without lines", k->name);
    }
    const char *folder = plan_folder(k->plan, k->node),
               *label = pool_print(k->plan->pool, "%s/%s", k->experiment->name, k->node->name);
    struct record *drawing = folder && label ? kept_figure_record(k, folder, label) : NULL;
    if (!drawing) {
        return pool_exhausted(e);
    }
    struct figure f = {0};
    enum status status = figure_shape(k->node->parameters, data->count, 0, &f, e);
    THEN(status, read_points(k, data, &f, drawing, e));
    if (status == STATUS_OK && (f.missing == 0 || strcmp(gaps, "yes") == 0)) {
        record_note(drawing, "numbers", "from the run records of the points");
        if (f.missing > 0) {
            record_note_value(drawing, "missing", (struct record_value){(double)f.missing, NAN, "points"});
        }
        status = kept_figure_draw(k, &f, drawing, e);
        if (status == STATUS_OK) {
            printf("%s: drawn\n", k->name);
        }
    }
    figure_release(&f);
    record_free(drawing);
    return status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    if (*gaps && strcmp(gaps, "yes") != 0) {
        return error_set(e, STATUS_BAD_INPUT, "GAPS=%s: expected yes, or nothing", gaps);
    }
    return *only ? kept_figure_visit(plan, request, only, "-points", draw, e)
                 : error_set(e, STATUS_BAD_INPUT, "the name of a figure is missing: expected --only=FIGURE");
}

int main(int argc, char **argv) {
    only = gaps = "";
    const struct planner_option own[] = {{"only", "FIGURE", "the figure to draw", &only},
                                         {"gaps", "yes", "draw it although some points have no record", &gaps},
                                         {0}};
    return planner_main_with(argc, argv, all_stages,
                             "Draws a figure from the run records of its points, once all of them are kept.", own, run);
}
