/* Tool `redraw` (make redraw): redraws the figures kept in results/reference whose styles or texts have changed. It
 * uses the numbers of the kept table, NAME.tsv, which are all that gnuplot needs, so nothing is recomputed. The figure
 * must have the same inputs, arrays and bins as in its run record. A new run record replaces the old one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "stages/kept_figure.h"
#include "store/recipe.h"

static const char *only;

static const char *text_of(const struct kept_figure *k, const char *name) {
    return record_member(k->record, "parameters", name);
}

/* --- what may differ --------------------------------------------------------------------------------- */

/* Whether a line of a recipe affects only the appearance of a figure, not its numbers. */
static bool is_appearance(const char *line, size_t length) {
    static const char *const names[] = {"style", "common", "labels", "title", "remark", "xlabel", "ylabel"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (length == strlen(names[i]) && strncmp(line, names[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* The first line of recipe `a` that affects numbers and is not in `b`; NULL if there is none. The caller frees it. */
static char *first_difference(const char *a, const char *b) {
    for (const char *line = a, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const size_t length = strcspn(line, "=");
        char *name = strndup(line, length), *value = name ? recipe_value(b, name) : NULL;
        const bool same = value && strlen(value) == (size_t)(end - line) - length - 1 &&
                          strncmp(value, line + length + 1, strlen(value)) == 0;
        free(value);
        if (!same && !is_appearance(line, length)) {
            return name;
        }
        free(name);
    }
    return NULL;
}

/* --- the numbers --------------------------------------------------------------------------------- */

/* Reads the rows of a table, which are grouped by their name in the first column. */
struct reader {
    const char *path;
    char *text, *rest; /* lines not read yet */
    size_t line;
};

static char *next_line(struct reader *r) {
    r->line++;
    return strsep(&r->rest, "\n");
}

static enum status read_row(const struct reader *r, char *line, struct block *block, struct error *e) {
    const size_t room = block->columns ? block->columns : 64;
    double *more = realloc(block->x, (block->rows + 1) * room * sizeof *more);
    size_t count = 0;
    if (!more) {
        return pool_exhausted(e);
    }
    block->x = more;
    for (char *field; (field = strsep(&line, "\t")) != NULL; count++) {
        char *end;
        const double x = strtod(field, &end);
        if (end == field || *end || count == room) {
            return error_set(e, STATUS_BAD_INPUT, "%s:%zu: found '%s', expected a number of the figure", r->path,
                             r->line, field);
        }
        block->x[block->rows * room + count] = x;
    }
    if (count != (block->columns ? block->columns : count)) {
        return error_set(e, STATUS_BAD_INPUT, "%s:%zu: found %zu numbers, expected %zu", r->path, r->line, count,
                         block->columns);
    }
    block->columns = count;
    block->rows++;
    return STATUS_OK;
}

/* Reads the rows that begin with `name`, at most `most` of them; a line of column names may precede them. */
static enum status read_block(struct reader *r, const char *name, size_t most, struct block *block, struct error *e) {
    const size_t length = strlen(name);
    while (block->rows < most && r->rest && *r->rest) {
        if (strncmp(r->rest, "curve\t", 6) == 0 && block->rows == 0) {
            next_line(r);
        } else if (strncmp(r->rest, name, length) || r->rest[length] != '\t') {
            break;
        } else {
            char *line = next_line(r);
            TRY(read_row(r, line + length + 1, block, e));
        }
    }
    return block->rows ? STATUS_OK
                       : error_set(e, STATUS_BAD_INPUT, "%s:%zu: found no numbers of '%s'", r->path, r->line + 1, name);
}

/* Name of a block's rows: its label in the kept table, or its number. */
static const char *row_name(const struct figure *f, const struct report_list *labels, size_t i, char number[24]) {
    const size_t curve = f->kind == BLOCK_COLUMNS && f->data > 0 ? i % f->data : i;
    snprintf(number, 24, "%zu", curve + 1);
    return curve < labels->count ? labels->item[curve] : number;
}

static enum status read_blocks(struct figure *f, const struct report_list *labels, struct reader *r, struct error *e) {
    size_t points;
    parameters_reals(f->parameters, "x", &points);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < f->blocks && status == STATUS_OK; i++) {
        char number[24];
        const size_t most = f->kind != BLOCK_POINTS ? SIZE_MAX : i < f->blocks - f->lines ? points : 1;
        status = read_block(r, row_name(f, labels, i, number), most, &f->block[i], e);
        f->entries[i] = f->block[i].rows;
    }
    if (status == STATUS_OK && r->rest && *r->rest) {
        status = error_set(e, STATUS_BAD_INPUT, "%s:%zu: found '%s', expected the end", r->path, r->line + 1, r->rest);
    }
    return status;
}

/* Number of images: the number in the last row. */
static size_t count_images(const char *text) {
    const char *end = text + strlen(text);
    while (end > text + 1 && end[-2] != '\n') {
        end--;
    }
    return (size_t)strtoull(end - 1, NULL, 10);
}

/* --- numbers that the table does not have ------------------------------------------------------------ */

/* Reads from the kept picture which curves are marked as not in equilibrium. */
static enum status read_marks(const struct kept_figure *k, struct figure *f, const struct report_list *labels,
                              struct error *e) {
    const char *path = pool_print(k->plan->pool, "%s/%s.svg", k->folder, k->name);
    char *picture = NULL;
    size_t size, marked = 0;
    enum status status = path ? file_read(path, &picture, &size, e) : pool_exhausted(e);
    const bool any = status == STATUS_OK && strstr(picture, REPORT_MARK " not in equilibrium");
    for (size_t i = 0; i < f->blocks && any && status == STATUS_OK; i++) {
        const size_t label = f->kind == BLOCK_COLUMNS ? i % f->data : i;
        const char *name =
            label < labels->count ? pool_print(k->plan->pool, ">%s " REPORT_MARK, labels->item[label]) : "";
        status = name ? status : pool_exhausted(e);
        f->failed[i] = status == STATUS_OK && strstr(picture, name);
        marked += f->failed[i];
    }
    free(picture);
    return status == STATUS_OK && any && marked == 0
               ? error_set(e, STATUS_BAD_INPUT, "%s: found no marked curve, expected the name of one before '%s'", path,
                           REPORT_MARK)
               : status;
}

/* Number of sites of the lattice on which an observable was measured, from the ensemble among its inputs. */
static double volume_of(const struct node *node) {
    for (size_t i = 0; i < parameters_count(node->parameters); i++) {
        const struct parameter *p = parameters_entry(node->parameters, i);
        if (strcmp(p->name, "lattice") == 0 && p->type == PARAMETER_INTEGERS) {
            size_t count;
            double volume = 1;
            const int64_t *extent = parameters_integers(node->parameters, "lattice", &count);
            for (size_t d = 0; d < count; d++) {
                volume *= (double)extent[d];
            }
            return volume;
        }
    }
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            const double volume = volume_of(node->inputs[i].nodes[j]);
            if (volume > 0) {
                return volume;
            }
        }
    }
    return 0;
}

/* Width of the Gaussian of a histogram, sqrt(chi2/V), from the kept record of the reference run. */
static enum status read_gaussian(const struct kept_figure *k, struct figure *f, struct error *e) {
    const struct node_inputs *reference = kept_figure_inputs(k, "reference");
    if (reference->count == 0) {
        return STATUS_OK;
    }
    const struct node *node = reference->nodes[0];
    const char *path = pool_print(k->plan->pool, "%s/runs/%s.json", k->folder, node->name);
    struct record *record;
    TRY(path ? record_read(path, &record, e) : pool_exhausted(e));
    const double chi2 = record_value(record, "chi2").value, volume = volume_of(node);
    const bool same = strcmp(record_text(record, "key"), node->key) == 0;
    record_free(record);
    if (!same || !(chi2 > 0 && volume > 0)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found no chi2 of the run that the histogram is compared with", path);
    }
    f->gaussian = sqrt(chi2 / volume);
    return STATUS_OK;
}

static enum status finish_histogram(const struct kept_figure *k, struct figure *f, struct error *e) {
    if (record_value(k->record, "outside_range").value > 0) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "%s: some numbers lie outside the histogram, and the table does not have their count for each curve",
            k->table);
    }
    for (size_t i = 0; i < f->blocks; i++) {
        const struct block *b = &f->block[i];
        double sum = 0;
        for (size_t row = 0; row < b->rows; row++) {
            sum += b->x[row * b->columns + 1];
        }
        f->entries[i] = (size_t)(sum + 0.5);
        f->bin_width =
            b->rows > 1 ? (b->x[(b->rows - 1) * b->columns] - b->x[0]) / (double)(b->rows - 1) : f->bin_width;
    }
    return read_gaussian(k, f, e);
}

/* Makes the figure of figure_read() from the kept table; call figure_release() also after a failure. */
static enum status read_figure(const struct kept_figure *k, struct figure *f, struct error *e) {
    struct report_list labels = {0};
    struct reader r = {.path = k->table};
    size_t size;
    enum status status = figure_shape(k->node->parameters, kept_figure_inputs(k, "data")->count,
                                      kept_figure_inputs(k, "lines")->count, f, e);
    THEN(status, report_split(text_of(k, "labels"), '|', &labels, e));
    THEN(status, file_read(k->table, &r.text, &size, e));
    if (status == STATUS_OK) {
        r.rest = r.text;
        if (f->kind == BLOCK_IMAGES) {
            status = figure_resize(f, count_images(r.text), e);
        } else if (f->blocks == 0) {
            next_line(&r); /* a schematic figure has no numbers */
        }
    }
    THEN(status, read_blocks(f, &labels, &r, e));
    if (status == STATUS_OK && f->kind == BLOCK_IMAGES) { /* columns of images: the times of the first configuration */
        for (f->columns = 0; f->columns < f->blocks && f->block[f->columns].x[1] < 1.5; f->columns++) {
        }
    }
    THEN(status, read_marks(k, f, &labels, e));
    const double missing = record_value(k->record, "missing").value;
    f->missing = missing > 0 ? (size_t)missing : 0;
    THEN(status, f->kind == BLOCK_HISTOGRAM ? finish_histogram(k, f, e) : STATUS_OK);
    free(r.text);
    report_list_free(&labels);
    return status;
}

/* --- drawing ------------------------------------------------------------------------------------------- */

/* Draws the figure again, with a new record. Its inputs are those in the record of the run that made the numbers. */
static enum status draw(const struct kept_figure *k, const struct figure *f, struct error *e) {
    struct record *record = kept_figure_record(k, record_text(k->record, "folder"), record_text(k->record, "label"));
    if (!record) {
        return pool_exhausted(e);
    }
    if (f->missing > 0) {
        record_note_value(record, "missing", record_value(k->record, "missing"));
    }
    record_note(record, "numbers", "from the table of the run numbers_of");
    record_note(record, "numbers_of", record_text(k->record, "id"));
    for (size_t i = 0; i < record_file_count(k->record, "inputs"); i++) {
        const struct record_file file = record_file_at(k->record, "inputs", i);
        record_input(record, file.name, file.path, file.key, file.sha256);
    }
    enum status status = kept_figure_draw(k, f, record, e);
    record_free(record);
    return status;
}

/* Whether the kept table is that of the record. */
static enum status check_table(const struct kept_figure *k, struct error *e) {
    char digest[65];
    TRY(file_sha256(k->table, digest, e));
    return strcmp(digest, record_output_sha256(k->record, "figure.tsv")) == 0
               ? STATUS_OK
               : error_set(e, STATUS_BAD_INPUT, "%s is not the table of the run record %s", k->table, k->record_path);
}

/* Whether the figure was drawn under the plan's profile. Records have the folder of results: RESULTS or
 * RESULTS/PROFILE. */
static bool is_of_profile(const struct kept_figure *k) {
    const struct plan *plan = k->plan;
    const char *folder = record_text(k->record, "folder"), *end = strstr(folder, "/artifacts/");
    const char *slash = end ? memrchr(folder, '/', (size_t)(end - folder)) : NULL, *name = slash ? slash + 1 : folder;
    const int length = end ? (int)(end - name) : 0;
    const char *path = pool_print(plan->pool, "%s/profiles/%.*s.ini", k->request->experiments, length, name);
    return plan->profile ? strncmp(name, plan->profile, (size_t)length) == 0 && (int)strlen(plan->profile) == length
                         : path && access(path, F_OK) != 0;
}

static enum status redraw_record(const struct kept_figure *k, struct error *e) {
    if (!is_of_profile(k) || strcmp(record_text(k->record, "key"), k->node->key) == 0) {
        return STATUS_OK;
    }
    char *other = first_difference(record_text(k->record, "recipe"), k->node->recipe);
    other = other ? other : first_difference(k->node->recipe, record_text(k->record, "recipe"));
    if (other) {
        printf("%s: not redrawn, since it would have other numbers than the kept figure (%s)\n", k->name, other);
        free(other);
        return STATUS_OK;
    }
    struct figure f = {0};
    enum status status = check_table(k, e);
    THEN(status, read_figure(k, &f, e));
    THEN(status, draw(k, &f, e));
    figure_release(&f);
    if (status == STATUS_OK) {
        printf("%s: redrawn\n", k->name);
    }
    return status;
}

static enum status redraw(struct kept_figure *k, struct error *e) {
    struct error none;
    if (record_read(k->record_path, &k->record, &none) != STATUS_OK) {
        return STATUS_OK; /* not kept */
    }
    const enum status status = redraw_record(k, e);
    record_free(k->record);
    return status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    return kept_figure_visit(plan, request, only, "", redraw, e);
}

int main(int argc, char **argv) {
    only = "";
    const struct planner_option own[] = {{"only", "FIGURE", "only this figure", &only}, {0}};
    return planner_main_with(
        argc, argv, all_stages,
        "Redraws the figures of results/reference whose styles have changed, from their kept tables.", own, run);
}
