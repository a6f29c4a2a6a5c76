/* The CUDA backend on a device against the float64 oracle and the CPU backend: scores, vector-Jacobian products, all
 * weight gradients; bits of random numbers; the same bits in repeated, split and resumed runs. Usage: check [--small]
 * [FOLDER...]
 *
 * FOLDER: an unpacked reference network (python3 -m zipfile -e tests/data/unet-....npz FOLDER), whose name contains
 * "stride1" or "stride2" and "zeros" or "periodic". --small: one small case of each comparison, for compute-sanitizer.
 * Prints rows that begin with "ok" or "FAILED"; the exit status is 1 if one failed. */
#include <stdio.h>
#include <string.h>

#include "tests/gpu/compare.h"

static void reference(const char *folder) {
    GPU_COMPARE(compare_reference(folder));
}

int main(int argc, char **argv) {
    const struct unet_shape two = {16, 16, 8, 32, 2, UNET_PERIODIC}, one = {8, 8, 8, 32, 1, UNET_ZEROS};
    GPU_COMPARE(compare_philox());
    if (argc > 1 && strcmp(argv[1], "--small") == 0) {
        GPU_COMPARE(compare_network(two, 0, "small"));
        GPU_COMPARE(compare_gradients(two, "small"));
        GPU_COMPARE(compare_samplers(two, true, 9, "small"));
        GPU_COMPARE(compare_places(two, false, 5, "small"));
        return gpu_failures() > 0;
    }
    GPU_COMPARE(compare_network(one, -1, "stride 1, zeros, width 8, 8x8"));
    GPU_COMPARE(compare_network(two, -1, "stride 2, periodic, width 8, 16x16"));
    GPU_COMPARE(
        compare_network((struct unet_shape){12, 20, 4, 6, 1, UNET_PERIODIC}, -1, "stride 1, periodic, width 4, 12x20"));
    GPU_COMPARE(compare_network((struct unet_shape){16, 16, 96, 64, 2, UNET_PERIODIC}, 0, "stride 2, width 96, 16x16"));
    GPU_COMPARE(
        compare_network((struct unet_shape){32, 32, 32, 256, 1, UNET_PERIODIC}, -1, "stride 1, width 32, 32x32"));
    GPU_COMPARE(
        compare_network((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, -1, "stride 2, width 32, 32x32"));
    GPU_COMPARE(compare_wiener(two, "stride 2, periodic, width 8, 16x16, wiener"));
    GPU_COMPARE(compare_gradients(one, "stride 1, zeros, width 8, 8x8"));
    GPU_COMPARE(compare_gradients(two, "stride 2, periodic, width 8, 16x16"));
    GPU_COMPARE(compare_gradients((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, "stride 2, width 32, 32x32"));
    GPU_COMPARE(compare_gradients((struct unet_shape){16, 16, 32, 256, 1, UNET_PERIODIC}, "stride 1, width 32, 16x16"));
    GPU_COMPARE(compare_samplers((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, true, 300, "ancestral"));
    GPU_COMPARE(compare_samplers((struct unet_shape){32, 32, 32, 256, 1, UNET_PERIODIC}, false, 300,
                                 "Euler-Maruyama, stride 1"));
    GPU_COMPARE(compare_trainings((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, "training, stride 2"));
    GPU_COMPARE(compare_trainings((struct unet_shape){32, 32, 32, 256, 1, UNET_PERIODIC}, "training, stride 1"));
    GPU_COMPARE(compare_divergences(two, "divergence"));
    GPU_COMPARE(compare_places(two, true, 1100, "flow, 1100 configurations"));
    for (int i = 1; i < argc; i++) {
        reference(argv[i]);
    }
    printf("%d failed\n", gpu_failures());
    return gpu_failures() > 0;
}
