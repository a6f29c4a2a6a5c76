/* The comparisons of tests/gpu, each a row of its table. They use a device only through cuda/, so tests/cuda can run
 * the same code on the emulated device. */
#ifndef DMSQ_TESTS_GPU_COMPARE_H
#define DMSQ_TESTS_GPU_COMPARE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/error.h"
#include "network/unet.h"

struct backend;

/* --- rows.c -------------------------------------------------------------------------------------- */

/* Prints a row: "ok" if found <= allowed, "FAILED" if not, or if found is NaN. */
void gpu_row(const char *what, double found, double allowed);
/* Prints a row for a comparison that is left out, with the reason. */
void gpu_left_out(const char *what, const char *why);
int gpu_failures(void);

/* Runs a comparison: GPU_COMPARE(compare_...(...)). If a call in it fails, a row with FAILED is printed, the comparison
 * ends (without releasing its memory) and the program continues. Not for parallel use. */
#define GPU_COMPARE(comparison) \
    do { \
        gpu_comparison = #comparison; \
        if (setjmp(gpu_ended) == 0) { \
            comparison; \
        } \
    } while (0)
extern jmp_buf gpu_ended;
extern const char *gpu_comparison; /* the running comparison */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void gpu_end(const char *call, const char *message);
/* Prints only the row of a failed call. */
void gpu_failed(const char *call, const char *message);

/* --- single operators, against those of the CPU (src/network, src/lattice, src/diffusion) ------------ */

/* With their definition, in double; each is run `repeats` times. A call that fails is a row. */
void compare_convolutions(struct backend *b, int width, int repeats);
/* An error is one of a call, not of a comparison. */
enum status compare_layers(struct backend *b, struct error *e);  /* norm, halo, embedding, single channel */
enum status compare_process(struct backend *b, struct error *e); /* filter, noise, sampler, training, traces */
enum status compare_flow(struct backend *b, struct error *e);    /* the vectors of the integrator */

/* --- networks.c: whole networks ------------------------------------------------------------------- */

/* Score and vector-Jacobian product of two configurations against the float64 oracle and, where oneDNN is there, the
 * CPU backend. precision: 0 float32, 1 TF32, 2 bfloat16; below 0: all of them. */
void compare_network(struct unet_shape shape, int precision, const char *name);
/* Score and product with the Wiener filter around the network, against the CPU backend. */
void compare_wiener(struct unet_shape shape, const char *name);
/* Loss and gradients of all weights against the oracle, in float32 and TF32. */
void compare_gradients(struct unet_shape shape, const char *name);
/* A reference network unpacked (check.c). */
void compare_reference(const char *folder);

/* --- bits.c: equal bits, wherever they are to be expected ------------------------------------------- */

void compare_philox(void);
void compare_samplers(struct unet_shape shape, bool ancestral, size_t count, const char *name);
void compare_trainings(struct unet_shape shape, const char *name);
/* The flow: its divergence by probes and exactly, its slots by themselves and in company. */
void compare_divergences(struct unet_shape shape, const char *name);
void compare_places(struct unet_shape shape, bool adaptive, size_t count, const char *name);

#ifdef __cplusplus
}
#endif

#endif
