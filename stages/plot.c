/* Stage `plot`: a figure as SVG, PNG and PDF, and the numbers that it shows as a table. Takes them out of
 * artifacts, hands them as text to gnuplot and lets a style of figures/ draw them; what a style finds set is
 * listed in figures/style.gp. The table, figure.tsv, has a line of names and then one line a point: its curve
 * (the label, or the number of the curve where there are no labels) and the columns; where there are several sets of
 * members, such a table for each. */
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
    {.name = "kind", .type = PARAMETER_CHOICE, .choices = "histogram|columns",
     .help = "What is drawn: a histogram of one member (columns centre, count, Poisson error), or members as they "
             "are, one a column."},
    {.name = "members", .type = PARAMETER_TEXT, .default_value = "M",
     .help = "Members of the artifacts, separated by commas: one for a histogram; for columns `index` (or #) "
             "counts 1, 2, 3, ... (\"index,loss\"). Columns that the style does not draw stand in the table only. Several "
             "sets of members, separated by '|', for columns: a curve of each of the data for the first set, then for the "
             "second, ..."},
    {.name = "bins", .type = PARAMETER_INTEGER, .default_value = "30", .minimum = 1, .maximum = 10000,
     .help = "Bins of a histogram; without a range the most there are, of a round width."},
    {.name = "range", .type = PARAMETER_REALS, .default_value = "",
     .help = "Lower and upper end of a histogram; empty: all the data."},
    {.name = "labels", .type = PARAMETER_TEXT, .default_value = "",
     .help = "Labels of the data, one each, separated by '|', in gnuplot's enhanced text; empty: no legend."},
    {.name = "title", .type = PARAMETER_TEXT, .default_value = "", .help = "Heading; empty: none."},
    {.name = "xlabel", .type = PARAMETER_TEXT, .default_value = "",
     .help = "Label of the x axis; empty: the style's own."},
    {.name = "ylabel", .type = PARAMETER_TEXT, .default_value = "",
     .help = "Label of the y axis; empty: the style's own."},
};

static const struct stage_input inputs[] = {
    {.name = "data", .stages = "ensemble|sample|observables|train|drift|trajectories", .required = true, .many = true,
     .help = "The artifacts to draw, in the order of the labels."},
    {.name = "reference", .stages = "observables", .required = false, .many = false,
     .help = "For a histogram of M: the run whose sqrt(chi2/V) is the width of a Gaussian to compare with."},
};

static const char *const outputs[] = {"figure.tsv", "figure.svg", "figure.png", "figure.pdf", NULL};

static void free_members(struct report_list *sets, size_t count) {
    for (size_t i = 0; i < count; i++) {
        report_list_free(&sets[i]);
    }
    free(sets);
}

/* The sets of members, each a list of names; at least one set. The caller frees them, if there are any. */
static enum status read_members(const struct parameters *p, struct report_list **sets, size_t *count, struct error *e) {
    struct report_list texts;
    *sets = NULL;
    *count = 0;
    enum status s = report_split(parameters_text(p, "members"), '|', &texts, e);
    if (s != STATUS_OK) {
        return s;
    }
    *sets = calloc(texts.count + 1, sizeof **sets);
    if (*sets == NULL) {
        s = error_set(e, STATUS_FAILED, "plot: out of memory");
    }
    for (size_t i = 0; s == STATUS_OK && (i < texts.count || *count == 0); i++) {
        s = report_split(texts.count > 0 ? texts.item[i] : "", ',', &(*sets)[i], e);
        *count += s == STATUS_OK;
    }
    report_list_free(&texts);
    return s;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    size_t range_count;
    const double *range = parameters_reals(p, "range", &range_count);
    if (range_count != 0 && (range_count != 2 || !(range[0] < range[1]))) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter range: found %zu numbers, expected none, or a lower and "
                         "a higher one", where, range_count);
    }
    struct report_list *sets;
    size_t set_count;
    enum status s = read_members(p, &sets, &set_count, e);
    if (s != STATUS_OK) {
        return s;
    }
    const bool histogram = parameters_is(p, "kind", "histogram");
    if (histogram && set_count > 1) {
        s = error_set(e, STATUS_BAD_INPUT, "%s: parameter members: found %zu sets, expected one, for kind = histogram",
                      where, set_count);
    }
    for (size_t i = 0; i < set_count && s == STATUS_OK; i++) {
        const size_t count = sets[i].count;
        if (count == 0 || (histogram && count != 1)) {
            s = error_set(e, STATUS_BAD_INPUT, "%s: parameter members: found %zu names, expected %s", where, count,
                          histogram ? "one, for kind = histogram" : "at least one");
        }
    }
    free_members(sets, set_count);
    return s;
}

/* What the styles are told about the data. */
struct figure {
    const struct parameters *parameters;
    struct report_list *members; /* sets of them */
    struct report_list labels;   /* of the data */
    size_t sets, data, blocks;   /* blocks = sets x data: of the first set for all data, then of the second */
    struct block *block;
    size_t *entries;  /* numbers in each block: of a histogram, all that were to be counted */
    double bin_width; /* 0: no histogram */
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
        s = block_numbers(stage_input(c, "data", i), f->members[0].item[0], &x[i], &f->entries[i], e);
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

static enum status fill_blocks(struct stage_context *c, struct figure *f, struct error *e) {
    if (!parameters_is(f->parameters, "kind", "histogram")) {
        enum status s = STATUS_OK;
        for (size_t i = 0; i < f->blocks && s == STATUS_OK; i++) {
            s = block_columns(stage_input(c, "data", i % f->data), &f->members[i / f->data], &f->block[i], e);
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
    for (size_t i = 0; i < f->blocks; i++) {
        const size_t curve = i % f->data;
        char number[24];
        snprintf(number, sizeof number, "%zu", curve + 1);
        if (curve == 0) {
            block_write_header(&f->members[i / f->data], parameters_is(f->parameters, "kind", "histogram"), out);
        }
        block_write_rows(&f->block[i], f->labels.count > 0 ? f->labels.item[curve] : number, out);
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
    static const char *const texts[] = {"title", "xlabel", "ylabel"};
    write_string("format", strrchr(output, '.') + 1, out);
    write_string("data", "data.txt", out);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_string(texts[i], parameters_text(f->parameters, texts[i]), out);
    }
    fprintf(out, "datasets = %zu\nblocks = %zu\narray entries[%zu]\narray label[%zu]\n", f->data, f->blocks, f->blocks, f->blocks);
    for (size_t i = 0; i < f->blocks; i++) {
        fprintf(out, "entries[%zu] = %zu\nlabel[%zu] = ", i + 1, f->entries[i], i + 1);
        gnuplot_string(f->labels.count > 0 ? f->labels.item[i % f->data] : "", out);
        fputc('\n', out);
    }
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
    struct figure f = {.parameters = p, .data = stage_input_count(c, "data")};
    char *folder = NULL;
    enum status s = read_members(p, &f.members, &f.sets, e);
    f.blocks = f.sets * f.data;
    f.entries = calloc(f.blocks + 1, sizeof *f.entries);
    f.block = calloc(f.blocks + 1, sizeof *f.block);
    if (s == STATUS_OK && (f.entries == NULL || f.block == NULL)) {
        s = error_set(e, STATUS_FAILED, "plot: out of memory");
    }
    if (s == STATUS_OK) {
        s = report_split(parameters_text(p, "labels"), '|', &f.labels, e);
    }
    if (s == STATUS_OK && f.labels.count != 0 && f.labels.count != f.data) {
        s = error_set(e, STATUS_BAD_INPUT, "plot: parameter labels: found %zu labels, expected %zu, one for each of "
                      "the data given", f.labels.count, f.data);
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
    free_members(f.members, f.sets);
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
