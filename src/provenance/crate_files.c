/* The files of an archive's metadata, and the licence, which may be one of them. */
#include "provenance/crate_internal.h"

#include <stdio.h>
#include <string.h>

static bool is_file(const struct crate *c, const char *path) {
    for (size_t i = 0; i < c->file_count; i++) {
        if (strcmp(c->files[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

json_t *crate_write_license(struct crate_writer *w) {
    const char *license = w->crate->license;
    if (is_file(w->crate, license)) {
        return crate_reference("%s", license);
    }
    const bool url = strstr(license, "://") != NULL, spdx = *license && !url;
    json_t *text = crate_entity(w, "CreativeWork", spdx ? "https://spdx.org/licenses/%s" : "%s",
                                url || spdx ? license : "#no-licence");
    crate_put_text(w, text, "name", *license ? license : "No licence was given; all rights are reserved");
    return crate_reference("%s", json_string_value(json_object_get(text, "@id")));
}

static const char *format_of(const char *path) {
    static const struct {
        const char *ending, *type;
    } formats[] = {{".npz", "application/zip"},
                   {".json", "application/json"},
                   {".tsv", "text/tab-separated-values"},
                   {".md", "text/markdown"},
                   {".tex", "text/x-tex"},
                   {".svg", "image/svg+xml"},
                   {".png", "image/png"},
                   {".pdf", "application/pdf"},
                   {".sqlite", "application/vnd.sqlite3"},
                   {".cff", "application/yaml"},
                   {".c", "text/x-c"},
                   {".h", "text/x-c"},
                   {".txt", "text/plain"},
                   {".ini", "text/plain"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(dot, formats[i].ending) == 0) {
            return formats[i].type;
        }
    }
    return "";
}

/* Results are entities of the metadata, one per file; the source is one entity for its folder. */
static bool is_source(const char *path) {
    return strncmp(path, "source/", 7) == 0;
}

void crate_describe_file(struct crate_writer *w, json_t *object, const struct crate_file *f) {
    char size[32];
    snprintf(size, sizeof size, "%llu", (unsigned long long)f->bytes);
    crate_put_text(w, object, "name", f->name);
    crate_put(w, object, "contentSize", json_string(size));
    crate_put(w, object, "sha256", json_string(f->sha256));
    crate_put_text(w, object, "encodingFormat", format_of(f->path));
}

const char *crate_stage_of(const struct crate *c, const char *key) {
    for (size_t i = 0; i < c->step_count; i++) {
        if (strcmp(c->steps[i].key, key) == 0) {
            return c->steps[i].stage;
        }
    }
    return NULL;
}

const char *crate_file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool crate_is_output(const struct crate_file *f) {
    return *f->key && strcmp(crate_file_name(f->path), "run.json") != 0 && strstr(f->path, "/runs/") == NULL;
}

void crate_write_files(struct crate_writer *w, json_t *parts) {
    const struct crate *c = w->crate;
    for (size_t i = 0; i < c->file_count; i++) {
        const struct crate_file *f = &c->files[i];
        bool described = false; /* already, as workflow or stage */
        for (size_t j = 0; j < c->stage_count; j++) {
            described = described || strcmp(c->stages[j].source, f->path) == 0;
        }
        if (strcmp(f->path, c->workflow) == 0 || described || is_source(f->path)) {
            continue;
        }
        json_t *file = crate_entity(w, "File", "%s", f->path);
        crate_describe_file(w, file, f);
        if (crate_is_output(f) && crate_stage_of(c, f->key)) {
            crate_put(w, file, "exampleOfWork",
                      crate_reference("#%s.output.%s", crate_stage_of(c, f->key), crate_file_name(f->path)));
        }
        crate_append(w, parts, crate_reference("%s", f->path));
    }
    json_t *source = crate_entity(w, "Dataset", "source/");
    crate_put_text(w, source, "name", "Source of the program that computed the results");
    crate_put_text(w, source, "version", c->version);
    crate_put_text(w, source, "identifier", c->commit);
    crate_append(w, parts, crate_reference("source/"));
}
