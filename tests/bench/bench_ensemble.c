/* Speed of the ensemble stage's work: configurations a second in the published protocol (32 x 32, kappa = 0.21,
 * lambda = 0.022, 164 unit trajectories of ten leapfrog steps, one configuration a chain), and how much of it is
 * random numbers and how much moves. Run it on an idle machine; argument: threads (2). */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "lattice/ensemble.h"

enum { L = 32, V = L * L, TRAJECTORIES = 164, STEPS = 10 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Independent chains of multiply and add on vectors, two operations each: what the machine can do without
 * contraction into fused operations. */
static double peak_flops(int threads) {
    enum { WIDTH = 128, REPEATS = 2000000 };
    double total = 0.0;
    const double start = seconds();
#pragma omp parallel num_threads(threads) reduction(+ : total)
    {
        double x[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            x[i] = 1e-3 * i;
        }
        for (int r = 0; r < REPEATS; r++) {
#pragma omp simd
            for (int i = 0; i < WIDTH; i++) {
                x[i] = x[i] * 0.999 + 0.001;
            }
        }
        for (int i = 0; i < WIDTH; i++) {
            total += x[i];
        }
    }
    const double time = seconds() - start;
    return total > 0.0 ? 2.0 * WIDTH * REPEATS * threads / time : 0.0;
}

static double normals_per_second(int threads) {
    enum { REPEATS = 400 };
    const struct random_key key = random_key(1, "bench", "normals");
    double start = seconds();
#pragma omp parallel num_threads(threads)
    {
        double *z = malloc((size_t)V * RANDOM_LANES * sizeof *z);
        for (uint64_t r = 0; z != NULL && r < REPEATS; r++) {
            random_normal_lanes(key, (uint64_t)omp_get_thread_num() * RANDOM_LANES, r, z, V);
        }
        free(z);
    }
    return (double)V * RANDOM_LANES * REPEATS * threads / (seconds() - start);
}

int main(int argc, char **argv) {
    const int threads = argc > 1 && atoi(argv[1]) > 0 ? atoi(argv[1]) : 2;
    enum { N = 2048 };
    const struct ensemble_plan plan = {
        .sampler = {.theory = {0.21, 0.022},
                    .algorithm = SAMPLER_HMC,
                    .start = SAMPLER_HOT,
                    .trajectory_length = 1.0,
                    .leapfrog_steps = STEPS,
                    .seed = 1},
        .chains = N,
        .measurements = 1,
        .thermalisation = TRAJECTORIES,
        .stride = 1,
        .threads = threads,
    };
    struct geometry *g = NULL;
    struct error e;
    const struct ensemble out = {malloc((size_t)N * V * sizeof(float)), malloc(N * sizeof(double)),
                                 malloc(N * sizeof(double)), malloc(N * sizeof(double)),
                                 malloc(N * sizeof(double))};
    if (out.phi == NULL || out.action == NULL || out.virial == NULL || out.acceptance == NULL ||
        out.exp_minus_dH == NULL) {
        fprintf(stderr, "bench_ensemble: out of memory\n");
        return 1;
    }
    double start = 0.0;
    enum status s = geometry_new((size_t[]){L, L}, 2, &g, &e);
    if (s == STATUS_OK) {
        start = seconds();
        s = ensemble_generate(g, &plan, &out, NULL, NULL, &e);
    }
    if (s != STATUS_OK) {
        fprintf(stderr, "bench_ensemble: %s\n", e.message);
        return s;
    }
    const double rate = N / (seconds() - start);
    double acceptance = 0.0;
    for (int i = 0; i < N; i++) {
        acceptance += out.acceptance[i] / N;
    }
    const double normals = normals_per_second(threads), peak = peak_flops(threads);
    const double normals_each = (double)TRAJECTORIES * V;
    /* a kick is 11 operations a site, a drift 2; the last kick of a trajectory comes on top */
    const double flops_each = (double)TRAJECTORIES * V * (STEPS * 13.0 + 11.0);
    const double normals_share = rate * normals_each / normals;
    printf("ensemble, %d threads, lanes of %d, published protocol at 32x32, kappa 0.21:\n", threads, LATTICE_LANES);
    printf("  %8.1f configurations/s (acceptance %.4f); %.2f of the 600 asked for, %.0f times the published 1.57\n",
           rate, acceptance, rate / 600.0, rate / 1.57);
    printf("  %8.1f million momenta/s drawn alone: %.0f%% of the time\n", normals / 1e6, 100.0 * normals_share);
    printf("  %8.1f GFLOP/s of leapfrog in the rest of the time; multiply-add without contraction reaches %.1f "
           "(%.0f%%)\n",
           rate * flops_each / (1.0 - normals_share) / 1e9, peak / 1e9,
           100.0 * rate * flops_each / (1.0 - normals_share) / peak);
    free(out.phi);
    free(out.action);
    free(out.virial);
    free(out.acceptance);
    free(out.exp_minus_dH);
    geometry_free(g);
    return 0;
}
