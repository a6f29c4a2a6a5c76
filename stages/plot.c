/* Stage `plot`: draws a figure as SVG, PNG and PDF, and writes its numbers as a table. It reads the numbers from
 * artifacts, passes them to gnuplot as text, and runs a style of figures/ that draws them; figures/style.gp lists the
 * variables that a style can use. The table, figure.tsv, has a line of names and then one line per point: its curve
 * (the label, or the number of the curve if there are no labels) and the columns. */
#include <stdio.h>
#include <stdlib.h>

#include "stages/drawing.h"

static const struct parameter parameters[] = {
    {.name = "style", .type = PARAMETER_FILE, .help = "The gnuplot script that draws the figure."},
    {.name = "common",
     .type = PARAMETER_FILE,
     .default_value = "figures/style.gp",
     .help = "The gnuplot script loaded before the style: terminals, fonts, line styles; empty: none."},
    {.name = "kind",
     .type = PARAMETER_CHOICE,
     .choices = "histogram|columns|points|fields|schematic",
     .help = "histogram: the histogram of one array (columns centre, count, Poisson error). columns: arrays as they "
             "are, one per column. points: one point for each artifact (columns x, members), in several curves of the "
             "same length. fields: two-dimensional fields as images, from one artifact with the arrays "
             "\"snapshots,snapshot-times\", a row for each configuration, a column for each time. schematic: drawn "
             "by the style alone, without data."},
    {.name = "members",
     .type = PARAMETER_TEXT,
     .default_value = "M",
     .help = "Arrays of the artifacts, separated by commas; one for a histogram. For columns, `index` (or #) counts "
             "1, 2, 3, ... (\"index,loss\"). Columns that the style does not draw appear in the table only. For "
             "columns there may be several sets of arrays, separated by '|': one curve of each artifact for the first "
             "set, then for the second, ..."},
    {.name = "bins",
     .type = PARAMETER_INTEGER,
     .default_value = "30",
     .minimum = 1,
     .maximum = 10000,
     .help = "Number of bins of a histogram; without a range, their maximum number: the width is then a round number."},
    {.name = "range",
     .type = PARAMETER_REALS,
     .default_value = "",
     .help = "Lower and upper end of a histogram; empty: the range of all data."},
    {.name = "labels",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "Labels of the data, separated by '|', in gnuplot's enhanced text; empty: no legend."},
    {.name = "x",
     .type = PARAMETER_REALS,
     .default_value = "",
     .help = "For kind = points: x values of the points, one for each artifact of a curve."},
    {.name = "curves",
     .type = PARAMETER_INTEGER,
     .default_value = "1",
     .minimum = 1,
     .maximum = 100,
     .help = "For kind = points: number of curves; the artifacts are given curve after curve, and each curve has a "
             "label."},
    {.name = "title", .type = PARAMETER_TEXT, .default_value = "", .help = "Heading; empty: none."},
    {.name = "remark",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "A line in small print along the right edge, used by profiles to state the scale of the computation."},
    {.name = "xlabel",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "Label of the x axis; empty: that of the style."},
    {.name = "ylabel",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "Label of the y axis; empty: that of the style."},
};

static const struct stage_input inputs[] = {
    {.name = "data",
     .stages = NULL,
     .required = false,
     .many = true,
     .help = "The artifacts to draw, in the order of the labels; none for kind = schematic, else at least one."},
    {.name = "lines",
     .stages = NULL,
     .required = false,
     .many = true,
     .help =
         "For kind = points: artifacts whose numbers are drawn as horizontal lines; their labels follow those of the "
         "curves."},
    {.name = "reference",
     .stages = "observables",
     .required = false,
     .many = false,
     .help = "For a histogram of M: the run whose sqrt(chi2/V) is the width of a Gaussian to compare with."},
};

static const char *const outputs[] = {"figure.tsv", "figure.svg", "figure.png", "figure.pdf", NULL};

static enum status draw(struct stage_context *c, const struct figure *f, const char *folder, struct error *e) {
    char version[DRAWING_VERSION];
    enum status status = drawing_begin(f, folder, version, e);
    if (status == STATUS_OK) {
        stage_note(c, "gnuplot", "%s", version);
        status = drawing_table(f, stage_output(c, outputs[0]), e);
    }
    for (size_t i = 1; outputs[i] != NULL && status == STATUS_OK; i++) {
        status = drawing_make(f, folder, outputs[i], stage_output(c, outputs[i]), e);
    }
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct figure f;
    char *folder = NULL; /* used by no other process, since this one holds the lock of the output folder */
    enum status status = figure_read(c, &f, e);
    if (status == STATUS_OK && asprintf(&folder, "%s/partial-gnuplot", c->folder) < 0) {
        folder = NULL;
        status = error_set(e, STATUS_FAILED, "%s: out of memory", c->folder);
    }
    THEN(status, draw(c, &f, folder, e));
    if (folder != NULL) {
        drawing_end(folder);
    }
    free(folder);
    figure_release(&f);
    return status;
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
