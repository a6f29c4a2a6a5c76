#include "diffusion/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "network/product.h"

static const char *arithmetic(const struct backend *device) {
    return !device ? product_instruction_set() : device->arithmetic ? device->arithmetic : device->name;
}

enum status checkpoint_create(const char *path, const char *key, const struct backend *device,
                              struct npz_writer **writer, struct error *e) {
    TRY(npz_create(path, writer, e));
    enum status status = npz_add_text(*writer, "key", key, e);
    THEN(status, npz_add_text(*writer, "arithmetic", arithmetic(device), e));
    if (status != STATUS_OK) {
        npz_abandon(*writer);
        *writer = NULL;
    }
    return status;
}

enum status checkpoint_read(const char *path, const char *key, const struct backend *device, struct npz **npz,
                            struct error *e) {
    char *recipe = NULL, *written = NULL;
    enum status status = npz_read(path, npz, e);
    if (status != STATUS_OK) {
        *npz = NULL;
        return status;
    }
    status = npz_text(*npz, "key", &recipe, e);
    if (status == STATUS_OK && strcmp(recipe, key) != 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: checkpoint of recipe %.12s, expected %.12s", path, recipe, key);
    }
    THEN(status, npz_text(*npz, "arithmetic", &written, e));
    if (status == STATUS_OK && strcmp(written, arithmetic(device)) != 0) {
        status = error_set(e, STATUS_BAD_INPUT,
                           "%s: written with %.200s, expected %s, since the bits differ (ISA selects an "
                           "instruction set)",
                           path, written, arithmetic(device));
    }
    free(recipe);
    free(written);
    if (status != STATUS_OK) {
        npz_free(*npz);
        *npz = NULL;
    }
    return status;
}
