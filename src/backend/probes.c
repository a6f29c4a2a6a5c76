#include "backend/probes.h"

void probes_draw(struct random_key key, uint64_t stream, size_t probes, bool signs, size_t V, float *out) {
    for (size_t k = 0; k < probes; k++, out += V) {
        if (!signs) {
            random_normal_float(key, stream, k, out, V);
            continue;
        }
        uint32_t words[4] = {0};
        for (size_t i = 0; i < V; i++) {
            if (i % 128 == 0) {
                random_block(key, stream, k, (uint32_t)(i / 128), words);
            }
            out[i] = words[i / 32 % 4] >> (i % 32) & 1 ? 1.0f : -1.0f;
        }
    }
}
