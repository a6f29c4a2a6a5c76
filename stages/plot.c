/* Stage `plot`: a figure as SVG, PNG and PDF, and the numbers that it shows as a table. Takes them out of
 * artifacts, hands them as text to gnuplot and lets a style of figures/ draw them; what a style finds set is
 * listed in figures/style.gp. The table, figure.tsv, has a line of names and then one line a point: its curve
 * (the label, or the number of the curve where there are no labels) and the columns. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "report/gnuplot.h"
#include "stages/figure.h"

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
             "counts 1, 2, 3, ... (\"index,loss\"). Columns that the style does not draw stand in the table only. Several "
             "sets of members, separated by '|', for columns: a curve of each of the data for the first set, then for the "
             "second, ..."},
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
     .help = "A line in small letters along the right edge; profiles say there at what scale it was computed."},
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
    fprintf(out, "datasets = %zu\nblocks = %zu\nlines = %zu\n", f->data, f->blocks - f->lines, f->lines);
    if (f->blocks > 0) { /* gnuplot has no empty arrays */
        fprintf(out, "array entries[%zu]\narray label[%zu]\n", f->blocks, f->blocks);
    }
    for (size_t i = 0; i < f->blocks; i++) {
        const char *label = figure_label(f, i);
        fprintf(out, "entries[%zu] = %zu\nlabel[%zu] = ", i + 1, f->entries[i], i + 1);
        gnuplot_string(label, out);
        fprintf(out, "%s\n", f->failed[i] && label[0] != '\0' ? ".\" " REPORT_MARK "\"" : "");
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
    if (s == STATUS_OK) {
        s = gnuplot_complete(drawn, e);
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

/* The font of figures/style.gp, where one of the scripts names it. */
static enum status check_font(const struct stage_context *c, const char *folder, struct error *e) {
    static const char family[] = "DejaVu Sans";
    static const char *const scripts[] = {"common", "style"};
    enum status s = STATUS_OK;
    for (size_t i = 0; i < 2 && s == STATUS_OK; i++) {
        const char *path = parameters_text(c->parameters, scripts[i]);
        char *text = NULL;
        size_t size;
        s = *path != '\0' ? file_read(path, &text, &size, e) : STATUS_OK;
        if (s == STATUS_OK && text != NULL && strstr(text, family) != NULL) {
            s = gnuplot_font(folder, family, e);
        }
        free(text);
    }
    return s;
}

static enum status draw_all(struct stage_context *c, struct figure *f, const char *folder, struct error *e) {
    char *data = NULL, version[128];
    enum status s = gnuplot_version(version, sizeof version, e);
    if (s != STATUS_OK) {
        return s;
    }
    stage_note(c, "gnuplot", "%s", version);
    s = check_font(c, folder, e);
    if (s != STATUS_OK) {
        return s;
    }
    s = write_text(f, stage_output(c, outputs[0]), figure_write_table, e);
    if (s == STATUS_OK) {
        s = path_in(folder, "data.txt", &data, e);
    }
    if (s == STATUS_OK) {
        s = write_text(f, data, figure_write_data, e);
    }
    free(data);
    for (size_t i = 1; outputs[i] != NULL && s == STATUS_OK; i++) {
        s = draw(c, f, folder, outputs[i], e);
    }
    return s;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct figure f;
    char *folder = NULL;
    enum status s = figure_read(c, &f, e);
    if (s == STATUS_OK) {
        s = path_in(c->folder, "partial-gnuplot", &folder, e);
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
    figure_release(&f);
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
    .check = figure_check,
};
