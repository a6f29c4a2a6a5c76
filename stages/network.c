/* Stage `network`: lists the layers of the papers' score network (A App. A, Fig. 10), from the program's own
 * description (src/network/unet.h): shapes, trainable parameters and operations of each, as an artifact for the
 * diagram, as tables, and as macros for LaTeX. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "network/unet_layers.h"
#include "report/tex.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "lattice",
     .type = PARAMETER_INTEGERS,
     .default_value = "32x32",
     .minimum = 1,
     .maximum = 8192,
     .unit = "sites",
     .help = "The two extents of the lattice, divisible by stride^3."},
    {.name = "width",
     .type = PARAMETER_INTEGER,
     .default_value = "32",
     .minimum = 4,
     .maximum = 1024,
     .help = "Channels of the first level."},
    {.name = "stride",
     .type = PARAMETER_INTEGER,
     .default_value = "2",
     .minimum = 1,
     .maximum = 2,
     .help = "Stride of the convolutions between levels: 2 gives the contracting path of A App. A; 1 is that of the "
             "authors' released code."},
    {.name = "padding",
     .type = PARAMETER_CHOICE,
     .default_value = "periodic",
     .choices = "zeros|periodic",
     .help = "Values beyond the edge of the lattice; does not change shapes or counts."},
    {.name = "embedding",
     .type = PARAMETER_INTEGER,
     .default_value = "256",
     .minimum = 2,
     .maximum = 65536,
     .help = "Length of the time embedding."},
    {.name = "title",
     .type = PARAMETER_TEXT,
     .default_value = "",
     .help = "Heading of the table; empty: the default one."},
};

static const struct stage_array arrays[] = {
    {"names", NPZ_BYTES, "layers", "", "Names of the layers."},
    {"kinds", NPZ_BYTES, "layers", "", "Kinds of the layers: dense, convolution, group norm, ..."},
    {"in_channels", NPZ_FLOAT64, "layers", "", "Input channels."},
    {"conv.in_channels", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"in_height", NPZ_FLOAT64, "layers", "", "Height of the input."},
    {"conv.in_height", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"out_channels", NPZ_FLOAT64, "layers", "", "Output channels."},
    {"conv.out_channels", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"out_height", NPZ_FLOAT64, "layers", "", "Height of the output."},
    {"conv.out_height", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"out_width", NPZ_FLOAT64, "layers", "", "Width of the output."},
    {"conv.out_width", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"parameters", NPZ_FLOAT64, "layers", "", "Trainable parameters."},
    {"conv.parameters", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"flop", NPZ_FLOAT64, "layers", "", "Operations of one evaluation."},
    {"conv.flop", NPZ_FLOAT64, "convolutions", "", "The same for the convolutions alone."},
    {"parameters.total", NPZ_INT64, "", "", "Trainable parameters of all layers."},
    {"flop.convolutions", NPZ_FLOAT64, "", "operations", "Operations of all convolutions in one evaluation."},
    {"flop.total", NPZ_FLOAT64, "", "operations", "The same including the dense layers."},
    {"stride", NPZ_INT64, "", "", "Stride of the convolutions between levels."},
};

static const char *const outputs[] = {"table.tsv",        "table.md",     "table.tex", "table-tabular.tex",
                                      "table-macros.tex", "artifact.npz", NULL};
static const char *const kinds[] = {"dense", "convolution 3x3", "transposed convolution 3x3", "group norm"};

static enum status read_shape(const struct parameters *p, const char *where, struct unet_shape *shape,
                              struct error *e) {
    size_t dimensions;
    const int64_t *lattice = parameters_integers(p, "lattice", &dimensions);
    if (dimensions != 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter lattice: found %zu extents, expected 2", where,
                         dimensions);
    }
    *shape = (struct unet_shape){.height = (int)lattice[0],
                                 .width_sites = (int)lattice[1],
                                 .width = (int)parameters_integer(p, "width"),
                                 .embedding = (int)parameters_integer(p, "embedding"),
                                 .stride = (int)parameters_integer(p, "stride"),
                                 .padding = (enum unet_padding)PARAMETERS_WORD(p, "padding", unet_padding_name)};
    enum status status = unet_check(shape, e);
    return status == STATUS_OK ? status : error_prefix(e, "%s", where);
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    struct unet_shape shape;
    return read_shape(p, where, &shape, e);
}

/* "32 x 16 x 16", or "256" for a dense layer. */
static const char *shape_text(char text[64], const struct unet_layer *l, bool out) {
    if (l->kind == UNET_DENSE) {
        snprintf(text, 64, "%zu", out ? l->out_channels : l->in_channels);
    } else if (out) {
        snprintf(text, 64, "%zu x %zu x %zu", l->out_channels, l->out_height, l->out_width);
    } else {
        snprintf(text, 64, "%zu x %zu x %zu", l->in_channels, l->in_height, l->in_width);
    }
    return text;
}

struct totals {
    size_t parameters;
    double convolutions, dense;
};

static struct totals sum(const struct unet_layer *layers) {
    struct totals t = {0};
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        t.parameters += layers[i].parameters;
        *(layers[i].kind == UNET_DENSE ? &t.dense : &t.convolutions) += layers[i].flop;
    }
    return t;
}

static void write_tsv(const struct unet_layer *layers, FILE *out) {
    char in[64], to[64];
    fputs("layer\tkind\tinput\toutput\tparameters\tflop\n", out);
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        fprintf(out, "%s\t%s\t%s\t%s\t%zu\t%.0f\n", layers[i].name, kinds[layers[i].kind],
                shape_text(in, &layers[i], false), shape_text(to, &layers[i], true), layers[i].parameters,
                layers[i].flop);
    }
    const struct totals t = sum(layers);
    fprintf(out, "total\t\t\t\t%zu\t%.0f\n", t.parameters, t.convolutions + t.dense);
}

static void write_markdown(const struct unet_layer *layers, const char *title, FILE *out) {
    char in[64], to[64];
    fprintf(out,
            "# %s\n\nChannels x sites; operations of one evaluation of one configuration, two a multiplication with a "
            "weight.\n\n| %-7s | %-26s | %14s | %14s | %10s | %8s |\n|:--------|:---------------------------|"
            "---------------:|---------------:|-----------:|---------:|\n",
            title, "layer", "kind", "input", "output", "parameters", "MFLOP");
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        fprintf(out, "| %-7s | %-26s | %14s | %14s | %10zu | %8.2f |\n", layers[i].name, kinds[layers[i].kind],
                shape_text(in, &layers[i], false), shape_text(to, &layers[i], true), layers[i].parameters,
                layers[i].flop * 1e-6);
    }
    const struct totals t = sum(layers);
    fprintf(out, "| %-7s | %-26s | %14s | %14s | %10zu | %8.2f |\n\n", "total", "", "", "", t.parameters,
            (t.convolutions + t.dense) * 1e-6);
    fprintf(out, "Convolutions %.2f MFLOP, dense layers %.2f MFLOP.\n", t.convolutions * 1e-6, t.dense * 1e-6);
}

/* "$32 \times 16^2$", or "256" for a dense layer. */
static void write_tex_shape(size_t channels, size_t height, size_t width, bool dense, FILE *out) {
    if (dense) {
        fprintf(out, " & %zu", channels);
    } else if (height == width) {
        fprintf(out, " & $%zu \\times %zu^2$", channels, height);
    } else {
        fprintf(out, " & $%zu \\times %zu \\times %zu$", channels, height, width);
    }
}

static void write_tabular(const struct unet_layer *layers, FILE *out) {
    static const char *const short_kinds[] = {"dense", "convolution", "transposed", "group norm"};
    const struct totals t = sum(layers);
    fputs("% needs \\usepackage{booktabs,siunitx}; after \\footnotesize and \\setlength{\\tabcolsep}{3pt} as wide as a "
          "column of 89 mm\n"
          "\\begin{tabular}{@{}llrrS[table-format=",
          out);
    fprintf(out,
            "%d.0]S[table-format=%d.2]@{}}\n\\toprule\n"
            "layer & kind & {input} & {output} & {parameters} & {MFLOP} \\\\\n\\midrule\n",
            snprintf(NULL, 0, "%zu", t.parameters), snprintf(NULL, 0, "%.0f", (t.convolutions + t.dense) * 1e-6));
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        const struct unet_layer *l = &layers[i];
        const bool dense = l->kind == UNET_DENSE;
        fprintf(out, "%s & %s", l->name, short_kinds[l->kind]);
        write_tex_shape(l->in_channels, l->in_height, l->in_width, dense, out);
        write_tex_shape(l->out_channels, l->out_height, l->out_width, dense, out);
        fprintf(out, " & %zu & %.2f \\\\\n", l->parameters, l->flop * 1e-6);
    }
    fprintf(out, "\\midrule\ntotal & & & & %zu & %.2f \\\\\n\\bottomrule\n\\end{tabular}\n", t.parameters,
            (t.convolutions + t.dense) * 1e-6);
}

/* Fits one column of a page if the lattice is square, else two. */
static void write_tex(const struct unet_shape *shape, const struct unet_layer *layers, const char *title, FILE *out) {
    const char *star = shape->height == shape->width_sites ? "" : "*";
    fprintf(out, "\\begin{table%s}\n\\centering\n\\caption{", star);
    tex_text(title, out);
    fprintf(out,
            ". Channels $\\times$ sites; convolutions are $3\\times3$; operations of one evaluation of one "
            "configuration, two a "
            "multiplication with a "
            "weight.}\n\\label{tab:network-%dx%d-width-%d-stride-%d}\n\\par\\smallskip\n\\footnotesize\n"
            "\\setlength{\\tabcolsep}{3pt}\n",
            shape->height, shape->width_sites, shape->width, shape->stride);
    write_tabular(layers, out);
    fprintf(out, "\\end{table%s}\n", star);
}

/* Writes \dmsqNetworkStrideTwoConvOneParameters and ...MFLOP for each layer and for Total. */
static void write_macros(const struct unet_shape *shape, const struct unet_layer *layers, FILE *out) {
    const char *stride = shape->stride == 2 ? "Two" : "One";
    const struct totals t = sum(layers);
    fputs("% Trainable numbers, and millions of operations of one evaluation, of every layer.\n", out);
    for (size_t i = 0; i <= UNET_LAYERS; i++) {
        const bool total = i == UNET_LAYERS;
        for (int operations = 0; operations < 2; operations++) {
            fprintf(out, "\\newcommand{\\dmsqNetworkStride%s", stride);
            tex_macro_name(total ? "total" : layers[i].name, out);
            if (operations) {
                fprintf(out, "MFLOP}{\\ensuremath{%.2f}}\n",
                        (total ? t.convolutions + t.dense : layers[i].flop) * 1e-6);
            } else {
                fprintf(out, "Parameters}{\\ensuremath{%zu}}\n", total ? t.parameters : layers[i].parameters);
            }
        }
    }
}

static enum status write_tables(struct stage_context *c, const struct unet_shape *shape,
                                const struct unet_layer *layers, struct error *e) {
    char own[160];
    const char *title = parameters_text(c->parameters, "title");
    snprintf(own, sizeof own, "The score network: lattice %dx%d, width %d, stride %d", shape->height,
             shape->width_sites, shape->width, shape->stride);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 5 && status == STATUS_OK; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (out == NULL) {
            return error_set(e, STATUS_FAILED, "network: out of memory");
        }
        if (i == 0) {
            write_tsv(layers, out);
        } else if (i == 1) {
            write_markdown(layers, title[0] != '\0' ? title : own, out);
        } else if (i == 2) {
            write_tex(shape, layers, title[0] != '\0' ? title : own, out);
        } else if (i == 3) {
            write_tabular(layers, out);
        } else {
            write_macros(shape, layers, out);
        }
        status = fclose(out) == 0 ? file_write(stage_output(c, outputs[i]), text, size, e)
                                  : error_set(e, STATUS_FAILED, "network: out of memory");
        free(text);
    }
    return status;
}

/* Columns of all layers, and of the eight convolutions alone (conv.in_channels and so on), for the diagram. */
static enum status write_arrays(struct npz_writer *w, const struct unet_shape *shape, const struct unet_layer *layers,
                                struct error *e) {
    enum { COLUMNS = 7 };
    static const char *const columns[COLUMNS] = {"in_channels", "in_height",  "out_channels", "out_height",
                                                 "out_width",   "parameters", "flop"};
    const char *names[UNET_LAYERS], *kind[UNET_LAYERS];
    enum status status = STATUS_OK;
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        names[i] = layers[i].name;
        kind[i] = kinds[layers[i].kind];
    }
    status = npz_add_texts(w, "names", names, UNET_LAYERS, e);
    THEN(status, npz_add_texts(w, "kinds", kind, UNET_LAYERS, e));
    for (size_t j = 0; j < COLUMNS && status == STATUS_OK; j++) {
        const size_t layer_count = UNET_LAYERS;
        double *all = malloc(UNET_LAYERS * sizeof *all),
               *convolutions = malloc(UNET_CONVOLUTIONS * sizeof *convolutions);
        size_t count = 0;
        if (all == NULL || convolutions == NULL) {
            free(all);
            free(convolutions);
            return error_set(e, STATUS_FAILED, "network: out of memory");
        }
        for (size_t i = 0; i < UNET_LAYERS; i++) {
            const struct unet_layer *l = &layers[i];
            const double x[COLUMNS] = {(double)l->in_channels,
                                       (double)l->in_height,
                                       (double)l->out_channels,
                                       (double)l->out_height,
                                       (double)l->out_width,
                                       (double)l->parameters,
                                       l->flop};
            all[i] = x[j];
            if (l->kind == UNET_CONVOLUTION || l->kind == UNET_TRANSPOSED) {
                convolutions[count++] = x[j];
            }
        }
        char name[32];
        snprintf(name, sizeof name, "conv.%s", columns[j]);
        status = npz_add_owned(w, columns[j], NPZ_FLOAT64, 1, &layer_count, all, e);
        if (status != STATUS_OK) {
            free(convolutions);
            return status;
        }
        status = npz_add_owned(w, name, NPZ_FLOAT64, 1, &count, convolutions, e);
    }
    const struct totals t = sum(layers);
    THEN(status, npz_add_integer(w, "parameters.total", (int64_t)t.parameters, e));
    THEN(status, npz_add_real(w, "flop.convolutions", t.convolutions, e));
    THEN(status, npz_add_real(w, "flop.total", t.convolutions + t.dense, e));
    THEN(status, npz_add_integer(w, "stride", shape->stride, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct unet_shape shape;
    struct unet_layer layers[UNET_LAYERS];
    struct npz_writer *w = NULL;
    TRY(read_shape(c->parameters, "network", &shape, e));
    unet_layers(&shape, layers);
    enum status status = write_tables(c, &shape, layers, e);
    THEN(status, stage_artifact(c, &w, e));
    THEN(status, write_arrays(w, &shape, layers, e));
    const struct totals t = sum(layers);
    stage_note_value(c, "parameters", (double)t.parameters, NAN, "");
    stage_note_value(c, "convolutions", t.convolutions * 1e-6, NAN, "MFLOP");
    stage_note_value(c, "dense_layers", t.dense * 1e-6, NAN, "MFLOP");
    return status;
}

const struct stage stage_network = {
    .name = "network",
    .summary = "lists the layers of the score network: shapes, parameters, operations",
    .version = 2,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
