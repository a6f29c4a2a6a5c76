/* Random weights and frequencies at the start of a training (initialise.h). */
#include "network/initialise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define STREAMS "network" /* the `stage` of the random keys */

/* fan_in of the layer that `t` belongs to; 0 for a group norm. */
static size_t fan_in(const struct unet_shape *shape, const struct unet_tensor list[UNET_TENSORS],
                     const struct unet_tensor *t) {
    size_t layer = (size_t)(strchr(t->name, '.') - t->name);
    char name[32];
    memcpy(name, t->name, layer);
    memcpy(name + layer, ".weight", sizeof ".weight");
    const struct unet_tensor *weight = &list[unet_find(shape, name)];
    if (weight->dimensions == 1) {
        return 0;
    }
    return weight->shape[1] * (weight->dimensions == 4 ? 9 : 1);
}

enum status initialise_weights(const struct unet_shape *shape, uint64_t seed, float *weights, struct error *e) {
    struct unet_tensor list[UNET_TENSORS];
    size_t largest = 0;
    unet_tensors(shape, list, NULL);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        largest = list[i].count > largest ? list[i].count : largest;
    }
    double *u = malloc(largest * sizeof *u);
    if (!u) {
        return error_set(e, STATUS_FAILED, "initial weights: out of memory");
    }
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        const struct unet_tensor *t = &list[i];
        float *w = weights + t->offset;
        size_t fan = fan_in(shape, list, t);
        if (fan > 0) {
            double bound = 1 / sqrt((double)fan);
            random_uniform(random_key(seed, STREAMS, t->name), 0, 0, u, t->count);
            for (size_t k = 0; k < t->count; k++) {
                w[k] = (float)(bound * (2 * u[k] - 1));
            }
        } else {
            float value = strstr(t->name, ".weight") ? 1 : 0;
            for (size_t k = 0; k < t->count; k++) {
                w[k] = value;
            }
        }
    }
    free(u);
    return STATUS_OK;
}

enum status initialise_frequencies(const struct unet_shape *shape, uint64_t seed, double scale, float *frequencies,
                                   struct error *e) {
    size_t count = (size_t)shape->embedding / 2;
    double *z = malloc(count * sizeof *z);
    if (!z) {
        return error_set(e, STATUS_FAILED, "Fourier frequencies: out of memory");
    }
    random_normal(random_key(seed, STREAMS, "embed.fourier"), 0, 0, z, count);
    for (size_t i = 0; i < count; i++) {
        frequencies[i] = (float)(scale * z[i]);
    }
    free(z);
    return STATUS_OK;
}
