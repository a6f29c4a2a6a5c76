/* Tool `artifacts`: writes the list of all arrays of all artifacts, from the declarations of the stages, into a
 * Markdown document (docs/artifacts.md). It replaces the text between the lines `begin` and `end` and keeps the rest.
 * Usage: artifacts [FILE] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/version.h"
#include "experiment/stage.h"
#include "store/npy.h"

static const char begin[] = "<!-- arrays of the stages: written by make documents -->\n";
static const char end[] = "<!-- end of the arrays -->\n";

/* Escapes '|' and '*', which have a meaning in Markdown tables. */
static void print_text(const char *text, FILE *out) {
    for (; *text; text++) {
        if (*text == '|' || *text == '*') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void print_arrays(const struct stage_array *arrays, size_t count, FILE *out) {
    fputs("\n| array | type | shape | unit | what it is |\n|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < count; i++) {
        const struct stage_array *a = &arrays[i];
        fprintf(out, "| `%s` | %s | %s | ", a->name, a->type == NPZ_BYTES ? "text" : npy_type_name(a->type), a->shape);
        print_text(a->unit, out);
        fputs(" | ", out);
        print_text(a->help, out);
        fputs(" |\n", out);
    }
}

static void print_stage(const struct stage *stage, FILE *out) {
    fprintf(out, "\n### %s\n\n", stage->name);
    fprintf(out, "%c%s.\n",
            stage->summary[0] >= 'a' && stage->summary[0] <= 'z' ? stage->summary[0] - 'a' + 'A' : stage->summary[0],
            stage->summary + 1);
    print_arrays(stage->arrays, stage->array_count, out);
    if (stage->beside) {
        fprintf(out, "\nIn `%s` beside it:\n", stage->beside->name);
        print_arrays(stage->beside->arrays, stage->beside->array_count, out);
    }
}

static enum status write_document(const char *path, struct error *e) {
    char *old, *text = NULL;
    size_t size;
    TRY(file_read(path, &old, &size, e));
    char *from = strstr(old, begin), *to = from ? strstr(from, end) : NULL;
    FILE *out = to ? open_memstream(&text, &size) : NULL;
    if (!out) {
        free(old);
        return error_set(e, STATUS_BAD_INPUT, "%s: expected the lines '%.*s' and '%.*s'", path, (int)strlen(begin) - 1,
                         begin, (int)strlen(end) - 1, end);
    }
    fprintf(out, "%.*s%s", (int)(from - old), old, begin);
    for (const struct stage *const *s = all_stages; *s != NULL; s++) {
        if ((*s)->array_count > 0) {
            print_stage(*s, out);
        }
    }
    fprintf(out, "\n%s", to);
    enum status status =
        fclose(out) == 0 ? file_write(path, text, size, e) : error_set(e, STATUS_FAILED, "%s: out of memory", path);
    free(text);
    free(old);
    return status;
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "docs/artifacts.md";
    struct error e = {0};
    if (argc == 2 && strcmp(path, "--version") == 0) {
        version_print(argv[0], stdout);
        return STATUS_OK;
    }
    const bool help = argc == 2 && strcmp(path, "--help") == 0;
    if (argc > 2 || path[0] == '-') {
        fputs("usage: artifacts [FILE]; writes the list of arrays into docs/artifacts.md, or FILE\n",
              help ? stdout : stderr);
        return help ? STATUS_OK : STATUS_BAD_INPUT;
    }
    if (write_document(path, &e) != STATUS_OK) {
        fprintf(stderr, "artifacts: %s\n", e.message);
        return (int)e.status;
    }
    printf("artifacts: %s\n", path);
    return STATUS_OK;
}
