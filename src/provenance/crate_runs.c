/* The runs of an archive's metadata, and their times. Each step is a HowToStep, and each attempt to run it is a
 * CreateAction; so is the run of the whole workflow, which make organised. */
#include "provenance/crate_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

enum status crate_span(const struct crate *c, long long *first, long long *last, struct error *e) {
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
        if (crate_is_output(&c->files[i]) && strcmp(c->files[i].key, key) == 0 &&
            strcmp(crate_file_name(c->files[i].path), name) == 0) {
            return &c->files[i];
        }
    }
    return NULL;
}

struct values {
    struct crate_writer *w;
    json_t *list;
    const char *stage, *key;
};

/* Writes a parameter's value, which all attempts with this key share. */
static void write_value(void *context, const char *name, const char *text) {
    struct values *v = context;
    char value_id[CRATE_ID];
    snprintf(value_id, sizeof value_id, "#%.12s.%s", v->key, name);
    crate_append(v->w, v->list, crate_reference("%s", value_id));
    for (size_t i = 0; i < json_array_size(v->w->graph); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(v->w->graph, i), "@id"));
        if (id && strcmp(id, value_id) == 0) {
            return;
        }
    }
    json_t *value = crate_entity(v->w, "PropertyValue", "%s", value_id);
    crate_put(v->w, value, "name", json_string(name));
    crate_put(v->w, value, "value", json_string(text));
    crate_put(v->w, value, "exampleOfWork", crate_reference("#%s.%s", v->stage, name));
}

static void write_machine(void *context, const char *name, const char *text) {
    struct values *v = context;
    char all[1024];
    snprintf(all, sizeof all, "%s%s: %s", json_array_size(v->list) ? "; " : "", name, text);
    crate_append(v->w, v->list, json_string(all));
}

/* Describes the environment in one text: "Commit ..., 4 threads; processor: ...; ...". */
static void put_environment(struct crate_writer *w, json_t *action, const struct record *r) {
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
        crate_put_text(w, action, "description", text);
    }
    free(text);
    json_decref(v.list);
}

static void put_times(struct crate_writer *w, json_t *action, long long start, long long end) {
    crate_put(w, action, "startTime", crate_time_text(start));
    crate_put(w, action, "endTime", crate_time_text(end));
}

static void write_attempt(struct crate_writer *w, const struct crate_step *step, const struct crate_stage *stage,
                          const struct record *r) {
    const struct crate *c = w->crate;
    const bool done = strcmp(record_text(r, "status"), "done") == 0;
    json_t *action = crate_entity(w, "CreateAction", "#run-%s", record_text(r, "id")), *objects = json_array(),
           *results = json_array();
    char name[CRATE_ID];
    snprintf(name, sizeof name, "%s: run of %s", step->name, stage->name);
    crate_put_text(w, action, "name", name);
    put_environment(w, action, r);
    crate_put(w, action, "instrument", crate_reference("%s", stage->source));
    for (size_t i = 0; i < record_file_count(r, "inputs"); i++) {
        const struct record_file input = record_file_at(r, "inputs", i);
        const struct crate_file *file = find_output(c, input.key, crate_file_name(input.path));
        if (file != NULL) {
            crate_append(w, objects, crate_reference("%s", file->path));
        }
    }
    record_visit(r, "parameters", write_value, &(struct values){w, objects, stage->name, step->key});
    for (size_t i = 0; i < record_file_count(r, "outputs"); i++) {
        const struct crate_file *file = find_output(c, step->key, record_file_at(r, "outputs", i).name);
        if (file != NULL) {
            crate_append(w, results, crate_reference("%s", file->path));
        }
    }
    crate_put_list(w, action, "object", objects);
    crate_put_list(w, action, "result", results);
    put_times(w, action, start_of(r), end_of(r));
    crate_put_list(w, action, "agent", crate_people(w));
    crate_put(w, action, "actionStatus",
              crate_reference("http://schema.org/%s", done ? "CompletedActionStatus" : "FailedActionStatus"));
    if (!done) {
        char error[CRATE_ID];
        snprintf(error, sizeof error, "%s: %s", record_text(r, "status"), record_text(r, "message"));
        crate_put_text(w, action, "error", error);
    }
    crate_append(w, w->actions, crate_reference("#run-%s", record_text(r, "id")));
}

enum status crate_write_step(struct crate_writer *w, size_t i, json_t *controls, struct error *e) {
    const struct crate *c = w->crate;
    const struct crate_step *step = &c->steps[i];
    const struct crate_stage *stage = find_stage(c, step->stage);
    char position[16], id[CRATE_ID];
    crate_identifier(step->name, id);
    snprintf(position, sizeof position, "%zu", i + 1);
    json_t *how = crate_entity(w, "HowToStep", "%s#%s", c->workflow, id);
    crate_put_text(w, how, "name", step->name);
    crate_put_text(w, how, "position", position);
    crate_put(w, how, "workExample", crate_reference("%s", stage->source));
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
        crate_append(w, runs, crate_reference("#run-%s", record_text(attempts[k], "id")));
        record_free(attempts[k]);
    }
    free(attempts);
    json_t *control = crate_entity(w, "ControlAction", "#control-%s", id);
    crate_put_text(w, control, "name", step->name);
    crate_put(w, control, "instrument", crate_reference("%s#%s", c->workflow, id));
    crate_put_list(w, control, "object", runs);
    crate_append(w, controls, crate_reference("#control-%s", id));
    return status;
}

void crate_write_whole(struct crate_writer *w, long long first, long long last, json_t *controls) {
    const struct crate *c = w->crate;
    json_t *run = crate_entity(w, "CreateAction", "#workflow-run"), *results = json_array();
    char name[CRATE_ID];
    snprintf(name, sizeof name, "Run of %s", c->name);
    crate_put_text(w, run, "name", name);
    crate_put(w, run, "instrument", crate_reference("%s", c->workflow));
    for (size_t i = 0; i < c->file_count; i++) {
        if (crate_is_output(&c->files[i])) {
            crate_append(w, results, crate_reference("%s", c->files[i].path));
        }
    }
    crate_put_list(w, run, "result", results);
    put_times(w, run, first, last);
    crate_put_list(w, run, "agent", crate_people(w));
    crate_put(w, run, "actionStatus", crate_reference("http://schema.org/CompletedActionStatus"));
    crate_append(w, w->actions, crate_reference("#workflow-run"));
    crate_put_text(w, crate_entity(w, "SoftwareApplication", "#make"), "name", "GNU make");
    json_t *organize = crate_entity(w, "OrganizeAction", "#organize");
    snprintf(name, sizeof name, "make %s", c->name);
    crate_put_text(w, organize, "name", name);
    crate_put(w, organize, "instrument", crate_reference("#make"));
    crate_put_list(w, organize, "object", controls);
    crate_put(w, organize, "result", crate_reference("#workflow-run"));
    put_times(w, organize, first, last);
    crate_put_list(w, organize, "agent", crate_people(w));
}
