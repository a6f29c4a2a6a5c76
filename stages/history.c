/* Records of a stage's runs in its output folder and in the ledger. */
#include "stages/history.h"

#include <ctype.h>
#include <dirent.h>
#include <dnnl.h>
#include <fcntl.h>
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
#include "base/owner.h"
#include "base/processor.h"
#include "built.h"
#include "network/product.h"
#include "stages/heartbeat.h"
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

/* FOLDER/NAME.ENDING; "" if it is too long for the system: a path that cannot be opened or removed. */
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
    record_environment(record, "instruction set", product_instruction_set());
    /* oneDNN reads these two variables itself; a fixed instruction set gives the same bits on other machines. */
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
    TRY(file_make_folder(path_of(runs, folder, "runs", ""), e));
    return record_write(record, path_of(path, runs, record_name(record), ".json"), e);
}

void history_withdraw(const struct record *record, const char *folder) {
    char runs[PATH_MAX], path[PATH_MAX];
    unlink(path_of(path, path_of(runs, folder, "runs", ""), record_name(record), ".json"));
}

enum status history_prepare(const struct record *record, const char *folder, struct error *e) {
    char path[PATH_MAX];
    return record_write(record, path_of(path, folder, "pending-run.json", ""), e);
}

static int is_part(const struct dirent *entry) {
    return isdigit((unsigned char)entry->d_name[0]) && strstr(entry->d_name, ".npz") != NULL;
}

void history_remove_parts(const char *folder) {
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

void history_finish(const char *stage, const char *folder, const char *ledger, const struct record *own) {
    char pending[PATH_MAX], final[PATH_MAX];
    path_of(pending, folder, "pending-run.json", "");
    path_of(final, folder, "run.json", "");
    struct record *found = NULL;
    struct error e;
    history_remove_parts(folder);
    if (own == NULL && record_read(pending, &found, &e) != STATUS_OK) {
        warn(stage, &e);
        return;
    }
    /* run.json comes last: while it is missing, the next process repeats all of this. */
    const struct record *record = own != NULL ? own : found;
    enum status status = history_write(record, folder, &e);
    if (status != STATUS_OK) {
        warn(stage, &e);
    }
    history_enter(stage, record, ledger);
    /* A process on another host that made the same artifact may have renamed pending-run.json already. */
    if (status == STATUS_OK && file_replace(pending, final, &e) != STATUS_OK &&
        record_write(record, final, &e) != STATUS_OK) {
        warn(stage, &e);
    }
    record_free(found);
}

/* Length of a name without the ending of a temporary file, ".tmp-OWNER...", from which *owner is read. See base/file.c
 * and npz_writer.c; libzip appends further letters. */
static size_t without_ending(const char *name, struct owner *owner) {
    const char *ending = strstr(name, ".tmp-");
    return ending && owner_read(ending + 5, owner) ? (size_t)(ending - name) : strlen(name);
}

/* Whether a file is an unfinished output or a temporary file of an output, a record or a checkpoint; sets *owner. */
static bool is_left_over(const char *name, const char *const *names, struct owner *owner) {
    static const char *const kept[] = {"run.json", "pending-run.json", "checkpoint.npz", "state.npz"};
    const size_t prefix = strlen(HISTORY_PARTIAL);
    size_t length = without_ending(name, owner);
    const bool temporary = name[length] != '\0';
    if (strncmp(name, HISTORY_PARTIAL, prefix) == 0) { /* files of older versions name no owner */
        struct owner of_output;
        const size_t more = owner_read(name + prefix, &of_output);
        const bool named = more > 0 && name[prefix + more] == '-';
        const char *output = name + prefix + (named ? more + 1 : 0);
        *owner = named ? of_output : *owner;
        length -= (size_t)(output - name);
        for (; *names; names++) {
            if (strlen(*names) == length && strncmp(output, *names, length) == 0) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; temporary && i < sizeof kept / sizeof *kept; i++) {
        if (strlen(kept[i]) == length && strncmp(name, kept[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the process that wrote the file is gone. A file of another host must also be unchanged for some time, because
 * leases may become visible late. */
static bool is_abandoned(int folder, const char *name, const struct owner *owner) {
    struct stat file;
    return owner_is_here(owner) || (fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
                                    difftime(time(NULL), file.st_mtime) > HEARTBEAT_DEAD_SECONDS / 2);
}

/* Removes temporary files. names: the outputs; NULL for the folders of records and of parts. all: also the abandoned
 * files of other processes, when this process sees no other one. */
static void sweep_folder(const char *folder, const char *const *names, bool all) {
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name;
        struct owner owner = {0};
        const bool left_over =
            names != NULL ? is_left_over(name, names, &owner) : name[without_ending(name, &owner)] != '\0';
        if (left_over && (owner_is_me(&owner) || (all && is_abandoned(dirfd(list), name, &owner)))) {
            char path[PATH_MAX];
            unlink(path_of(path, folder, name, ""));
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

static void sweep(const char *folder, const char *const *names, bool all) {
    char path[PATH_MAX];
    sweep_folder(folder, names, all);
    sweep_folder(path_of(path, folder, "runs", ""), NULL, all);
    sweep_folder(path_of(path, folder, "parts", ""), NULL, all);
}

void history_sweep(const char *folder, const char *const *names) {
    char path[PATH_MAX];
    struct record *record;
    struct error ignored;
    sweep(folder, names, false);
    if (record_read(path_of(path, folder, "pending-run.json", ""), &record, &ignored) == STATUS_OK) {
        const struct owner owner = record_owner(record);
        if (owner_is_me(&owner)) {
            unlink(path);
        }
        record_free(record);
    }
}

/* Time at which the checkpoint or the last part was written; 0 if there is none. */
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
    char runs[PATH_MAX], path[PATH_MAX];
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
        record_note_value(record, "earlier_seconds", (struct record_value){sum, NAN, "s"});
    }
}

/* Changes "running" to "interrupted" in the records of processes that no longer exist, and enters all records into the
 * ledger, since a process may have been killed before it did so. */
static void mark_interrupted(const char *stage, const char *folder, const char *ledger, const struct lock *lock,
                             const struct record *own) {
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
        const struct owner owner = record_owner(record);
        if (strcmp(record_text(record, "status"), "running") == 0 && !heartbeat_lives(path, record, lock) &&
            !(owner_is_me(&owner) && strcmp(record_name(record), record_name(own)) == 0)) {
            record_amend(record, "interrupted", "the process ended without a final record (killed or crashed)",
                         saved_at(folder));
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

/* Removes the outputs of an incomplete set, and the record of the run that made them. The next run makes all of them,
 * so that after an interruption all outputs in the folder are from that run. */
static void remove_stale(const char *folder, const char *const *names) {
    char path[PATH_MAX];
    unlink(path_of(path, folder, "run.json", ""));
    for (; *names; names++) {
        /* only outputs that are visible: one of another host may not be visible yet */
        if (access(path_of(path, folder, *names, ""), F_OK) == 0) {
            unlink(path);
        }
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
    return error_set(
        e, STATUS_BAD_INPUT,
        "%s: the folder has the output of another recipe (found key %.12s, expected %.12s): choose another "
        "--output",
        folder, record_text(record, "key"), key);
}

enum status history_join(const char *folder, const char *key, bool outputs, bool *done, struct error *e) {
    char path[PATH_MAX];
    struct record *record;
    struct error ignored;
    *done = outputs;
    if (!outputs || record_read(path_of(path, folder, "run.json", ""), &record, &ignored) != STATUS_OK) {
        return STATUS_OK; /* the process that runs --finish checks again */
    }
    const bool same = strcmp(record_text(record, "key"), key) == 0;
    if (!same) {
        other_recipe(folder, record, key, e);
    }
    record_free(record);
    return same ? STATUS_OK : STATUS_BAD_INPUT;
}

enum status history_look(const char *folder, const char *key, bool outputs, bool *done, struct error *e) {
    char path[PATH_MAX], pending[PATH_MAX];
    struct record *record;
    struct error missing, also_missing;
    *done = false;
    if (!outputs) {
        return STATUS_OK;
    }
    const bool complete = access(path_of(pending, folder, "pending-run.json", ""), F_OK) != 0;
    if (record_read(path_of(path, folder, "run.json", ""), &record, &missing) != STATUS_OK &&
        record_read(pending, &record, &also_missing) != STATUS_OK) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: the folder has outputs without a readable record (%s): remove them or choose another "
                         "--output",
                         folder, missing.message);
    }
    const bool same = strcmp(record_text(record, "key"), key) == 0;
    if (!same) {
        other_recipe(folder, record, key, e);
    }
    record_free(record);
    *done = same && complete;
    return same ? STATUS_OK : STATUS_BAD_INPUT;
}

void history_recover(const char *stage, const char *folder, const char *ledger, const struct lock *lock,
                     const struct record *own, bool outputs, const char *const *names, bool *done) {
    char path[PATH_MAX];
    const bool alone = heartbeat_is_alone(folder, lock);
    *done = outputs;
    if (outputs) {
        history_withdraw(own, folder);
        history_finish(stage, folder, ledger, NULL);
    }
    mark_interrupted(stage, folder, ledger, lock, own);
    sweep(folder, names, alone);
    if (!outputs && alone) {
        unlink(path_of(path, folder, "pending-run.json", ""));
        remove_stale(folder, names);
    }
}
