/* Stage `checkpoint`: the model that a training had at an earlier epoch (parameter keep-epochs of the stage train).
 *
 * Artifact: the model (score/score_model.c), and `epoch`. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "score/kinds.h"
#include "stages/arrays.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "epoch",
     .type = PARAMETER_INTEGER,
     .minimum = 1,
     .maximum = 1000000,
     .help = "Epoch after which the weights are taken, one of the training's keep-epochs."},
};

static const struct stage_input inputs[] = {
    {"training", "train", true, false, "The training, run with keep-epochs."},
};

static const struct stage_array arrays[] = {
    {"epoch", NPZ_INT64, "", "", "Epoch after which the weights were taken."},
    ARRAYS_MODEL,
};

static const char *const outputs[] = {"artifact.npz", NULL};

/* Writes "5, 10, 20", truncated to the size of the text. */
static void list(const int64_t *epochs, size_t count, char *text, size_t size) {
    text[0] = '\0';
    for (size_t i = 0, used = 0; i < count && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i > 0 ? ", " : "", epochs[i]);
    }
}

static enum status choose_weights(const struct npz *training, int64_t epoch, struct score_model *m, struct error *e) {
    const struct npz_array *epochs, *weights;
    if (npz_find(training, "kept.epochs") == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: no kept.epochs found, a training with keep-epochs expected",
                         npz_path(training));
    }
    TRY(npz_require(training, "kept.epochs", NPZ_INT64, 1, &epochs, e));
    TRY(npz_require(training, "kept.weights", NPZ_FLOAT32, 2, &weights, e));
    if (weights->shape[0] != epochs->count || weights->shape[1] != m->weight_count) {
        return error_set(e, STATUS_BAD_INPUT, "%s: kept.weights is %zu x %zu, expected %zu x %zu", npz_path(training),
                         weights->shape[0], weights->shape[1], epochs->count, m->weight_count);
    }
    const int64_t *kept = epochs->data;
    for (size_t i = 0; i < epochs->count; i++) {
        if (kept[i] == epoch) {
            memcpy(m->weights, (const float *)weights->data + i * m->weight_count,
                   m->weight_count * sizeof *m->weights);
            return STATUS_OK;
        }
    }
    char text[200];
    list(kept, epochs->count, text, sizeof text);
    return error_set(e, STATUS_BAD_INPUT, "%s: epoch %" PRId64 " was not kept, expected one of %s", npz_path(training),
                     epoch, text);
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    struct npz_writer *writer;
    const int64_t epoch = parameters_integer(c->parameters, "epoch");
    TRY(score_model_read(stage_input(c, "training", 0), &m, e));
    enum status status = choose_weights(stage_input(c, "training", 0), epoch, &m, e);
    THEN(status, stage_artifact(c, &writer, e));
    THEN(status, npz_add_integer(writer, "epoch", epoch, e));
    THEN(status, score_model_add(&m, writer, e));
    score_model_release(&m);
    return status;
}

const struct stage stage_checkpoint = {
    .name = "checkpoint",
    .summary = "the model that a training had at an earlier epoch",
    .version = 1,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
};
