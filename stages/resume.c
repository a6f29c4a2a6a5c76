#include "stages/resume.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "diffusion/checkpoint.h"

static enum status refuse(struct error *e) {
    return error_prefix(e, "cannot resume; remove the checkpoint to start anew");
}

enum status resume_open(const struct stage_context *c, const struct score_model *m, char path[4096], struct npz **npz, struct error *e) {
    *npz = NULL;
    if (snprintf(path, 4096, "%s/checkpoint.npz", c->folder) >= 4096)
        return error_set(e, STATUS_BAD_INPUT, "%s: path too long", c->folder);
    if (access(path, F_OK) != 0)
        return STATUS_OK;
    return checkpoint_read(path, c->key, score_model_device(m), npz, e) == STATUS_OK ? STATUS_OK : refuse(e);
}

enum status resume_read(const struct npz *npz, const char *name, enum npz_type type, size_t count, void *target,
                        struct error *e) {
    const struct npz_array *a;
    if (npz_require(npz, name, type, 1, &a, e) != STATUS_OK)
        return refuse(e);
    if (a->count != count) {
        error_set(e, STATUS_BAD_INPUT, "%s: %s has %zu elements, expected %zu", npz_path(npz), name, a->count, count);
        return refuse(e);
    }
    memcpy(target, a->data, a->count * a->item_size);
    return STATUS_OK;
}

enum status resume_count(const struct npz *npz, const char *name, size_t most, int64_t *value, struct error *e) {
    const struct npz_array *a;
    if (npz_require(npz, name, NPZ_INT64, 0, &a, e) != STATUS_OK)
        return refuse(e);
    *value = *(const int64_t *)a->data;
    if (*value >= 0 && (uint64_t)*value <= most)
        return STATUS_OK;
    error_set(e, STATUS_BAD_INPUT, "%s: %s is %lld, expected 0 to %zu", npz_path(npz), name, (long long)*value, most);
    return refuse(e);
}

enum status resume_create(const struct stage_context *c, const struct score_model *m, const char *path, struct npz_writer **writer, struct error *e) {
    return checkpoint_create(path, c->key, score_model_device(m), writer, e);
}
