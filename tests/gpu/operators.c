/* Every operator of the CUDA backend by itself on a device, in each precision that it has (compare.h): a row each. Exit
 * status 1 when one failed. */
#include <stdio.h>

#include "cuda/backend.h"
#include "tests/gpu/compare.h"

static enum status compare(const char *name, struct error *e) {
    struct backend *b;
    enum status status = backend_cuda_open(name, &b, e);
    if (status != STATUS_OK)
        return status;
    status = compare_convolutions(b, 32, e);
    if (status == STATUS_OK && !b->forward_only && b->name[4] == '-') /* float32: the rest is the same in TF32 */
        status = compare_layers(b, e);
    if (status == STATUS_OK && !b->forward_only && b->name[4] == '-')
        status = compare_process(b, e);
    if (status == STATUS_OK && !b->forward_only && b->name[4] == '-')
        status = compare_flow(b, e);
    b->close(b);
    return status;
}

int main(void) {
    static const char *const names[] = {"cuda-float32", "cuda", "cuda-bf16"};
    struct error e = {0};
    for (int i = 0; i < 3; i++)
        if (compare(names[i], &e) != STATUS_OK) {
            fprintf(stderr, "check-gpu: %s\n", e.message);
            return 1;
        }
    return gpu_failures() > 0;
}
