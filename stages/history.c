/* Records of a stage's runs in its output folder and in the ledger. */
#include "stages/history.h"

#include <ctype.h>
#include <dirent.h>
#include <dnnl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/processor.h"
#include "built.h"
#include "network/convolution.h"
#include "store/ledger.h"

#ifndef DMSQ_CFLAGS
#define DMSQ_CFLAGS "unknown"
#endif

static void warn(const char *stage, const struct error *e) {
    fprintf(stderr, "%s: warning: %s\n", stage, e->message);
}

void history_say(const void *stage, const char *text) {
    fprintf(stderr, "%s: %s\n", (const char *)stage, text);
}

/* A path too long for the system becomes "", which nothing opens or removes. */
static const char *path_of(char buffer[PATH_MAX], const char *folder, const char *name, const char *ending) {
    int n = snprintf(buffer, PATH_MAX, "%s/%s%s", folder, name, ending);
    if (n < 0 || n >= PATH_MAX) {
        buffer[0] = '\0';
    }
    return buffer;
}

void history_environment(struct record *record) {
    char text[64];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
    record_environment(record, "oneDNN", text);
    record_environment(record, "instruction set", convolution_instruction_set());
    /* oneDNN looks at these two by itself; a pinned instruction set gives the same bits on other machines. */
    const char *limit = getenv("ONEDNN_MAX_CPU_ISA");
    limit = limit != NULL ? limit : getenv("DNNL_MAX_CPU_ISA");
    record_environment(record, "instruction set limit", limit != NULL ? limit : "none");
    record_environment(record, "compiler flags", DMSQ_CFLAGS);
    record_environment(record, "sources", built.sources);
    record_source(record, built.commit, built.dirty);
    record_environment(record, "compiled for", processor_target);
}

void history_enter(const char *stage, const struct record *record, const char *ledger) {
    if (ledger == NULL) {
        return;
    }
    struct error e;
    const struct lock_wait wait = {.say = history_say, .context = stage};
    char *json = record_json(record);
    if (json == NULL) {
        error_set(&e, STATUS_FAILED, "%s: out of memory", ledger);
        warn(stage, &e);
    } else if (ledger_enter(ledger, json, &wait, &e) != STATUS_OK) {
        fprintf(stderr, "%s: warning: %s; 'make ledger-rebuild' enters what is missing\n", stage, e.message);
    }
    free(json);
}

enum status history_write(const struct record *record, const char *folder, struct error *e) {
    char runs[PATH_MAX], path[PATH_MAX];
    enum status status = file_make_folder(path_of(runs, folder, "runs", ""), e);
    return status == STATUS_OK ? record_write(record, path_of(path, runs, record_name(record), ".json"), e) : status;
}

enum status history_prepare(const struct record *record, const char *folder, struct error *e) {
    char path[PATH_MAX];
    return record_write(record, path_of(path, folder, "pending-run.json", ""), e);
}

static int is_part(const struct dirent *entry) {
    return isdigit((unsigned char)entry->d_name[0]) && strstr(entry->d_name, ".npz") != NULL;
}

/* What a run kept to resume from is of no use once its outputs are in place. */
static void remove_checkpoint(const char *folder) {
    char path[PATH_MAX], parts[PATH_MAX];
    struct dirent **names = NULL;
    unlink(path_of(path, folder, "checkpoint.npz", ""));
    const int count = scandir(path_of(parts, folder, "parts", ""), &names, is_part, NULL);
    for (int i = 0; i < count; i++) {
        unlink(path_of(path, parts, names[i]->d_name, ""));
        free(names[i]);
    }
    free(names);
    rmdir(parts);
}

void history_finish(const char *stage, const char *folder, const char *ledger) {
    char pending[PATH_MAX], final[PATH_MAX];
    path_of(pending, folder, "pending-run.json", "");
    path_of(final, folder, "run.json", "");
    struct record *record;
    struct error e;
    remove_checkpoint(folder);
    if (record_read(pending, &record, &e) != STATUS_OK) {
        warn(stage, &e);
        return;
    }
    /* run.json comes last: while it is missing, all of this is done again by the next process. */
    enum status status = history_write(record, folder, &e);
    if (status != STATUS_OK) {
        warn(stage, &e);
    }
    history_enter(stage, record, ledger);
    if (status == STATUS_OK && file_replace(pending, final, &e) != STATUS_OK) {
        warn(stage, &e);
    }
    record_free(record);
}

/* Length of a name without the ending of a temporary file, ".tmp-PID..." (base/file.c, npz_writer.c, where libzip adds
 * letters of its own). */
static size_t without_ending(const char *name) {
    const char *ending = strstr(name, ".tmp-");
    return ending && isdigit((unsigned char)ending[5]) ? (size_t)(ending - name) : strlen(name);
}

/* Whether a file is an output not finished, or a temporary file on the way to one, to a record or to a checkpoint. */
static bool is_left_over(const char *name, const char *const *names) {
    const size_t length = without_ending(name), prefix = strlen(HISTORY_PARTIAL);
    const bool temporary = name[length] != '\0', partial = strncmp(name, HISTORY_PARTIAL, prefix) == 0;
    for (; *names; names++) {
        if (partial && strlen(*names) == length - prefix && strncmp(name + prefix, *names, length - prefix) == 0) {
            return true;
        }
    }
    static const char *const kept[] = {"run.json", "pending-run.json", "checkpoint.npz"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (temporary && strlen(kept[i]) == length && strncmp(name, kept[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* names: of the outputs; NULL for the folder of records. */
static void sweep_folder(const char *folder, const char *const *names) {
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name;
        if (names != NULL ? is_left_over(name, names) : name[without_ending(name)] != '\0') {
            char path[PATH_MAX];
            unlink(path_of(path, folder, name, ""));
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

static void sweep(const char *folder, const char *const *names) {
    char path[PATH_MAX];
    sweep_folder(folder, names);
    sweep_folder(path_of(path, folder, "runs", ""), NULL);
    sweep_folder(path_of(path, folder, "parts", ""), NULL);
}

void history_sweep(const char *folder, const char *const *names) {
    char path[PATH_MAX];
    sweep(folder, names);
    unlink(path_of(path, folder, "pending-run.json", ""));
}

/* When the checkpoint or the last part was written; 0: there is none. */
static time_t saved_at(const char *folder) {
    char path[PATH_MAX], parts[PATH_MAX];
    struct stat info;
    struct dirent **names = NULL;
    time_t last = stat(path_of(path, folder, "checkpoint.npz", ""), &info) == 0 ? info.st_mtime : 0;
    const int count = scandir(path_of(parts, folder, "parts", ""), &names, is_part, NULL);
    for (int i = 0; i < count; i++) {
        if (stat(path_of(path, parts, names[i]->d_name, ""), &info) == 0 && info.st_mtime > last) {
            last = info.st_mtime;
        }
        free(names[i]);
    }
    free(names);
    return last;
}

static int is_record(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

void history_note_earlier(struct record *record, const char *folder) {
    char runs[PATH_MAX], path[PATH_MAX], text[32];
    struct dirent **names = NULL;
    struct error e;
    const int count = saved_at(folder) ? scandir(path_of(runs, folder, "runs", ""), &names, is_record, versionsort) : 0;
    double sum = 0;
    for (int i = 0; i < count; i++) {
        struct record *earlier;
        if (record_read(path_of(path, runs, names[i]->d_name, ""), &earlier, &e) == STATUS_OK) {
            const double seconds = record_number(earlier, "wall_seconds");
            sum = strcmp(record_text(earlier, "status"), "done") == 0 ? 0 : isfinite(seconds) ? sum + seconds : sum;
            record_free(earlier);
        }
        free(names[i]);
    }
    free(names);
    if (sum > 0) {
        snprintf(text, sizeof text, "%.6g", sum);
        record_note(record, "earlier_seconds", text);
    }
}

/* Nobody else holds the lock, so whoever wrote "running" is gone. What the records then say is entered into the ledger:
 * whoever was killed between the two could not do it. */
static void mark_interrupted(const char *stage, const char *folder, const char *ledger) {
    char runs[PATH_MAX];
    DIR *list = opendir(path_of(runs, folder, "runs", ""));
    const struct dirent *entry;
    struct error e;
    bool any = false;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[PATH_MAX];
        struct record *record;
        if (!is_record(entry)) {
            continue;
        }
        any = true;
        if (record_read(path_of(path, runs, entry->d_name, ""), &record, &e) != STATUS_OK) {
            warn(stage, &e);
            continue;
        }
        if (strcmp(record_text(record, "status"), "running") == 0) {
            record_amend(record, "interrupted", "the process ended without a word (killed or crashed)", saved_at(folder));
            if (record_write(record, path, &e) != STATUS_OK) {
                warn(stage, &e);
            }
        }
        record_free(record);
    }
    if (list != NULL) {
        closedir(list);
    }
    const struct lock_wait wait = {.say = history_say, .context = stage};
    if (any && ledger != NULL && ledger_take_in(ledger, runs, &wait, &e) != STATUS_OK) {
        warn(stage, &e);
    }
}

/* What is left of outputs that are not all there, and the record of the run that made them: the next run makes them all, and
 * what lies there when it is killed is its own. */
static void remove_stale(const char *folder, const char *const *names) {
    char path[PATH_MAX];
    unlink(path_of(path, folder, "run.json", ""));
    for (; *names; names++) {
        unlink(path_of(path, folder, *names, ""));
    }
}

bool history_is_done(const char *folder, const char *key) {
    char path[PATH_MAX], pending[PATH_MAX];
    struct record *record = NULL;
    struct error ignored;
    if (access(path_of(pending, folder, "pending-run.json", ""), F_OK) == 0 ||
        record_read(path_of(path, folder, "run.json", ""), &record, &ignored) != STATUS_OK) {
        return false;
    }
    const bool same = strcmp(record_text(record, "key"), key) == 0;
    record_free(record);
    return same;
}

static enum status other_recipe(const char *folder, const struct record *record, const char *key, struct error *e) {
    return error_set(e, STATUS_BAD_INPUT, "%s: holds the output of another recipe (found key %.12s, this one is %.12s): choose "
                     "another --output", folder, record_text(record, "key"), key);
}

enum status history_join(const char *folder, const char *key, bool outputs, bool *done, struct error *e) {
    char path[PATH_MAX];
    struct record *record;
    struct error ignored;
    *done = outputs;
    if (!outputs || record_read(path_of(path, folder, "run.json", ""), &record, &ignored) != STATUS_OK) {
        return STATUS_OK; /* whoever finishes looks again */
    }
    const bool same = strcmp(record_text(record, "key"), key) == 0;
    if (!same) {
        other_recipe(folder, record, key, e);
    }
    record_free(record);
    return same ? STATUS_OK : STATUS_BAD_INPUT;
}

enum status history_recover(const char *stage, const char *folder, const char *ledger, const char *key,
                            bool outputs, const char *const *names, bool *done, struct error *e) {
    char path[PATH_MAX], pending[PATH_MAX];
    path_of(path, folder, "run.json", "");
    path_of(pending, folder, "pending-run.json", "");
    *done = false;
    if (outputs && access(pending, F_OK) == 0) {
        history_finish(stage, folder, ledger);
        sweep(folder, names);
        mark_interrupted(stage, folder, ledger);
    }
    struct record *record;
    struct error missing, also_missing;
    if (outputs && (record_read(path, &record, &missing) == STATUS_OK ||
                    record_read(pending, &record, &also_missing) == STATUS_OK)) {
        bool same = strcmp(record_text(record, "key"), key) == 0;
        enum status status = STATUS_OK;
        if (!same) {
            status = other_recipe(folder, record, key, e);
        }
        record_free(record);
        if (same) {
            remove_checkpoint(folder); /* of a run killed by a version that removed it last */
        }
        *done = same;
        return status;
    }
    if (outputs) {
        return error_set(e, STATUS_BAD_INPUT, "%s: holds outputs without a readable record (%s): remove them or choose "
                         "another --output", folder, missing.message);
    }
    mark_interrupted(stage, folder, ledger);
    history_sweep(folder, names);
    remove_stale(folder, names);
    return STATUS_OK;
}
