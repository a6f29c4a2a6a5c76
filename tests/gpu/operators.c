/* Every single operator of the CUDA backend on a device, in each of its precisions (compare.h), one row each. The exit
 * status is 1 if one failed. */
#include <stdio.h>

#include "cuda/backend.h"
#include "tests/gpu/compare.h"

static void compare(const char *name) {
    static const struct {
        const char *name;
        enum status (*compare)(struct backend *b, struct error *e);
    } parts[] = {{"layers", compare_layers}, {"process", compare_process}, {"flow", compare_flow}};
    struct backend *b;
    struct error e = {0};
    if (backend_cuda_open(name, &b, &e) != STATUS_OK) {
        gpu_failed(name, e.message);
        return;
    }
    compare_convolutions(b, 32, 50);
    /* for float32 only, since the others are the same in TF32 */
    const int count = !b->forward_only && b->name[4] == '-' ? 3 : 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].compare(b, &e) != STATUS_OK) {
            gpu_failed(parts[i].name, e.message);
        }
    }
    b->close(b);
}

int main(void) {
    static const char *const names[] = {"cuda-float32", "cuda", "cuda-bf16"};
    for (int i = 0; i < 3; i++) {
        compare(names[i]);
    }
    return gpu_failures() > 0;
}
