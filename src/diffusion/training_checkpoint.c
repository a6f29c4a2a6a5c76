/* Checkpoints of a training: weights, moments, average, losses and kept weights between two epochs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/checkpoint.h"
#include "diffusion/training_internal.h"

enum status training_save(const struct training *t, const char *path, const char *key, struct error *e) {
    struct npz_writer *writer;
    TRY(training_pull(t, e));
    TRY(checkpoint_create(path, key, score_model_device(t->model), &writer, e));
    const size_t n = t->model->weight_count;
    enum status status = npz_add_integer(writer, "step", t->step, e);
    THEN(status, npz_add_reals(writer, "loss", t->loss, (size_t)t->epoch, e));
    const struct {
        const char *name;
        const float *data;
    } vectors[] = {{"weights", t->weights},
                   {"first_moment", t->first_moment},
                   {"second_moment", t->second_moment},
                   {"average", t->average}};
    for (size_t i = 0; i < 4 && status == STATUS_OK; i++) {
        status = npz_add(writer, vectors[i].name, NPZ_FLOAT32, 1, &n, vectors[i].data, e);
    }
    const size_t kept = t->settings.keep_count * n;
    if (status == STATUS_OK && kept > 0) {
        status = npz_add(writer, "kept", NPZ_FLOAT32, 1, &kept, t->kept, e);
    }
    if (status != STATUS_OK) {
        npz_abandon(writer);
        return status;
    }
    return npz_commit(writer, e);
}

enum status training_restore(struct training *t, const char *path, const char *key, struct error *e) {
    struct npz *npz;
    TRY(checkpoint_read(path, key, score_model_device(t->model), &npz, e));
    const struct npz_array *step, *loss, *kept = NULL, *vectors[4];
    const char *const names[] = {"weights", "first_moment", "second_moment", "average"};
    float *const targets[] = {t->weights, t->first_moment, t->second_moment, t->average};
    enum status status = npz_require(npz, "step", NPZ_INT64, 0, &step, e);
    THEN(status, npz_require(npz, "loss", NPZ_FLOAT64, 1, &loss, e));
    for (int i = 0; i < 4 && status == STATUS_OK; i++) {
        status = npz_require(npz, names[i], NPZ_FLOAT32, 1, &vectors[i], e);
        if (status == STATUS_OK && vectors[i]->count != t->model->weight_count) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: %s has %zu elements, expected %zu", path, names[i],
                               vectors[i]->count, t->model->weight_count);
        }
    }
    const size_t kept_count = t->settings.keep_count * t->model->weight_count;
    if (status == STATUS_OK && kept_count > 0) {
        status = npz_require(npz, "kept", NPZ_FLOAT32, 1, &kept, e);
    }
    if (status == STATUS_OK && kept && kept->count != kept_count) {
        status =
            error_set(e, STATUS_BAD_INPUT, "%s: kept has %zu elements, expected %zu", path, kept->count, kept_count);
    }
    if (status == STATUS_OK && loss->count > (size_t)t->settings.epochs) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: %zu epochs done, expected at most %" PRId64, path, loss->count,
                           t->settings.epochs);
    }
    if (status == STATUS_OK) {
        for (int i = 0; i < 4; i++) {
            memcpy(targets[i], vectors[i]->data, t->model->weight_count * sizeof(float));
        }
        if (kept) {
            memcpy(t->kept, kept->data, kept_count * sizeof *t->kept);
        }
        memcpy(t->loss, loss->data, loss->count * sizeof *t->loss);
        t->epoch = (int64_t)loss->count;
        t->step = *(const int64_t *)step->data;
        training_shuffle(t);
        status = t->backend->training_write(t->work, t->weights, t->first_moment, t->second_moment, t->average, e);
    }
    npz_free(npz);
    return status;
}
