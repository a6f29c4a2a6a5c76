/* See continuation.h. */
#include "stages/continuation.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/recipe.h"
#include "store/record.h"

#define STATE "state.npz"

static enum status path_in(const char *folder, const char *name, char path[PATH_MAX], struct error *e) {
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX
               ? STATUS_OK
               : error_set(e, STATUS_BAD_INPUT, "%s: path too long", folder);
}

/* Notes from which training this one continues, and its time as that of an earlier run. */
static void note_shorter(struct stage_context *c, const struct training *training, const char *key,
                         const char *folder) {
    char path[PATH_MAX];
    struct record *record;
    struct error ignored;
    stage_note_value(c, "continued_after", (double)training_epoch(training), NAN, "epochs");
    stage_note(c, "continued_from", "%s", key);
    if (path_in(folder, "run.json", path, &ignored) == STATUS_OK && record_read(path, &record, &ignored) == STATUS_OK) {
        stage_note_value(c, "earlier_seconds", record_seconds(record), NAN, "s");
        record_free(record);
    }
}

enum status continuation_restore(struct stage_context *c, struct training *training, struct error *e) {
    for (int64_t epochs = parameters_integer(c->parameters, "epochs") - 1; epochs > 0; epochs--) {
        char number[24], key[65], place[sizeof key + 3], folder[PATH_MAX], state[PATH_MAX];
        snprintf(number, sizeof number, "%" PRId64, epochs);
        char *recipe = recipe_with(c->recipe, "epochs", number);
        if (!recipe) {
            return error_set(e, STATUS_FAILED, "out of memory for a recipe");
        }
        recipe_key(recipe, key);
        free(recipe);
        snprintf(place, sizeof place, "../%s", key);
        TRY(path_in(c->folder, place, folder, e));
        TRY(path_in(folder, STATE, state, e));
        if (access(state, F_OK) != 0) {
            continue;
        }
        struct error why;
        if (training_restore(training, state, key, &why) == STATUS_OK) {
            note_shorter(c, training, key, folder);
            return STATUS_OK;
        }
        fprintf(stderr, "train: does not continue from a shorter training: %s\n", why.message);
    }
    return STATUS_OK;
}

enum status continuation_save(const struct stage_context *c, const struct training *training, struct error *e) {
    char state[PATH_MAX];
    TRY(path_in(c->folder, STATE, state, e));
    return training_save(training, state, c->key, e);
}
