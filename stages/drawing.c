#include "stages/drawing.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "report/gnuplot.h"

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
    bool failed = false;
    write_string("format", strrchr(output, '.') + 1, out);
    write_string("output", output, out);
    write_string("data", "data.txt", out);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_string(texts[i], parameters_text(f->parameters, texts[i]), out);
    }
    const char *remark = parameters_text(f->parameters, "remark");
    char missing[64] = "";
    if (f->missing > 0) {
        snprintf(missing, sizeof missing, "%s%zu point%s not computed", *remark ? "; " : "", f->missing,
                 f->missing > 1 ? "s" : "");
    }
    fputs("remark = ", out);
    gnuplot_string(remark, out);
    fprintf(out, ".\"%s\"\n", missing);
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
    enum status status = STATUS_OK;
    if (parameters_text(f->parameters, "common")[0] != '\0') {
        status = write_load(parameters_text(f->parameters, "common"), out, e);
    }
    fputs("set output ", out);
    gnuplot_string(output, out);
    fputc('\n', out);
    THEN(status, write_load(parameters_text(f->parameters, "style"), out, e));
    return status;
}

/* Sets *path to folder/name; the caller frees it. */
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
        error_set(e, STATUS_FAILED, "%s: cannot create: %s", path, strerror(errno));
    }
    return out;
}

/* Closes a text file and reports a full disk as an error. */
static enum status close_text(FILE *out, const char *path, enum status status, struct error *e) {
    int failed = ferror(out);
    if ((fclose(out) != 0 || failed) && status == STATUS_OK) {
        status = error_set(e, STATUS_FAILED, "%s: cannot write: %s", path, strerror(errno));
    }
    return status;
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

enum status drawing_make(const struct figure *f, const char *folder, const char *output, const char *path,
                         struct error *e) {
    char *script = NULL, *drawn = NULL;
    struct stat found;
    enum status status = path_in(folder, "figure.gp", &script, e);
    THEN(status, path_in(folder, output, &drawn, e));
    if (status == STATUS_OK) {
        FILE *out = open_text(script, e);
        status = out != NULL ? close_text(out, script, write_script(f, output, out, e), e) : e->status;
    }
    THEN(status, gnuplot_run(folder, "figure.gp", e));
    if (status == STATUS_OK && (stat(drawn, &found) != 0 || found.st_size == 0)) {
        status = error_set(e, STATUS_FAILED, "%s: gnuplot drew nothing into %s",
                           parameters_text(f->parameters, "style"), output);
    }
    THEN(status, gnuplot_complete(drawn, e));
    if (status == STATUS_OK && strcmp(output, "figure.pdf") == 0) {
        status = pdf_neutralise_dates(drawn, e);
    }
    THEN(status, file_replace(drawn, path, e));
    free(script);
    free(drawn);
    return status;
}

/* Checks that the font of figures/style.gp is installed, if one of the scripts uses it. */
static enum status check_font(const struct parameters *p, const char *folder, struct error *e) {
    static const char family[] = "DejaVu Sans";
    static const char *const scripts[] = {"common", "style"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        const char *path = parameters_text(p, scripts[i]);
        char *text = NULL;
        size_t size;
        status = *path != '\0' ? file_read(path, &text, &size, e) : STATUS_OK;
        if (status == STATUS_OK && text != NULL && strstr(text, family) != NULL) {
            status = gnuplot_font(folder, family, e);
        }
        free(text);
    }
    return status;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void drawing_end(const char *folder) {
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

enum status drawing_begin(const struct figure *f, const char *folder, char version[DRAWING_VERSION], struct error *e) {
    char *data = NULL;
    drawing_end(folder); /* of a run that was killed */
    enum status status = file_make_folder(folder, e);
    THEN(status, gnuplot_version(version, DRAWING_VERSION, e));
    THEN(status, check_font(f->parameters, folder, e));
    THEN(status, path_in(folder, "data.txt", &data, e));
    THEN(status, write_text(f, data, figure_write_data, e));
    free(data);
    return status;
}

enum status drawing_table(const struct figure *f, const char *path, struct error *e) {
    return write_text(f, path, figure_write_table, e);
}
