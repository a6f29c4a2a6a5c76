/* Writes the metadata of an archive: see crate.h. */
#include "provenance/crate.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROFILES 4
static const struct {
    const char *id, *name, *version;
} profiles[PROFILES] = {
    {"https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"},
    {"https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"},
};

enum { ID = 512 };

struct writer {
    const struct crate *crate;
    json_t *graph;
    json_t *actions; /* references to all attempts */
    bool failed;     /* out of memory */
};

/* --- JSON-LD ------------------------------------------------------------------------------------- */

static void put(struct writer *w, json_t *object, const char *name, json_t *value) {
    w->failed = json_object_set_new(object, name, value) != 0 || w->failed;
}

static void put_text(struct writer *w, json_t *object, const char *name, const char *text) {
    if (*text) {
        put(w, object, name, json_string(text));
    }
}

static json_t *reference(const char *format, ...) __attribute__((format(printf, 1, 2)));

static json_t *reference(const char *format, ...) {
    char id[ID];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(id, sizeof id, format, arguments);
    va_end(arguments);
    json_t *object = json_object();
    json_object_set_new(object, "@id", json_string(id));
    return object;
}

static void append(struct writer *w, json_t *list, json_t *value) {
    w->failed = json_array_append_new(list, value) != 0 || w->failed;
}

/* Puts a list in the form of JSON-LD: nothing if it is empty, a single value without an array, or an array. */
static void put_list(struct writer *w, json_t *object, const char *name, json_t *list) {
    if (json_array_size(list) > 1) {
        put(w, object, name, list);
        return;
    }
    if (json_array_size(list) == 1) {
        put(w, object, name, json_incref(json_array_get(list, 0)));
    }
    json_decref(list);
}

/* Adds an entity to the graph and returns it; `types` is like "File|SoftwareSourceCode", the format gives its "@id". */
static json_t *entity(struct writer *w, const char *types, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static json_t *entity(struct writer *w, const char *types, const char *format, ...) {
    char id[ID];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(id, sizeof id, format, arguments);
    va_end(arguments);
    json_t *object = json_object(), *list = json_array();
    for (const char *at = types; *at; at += strcspn(at, "|"), at += *at == '|') {
        append(w, list, json_stringn(at, strcspn(at, "|")));
    }
    put(w, object, "@id", json_string(id));
    put_list(w, object, "@type", list);
    append(w, w->graph, object); /* the graph owns it */
    return object;
}

/* Replaces characters that an identifier must not contain by '-'. */
static const char *identifier(const char *text, char id[ID]) {
    snprintf(id, ID, "%s", text);
    for (char *c = id; *c; c++) {
        *c = strchr(" \"<>\\^`{|}#%", *c) || (unsigned char)*c < ' ' ? '-' : *c;
    }
    return id;
}

/* --- times --------------------------------------------------------------------------------------- */

static long long start_of(const struct record *r) {
    struct tm utc = {0};
    const char *end = strptime(record_text(r, "start"), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return end != NULL ? (long long)timegm(&utc) : 0;
}

static long long end_of(const struct record *r) {
    const double seconds = record_number(r, "wall_seconds");
    return start_of(r) + (isfinite(seconds) ? (long long)ceil(seconds) : 0);
}

static json_t *time_text(long long seconds) {
    const time_t t = (time_t)seconds;
    struct tm utc;
    char text[40];
    gmtime_r(&t, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    return json_string(text);
}

/* First start and last end of the runs that made the artifacts. */
static enum status span(const struct crate *c, long long *first, long long *last, struct error *e) {
    *first = *last = 0;
    for (size_t i = 0; i < c->step_count; i++) {
        const struct record *r = lineage_find(c->lineage, c->steps[i].key);
        if (r == NULL) {
            return error_set(e, STATUS_BAD_INPUT, "%s/%s: has no run record", c->name, c->steps[i].name);
        }
        *first = i == 0 || start_of(r) < *first ? start_of(r) : *first;
        *last = end_of(r) > *last ? end_of(r) : *last;
    }
    return STATUS_OK;
}

enum status crate_time(const struct crate *c, long long *seconds, struct error *e) {
    long long first;
    return span(c, &first, seconds, e);
}

/* --- people, licence, files ---------------------------------------------------------------------- */

static json_t *person_reference(const struct crate *c, size_t i) {
    return *c->people[i].orcid ? reference("%s", c->people[i].orcid) : reference("#author-%zu", i + 1);
}

static json_t *people(struct writer *w) {
    json_t *list = json_array();
    for (size_t i = 0; i < w->crate->people_count; i++) {
        append(w, list, person_reference(w->crate, i));
    }
    return list;
}

static void write_people(struct writer *w) {
    const struct crate *c = w->crate;
    for (size_t i = 0; i < c->people_count; i++) {
        const struct crate_person *p = &c->people[i];
        json_t *id = person_reference(c, i);
        json_t *person = entity(w, "Person", "%s", json_string_value(json_object_get(id, "@id")));
        json_decref(id);
        put_text(w, person, "name", p->name);
        if (*p->affiliation) {
            char place[ID];
            const char *where = *p->ror ? p->ror : identifier(p->affiliation, place);
            put(w, person, "affiliation", reference(*p->ror ? "%s" : "#%s", where));
            bool written = false; /* for an earlier author */
            for (size_t j = 0; j < i; j++) {
                written = written || (strcmp(c->people[j].affiliation, p->affiliation) == 0 &&
                                      strcmp(c->people[j].ror, p->ror) == 0);
            }
            if (!written) {
                put_text(w, entity(w, "Organization", *p->ror ? "%s" : "#%s", where), "name", p->affiliation);
            }
        }
    }
    if (*c->funder) {
        put_text(w, entity(w, "Organization", "#funder"), "name", c->funder);
    }
    if (*c->grant) {
        json_t *grant = entity(w, "Grant", "#grant");
        put_text(w, grant, "name", c->grant);
        if (*c->funder) {
            put(w, grant, "funder", reference("#funder"));
        }
    }
}

static bool is_file(const struct crate *c, const char *path) {
    for (size_t i = 0; i < c->file_count; i++) {
        if (strcmp(c->files[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Writes the licence and returns a reference to it, for root and workflow. */
static json_t *write_license(struct writer *w) {
    const char *license = w->crate->license;
    if (is_file(w->crate, license)) {
        return reference("%s", license);
    }
    const bool url = strstr(license, "://") != NULL, spdx = *license && !url;
    json_t *text =
        entity(w, "CreativeWork", spdx ? "https://spdx.org/licenses/%s" : "%s", url || spdx ? license : "#no-licence");
    put_text(w, text, "name", *license ? license : "No licence was given; all rights are reserved");
    return reference("%s", json_string_value(json_object_get(text, "@id")));
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

static void describe_file(struct writer *w, json_t *object, const struct crate_file *f) {
    char size[32];
    snprintf(size, sizeof size, "%llu", (unsigned long long)f->bytes);
    put_text(w, object, "name", f->name);
    put(w, object, "contentSize", json_string(size));
    put(w, object, "sha256", json_string(f->sha256));
    put_text(w, object, "encodingFormat", format_of(f->path));
}

static const char *stage_of(const struct crate *c, const char *key) {
    for (size_t i = 0; i < c->step_count; i++) {
        if (strcmp(c->steps[i].key, key) == 0) {
            return c->steps[i].stage;
        }
    }
    return NULL;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_output(const struct crate_file *f) {
    return *f->key && strcmp(file_name(f->path), "run.json") != 0 && strstr(f->path, "/runs/") == NULL;
}

static void write_files(struct writer *w, json_t *parts) {
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
        json_t *file = entity(w, "File", "%s", f->path);
        describe_file(w, file, f);
        if (is_output(f) && stage_of(c, f->key)) {
            put(w, file, "exampleOfWork", reference("#%s.output.%s", stage_of(c, f->key), file_name(f->path)));
        }
        append(w, parts, reference("%s", f->path));
    }
    json_t *source = entity(w, "Dataset", "source/");
    put_text(w, source, "name", "Source of the program that computed the results");
    put_text(w, source, "version", c->version);
    put_text(w, source, "identifier", c->commit);
    append(w, parts, reference("source/"));
}

/* --- stages -------------------------------------------------------------------------------------- */

static const char *type_of(enum parameter_type type) {
    static const char *const types[] = {"Integer", "Float", "Text", "Boolean", "Text", "Integer", "Float", "File"};
    return types[type];
}

static json_t *formal(struct writer *w, const char *type, const char *name, const char *help, const char *id) {
    json_t *p = entity(w, "FormalParameter", "%s", id);
    put_text(w, p, "name", name);
    put_text(w, p, "additionalType", type);
    put_text(w, p, "description", help);
    put(w, p, "conformsTo", reference("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"));
    return p;
}

static void write_parameter(struct writer *w, const struct parameter *t, const char *id) {
    char help[1024];
    snprintf(help, sizeof help, "%s%s%s", t->help ? t->help : "", t->choices ? " One of " : "",
             t->choices ? t->choices : "");
    json_t *p = formal(w, type_of(t->type), t->name, help, id);
    put(w, p, "valueRequired", t->default_value ? json_false() : json_true());
    put_text(w, p, "defaultValue", t->default_value ? t->default_value : "");
    put_text(w, p, "unitText", t->unit ? t->unit : "");
    if (t->type == PARAMETER_INTEGERS || t->type == PARAMETER_REALS) {
        put(w, p, "multipleValues", json_true());
    }
    if (t->minimum != 0 || t->maximum != 0) {
        put(w, p, "minValue", json_real(t->minimum));
        put(w, p, "maxValue", json_real(t->maximum));
    }
}

/* Writes the outputs of a stage, one FormalParameter for each file name among the outputs of its artifacts. */
static void write_outputs(struct writer *w, const struct crate_stage *s, json_t *outputs) {
    const struct crate *c = w->crate;
    for (size_t i = 0; i < c->file_count; i++) {
        const struct crate_file *f = &c->files[i];
        const char *stage = is_output(f) ? stage_of(c, f->key) : NULL;
        bool written = !stage || strcmp(stage, s->name) != 0;
        char id[ID];
        snprintf(id, sizeof id, "#%s.output.%s", s->name, file_name(f->path));
        for (size_t j = 0; j < json_array_size(outputs) && !written; j++) {
            written = strcmp(json_string_value(json_object_get(json_array_get(outputs, j), "@id")), id) == 0;
        }
        if (!written) {
            append(w, outputs, reference("%s", id));
            formal(w, "File", file_name(f->path), "", id);
        }
    }
}

static void write_stage(struct writer *w, const struct crate_stage *s, json_t *parts, json_t *tools) {
    json_t *inputs = json_array(), *outputs = json_array();
    char id[ID], version[16];
    json_t *tool = entity(w, "File|SoftwareSourceCode", "%s", s->source);
    snprintf(version, sizeof version, "%d", s->version);
    for (size_t i = 0; i < w->crate->file_count; i++) {
        if (strcmp(w->crate->files[i].path, s->source) == 0) {
            describe_file(w, tool, &w->crate->files[i]);
        }
    }
    put(w, tool, "name", json_string(s->name));
    put_text(w, tool, "description", s->summary);
    put_text(w, tool, "version", version);
    put(w, tool, "programmingLanguage", reference("#c11"));
    for (size_t i = 0; i < s->input_count; i++) {
        const struct crate_input *input = &s->inputs[i];
        snprintf(id, sizeof id, "#%s.input.%s", s->name, input->name);
        json_t *p = formal(w, "File", input->name, input->help, id);
        put(w, p, "valueRequired", json_boolean(input->required));
        if (input->many) {
            put(w, p, "multipleValues", json_true());
        }
        append(w, inputs, reference("%s", id));
    }
    for (size_t i = 0; i < s->parameter_count; i++) {
        snprintf(id, sizeof id, "#%s.%s", s->name, s->parameters[i].name);
        write_parameter(w, &s->parameters[i], id);
        append(w, inputs, reference("%s", id));
    }
    write_outputs(w, s, outputs);
    put_list(w, tool, "input", inputs);
    put_list(w, tool, "output", outputs);
    append(w, parts, reference("%s", s->source));
    append(w, tools, reference("%s", s->source));
}

/* --- runs ---------------------------------------------------------------------------------------- */

static const struct crate_stage *find_stage(const struct crate *c, const char *name) {
    for (size_t i = 0; i < c->stage_count; i++) {
        if (strcmp(c->stages[i].name, name) == 0) {
            return &c->stages[i];
        }
    }
    return NULL;
}

/* The file of the crate with the output `name` of the artifact `key`; NULL if there is none. */
static const struct crate_file *find_output(const struct crate *c, const char *key, const char *name) {
    for (size_t i = 0; i < c->file_count; i++) {
        if (is_output(&c->files[i]) && strcmp(c->files[i].key, key) == 0 &&
            strcmp(file_name(c->files[i].path), name) == 0) {
            return &c->files[i];
        }
    }
    return NULL;
}

struct values {
    struct writer *w;
    json_t *list;
    const char *stage, *key;
};

/* Writes a parameter's value, which all attempts with this key share. */
static void write_value(void *context, const char *name, const char *text) {
    struct values *v = context;
    char value_id[ID];
    snprintf(value_id, sizeof value_id, "#%.12s.%s", v->key, name);
    append(v->w, v->list, reference("%s", value_id));
    for (size_t i = 0; i < json_array_size(v->w->graph); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(v->w->graph, i), "@id"));
        if (id && strcmp(id, value_id) == 0) {
            return;
        }
    }
    json_t *value = entity(v->w, "PropertyValue", "%s", value_id);
    put(v->w, value, "name", json_string(name));
    put(v->w, value, "value", json_string(text));
    put(v->w, value, "exampleOfWork", reference("#%s.%s", v->stage, name));
}

static void write_machine(void *context, const char *name, const char *text) {
    struct values *v = context;
    char all[1024];
    snprintf(all, sizeof all, "%s%s: %s", json_array_size(v->list) ? "; " : "", name, text);
    append(v->w, v->list, json_string(all));
}

/* Describes the environment in one text: "Commit ..., 4 threads; processor: ...; ...". */
static void put_environment(struct writer *w, json_t *action, const struct record *r) {
    struct values v = {w, json_array(), "", ""};
    char *text = NULL;
    size_t size;
    record_visit(r, "environment", write_machine, &v);
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        fprintf(out, "Commit %s, %.0f threads; ", record_text(r, "git_commit"), record_number(r, "threads"));
        for (size_t i = 0; i < json_array_size(v.list); i++) {
            fputs(json_string_value(json_array_get(v.list, i)), out);
        }
        fclose(out);
        put_text(w, action, "description", text);
    }
    free(text);
    json_decref(v.list);
}

static void put_times(struct writer *w, json_t *action, long long start, long long end) {
    put(w, action, "startTime", time_text(start));
    put(w, action, "endTime", time_text(end));
}

static void write_attempt(struct writer *w, const struct crate_step *step, const struct crate_stage *stage,
                          const struct record *r) {
    const struct crate *c = w->crate;
    const bool done = strcmp(record_text(r, "status"), "done") == 0;
    json_t *action = entity(w, "CreateAction", "#run-%s", record_text(r, "id")), *objects = json_array(),
           *results = json_array();
    char name[ID];
    snprintf(name, sizeof name, "%s: run of %s", step->name, stage->name);
    put_text(w, action, "name", name);
    put_environment(w, action, r);
    put(w, action, "instrument", reference("%s", stage->source));
    for (size_t i = 0; i < record_file_count(r, "inputs"); i++) {
        const struct record_file input = record_file_at(r, "inputs", i);
        const struct crate_file *file = find_output(c, input.key, file_name(input.path));
        if (file != NULL) {
            append(w, objects, reference("%s", file->path));
        }
    }
    record_visit(r, "parameters", write_value, &(struct values){w, objects, stage->name, step->key});
    for (size_t i = 0; i < record_file_count(r, "outputs"); i++) {
        const struct crate_file *file = find_output(c, step->key, record_file_at(r, "outputs", i).name);
        if (file != NULL) {
            append(w, results, reference("%s", file->path));
        }
    }
    put_list(w, action, "object", objects);
    put_list(w, action, "result", results);
    put_times(w, action, start_of(r), end_of(r));
    put_list(w, action, "agent", people(w));
    put(w, action, "actionStatus",
        reference("http://schema.org/%s", done ? "CompletedActionStatus" : "FailedActionStatus"));
    if (!done) {
        char error[ID];
        snprintf(error, sizeof error, "%s: %s", record_text(r, "status"), record_text(r, "message"));
        put_text(w, action, "error", error);
    }
    append(w, w->actions, reference("#run-%s", record_text(r, "id")));
}

/* Writes a step and its attempts. */
static enum status write_step(struct writer *w, size_t i, json_t *controls, struct error *e) {
    const struct crate *c = w->crate;
    const struct crate_step *step = &c->steps[i];
    const struct crate_stage *stage = find_stage(c, step->stage);
    char position[16], id[ID];
    identifier(step->name, id);
    snprintf(position, sizeof position, "%zu", i + 1);
    json_t *how = entity(w, "HowToStep", "%s#%s", c->workflow, id);
    put_text(w, how, "name", step->name);
    put_text(w, how, "position", position);
    put(w, how, "workExample", reference("%s", stage->source));
    bool again = false; /* equal steps share one artifact and its attempts */
    for (size_t j = 0; j < i; j++) {
        again = again || strcmp(c->steps[j].key, step->key) == 0;
    }
    struct record **attempts = NULL;
    size_t count = 0;
    const enum status status = lineage_attempts(lineage_root(c->lineage), step->key, &attempts, &count, e);
    json_t *runs = json_array();
    for (size_t k = 0; k < count; k++) {
        if (!again) {
            write_attempt(w, step, stage, attempts[k]);
        }
        append(w, runs, reference("#run-%s", record_text(attempts[k], "id")));
        record_free(attempts[k]);
    }
    free(attempts);
    json_t *control = entity(w, "ControlAction", "#control-%s", id);
    put_text(w, control, "name", step->name);
    put(w, control, "instrument", reference("%s#%s", c->workflow, id));
    put_list(w, control, "object", runs);
    append(w, controls, reference("#control-%s", id));
    return status;
}

/* Writes the run of the whole workflow, and that of make, which organised it. */
static void write_whole(struct writer *w, long long first, long long last, json_t *controls) {
    const struct crate *c = w->crate;
    json_t *run = entity(w, "CreateAction", "#workflow-run"), *results = json_array();
    char name[ID];
    snprintf(name, sizeof name, "Run of %s", c->name);
    put_text(w, run, "name", name);
    put(w, run, "instrument", reference("%s", c->workflow));
    for (size_t i = 0; i < c->file_count; i++) {
        if (is_output(&c->files[i])) {
            append(w, results, reference("%s", c->files[i].path));
        }
    }
    put_list(w, run, "result", results);
    put_times(w, run, first, last);
    put_list(w, run, "agent", people(w));
    put(w, run, "actionStatus", reference("http://schema.org/CompletedActionStatus"));
    append(w, w->actions, reference("#workflow-run"));
    put_text(w, entity(w, "SoftwareApplication", "#make"), "name", "GNU make");
    json_t *organize = entity(w, "OrganizeAction", "#organize");
    snprintf(name, sizeof name, "make %s", c->name);
    put_text(w, organize, "name", name);
    put(w, organize, "instrument", reference("#make"));
    put_list(w, organize, "object", controls);
    put(w, organize, "result", reference("#workflow-run"));
    put_times(w, organize, first, last);
    put_list(w, organize, "agent", people(w));
}

/* --- the whole crate ----------------------------------------------------------------------------- */

static void write_head(struct writer *w, json_t *root, long long last) {
    const struct crate *c = w->crate;
    json_t *head = json_object(), *conforms = json_array();
    put(w, head, "@id", json_string("ro-crate-metadata.json"));
    put(w, head, "@type", json_string("CreativeWork"));
    append(w, conforms, reference("https://w3id.org/ro/crate/1.1"));
    append(w, conforms, reference("%s", profiles[PROFILES - 1].id));
    put(w, head, "conformsTo", conforms);
    put(w, head, "about", reference("./"));
    append(w, w->graph, head);
    conforms = json_array();
    for (int i = 0; i < PROFILES; i++) {
        append(w, conforms, reference("%s", profiles[i].id));
    }
    put(w, root, "@id", json_string("./"));
    put(w, root, "@type", json_string("Dataset"));
    put(w, root, "conformsTo", conforms);
    put_text(w, root, "name", c->title);
    put_text(w, root, "description", c->description);
    put_text(w, root, "version", c->version);
    put(w, root, "datePublished", time_text(last));
    put_list(w, root, "author", people(w));
    if (*c->grant) {
        put(w, root, "funding", reference("#grant"));
    } else if (*c->funder) {
        put(w, root, "funder", reference("#funder"));
    }
    append(w, w->graph, root);
    for (int i = 0; i < PROFILES; i++) {
        json_t *profile = entity(w, "CreativeWork", "%s", profiles[i].id);
        put_text(w, profile, "name", profiles[i].name);
        put_text(w, profile, "version", profiles[i].version);
    }
}

static void write_workflow(struct writer *w, const char *license, json_t *tools) {
    const struct crate *c = w->crate;
    json_t *workflow = entity(w, "File|SoftwareSourceCode|ComputationalWorkflow|HowTo", "%s", c->workflow);
    json_t *steps = json_array(), *outputs = json_array();
    for (size_t i = 0; i < c->file_count; i++) {
        if (strcmp(c->files[i].path, c->workflow) == 0) {
            describe_file(w, workflow, &c->files[i]);
        }
    }
    put(w, workflow, "name", json_string(c->title));
    put_text(w, workflow, "version", c->version);
    put(w, workflow, "programmingLanguage", reference("#experiment-language"));
    put(w, workflow, "license", reference("%s", license));
    put_list(w, workflow, "creator", people(w));
    put_list(w, workflow, "hasPart", tools);
    for (size_t i = 0; i < c->step_count; i++) {
        char id[ID];
        append(w, steps, reference("%s#%s", c->workflow, identifier(c->steps[i].name, id)));
    }
    put_list(w, workflow, "step", steps);
    for (size_t i = 0; i < json_array_size(w->graph); i++) { /* the outputs of all stages */
        const char *id = json_string_value(json_object_get(json_array_get(w->graph, i), "@id"));
        if (id && strstr(id, ".output.")) {
            append(w, outputs, reference("%s", id));
        }
    }
    put_list(w, workflow, "output", outputs);
    json_t *language = entity(w, "ComputerLanguage", "#experiment-language");
    put_text(w, language, "name", "dmsq experiment (INI), run by GNU make");
    put_text(w, entity(w, "ComputerLanguage", "#c11"), "name", "C11");
}

static enum status write_all(struct writer *w, struct error *e) {
    const struct crate *c = w->crate;
    long long first, last;
    enum status status = span(c, &first, &last, e);
    json_t *root = json_object(), *parts = json_array(), *tools = json_array(), *controls = json_array();
    write_head(w, root, last); /* the graph owns the root from here on */
    json_t *license = write_license(w);
    put(w, root, "license", json_incref(license));
    write_people(w);
    append(w, parts, reference("%s", c->workflow));
    write_files(w, parts);
    for (size_t i = 0; i < c->stage_count; i++) {
        write_stage(w, &c->stages[i], parts, tools);
    }
    write_workflow(w, json_string_value(json_object_get(license, "@id")), tools);
    for (size_t i = 0; i < c->step_count && status == STATUS_OK; i++) {
        status = write_step(w, i, controls, e);
    }
    write_whole(w, first, last, controls);
    put_list(w, root, "hasPart", parts);
    put(w, root, "mainEntity", reference("%s", c->workflow));
    put(w, root, "mentions", json_incref(w->actions));
    json_decref(license);
    return status;
}

enum status crate_json(const struct crate *c, char **text, struct error *e) {
    json_t *root = json_object(), *context = json_array();
    struct writer w = {.crate = c, .graph = json_array(), .actions = json_array()};
    append(&w, context, json_string("https://w3id.org/ro/crate/1.1/context"));
    append(&w, context, json_string("https://w3id.org/ro/terms/workflow-run/context"));
    put(&w, root, "@context", context);
    enum status status = write_all(&w, e);
    put(&w, root, "@graph", w.graph);
    *text = status == STATUS_OK && !w.failed ? json_dumps(root, JSON_INDENT(1)) : NULL;
    if (status == STATUS_OK && *text == NULL) {
        status = error_set(e, STATUS_FAILED, "out of memory");
    }
    json_decref(w.actions);
    json_decref(root);
    return status;
}
