#include "stages/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/bins.h"
#include "report/estimates.h"
#include "score/header.h"

static void free_members(struct report_list *sets, size_t count) {
    for (size_t i = 0; i < count; i++) {
        report_list_free(&sets[i]);
    }
    free(sets);
}

/* Reads the sets of members, each a list of names; there is at least one. The caller frees them, also after a
 * failure. */
static enum status read_members(const struct parameters *p, struct report_list **sets, size_t *count, struct error *e) {
    struct report_list texts;
    *sets = NULL;
    *count = 0;
    TRY(report_split(parameters_text(p, "members"), '|', &texts, e));
    enum status status = STATUS_OK;
    *sets = calloc(texts.count + 1, sizeof **sets);
    if (*sets == NULL) {
        status = error_set(e, STATUS_FAILED, "plot: out of memory");
    }
    for (size_t i = 0; status == STATUS_OK && (i < texts.count || *count == 0); i++) {
        status = report_split(texts.count > 0 ? texts.item[i] : "", ',', &(*sets)[i], e);
        *count += status == STATUS_OK;
    }
    report_list_free(&texts);
    return status;
}

enum status figure_check(const struct parameters *p, const char *where, struct error *e) {
    size_t range_count;
    const double *range = parameters_reals(p, "range", &range_count);
    if (range_count != 0 && (range_count != 2 || !(range[0] < range[1]))) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: parameter range: found %zu numbers, expected none, or a lower and a higher one", where,
                         range_count);
    }
    struct report_list *sets;
    size_t set_count;
    TRY(read_members(p, &sets, &set_count, e));
    enum status status = STATUS_OK;
    const bool histogram = parameters_is(p, "kind", "histogram"), fields = parameters_is(p, "kind", "fields");
    if (set_count > 1 && !parameters_is(p, "kind", "columns")) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: parameter members: found %zu sets, expected one, for kind = %s",
                           where, set_count, parameters_text(p, "kind"));
    }
    for (size_t i = 0; i < set_count && status == STATUS_OK; i++) {
        const size_t count = sets[i].count;
        if (count == 0 || (histogram && count != 1) || (fields && count != 2)) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: parameter members: found %zu names, expected %s", where, count,
                               histogram ? "one, for kind = histogram"
                               : fields  ? "two for kind = fields, the snapshots and their times"
                                         : "at least one");
        }
    }
    free_members(sets, set_count);
    return status;
}

/* sqrt(chi2/V) of an artifact of the stage observables: the width of the distribution of M if it is Gaussian. */
static enum status gaussian_width(const struct npz *reference, double *width, struct error *e) {
    const struct npz_array *propagator;
    struct estimates rows;
    size_t i;
    TRY(npz_require(reference, "propagator", NPZ_FLOAT64, -1, &propagator, e));
    TRY(estimates_read(reference, &rows, e));
    const bool found = estimates_find(&rows, "chi2", strlen("chi2"), &i) && rows.values[i] > 0 && propagator->count > 0;
    *width = found ? sqrt(rows.values[i] / (double)propagator->count) : 0;
    estimates_free(&rows);
    if (!(*width > 0)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: found no observable chi2 > 0, expected one for the Gaussian of the "
                         "histogram",
                         npz_path(reference));
    }
    return STATUS_OK;
}

static enum status fill_histograms(struct stage_context *c, struct figure *f, double **x, struct error *e) {
    struct bins bins;
    size_t range_count, outside = 0;
    const double *range = parameters_reals(f->parameters, "range", &range_count);
    size_t wanted = (size_t)parameters_integer(f->parameters, "bins");
    enum status status = STATUS_OK;
    for (size_t i = 0; i < f->blocks && status == STATUS_OK; i++) {
        status = block_numbers(stage_input(c, "data", i), f->sets[0].item[0], &x[i], &f->entries[i], e);
    }
    if (status == STATUS_OK) { /* checks the numbers too */
        status = bins_choose((const double *const *)x, f->entries, f->blocks, wanted, &bins, e);
    }
    if (status == STATUS_OK && range_count == 2) {
        bins = (struct bins){range[0], range[1], wanted};
    }
    for (size_t i = 0; i < f->blocks && status == STATUS_OK; i++) {
        size_t none;
        status = block_histogram(&bins, x[i], f->entries[i], &none, &f->block[i], e);
        outside += status == STATUS_OK ? none : 0;
    }
    if (status == STATUS_OK) {
        f->bin_width = (bins.high - bins.low) / (double)bins.count;
        stage_note_value(c, "outside_range", (double)outside, NAN, "");
    }
    if (status == STATUS_OK && stage_input_count(c, "reference") > 0) {
        status = gaussian_width(stage_input(c, "reference", 0), &f->gaussian, e);
    }
    return status;
}

static enum status fill_points(struct stage_context *c, struct figure *f, struct error *e) {
    size_t points;
    const double *x = parameters_reals(f->parameters, "x", &points);
    const struct npz **npz = calloc(points + 1, sizeof *npz);
    enum status status = npz != NULL ? STATUS_OK : error_set(e, STATUS_FAILED, "plot: out of memory");
    const size_t curves = f->blocks - f->lines;
    for (size_t b = 0; b < f->lines && status == STATUS_OK; b++) {
        const struct npz *line = stage_input(c, "lines", b);
        status = block_points(&line, &(double){NAN}, 1, &f->sets[0], &f->block[curves + b], e);
        f->entries[curves + b] = 1;
    }
    for (size_t b = 0; b < curves && status == STATUS_OK; b++) {
        for (size_t i = 0; i < points; i++) {
            npz[i] = stage_input(c, "data", b * points + i);
        }
        status = block_points(npz, x, points, &f->sets[0], &f->block[b], e);
        f->entries[b] = points;
    }
    free(npz);
    return status;
}

enum status figure_resize(struct figure *f, size_t blocks, struct error *e) {
    free(f->entries);
    free(f->failed);
    free(f->block);
    f->blocks = blocks;
    f->entries = calloc(blocks + 1, sizeof *f->entries);
    f->failed = calloc(blocks + 1, sizeof *f->failed);
    f->block = calloc(blocks + 1, sizeof *f->block);
    return f->entries && f->failed && f->block ? STATUS_OK : error_set(e, STATUS_FAILED, "plot: out of memory");
}

/* Makes one block per image. */
static enum status fill_images(struct stage_context *c, struct figure *f, struct error *e) {
    const struct npz *npz = stage_input(c, "data", 0);
    const struct npz_array *snapshots;
    double *times;
    TRY(block_snapshots(npz, &f->sets[0], &snapshots, &times, e));
    const bool failed = f->failed[0];
    const size_t rows = snapshots->shape[1], images = snapshots->shape[0] * rows;
    enum status status = figure_resize(f, images, e);
    f->columns = snapshots->shape[0];
    for (size_t i = 0; i < images && status == STATUS_OK; i++) {
        status = block_image(npz, snapshots, times, i % f->columns, i / f->columns, &f->block[i], e);
        f->entries[i] = f->block[i].rows;
        f->failed[i] = failed;
    }
    free(times);
    return status;
}

static enum status fill_blocks(struct stage_context *c, struct figure *f, struct error *e) {
    if (f->kind == BLOCK_IMAGES) {
        return fill_images(c, f, e);
    }
    if (f->kind == BLOCK_POINTS) {
        return fill_points(c, f, e);
    }
    if (f->kind == BLOCK_COLUMNS) {
        enum status status = STATUS_OK;
        for (size_t i = 0; i < f->blocks && status == STATUS_OK; i++) {
            status = block_columns(stage_input(c, "data", i % f->data), &f->sets[i / f->data], &f->block[i], e);
            f->entries[i] = f->block[i].rows;
        }
        return status;
    }
    double **x = calloc(f->blocks, sizeof *x);
    if (x == NULL) {
        return error_set(e, STATUS_FAILED, "plot: out of memory");
    }
    enum status status = fill_histograms(c, f, x, e);
    for (size_t i = 0; i < f->blocks; i++) {
        free(x[i]);
    }
    free(x);
    return status;
}

/* Checks that the numbers of inputs, labels and curves agree. */
static enum status check_counts(const struct figure *f, struct error *e) {
    const struct parameters *p = f->parameters;
    size_t points;
    parameters_reals(p, "x", &points);
    const size_t curves = (size_t)parameters_integer(p, "curves");
    if (f->kind == BLOCK_POINTS && curves * points != f->data) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "plot: found %zu data, expected %zu: one for each of %zu values of parameter x in each of %zu curves",
            f->data, curves * points, points, curves);
    }
    if (parameters_is(p, "kind", "schematic") != (f->data == 0)) {
        return error_set(e, STATUS_BAD_INPUT, "plot: found %zu data for kind = %s, expected %s", f->data,
                         parameters_text(p, "kind"), f->data == 0 ? "at least one" : "none");
    }
    if (f->kind != BLOCK_POINTS && f->lines > 0) {
        return error_set(e, STATUS_BAD_INPUT, "plot: found an input lines, expected it for kind = points only");
    }
    if (f->kind == BLOCK_IMAGES && (f->data != 1 || f->labels.count > 0)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "plot: found %zu data%s, expected one artifact without labels for kind = fields", f->data,
                         f->labels.count > 0 ? " and labels" : "");
    }
    const size_t labelled = f->kind == BLOCK_POINTS ? f->blocks : f->data;
    if (f->labels.count != 0 && f->labels.count != labelled) {
        return error_set(e, STATUS_BAD_INPUT,
                         "plot: parameter labels: found %zu labels, expected %zu, one for each data set",
                         f->labels.count, labelled);
    }
    return STATUS_OK;
}

/* Marks every block with data that failed their tests of equilibrium. */
static enum status read_marks(struct stage_context *c, struct figure *f, struct error *e) {
    size_t points;
    parameters_reals(f->parameters, "x", &points);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < f->data + f->lines && status == STATUS_OK; i++) {
        int64_t thermalised = 1;
        const bool line = i >= f->data;
        status = header_read_thermalised(line ? stage_input(c, "lines", i - f->data) : stage_input(c, "data", i),
                                         &thermalised, e);
        if (thermalised == 0 && f->kind == BLOCK_COLUMNS) {
            for (size_t set = 0; set < f->set_count; set++) {
                f->failed[set * f->data + i] = true;
            }
        } else if (thermalised == 0) {
            f->failed[line ? f->blocks - f->lines + i - f->data : f->kind == BLOCK_POINTS ? i / points : i] = true;
        }
    }
    return status;
}

enum status figure_shape(const struct parameters *p, size_t data, size_t lines, struct figure *f, struct error *e) {
    *f = (struct figure){.parameters = p,
                         .data = data,
                         .lines = lines,
                         .kind = parameters_is(p, "kind", "histogram") ? BLOCK_HISTOGRAM
                                 : parameters_is(p, "kind", "points")  ? BLOCK_POINTS
                                 : parameters_is(p, "kind", "fields")  ? BLOCK_IMAGES
                                                                       : BLOCK_COLUMNS};
    TRY(read_members(p, &f->sets, &f->set_count, e));
    TRY(report_split(parameters_text(p, "labels"), '|', &f->labels, e));
    const size_t blocks = f->kind == BLOCK_POINTS    ? (size_t)parameters_integer(p, "curves") + f->lines
                          : f->kind == BLOCK_COLUMNS ? f->set_count * f->data
                                                     : f->data;
    enum status status = figure_resize(f, blocks, e);
    THEN(status, check_counts(f, e));
    return status;
}

enum status figure_read(struct stage_context *c, struct figure *f, struct error *e) {
    enum status status = figure_shape(c->parameters, stage_input_count(c, "data"), stage_input_count(c, "lines"), f, e);
    if (status == STATUS_OK && stage_input_count(c, "reference") > 0 && f->kind != BLOCK_HISTOGRAM) {
        status =
            error_set(e, STATUS_BAD_INPUT, "plot: found an input reference, expected it for kind = histogram only");
    }
    THEN(status, read_marks(c, f, e));
    THEN(status, fill_blocks(c, f, e));
    return status;
}

void figure_release(struct figure *f) {
    for (size_t i = 0; f->block != NULL && i < f->blocks; i++) {
        block_free(&f->block[i]);
    }
    free(f->block);
    free(f->entries);
    free(f->failed);
    free_members(f->sets, f->set_count);
    report_list_free(&f->labels);
    *f = (struct figure){0};
}

const char *figure_label(const struct figure *f, size_t i) {
    const size_t label = f->kind == BLOCK_COLUMNS && f->data > 0 ? i % f->data : i;
    return label < f->labels.count ? f->labels.item[label] : "";
}

void figure_write_data(const struct figure *f, FILE *out) {
    for (size_t i = 0; i < f->blocks; i++) {
        block_write_data(&f->block[i], out);
    }
}

/* Writes a line of names above each set of members; a schematic figure has no numbers. */
void figure_write_table(const struct figure *f, FILE *out) {
    if (f->blocks == 0) {
        fputs("curve\n", out);
    }
    for (size_t i = 0; i < f->blocks; i++) {
        const size_t curve = f->kind == BLOCK_COLUMNS ? i % f->data : i;
        const char *label = figure_label(f, i);
        char number[24];
        snprintf(number, sizeof number, "%zu", curve + 1);
        if (curve == 0) {
            block_write_header(&f->sets[f->kind == BLOCK_COLUMNS ? i / f->data : 0], f->kind, out);
        }
        block_write_rows(&f->block[i], label[0] != '\0' ? label : number, out);
    }
}
