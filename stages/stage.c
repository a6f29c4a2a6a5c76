/* The run of a stage program: inputs, recipe, lock, computation, commit of the outputs. The command line is in
 * command.c; run records, the ledger and the cleanup after a killed process are in history.c. */
#include "stages/stage.h"

#include <dirent.h>
#include <fnmatch.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/owner.h"
#include "base/words.h"
#include "cuda/backend.h"
#include "score/header.h"
#include "stages/command.h"
#include "stages/heartbeat.h"
#include "stages/history.h"
#include "store/npy.h"
#include "store/recipe.h"
#include "store/record.h"

struct loaded {
    const struct stage_input *input;
    struct npz *npz;
    char *recipe;
    char key[65], sha256[65]; /* SHA-256 of the recipe, and of the file */
};

struct stage_state {
    struct command command;
    struct loaded *inputs;
    size_t input_count;
    char **kept; /* texts returned by stage_input_recipe */
    size_t kept_count;
    char *recipe;
    char key[65];
    char **partial; /* temporary path of each output */
    char **final;
    size_t output_count;
    struct npz_writer **writers; /* one per output; NULL if it is not open */
    struct record *record;
    struct backend *device; /* NULL: the CPU */
    char share[32];         /* "3/8" for a process that computes a share; else "" */
    struct lock lock;
    struct heartbeat *heartbeat;
};

/* Global, because a signal handler has no arguments. Only programs have such state, libraries do not. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
    interrupted = signal;
}

static void catch_signals(void) {
    /* a second signal kills the process, in case the stage does not end */
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    interrupted = 0;
}

static char *join(const char *folder, const char *prefix, const char *name) {
    char *path = NULL;
    return asprintf(&path, "%s/%s%s", folder, prefix, name) >= 0 ? path : NULL;
}

static enum status no_memory(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}

/* --- inputs and recipe --------------------------------------------------------------------------- */

static enum status load(struct loaded *l, const struct command_input *given, struct error *e) {
    l->input = given->input;
    enum status status = npz_read_digest(given->path, &l->npz, l->sha256, e);
    THEN(status, npz_text(l->npz, "recipe", &l->recipe, e));
    if (status != STATUS_OK) {
        return error_prefix(e, "--%s", l->input->name);
    }
    recipe_key(l->recipe, l->key);
    char *stage = recipe_value(l->recipe, "stage");
    if (stage == NULL || (l->input->stages != NULL && !words_among(l->input->stages, stage))) {
        error_set(e, STATUS_BAD_INPUT, "--%s: %s: found an artifact of stage '%.60s', expected %s", l->input->name,
                  given->path, stage != NULL ? stage : "(none)", l->input->stages ? l->input->stages : "a stage");
        status = STATUS_BAD_INPUT;
    }
    free(stage);
    return status;
}

static enum status load_inputs(struct stage_state *s, struct error *e) {
    s->inputs = calloc(s->command.input_count + 1, sizeof *s->inputs);
    if (s->inputs == NULL) {
        return no_memory(e);
    }
    for (size_t i = 0; i < s->command.input_count; i++) {
        s->input_count = i + 1;
        TRY(load(&s->inputs[i], &s->command.inputs[i], e));
    }
    return STATUS_OK;
}

static enum status make_recipe(const struct stage *stage, struct stage_state *s, struct error *e) {
    struct recipe_input *inputs = calloc(s->input_count + 1, sizeof *inputs);
    if (inputs == NULL) {
        return no_memory(e);
    }
    int position = 0;
    for (size_t i = 0; i < s->input_count; i++) {
        const struct loaded *l = &s->inputs[i];
        position = i > 0 && l->input == s->inputs[i - 1].input ? position + 1 : 0;
        inputs[i] = (struct recipe_input){l->input->name, l->input->many ? position : -1, l->key};
    }
    s->recipe = recipe_text(stage->name, stage_version(stage, s->command.parameters),
                            stage_backend(stage, s->command.backend), s->command.parameters, inputs, s->input_count);
    free(inputs);
    if (s->recipe == NULL) {
        return no_memory(e);
    }
    recipe_key(s->recipe, s->key);
    if (s->command.key != NULL && strcmp(s->command.key, s->key) != 0) {
        return error_set(e, STATUS_BAD_INPUT,
                         "--key: expected %s, but the recipe of this command line has key %s: an input has changed "
                         "since the plan was made, or another version made the plan",
                         s->command.key, s->key);
    }
    return STATUS_OK;
}

/* --- functions for stages ------------------------------------------------------------------------ */

static const struct loaded *find_input(const struct stage_context *c, const char *name, size_t i) {
    const struct stage_state *s = c->state;
    for (size_t k = 0; k < s->input_count; k++) {
        if (strcmp(s->inputs[k].input->name, name) == 0 && i-- == 0) {
            return &s->inputs[k];
        }
    }
    return NULL;
}

size_t stage_input_count(const struct stage_context *c, const char *name) {
    size_t count = 0;
    while (find_input(c, name, count) != NULL) {
        count++;
    }
    return count;
}

const struct npz *stage_input(const struct stage_context *c, const char *name, size_t i) {
    const struct loaded *l = find_input(c, name, i);
    return l != NULL ? l->npz : NULL;
}

const char *stage_input_recipe(const struct stage_context *c, const char *name, size_t i, const char *line) {
    struct stage_state *s = c->state;
    const struct loaded *l = find_input(c, name, i);
    char *value = l != NULL ? recipe_value(l->recipe, line) : NULL;
    char **larger = value != NULL ? realloc(s->kept, (s->kept_count + 1) * sizeof *larger) : NULL;
    if (larger == NULL) {
        free(value);
        return NULL;
    }
    s->kept = larger;
    return s->kept[s->kept_count++] = value;
}

static size_t output_index(const struct stage_context *c, const char *name) {
    for (size_t i = 0; i < c->state->output_count; i++) {
        if (strcmp(c->stage->outputs[i], name) == 0) {
            return i;
        }
    }
    fprintf(stderr, "%s: '%s' is not a declared output\n", c->stage->name, name);
    abort();
}

const char *stage_output(struct stage_context *c, const char *name) {
    return c->state->partial[output_index(c, name)];
}

enum status stage_arrays(struct stage_context *c, const char *output, struct npz_writer **writer, struct error *e) {
    struct stage_state *s = c->state;
    const size_t i = output_index(c, output);
    enum status status = STATUS_OK;
    if (s->writers[i] == NULL) {
        status = npz_create(s->partial[i], &s->writers[i], e);
        THEN(status, npz_add_text(s->writers[i], "recipe", s->recipe, e));
    }
    *writer = s->writers[i];
    return status;
}

enum status stage_artifact(struct stage_context *c, struct npz_writer **writer, struct error *e) {
    return stage_arrays(c, "artifact.npz", writer, e);
}

void stage_note(struct stage_context *c, const char *name, const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) >= 0) {
        record_note(c->state->record, name, text);
        free(text);
    }
    va_end(arguments);
}

void stage_note_value(struct stage_context *c, const char *name, double value, double error, const char *unit) {
    record_note_value(c->state->record, name, (struct record_value){value, error > 0 ? error : NAN, unit});
}

/* --- the run ------------------------------------------------------------------------------------- */

static enum status stopped(struct error *e) {
    return error_set(e, STATUS_FAILED, "interrupted by %s", interrupted == SIGTERM ? "SIGTERM" : "SIGINT");
}

static bool is_interrupted(const void *context) {
    (void)context;
    return interrupted != 0;
}

/* Waits for the lock of the output folder, which is a shared one for processes that compute shares. */
static enum status take_lock(struct stage_state *s, const struct lock_wait *wait, struct error *e) {
    char *path = join(s->command.output, "", "lock"), what[512], *text = NULL;
    if (path == NULL || (!heartbeat_names(s->command.output, what) &&
                         asprintf(&text, "another process that works in %s", s->command.output) < 0)) {
        free(path);
        return no_memory(e);
    }
    struct lock_wait named = *wait;
    named.what = text != NULL ? text : what;
    enum status status = lock_take(path, *s->share ? LOCK_SHARED : LOCK_EXCLUSIVE, &named, &s->lock, e);
    free(path);
    free(text);
    return status != STATUS_OK && interrupted ? stopped(e) : status;
}

static enum status name_outputs(const struct stage *stage, struct stage_state *s, struct error *e) {
    while (stage->outputs[s->output_count] != NULL) {
        s->output_count++;
    }
    s->partial = calloc(s->output_count + 1, sizeof *s->partial);
    s->final = calloc(s->output_count + 1, sizeof *s->final);
    s->writers = calloc(s->output_count + 1, sizeof *s->writers);
    char owner[OWNER_NAME], prefix[OWNER_NAME + 16];
    snprintf(prefix, sizeof prefix, HISTORY_PARTIAL "%s-", owner_name(owner));
    bool fine = s->partial != NULL && s->final != NULL && s->writers != NULL;
    for (size_t i = 0; fine && i < s->output_count; i++) {
        s->partial[i] = join(s->command.output, prefix, stage->outputs[i]);
        s->final[i] = join(s->command.output, "", stage->outputs[i]);
        fine = s->partial[i] != NULL && s->final[i] != NULL;
    }
    return fine ? STATUS_OK : no_memory(e);
}

static bool all_exist(const struct stage_state *s) {
    DIR *list = opendir(s->command.output); /* makes network file systems refresh their view of the folder */
    if (list != NULL) {
        closedir(list);
    }
    for (size_t i = 0; i < s->output_count; i++) {
        if (access(s->final[i], F_OK) != 0) {
            return false;
        }
    }
    return s->output_count > 0;
}

static enum status start_record(const struct stage *stage, struct stage_state *s, struct error *e) {
    s->record =
        record_new(stage->name, stage_version(stage, s->command.parameters), s->key, s->recipe, s->command.output);
    if (s->record == NULL) {
        return no_memory(e);
    }
    record_label(s->record, s->command.label != NULL ? s->command.label : "");
    if (s->command.users != NULL) {
        record_note(s->record, "users", s->command.users);
    }
    if (*s->share != '\0') {
        record_note(s->record, "part", s->share);
    }
    record_threads(s->record, s->command.threads);
    record_parameters(s->record, s->command.parameters);
    history_environment(s->record);
    for (size_t i = 0; i < s->input_count; i++) {
        const char *path = s->command.inputs[i].path;
        if (record_check_output(path, s->inputs[i].sha256, e) != STATUS_OK ||
            record_check_theory(path, theory_name, e) != STATUS_OK) {
            return e->status;
        }
        record_input(s->record, s->inputs[i].input->name, path, s->inputs[i].key, s->inputs[i].sha256);
    }
    return history_write(s->record, s->command.output, e);
}

/* Takes the lock of the folder and its lease (heartbeat.h), which is the record of this run. Completes or removes what
 * earlier processes left behind. *done: nothing is left to compute. */
static enum status claim(const struct stage *stage, struct stage_state *s, bool *done, struct error *e) {
    const char *folder = s->command.output;
    const struct lock_wait wait = {.say = history_say, .stop = is_interrupted, .context = stage->name};
    enum status status = take_lock(s, &wait, e);
    for (bool first = false; status == STATUS_OK && !first;) {
        status = heartbeat_wait(folder, s->share, &s->lock, &wait, e);
        if (status != STATUS_OK) {
            return interrupted ? stopped(e) : status;
        }
        status = (*s->share ? history_join : history_look)(folder, s->key, all_exist(s), done, e);
        if (status != STATUS_OK || *done) {
            if (status == STATUS_OK && !*s->share) {
                history_remove_parts(folder); /* left by a process that was slower than another */
            }
            return status;
        }
        record_free(s->record);
        s->record = NULL;
        status = start_record(stage, s, e);
        first = status == STATUS_OK && heartbeat_is_first(folder, s->share, &s->lock, record_name(s->record));
        if (status == STATUS_OK && !first) {
            history_withdraw(s->record, folder);
        }
    }
    if (status == STATUS_OK && !*s->share) {
        history_recover(stage->name, folder, s->command.ledger, &s->lock, s->record, all_exist(s), stage->outputs,
                        done);
    }
    if (status == STATUS_OK && !*done) {
        history_note_earlier(s->record, folder);
        status = history_write(s->record, folder, e);
    }
    return status;
}

/* Whether every array of an output is one that the stage declares for it. */
static enum status check_arrays(const struct stage *stage, const char *output, const struct npz_writer *writer,
                                struct error *e) {
    const bool beside = stage->beside && strcmp(stage->beside->name, output) == 0;
    const struct stage_array *arrays = beside ? stage->beside->arrays : stage->arrays;
    const size_t count = beside ? stage->beside->array_count : stage->array_count;
    for (size_t i = 0; i < npz_writer_count(writer); i++) {
        const struct npz_array *a = npz_writer_array(writer, i);
        bool known = strcmp(a->name, "recipe") == 0;
        for (size_t k = 0; k < count && !known; k++) {
            known = arrays[k].type == a->type && fnmatch(arrays[k].name, a->name, 0) == 0;
        }
        if (!known) {
            return error_set(e, STATUS_FAILED, "the stage wrote the array '%s' (%s), which it does not declare",
                             a->name, npy_type_name(a->type));
        }
    }
    return STATUS_OK;
}

/* Renames the outputs to their final names. The finished record is written before, so that if the process is killed in
 * between, the next process completes the record. */
static enum status commit(const struct stage *stage, struct stage_state *s, struct error *e) {
    enum status status = parameters_unchanged(s->command.parameters, e);
    for (size_t i = 0; status == STATUS_OK && i < s->output_count; i++) {
        struct theory theory;
        if (s->writers[i] != NULL && header_has_theory(s->writers[i], &theory)) {
            double couplings[THEORY_COUPLINGS];
            for (size_t k = 0; k < THEORY_COUPLINGS; k++) {
                couplings[k] = *theory_coupling(&theory, k);
            }
            record_theory(s->record, theory_name, THEORY_COUPLINGS, theory_coupling_name, couplings);
        }
        if (s->writers[i] != NULL) {
            TRY(check_arrays(stage, stage->outputs[i], s->writers[i], e));
            status = npz_commit(s->writers[i], e);
            s->writers[i] = NULL;
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < s->output_count; i++) {
        struct stat info;
        char digest[65];
        if (stat(s->partial[i], &info) != 0) {
            return error_set(e, STATUS_FAILED, "the stage ended without writing its output '%s'", stage->outputs[i]);
        }
        status = file_sha256(s->partial[i], digest, e);
        record_output(s->record, stage->outputs[i], (uint64_t)info.st_size, digest);
    }
    if (status == STATUS_OK) {
        record_end(s->record, "done", "");
        status = history_prepare(s->record, s->command.output, e);
    }
    for (size_t i = 0; status == STATUS_OK && i < s->output_count; i++) {
        status = file_replace(s->partial[i], s->final[i], e);
    }
    return status;
}

/* Appends the inputs to a message that names no file. Which of them, or which parameter, caused the error is not known
 * here. */
static void name_inputs(const struct stage_state *s, struct error *e) {
    enum { MOST = 4 };
    bool named = s->input_count == 0 || strstr(e->message, s->command.output) != NULL;
    for (size_t i = 0; i < s->input_count && !named; i++) {
        named = strstr(e->message, s->command.inputs[i].path) != NULL;
    }
    for (size_t i = 0; i < s->input_count && i < MOST && !named; i++) {
        error_set(e, e->status, "%s%s--%s=%s%s", e->message, i == 0 ? " (" : " ", s->inputs[i].input->name,
                  s->command.inputs[i].path,
                  i + 1 == s->input_count ? ")"
                  : i + 1 == MOST         ? " ...)"
                                          : "");
    }
}

static enum status work(const struct stage *stage, struct stage_state *s, struct error *e) {
    struct stage_context context = {
        .stage = stage,
        .parameters = s->command.parameters,
        .backend = s->command.backend,
        .device = s->device,
        .threads = s->command.threads,
        .quiet = s->command.quiet,
        .folder = s->command.output,
        .share = s->command.share,
        .recipe = s->recipe,
        .key = s->key,
        .interrupted = &interrupted,
        .state = s,
    };
    omp_set_num_threads(s->command.threads);
    enum status status = stage->run(&context, e);
    if (s->device) {
        stage_note(&context, "device", "%s", s->device->describe(s->device));
    }
    bool was_interrupted = interrupted != 0; /* also if run() returned STATUS_OK: it may have ended early */
    if (was_interrupted) {
        status = stopped(e);
    } else if (status == STATUS_OK && *s->share) {
        record_end(s->record, "part", "");
        if (all_exist(s)) { /* another process finished first, so the parts are not needed */
            history_remove_parts(s->command.output);
        }
        return history_write(s->record, s->command.output, e);
    } else if (status == STATUS_OK) {
        status = commit(stage, s, e);
        if (status != STATUS_OK && all_exist(s)) { /* only the flush of the folder to the disk failed */
            fprintf(stderr, "%s: warning: %s\n", stage->name, e->message);
            status = STATUS_OK;
        }
    }
    if (status == STATUS_BAD_INPUT) {
        name_inputs(s, e);
    }
    for (size_t i = 0; i < s->output_count; i++) {
        npz_abandon(s->writers[i]);
        s->writers[i] = NULL;
    }
    if (status == STATUS_OK) {
        history_finish(stage->name, s->command.output, s->command.ledger, s->record);
        return STATUS_OK;
    }
    /* outputs that were not renamed are useless, even if others were */
    if (!*s->share) {
        history_sweep(s->command.output, stage->outputs);
    }
    record_end(s->record, was_interrupted ? "interrupted" : "failed", e->message);
    struct error second;
    if (history_write(s->record, s->command.output, &second) != STATUS_OK) {
        fprintf(stderr, "%s: warning: %s\n", stage->name, second.message);
    }
    history_enter(stage->name, s->record, s->command.ledger);
    return status;
}

static enum status live(const struct stage *stage, int argc, char **argv, struct stage_state *s, struct error *e) {
    enum status status = command_parse(stage, argc, argv, &s->command, e);
    if (status != STATUS_OK || s->command.answered) {
        return status;
    }
    const bool device = strcmp(s->command.backend, "cpu") != 0;
    if (device && backend_cuda_missing()) {
        return error_set(e, STATUS_FAILED, "backend '%s': this program was built without CUDA (%s); use --backend=cpu",
                         s->command.backend, backend_cuda_missing());
    }
    catch_signals();
    if (s->command.share.count > 1) {
        snprintf(s->share, sizeof s->share, "%zu/%zu", s->command.share.index, s->command.share.count);
        s->command.ledger = NULL; /* the process that finishes enters the records of all shares */
    }
    TRY(load_inputs(s, e));
    TRY(make_recipe(stage, s, e));
    TRY(name_outputs(stage, s, e));
    /* a finished artifact needs no lock, and may be in a folder without write permission */
    bool done = all_exist(s) && history_is_done(s->command.output, s->key);
    if (!done) {
        TRY(file_make_folder(s->command.output, e));
        status = claim(stage, s, &done, e);
    }
    if (status != STATUS_OK || done) {
        if (done && !s->command.quiet) {
            fprintf(stderr, "%s: %s is up to date\n", stage->name, s->final[s->output_count - 1]);
        }
        return status;
    }
    if (device && backend_cuda_open(s->command.backend, &s->device, e) != STATUS_OK) {
        history_withdraw(s->record, s->command.output);
        return e->status;
    }
    char *path = NULL;
    if (asprintf(&path, "%s/runs/%s.json", s->command.output, record_name(s->record)) >= 0) {
        s->heartbeat = heartbeat_start(path, HEARTBEAT_SECONDS);
        free(path);
    }
    history_enter(stage->name, s->record, s->command.ledger);
    return work(stage, s, e);
}

static void release(struct stage_state *s) {
    for (size_t i = 0; s->inputs != NULL && i < s->input_count; i++) {
        npz_free(s->inputs[i].npz);
        free(s->inputs[i].recipe);
    }
    for (size_t i = 0; i < s->kept_count; i++) {
        free(s->kept[i]);
    }
    for (size_t i = 0; i < s->output_count; i++) {
        free(s->partial != NULL ? s->partial[i] : NULL);
        free(s->final != NULL ? s->final[i] : NULL);
    }
    if (s->device != NULL) {
        s->device->close(s->device);
    }
    free(s->inputs);
    free(s->kept);
    free(s->recipe);
    free(s->partial);
    free(s->final);
    free(s->writers);
    record_free(s->record);
    command_release(&s->command);
    heartbeat_stop(s->heartbeat);
    lock_release(&s->lock);
}

int stage_main(const struct stage *stage, int argc, char **argv) {
    struct stage_state state = {.lock = {.file = -1}};
    struct error e = {.status = STATUS_OK, .message = ""};
    file_limits_are_errors();
    enum status status = live(stage, argc, argv, &state, &e);
    if (status != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", stage->name, e.message);
    }
    release(&state);
    return (int)status;
}
