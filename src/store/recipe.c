/* The canonical text of a recipe and its key. */
#include "store/recipe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static char *line(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *line(const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    return n >= 0 ? text : NULL;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *recipe_text(const char *stage, int version, const char *backend, const struct parameters *parameters,
                  const struct recipe_input *inputs, size_t input_count) {
    size_t parameter_count = parameters != NULL ? parameters_count(parameters) : 0;
    char **lines = calloc(parameter_count + input_count + 3, sizeof *lines);
    if (lines == NULL) {
        return NULL;
    }
    size_t n = 0;
    lines[n++] = line("stage=%s\n", stage);
    lines[n++] = line("version=%d\n", version);
    if (backend != NULL) {
        lines[n++] = line("backend=%s\n", backend);
    }
    for (size_t i = 0; i < parameter_count; i++) {
        if (!parameters_in_recipe(parameters, i)) {
            continue;
        }
        lines[n++] = line("%s=%s\n", parameters_entry(parameters, i)->name, parameters_canonical(parameters, i));
    }
    for (size_t i = 0; i < input_count; i++) {
        lines[n++] = inputs[i].position < 0
                         ? line("input.%s=%s\n", inputs[i].name, inputs[i].key)
                         : line("input.%s.%03d=%s\n", inputs[i].name, inputs[i].position, inputs[i].key);
    }
    size_t size = 1;
    bool fine = true;
    for (size_t i = 0; i < n; i++) {
        fine = fine && lines[i] != NULL;
        size += lines[i] != NULL ? strlen(lines[i]) : 0;
    }
    char *text = fine ? malloc(size) : NULL;
    if (text != NULL) {
        qsort(lines, n, sizeof *lines, by_bytes);
        char *end = text;
        for (size_t i = 0; i < n; i++) {
            end = stpcpy(end, lines[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        free(lines[i]);
    }
    free(lines);
    return text;
}

void recipe_key(const char *text, char key[65]) {
    sha256(text, strlen(text), key);
}

/* The value in the line `name=`; NULL if there is no such line. */
static const char *find_value(const char *text, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            return at + length + 1;
        }
    }
    return NULL;
}

char *recipe_value(const char *text, const char *name) {
    const char *value = find_value(text, name);
    return value ? strndup(value, strcspn(value, "\n")) : NULL;
}

char *recipe_with(const char *text, const char *name, const char *value) {
    const char *old = find_value(text, name);
    return old ? line("%.*s%s%s", (int)(old - text), text, value, old + strcspn(old, "\n")) : NULL;
}
