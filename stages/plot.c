/* Stage `plot`: a figure as SVG, PNG and PDF, and the numbers that it shows as a table. Takes them out of
 * artifacts, hands them as text to gnuplot and lets a style of figures/ draw them; what a style finds set is
 * listed in figures/style.gp. The table, figure.tsv, has a line of names and then one line a point: its curve
 * (the label, or the number of the curve where there are no labels) and the columns. */
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "report/bins.h"
#include "report/blocks.h"
#include "report/gnuplot.h"
#include "report/table.h"
#include "report/text.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "style", .type = PARAMETER_FILE, .help = "The gnuplot script that draws the figure."},
    {.name = "common", .type = PARAMETER_FILE, .default_value = "figures/style.gp",
     .help = "The gnuplot script loaded before it: terminals, fonts, line styles; empty: none."},
    {.name = "kind", .type = PARAMETER_CHOICE, .choices = "histogram|columns|points|fields|schematic",
     .help = "What is drawn: a histogram of one member (columns centre, count, Poisson error), or members as they "
             "are, one a column; or a point for each artifact (columns x, members), several curves of equally many; "
             "or two-dimensional fields as images, one artifact, members \"snapshots,snapshot-times\": a row a configuration, a "
             "column a time; or what the style draws by itself, without data."},
    {.name = "members", .type = PARAMETER_TEXT, .default_value = "M",
     .help = "Members of the artifacts, separated by commas: one for a histogram; for columns `index` (or #) "
             "counts 1, 2, 3, ... (\"index,loss\"). Columns that the style does not draw stand in the table only."},
    {.name = "bins", .type = PARAMETER_INTEGER, .default_value = "30", .minimum = 1, .maximum = 10000,
     .help = "Bins of a histogram; without a range the most there are, of a round width."},
    {.name = "range", .type = PARAMETER_REALS, .default_value = "",
     .help = "Lower and upper end of a histogram; empty: all the data."},
    {.name = "labels", .type = PARAMETER_TEXT, .default_value = "",
     .help = "Labels of the data, one each, separated by '|', in gnuplot's enhanced text; empty: no legend."},
    {.name = "x", .type = PARAMETER_REALS, .default_value = "",
     .help = "Of kind = points: where the points lie, one for each of the data of a curve."},
    {.name = "curves", .type = PARAMETER_INTEGER, .default_value = "1", .minimum = 1, .maximum = 100,
     .help = "Of kind = points: curves, whose data follow each other; there is a label for each curve then."},
    {.name = "title", .type = PARAMETER_TEXT, .default_value = "", .help = "Heading; empty: none."},
    {.name = "remark", .type = PARAMETER_TEXT, .default_value = "",
     .help = "A line in small letters in the lower left corner; profiles say there at what scale it was computed."},
    {.name = "xlabel", .type = PARAMETER_TEXT, .default_value = "",
     .help = "Label of the x axis; empty: the style's own."},
    {.name = "ylabel", .type = PARAMETER_TEXT, .default_value = "",
     .help = "Label of the y axis; empty: the style's own."},
};

static const struct stage_input inputs[] = {
    {.name = "data", .stages = NULL, .required = false, .many = true,
     .help = "The artifacts to draw, in the order of the labels; none for kind = schematic, else at least one."},
    {.name = "lines", .stages = NULL, .required = false, .many = true,
     .help = "For kind = points: artifacts whose numbers are drawn as lines across; their labels follow those of the curves."},
    {.name = "reference", .stages = "observables", .required = false, .many = false,
     .help = "For a histogram of M: the run whose sqrt(chi2/V) is the width of a Gaussian to compare with."},
};

static const char *const outputs[] = {"figure.tsv", "figure.svg", "figure.png", "figure.pdf", NULL};

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    size_t range_count;
    const double *range = parameters_reals(p, "range", &range_count);
    if (range_count != 0 && (range_count != 2 || !(range[0] < range[1]))) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter range: found %zu numbers, expected none, or a lower and "
                         "a higher one", where, range_count);
    }
    struct report_list members;
    enum status s = report_split(parameters_text(p, "members"), ',', &members, e);
    if (s != STATUS_OK) {
        return s;
    }
    size_t count = members.count;
    report_list_free(&members);
    if (count == 0 || (parameters_is(p, "kind", "histogram") && count != 1)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter members: found %zu names, expected %s", where, count,
                         parameters_is(p, "kind", "histogram") ? "one, for kind = histogram" : "at least one");
    }
    if (count != 2 && parameters_is(p, "kind", "fields")) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter members: found %zu names, expected two for kind = fields, the "
                         "snapshots and their times", where, count);
    }
    return STATUS_OK;
}

/* What the styles are told about the data. */
struct figure {
    const struct parameters *parameters;
    struct report_list members, labels;
    size_t blocks, lines; /* the last blocks are lines across */
    size_t columns;       /* of images, where the blocks are such: row by row */
    enum block_kind kind;
    struct block *block;
    size_t *entries;  /* numbers in each block: of a histogram, all that were to be counted */
    double bin_width; /* 0: no histogram */
    bool *failed;     /* each of the data: rests on an ensemble that failed its thermalisation tests */
    double gaussian;  /* width of the curve to compare with, 0: none */
};

/* sqrt(chi2/V) of an observables artifact: the width of the distribution of M where that is Gaussian. */
static enum status gaussian_width(const struct npz *reference, double *width, struct error *e) {
    const struct npz_array *propagator;
    struct table_row row;
    enum status s = npz_require(reference, "propagator", NPZ_FLOAT64, -1, &propagator, e);
    if (s == STATUS_OK) {
        s = table_row_read(reference, "reference", "reference", &row, e);
    }
    if (s != STATUS_OK) {
        return s;
    }
    *width = 0;
    for (size_t i = 0; i < row.count; i++) {
        if (strcmp(row.name[i], "chi2") == 0 && row.value[i] > 0 && propagator->count > 0) {
            *width = sqrt(row.value[i] / (double)propagator->count);
        }
    }
    table_row_free(&row);
    if (!(*width > 0)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found no observable chi2 > 0, expected one for the Gaussian of the "
                         "histogram", npz_path(reference));
    }
    return STATUS_OK;
}

static enum status fill_histograms(struct stage_context *c, struct figure *f, double **x, struct error *e) {
    struct bins bins;
    size_t range_count, outside = 0;
    const double *range = parameters_reals(f->parameters, "range", &range_count);
    size_t wanted = (size_t)parameters_integer(f->parameters, "bins");
    enum status s = STATUS_OK;
    for (size_t i = 0; i < f->blocks && s == STATUS_OK; i++) {
        s = block_numbers(stage_input(c, "data", i), f->members.item[0], &x[i], &f->entries[i], e);
    }
    if (s == STATUS_OK) { /* checks the numbers too */
        s = bins_choose((const double *const *)x, f->entries, f->blocks, wanted, &bins, e);
    }
    if (s == STATUS_OK && range_count == 2) {
        bins = (struct bins){range[0], range[1], wanted};
    }
    for (size_t i = 0; i < f->blocks && s == STATUS_OK; i++) {
        size_t none;
        s = block_histogram(&bins, x[i], f->entries[i], &none, &f->block[i], e);
        outside += s == STATUS_OK ? none : 0;
    }
    if (s == STATUS_OK) {
        f->bin_width = (bins.high - bins.low) / (double)bins.count;
        stage_note(c, "outside_range", "%zu", outside);
    }
    if (s == STATUS_OK && stage_input_count(c, "reference") > 0) {
        s = gaussian_width(stage_input(c, "reference", 0), &f->gaussian, e);
    }
    return s;
}

static enum status fill_points(struct stage_context *c, struct figure *f, struct error *e) {
    size_t points;
    const double *x = parameters_reals(f->parameters, "x", &points);
    const struct npz **npz = calloc(points + 1, sizeof *npz);
    enum status s = npz != NULL ? STATUS_OK : error_set(e, STATUS_FAILED, "plot: out of memory");
    const size_t curves = f->blocks - f->lines;
    for (size_t b = 0; b < f->lines && s == STATUS_OK; b++) {
        const struct npz *line = stage_input(c, "lines", b);
        s = block_points(&line, &(double){NAN}, 1, &f->members, &f->block[curves + b], e);
        f->entries[curves + b] = 1;
    }
    for (size_t b = 0; b < curves && s == STATUS_OK; b++) {
        for (size_t i = 0; i < points; i++) {
            npz[i] = stage_input(c, "data", b * points + i);
        }
        s = block_points(npz, x, points, &f->members, &f->block[b], e);
        f->entries[b] = points;
    }
    free(npz);
    return s;
}

/* As many blocks as there are images: the arrays of the figure are made longer. */
static enum status fill_images(struct stage_context *c, struct figure *f, struct error *e) {
    const struct npz *npz = stage_input(c, "data", 0);
    const struct npz_array *snapshots;
    double *times;
    enum status s = block_snapshots(npz, &f->members, &snapshots, &times, e);
    if (s != STATUS_OK) {
        return s;
    }
    const bool failed = f->failed[0];
    const size_t rows = snapshots->shape[1], images = snapshots->shape[0] * rows;
    free(f->entries);
    free(f->failed);
    free(f->block);
    f->columns = snapshots->shape[0];
    f->blocks = images;
    f->entries = calloc(images + 1, sizeof *f->entries);
    f->failed = calloc(images + 1, sizeof *f->failed);
    f->block = calloc(images + 1, sizeof *f->block);
    if (f->entries == NULL || f->failed == NULL || f->block == NULL) {
        s = error_set(e, STATUS_FAILED, "plot: out of memory");
    }
    for (size_t i = 0; i < images && s == STATUS_OK; i++) {
        s = block_image(npz, snapshots, times, i % f->columns, i / f->columns, &f->block[i], e);
        f->entries[i] = f->block[i].rows;
        f->failed[i] = failed;
    }
    free(times);
    return s;
}

static enum status fill_blocks(struct stage_context *c, struct figure *f, struct error *e) {
    if (f->kind == BLOCK_IMAGES) {
        return fill_images(c, f, e);
    }
    if (f->kind == BLOCK_POINTS) {
        return fill_points(c, f, e);
    }
    if (f->kind == BLOCK_COLUMNS) {
        enum status s = STATUS_OK;
        for (size_t i = 0; i < f->blocks && s == STATUS_OK; i++) {
            s = block_columns(stage_input(c, "data", i), &f->members, &f->block[i], e);
            f->entries[i] = f->block[i].rows;
        }
        return s;
    }
    double **x = calloc(f->blocks, sizeof *x);
    if (x == NULL) {
        return error_set(e, STATUS_FAILED, "plot: out of memory");
    }
    enum status s = fill_histograms(c, f, x, e);
    for (size_t i = 0; i < f->blocks; i++) {
        free(x[i]);
    }
    free(x);
    return s;
}

static void write_data(const struct figure *f, FILE *out) {
    for (size_t i = 0; i < f->blocks; i++) {
        block_write_data(&f->block[i], out);
    }
}

static void write_table(const struct figure *f, FILE *out) {
    if (f->blocks == 0) { /* a scheme has no numbers */
        fputs("curve\n", out);
        return;
    }
    block_write_header(&f->members, f->kind, out);
    for (size_t i = 0; i < f->blocks; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        block_write_rows(&f->block[i], f->labels.count > 0 ? f->labels.item[i] : number, out);
    }
}

static void write_string(const char *name, const char *text, FILE *out) {
    fprintf(out, "%s = ", name);
    gnuplot_string(text, out);
    fputc('\n', out);
}

/* Loads a style by its absolute path, since gnuplot runs in another folder. */
static enum status write_load(const char *path, FILE *out, struct error *e) {
    char *absolute = realpath(path, NULL);
    if (absolute == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s", path, strerror(errno));
    }
    fputs("load ", out);
    gnuplot_string(absolute, out);
    fputc('\n', out);
    free(absolute);
    return STATUS_OK;
}

static enum status write_script(const struct figure *f, const char *output, FILE *out, struct error *e) {
    static const char *const texts[] = {"title", "xlabel", "ylabel", "remark"};
    bool failed = false;
    write_string("format", strrchr(output, '.') + 1, out);
    write_string("output", output, out);
    write_string("data", "data.txt", out);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_string(texts[i], parameters_text(f->parameters, texts[i]), out);
    }
    fprintf(out, "blocks = %zu\nlines = %zu\n", f->blocks - f->lines, f->lines);
    if (f->blocks > 0) { /* gnuplot has no empty arrays */
        fprintf(out, "array entries[%zu]\narray label[%zu]\n", f->blocks, f->blocks);
    }
    for (size_t i = 0; i < f->blocks; i++) {
        const char *label = f->labels.count > 0 ? f->labels.item[i] : "";
        const bool marked = f->failed[i] && label[0] != '\0';
        fprintf(out, "entries[%zu] = %zu\nlabel[%zu] = ", i + 1, f->entries[i], i + 1);
        gnuplot_string(label, out);
        fprintf(out, "%s\n", marked ? ".\" " REPORT_MARK "\"" : "");
        failed = failed || f->failed[i];
    }
    fprintf(out, "unthermalised = %d\ncolumns = %zu\n", failed, f->columns);
    fprintf(out, "bin_width = %.17g\ngaussian = %.17g\n", f->bin_width, f->gaussian);
    enum status s = STATUS_OK;
    if (parameters_text(f->parameters, "common")[0] != '\0') {
        s = write_load(parameters_text(f->parameters, "common"), out, e);
    }
    fputs("set output ", out);
    gnuplot_string(output, out);
    fputc('\n', out);
    return s == STATUS_OK ? write_load(parameters_text(f->parameters, "style"), out, e) : s;
}

/* folder/name, which the caller frees. */
static enum status path_in(const char *folder, const char *name, char **path, struct error *e) {
    if (asprintf(path, "%s/%s", folder, name) < 0) {
        *path = NULL;
        return error_set(e, STATUS_FAILED, "%s: out of memory", name);
    }
    return STATUS_OK;
}

static FILE *open_text(const char *path, struct error *e) {
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        error_set(e, STATUS_FAILED, "%s: cannot create it: %s", path, strerror(errno));
    }
    return out;
}

/* Closes a text file and turns a full disk into an error. */
static enum status close_text(FILE *out, const char *path, enum status s, struct error *e) {
    int failed = ferror(out);
    if ((fclose(out) != 0 || failed) && s == STATUS_OK) {
        s = error_set(e, STATUS_FAILED, "%s: cannot write it: %s", path, strerror(errno));
    }
    return s;
}

static enum status write_text(const struct figure *f, const char *path,
                              void (*write)(const struct figure *f, FILE *out), struct error *e) {
    FILE *out = open_text(path, e);
    if (out == NULL) {
        return e->status;
    }
    write(f, out);
    return close_text(out, path, STATUS_OK, e);
}

static enum status draw(struct stage_context *c, const struct figure *f, const char *folder, const char *output,
                        struct error *e) {
    char *script = NULL, *drawn = NULL;
    struct stat found;
    enum status s = path_in(folder, "figure.gp", &script, e);
    if (s == STATUS_OK) {
        s = path_in(folder, output, &drawn, e);
    }
    if (s == STATUS_OK) {
        FILE *out = open_text(script, e);
        s = out != NULL ? close_text(out, script, write_script(f, output, out, e), e) : e->status;
    }
    if (s == STATUS_OK) {
        s = gnuplot_run(folder, "figure.gp", e);
    }
    if (s == STATUS_OK && (stat(drawn, &found) != 0 || found.st_size == 0)) {
        s = error_set(e, STATUS_FAILED, "%s: gnuplot has drawn nothing into %s", parameters_text(f->parameters, "style"),
                      output);
    }
    if (s == STATUS_OK && strcmp(output, "figure.pdf") == 0) {
        s = pdf_neutralise_dates(drawn, e);
    }
    if (s == STATUS_OK) {
        s = file_replace(drawn, stage_output(c, output), e);
    }
    free(script);
    free(drawn);
    return s;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(const char *folder) {
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static enum status draw_all(struct stage_context *c, struct figure *f, const char *folder, struct error *e) {
    char *data = NULL, version[128];
    enum status s = gnuplot_version(version, sizeof version, e);
    if (s != STATUS_OK) {
        return s;
    }
    stage_note(c, "gnuplot", "%s", version);
    s = fill_blocks(c, f, e);
    if (s == STATUS_OK) {
        s = write_text(f, stage_output(c, outputs[0]), write_table, e);
    }
    if (s == STATUS_OK) {
        s = path_in(folder, "data.txt", &data, e);
    }
    if (s == STATUS_OK) {
        s = write_text(f, data, write_data, e);
    }
    free(data);
    for (size_t i = 1; outputs[i] != NULL && s == STATUS_OK; i++) {
        s = draw(c, f, folder, outputs[i], e);
    }
    return s;
}

static enum status run(struct stage_context *c, struct error *e) {
    const struct parameters *p = c->parameters;
    size_t points;
    parameters_reals(p, "x", &points);
    const size_t data = stage_input_count(c, "data"), curves = (size_t)parameters_integer(p, "curves");
    struct figure f = {.parameters = p,
                       .kind = parameters_is(p, "kind", "histogram") ? BLOCK_HISTOGRAM
                               : parameters_is(p, "kind", "points")  ? BLOCK_POINTS
                               : parameters_is(p, "kind", "fields")  ? BLOCK_IMAGES
                                                                     : BLOCK_COLUMNS};
    f.lines = stage_input_count(c, "lines");
    f.blocks = f.kind == BLOCK_POINTS ? curves + f.lines : data;
    char *folder = NULL;
    f.entries = calloc(f.blocks + 1, sizeof *f.entries);
    f.failed = calloc(f.blocks + 1, sizeof *f.failed);
    f.block = calloc(f.blocks + 1, sizeof *f.block);
    enum status s = f.entries != NULL && f.failed != NULL && f.block != NULL
                        ? STATUS_OK
                        : error_set(e, STATUS_FAILED, "plot: out of memory");
    if (s == STATUS_OK && f.kind == BLOCK_POINTS && curves * points != data) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: found %zu data, expected %zu: %zu of parameter x in each of %zu curves",
                      data, curves * points, points, curves);
    }
    if (s == STATUS_OK && parameters_is(p, "kind", "schematic") != (data == 0)) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: found %zu data for kind = %s, expected %s", data,
                      parameters_text(p, "kind"), data == 0 ? "at least one" : "none");
    }
    if (s == STATUS_OK && f.kind != BLOCK_POINTS && f.lines > 0) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: found an input lines, expected one for kind = points only");
    }
    if (s == STATUS_OK && f.kind == BLOCK_IMAGES && (data != 1 || parameters_text(p, "labels")[0] != '\0')) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: found %zu data%s, expected one artifact without labels for kind = fields",
                      data, parameters_text(p, "labels")[0] != '\0' ? " and labels" : "");
    }
    for (size_t i = 0; i < data + f.lines && s == STATUS_OK; i++) {
        int64_t thermalised = 1;
        const size_t block = i >= data ? f.blocks - f.lines + i - data : f.kind == BLOCK_POINTS ? i / points : i;
        const struct npz *npz = i >= data ? stage_input(c, "lines", i - data) : stage_input(c, "data", i);
        s = npz_integer_or(npz, "thermalised", 1, &thermalised, e);
        f.failed[block] = f.failed[block] || thermalised == 0;
    }
    if (s == STATUS_OK) {
        s = report_split(parameters_text(p, "members"), ',', &f.members, e);
    }
    if (s == STATUS_OK) {
        s = report_split(parameters_text(p, "labels"), '|', &f.labels, e);
    }
    if (s == STATUS_OK && f.labels.count != 0 && f.labels.count != f.blocks) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: parameter labels: found %zu labels, expected %zu, one for each of "
                      "the data given", f.labels.count, f.blocks);
    }
    if (s == STATUS_OK && stage_input_count(c, "reference") > 0 && !parameters_is(p, "kind", "histogram")) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: found an input reference, expected one for kind = histogram only");
    }
    if (s == STATUS_OK) {
        s = path_in(c->folder, "gnuplot", &folder, e);
    }
    if (s == STATUS_OK) {
        remove_folder(folder); /* of a run that was killed; the lock of the output folder is ours */
        s = file_make_folder(folder, e);
    }
    if (s == STATUS_OK) {
        s = draw_all(c, &f, folder, e);
    }
    if (folder != NULL) {
        remove_folder(folder);
    }
    free(folder);
    for (size_t i = 0; f.block != NULL && i < f.blocks; i++) {
        block_free(&f.block[i]);
    }
    free(f.block);
    free(f.entries);
    free(f.failed);
    report_list_free(&f.members);
    report_list_free(&f.labels);
    return s;
}

const struct stage stage_plot = {
    .name = "plot",
    .summary = "draws a figure as SVG, PNG and PDF with gnuplot; its numbers as a table",
    .version = 1,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
