/* Run records as JSON. */
#include "store/record.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"
#include "store/environment.h"
#include "store/record_note.h"

enum { FORMAT = 2, FORMAT_OF_PROSE = 1 }; /* FORMAT_OF_PROSE can be read, but is no longer written */

struct record {
    json_t *root;
    char name[64 + OWNER_HOST];
    struct timespec start; /* monotonic */
    bool failed;           /* out of memory somewhere */
};

static void put(struct record *r, json_t *object, const char *name, json_t *value) {
    if (json_object_set_new(object, name, value) != 0) {
        r->failed = true;
    }
}

/* Bytes that are not UTF-8 (of a path, or in a message) are replaced: Jansson would refuse the text. */
static json_t *text_of(const char *text) {
    json_t *value = json_string(text);
    if (value != NULL) {
        return value;
    }
    char *ascii = strdup(text);
    for (char *at = ascii; at != NULL && *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80) {
            *at = '?';
        }
    }
    value = ascii != NULL ? json_string(ascii) : NULL;
    free(ascii);
    return value;
}

static void put_text(struct record *r, const char *name, const char *text) {
    put(r, r->root, name, text_of(text));
}

static json_t *member(struct record *r, const char *name) {
    return json_object_get(r->root, name);
}

static void add_environment(void *context, const char *name, const char *text) {
    record_environment(context, name, text);
}

struct record *record_new(const char *stage, int version, const char *key, const char *recipe, const char *folder) {
    struct record *r = calloc(1, sizeof *r);
    if (r == NULL || (r->root = json_object()) == NULL) {
        free(r);
        return NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &r->start);
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    const struct owner owner = owner_here();
    char start[32], id[128 + OWNER_HOST];
    strftime(start, sizeof start, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(r->name, sizeof r->name, "%s-%s-%ld-%ld", start, owner.host, owner.rank, owner.process);
    snprintf(id, sizeof id, "%s-%.12s", r->name, key); /* a process may make several artifacts within a second */
    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", &utc);
    put(r, r->root, "format", json_integer(FORMAT));
    put_text(r, "id", id);
    put_text(r, "stage", stage);
    put(r, r->root, "version", json_integer(version));
    put_text(r, "key", key);
    put_text(r, "recipe", recipe);
    put_text(r, "label", "");
    put_text(r, "folder", folder);
    put_text(r, "start", start);
    put_text(r, "status", "running");
    put_text(r, "message", "");
    put(r, r->root, "parameters", json_object());
    put(r, r->root, "seed", json_null());
    put(r, r->root, "inputs", json_array());
    put(r, r->root, "outputs", json_array());
    put(r, r->root, "notes", json_object());
    put(r, r->root, "environment", json_object());
    put(r, r->root, "git_commit", json_null());
    put(r, r->root, "git_dirty", json_null());
    environment_list(add_environment, r);
    return r;
}

void record_free(struct record *r) {
    if (r != NULL) {
        json_decref(r->root);
        free(r);
    }
}

enum status record_read(const char *path, struct record **result, struct error *e) {
    char *text;
    size_t size;
    TRY(file_read(path, &text, &size, e));
    json_error_t reason;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &reason);
    free(text);
    if (root == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s:%d: is not a run record: %s", path, reason.line, reason.text);
    }
    static const char *const texts[] = {"id", "stage", "key", "recipe", "start", "status"};
    const char *missing = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        missing = json_is_string(json_object_get(root, texts[i])) ? missing : texts[i];
    }
    const json_int_t format = json_integer_value(json_object_get(root, "format"));
    if (missing == NULL && format != FORMAT && format != FORMAT_OF_PROSE) {
        missing = "format";
    }
    struct record *r = missing == NULL ? calloc(1, sizeof *r) : NULL;
    if (r == NULL) {
        json_decref(root);
        return missing != NULL
                   ? error_set(e, STATUS_BAD_INPUT,
                               "%s: is not a run record of format %d or %d: '%s' is missing or of another type", path,
                               FORMAT_OF_PROSE, FORMAT, missing)
                   : error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    r->root = root;
    const char *id = record_text(r, "id"), *end = strrchr(id, '-');
    snprintf(r->name, sizeof r->name, "%.*s", end != NULL ? (int)(end - id) : 0, id);
    *result = r;
    return STATUS_OK;
}

const char *record_name(const struct record *r) {
    return r->name;
}

struct owner record_owner(const struct record *r) {
    struct owner owner = {0};
    const char *process = strrchr(r->name, '-'), *rank = process;
    snprintf(owner.host, sizeof owner.host, "%s", record_member(r, "environment", "host"));
    owner.process = process != NULL ? strtol(process + 1, NULL, 10) : 0;
    while (rank != NULL && rank > r->name && *--rank != '-') {
    }
    owner.rank = rank != NULL && rank > r->name ? strtol(rank + 1, NULL, 10) : 0;
    return owner;
}

const char *record_text(const struct record *r, const char *name) {
    const char *text = json_string_value(json_object_get(r->root, name));
    return text != NULL ? text : "";
}

double record_number(const struct record *r, const char *name) {
    const json_t *value = json_object_get(r->root, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double record_seconds(const struct record *r) {
    const double earlier = record_value(r, "earlier_seconds").value;
    return record_number(r, "wall_seconds") + (isfinite(earlier) ? earlier : 0);
}

const char *record_member(const struct record *r, const char *group, const char *name) {
    const char *text = json_string_value(json_object_get(json_object_get(r->root, group), name));
    return text != NULL ? text : "";
}

static const json_t *note_of(const struct record *r, const char *name) {
    return json_object_get(json_object_get(r->root, "notes"), name);
}

struct record_value record_value(const struct record *r, const char *name) {
    return record_note_value_of(note_of(r, name), record_number(r, "format") == FORMAT_OF_PROSE);
}

const char *record_note_text(const struct record *r, const char *name, char buffer[RECORD_TEXT]) {
    return record_note_text_of(note_of(r, name), buffer);
}

void record_visit(const struct record *r, const char *group,
                  void (*visit)(void *context, const char *name, const char *text), void *context) {
    json_t *object = json_object_get(r->root, group);
    const char *last = "";
    for (const char *next = ""; next != NULL; last = next) { /* finds the next name in alphabetical order; there are
                                                                few */
        const char *name;
        json_t *value;
        next = NULL;
        json_object_foreach(object, name, value) {
            if ((json_is_string(value) || json_is_object(value)) && strcmp(name, last) > 0 &&
                (next == NULL || strcmp(name, next) < 0)) {
                next = name;
            }
        }
        if (next != NULL) {
            char buffer[RECORD_TEXT];
            visit(context, next, record_note_text_of(json_object_get(object, next), buffer));
        }
    }
}

void record_label(struct record *r, const char *label) {
    put_text(r, "label", label);
}

void record_source(struct record *r, const char *commit, int dirty) {
    put(r, r->root, "git_commit", *commit != '\0' ? text_of(commit) : json_null());
    put(r, r->root, "git_dirty", dirty < 0 ? json_null() : json_boolean(dirty));
}

void record_threads(struct record *r, int threads) {
    put(r, r->root, "threads", json_integer(threads));
}

void record_parameters(struct record *r, const struct parameters *p) {
    for (size_t i = 0; i < parameters_count(p); i++) {
        const struct parameter *t = parameters_entry(p, i);
        put(r, member(r, "parameters"), t->name, text_of(parameters_canonical(p, i)));
        if (strcmp(t->name, "seed") == 0 && t->type == PARAMETER_INTEGER) {
            put(r, r->root, "seed", json_integer(parameters_integer(p, "seed")));
        }
    }
}

static void append(struct record *r, const char *list, json_t *entry) {
    if (json_array_append_new(member(r, list), entry) != 0) {
        r->failed = true;
    }
}

void record_input(struct record *r, const char *name, const char *path, const char *key, const char *sha256) {
    json_t *entry = json_object();
    put(r, entry, "name", text_of(name));
    put(r, entry, "path", text_of(path));
    put(r, entry, "key", text_of(key));
    put(r, entry, "sha256", text_of(sha256));
    append(r, "inputs", entry);
}

void record_output(struct record *r, const char *name, uint64_t bytes, const char *sha256) {
    json_t *entry = json_object();
    put(r, entry, "name", text_of(name));
    put(r, entry, "bytes", json_integer((json_int_t)bytes));
    put(r, entry, "sha256", text_of(sha256));
    append(r, "outputs", entry);
}

static const json_t *find_output(const struct record *r, const char *name) {
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(r->root, "outputs"), i, entry) {
        const char *found = json_string_value(json_object_get(entry, "name"));
        if (found != NULL && strcmp(found, name) == 0) {
            return entry;
        }
    }
    return NULL;
}

size_t record_file_count(const struct record *r, const char *list) {
    return json_array_size(json_object_get(r->root, list));
}

struct record_file record_file_at(const struct record *r, const char *list, size_t i) {
    const json_t *entry = json_array_get(json_object_get(r->root, list), i);
    struct record_file file = {.bytes = (uint64_t)json_integer_value(json_object_get(entry, "bytes"))};
    const char **const texts[] = {&file.name, &file.sha256, &file.path, &file.key};
    static const char *const names[] = {"name", "sha256", "path", "key"};
    for (int k = 0; k < 4; k++) {
        const char *text = json_string_value(json_object_get(entry, names[k]));
        *texts[k] = text != NULL ? text : "";
    }
    return file;
}

const char *record_output_sha256(const struct record *r, const char *name) {
    const char *sha256 = json_string_value(json_object_get(find_output(r, name), "sha256"));
    return sha256 != NULL ? sha256 : "";
}

/* Reads run.json beside a file, the record of the run that made it; *record is NULL if there is none. */
static enum status read_run(const char *path, struct record **record, struct error *e) {
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char *run = NULL;
    *record = NULL;
    if (asprintf(&run, "%.*srun.json", (int)(name - path), path) < 0) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    enum status status = access(run, F_OK) == 0 ? record_read(run, record, e) : STATUS_OK;
    free(run);
    return status == STATUS_OK ? status : error_prefix(e, "%s: cannot be checked against its run record", path);
}

enum status record_check_theory(const char *path, const char *name, struct error *e) {
    struct record *record;
    enum status status = read_run(path, &record, e);
    const char *found = record != NULL ? record_member(record, "theory", "name") : "";
    if (status == STATUS_OK && *found != '\0' && strcmp(found, name) != 0) {
        status =
            error_set(e, STATUS_BAD_INPUT, "%s: found theory %.60s in its run record, expected %s", path, found, name);
    }
    record_free(record);
    return status;
}

enum status record_check_output(const char *path, const char *sha256, struct error *e) {
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    struct record *record;
    TRY(read_run(path, &record, e));
    enum status status = STATUS_OK;
    const json_t *recorded = record != NULL ? find_output(record, name) : NULL;
    const char *expected = record != NULL ? record_output_sha256(record, name) : "";
    static const char advice[] = "it is damaged or was changed; remove its folder, and make computes it again";
    struct stat info;
    if (sha256 == NULL && recorded != NULL && stat(path, &info) == 0 &&
        json_integer_value(json_object_get(recorded, "bytes")) != info.st_size) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: found %lld bytes, expected %lld by its run record: %s", path,
                           (long long)info.st_size, (long long)json_integer_value(json_object_get(recorded, "bytes")),
                           advice);
    } else if (sha256 != NULL && *expected != '\0' && strcmp(expected, sha256) != 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: found SHA-256 %.12s, expected %.12s by its run record: %s", path,
                           sha256, expected, advice);
    }
    record_free(record);
    return status;
}

void record_note(struct record *r, const char *name, const char *text) {
    put(r, member(r, "notes"), name, text_of(text));
}

void record_note_value(struct record *r, const char *name, struct record_value value) {
    put(r, member(r, "notes"), name, record_note_json(value));
}

void record_theory(struct record *r, const char *name, size_t couplings, const char *const *names,
                   const double *values) {
    json_t *theory = json_object(), *numbers = json_object();
    put(r, theory, "name", text_of(name));
    for (size_t i = 0; i < couplings; i++) {
        put(r, numbers, names[i], json_real(values[i]));
    }
    put(r, theory, "couplings", numbers);
    put(r, r->root, "theory", theory);
}

void record_environment(struct record *r, const char *name, const char *text) {
    put(r, member(r, "environment"), name, text_of(text));
}

static void put_end(struct record *r, const char *status, const char *message) {
    put_text(r, "status", status);
    put_text(r, "message", message);
}

void record_amend(struct record *r, const char *status, const char *message, time_t until) {
    struct tm start = {0};
    put_end(r, status, message);
    const char *end = strptime(record_text(r, "start"), "%Y-%m-%dT%H:%M:%SZ", &start);
    if (end && !*end && until) {
        put(r, r->root, "wall_seconds", json_real(fmax(0, difftime(until, timegm(&start)))));
    }
}

static double seconds(struct timeval a, struct timeval b) {
    return (double)(a.tv_sec + b.tv_sec) + 1e-6 * (double)(a.tv_usec + b.tv_usec);
}

void record_end(struct record *r, const char *status, const char *message) {
    put_end(r, status, message);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    put(r, r->root, "wall_seconds",
        json_real((double)(now.tv_sec - r->start.tv_sec) + 1e-9 * (double)(now.tv_nsec - r->start.tv_nsec)));
    struct rusage self, children;
    if (getrusage(RUSAGE_SELF, &self) == 0 && getrusage(RUSAGE_CHILDREN, &children) == 0) {
        put(r, r->root, "cpu_user_seconds", json_real(seconds(self.ru_utime, children.ru_utime)));
        put(r, r->root, "cpu_system_seconds", json_real(seconds(self.ru_stime, children.ru_stime)));
        long peak = self.ru_maxrss > children.ru_maxrss ? self.ru_maxrss : children.ru_maxrss; /* KiB */
        put(r, r->root, "peak_memory_bytes", json_integer((json_int_t)peak * 1024));
    }
}

char *record_json(const struct record *r) {
    return r->failed ? NULL : json_dumps(r->root, JSON_INDENT(2) | JSON_SORT_KEYS);
}

enum status record_write(const struct record *r, const char *path, struct error *e) {
    char *text = record_json(r);
    if (text == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    size_t length = strlen(text);
    text[length] = '\n'; /* replaces the final zero */
    enum status status = file_write(path, text, length + 1, e);
    free(text);
    return status;
}
