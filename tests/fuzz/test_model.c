/* Score models: a sound model whose arrays are dropped, reshaped, retyped or overwritten, as the input says in groups
 * of four bytes: what, which array, where, with what. */
#include "tests/score/models.h"

#include "store/npz.h"
#include "tests/fuzz/driver.h"

static struct npz *sound;

static enum status write_changed(const uint8_t *data, size_t size, const char *path, struct error *e) {
    struct npz_writer *w;
    enum status status = npz_create(path, &w, e);
    for (size_t i = 0; i < npz_count(sound) && status == STATUS_OK; i++) {
        struct npz_array a = *npz_array_at(sound, i);
        const size_t bytes = a.count * a.item_size;
        uint8_t *copy = calloc(1, bytes + 64);
        memcpy(copy, a.data, bytes);
        bool dropped = false;
        for (size_t k = 0; k + 4 <= size; k += 4) {
            if (data[k + 1] % npz_count(sound) != i) {
                continue;
            }
            switch (data[k] % 6) {
            case 0:
                dropped = true;
                break;
            case 1:
                a.type = a.type == NPZ_FLOAT32 ? NPZ_FLOAT64 : NPZ_FLOAT32;
                break;
            case 2:
                a.dimensions = a.dimensions > 0 ? a.dimensions - 1 : 1;
                break;
            case 3:
                if (a.dimensions > 0) {
                    a.shape[data[k + 2] % a.dimensions] = data[k + 3] % 5;
                }
                break;
            case 4:
                if (bytes > 0) {
                    copy[data[k + 2] * 7u % bytes] = data[k + 3];
                }
                break;
            default:
                if (a.type == NPZ_FLOAT64 && bytes >= 8) {
                    const double values[] = {-1, (double)NAN, (double)INFINITY, 0, 1e300, -0.0};
                    memcpy(copy + data[k + 2] % (bytes / 8) * 8, &values[data[k + 3] % 6], 8);
                }
            }
        }
        size_t count = 1;
        for (size_t d = 0; d < a.dimensions; d++) {
            a.shape[d] = a.shape[d] > 0 ? a.shape[d] : 0;
            count *= a.shape[d];
        }
        const size_t unit = a.type == NPZ_FLOAT64 || a.type == NPZ_INT64 ? 8 : 4;
        uint8_t *larger = a.type == NPZ_BYTES ? copy : calloc(1, count * unit + bytes + 64);
        if (larger != copy) {
            memcpy(larger, copy, bytes);
            free(copy);
        }
        if (dropped) {
            free(larger);
        } else if (a.type == NPZ_BYTES) {
            status = npz_add_text(w, a.name, (const char *)larger, e);
            free(larger);
        } else {
            status = npz_add_owned(w, a.name, a.type, a.dimensions, a.shape, larger, e);
        }
    }
    if (status != STATUS_OK) {
        npz_abandon(w);
        return status;
    }
    return npz_commit(w, e);
}

static int target(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("model.npz");
    struct error e;
    struct npz *npz;
    struct score_model m;
    if (write_changed(data, size, path, &e) == STATUS_OK) {
        enum status status = npz_read(path, &npz, &e);
        fuzz_check(status, &e);
        if (status == STATUS_OK) {
            status = score_model_read(npz, &m, &e);
            fuzz_check(status, &e);
            if (status == STATUS_OK) {
                score_model_release(&m);
            }
            npz_free(npz);
        }
    }
    remove(path);
    return 0;
}

int main(void) {
    struct error e;
    struct npz_writer *w;
    struct score_model m = network_model((struct unet_shape){8, 8, 4, 8, 2, UNET_PERIODIC}, SCORE_WIENER, 30);
    const char *path = fuzz_path("sound.npz");
    if (npz_create(path, &w, &e) != STATUS_OK || score_model_add(&m, w, &e) != STATUS_OK ||
        npz_commit(w, &e) != STATUS_OK || npz_read(path, &sound, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    remove(path);
    score_model_release(&m);
    fuzz_add_text("\4\1\2\3");
    fuzz_add_text("\5\1\2\1\3\2\1\4");
    for (char i = 0; i < 40; i++) {
        fuzz_add_text((const char[]){0, i + 1, 1, 1, 0});
        fuzz_add_text((const char[]){3, i + 1, 1, 3, 0});
        fuzz_add_text((const char[]){5, i + 1, 3, 6, 0});
    }
    const int status = fuzz_main("model", target);
    npz_free(sound);
    return status;
}
