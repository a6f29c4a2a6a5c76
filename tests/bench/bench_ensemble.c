/* Speed of the ensemble stage's work: configurations a second in the published protocol (A Sec. 4.2: 32 x 32,
 * kappa = 0.21, lambda = 0.022, 164 unit trajectories of ten leapfrog steps, one configuration a chain), how much of
 * it is random numbers, and how fast the rest is against the peak. */
#include "tests/bench/bench.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "lattice/ensemble.h"
#include "lattice/lanes.h"

enum { L = 32, V = L * L, TRAJECTORIES = 164, STEPS = 10, BATCH = 512, REPEATS = 100 };

struct work {
    const struct geometry *geometry;
    struct ensemble_plan plan;
    struct ensemble out;
    double *z; /* threads x 4 fields of lanes */
};

static enum status generate(void *context, struct error *e) {
    struct work *w = context;
    return ensemble_generate(w->geometry, &w->plan, &w->out, NULL, NULL, e);
}

static enum status normals(void *context, struct error *e) {
    struct work *w = context;
    (void)e;
    const struct random_key key = random_key(1, "bench", "normals");
#pragma omp parallel num_threads(w->plan.threads)
    {
        const size_t thread = (size_t)omp_get_thread_num();
        for (uint64_t r = 0; r < REPEATS; r++)
            random_normal_lanes(key, thread * RANDOM_LANES, r, w->z + thread * V * RANDOM_LANES, V);
    }
    return STATUS_OK;
}

static enum status leapfrog(void *context, struct error *e) {
    struct work *w = context;
    (void)e;
#pragma omp parallel num_threads(w->plan.threads)
    {
        const size_t one = (size_t)V * RANDOM_LANES, thread = (size_t)omp_get_thread_num();
        double *phi = w->z + (size_t)w->plan.threads * one + thread * 3 * one;
        for (size_t i = 0; i < 2 * one; i++)
            phi[i] = 0.1 * (double)(i % 7);
        for (uint64_t r = 0; r < REPEATS; r++)
            lanes_leapfrog(w->geometry, &w->plan.sampler.theory, 0.1, STEPS, phi, phi + one, phi + 2 * one);
    }
    return STATUS_OK;
}

static void report(struct bench *b, double times[][BENCH_REPETITIONS], size_t n) {
    const struct bench_target none = {BENCH_NO_TARGET, 0};
    const double rate = BATCH / bench_median(times[0], n);
    const double moved = (double)V * RANDOM_LANES * REPEATS * b->threads;
    const double part = (double)BATCH * TRAJECTORIES * V / moved; /* of a run's numbers in one of the loops below */
    /* a kick is 11 operations a site, a drift 2; the last kick of a trajectory comes on top; in double precision,
     * whose peak is half of that in single */
    const double flop = moved * (STEPS * 13.0 + 11.0);
    const double fraction = 2 * flop / bench_peak_flop(b) * bench_median_ratio(times[3], times[2], n);
    bench_row(b, "ensemble: published protocol (ratio to 600)", rate, "configurations/s", rate / 600,
              (struct bench_target){BENCH_AT_LEAST, 1});
    bench_row(b, "  against the published rate", 1.57, "configurations/s", rate / 1.57, none);
    bench_row(b, "  momenta (ratio: share of the time)", 1e-6 * moved / bench_median(times[1], n), "million/s",
              part * bench_median_ratio(times[1], times[0], n), none);
    bench_row(b, "  leapfrog in float64 (ratio: share of the time)", 1e-9 * flop / bench_median(times[2], n), "GFLOP/s",
              part * bench_median_ratio(times[2], times[0], n), none);
    bench_row(b, "  leapfrog, fraction of half the float32 peak", 100 * fraction, "%", NAN, none);
}

enum status bench_ensemble(struct bench *b, struct error *e) {
    enum { REPETITIONS = 5 };
    struct geometry *g = NULL;
    enum status status = geometry_new((size_t[]){L, L}, 2, &g, e);
    if (status != STATUS_OK)
        return status;
    struct work w = {
        .geometry = g,
        .plan = {.sampler = {.theory = {0.21, 0.022},
                             .algorithm = SAMPLER_HMC,
                             .start = SAMPLER_HOT,
                             .trajectory_length = 1.0,
                             .leapfrog_steps = STEPS,
                             .seed = 1},
                 .chains = BATCH,
                 .measurements = 1,
                 .thermalisation = TRAJECTORIES,
                 .stride = 1,
                 .threads = b->threads},
        .out = {malloc((size_t)BATCH * V * sizeof(float)), malloc(BATCH * sizeof(double)),
                malloc(BATCH * sizeof(double)), malloc(BATCH * sizeof(double)), malloc(BATCH * sizeof(double))},
        .z = malloc((size_t)b->threads * 4 * V * RANDOM_LANES * sizeof(double)),
    };
    if (!w.out.phi || !w.out.action || !w.out.virial || !w.out.acceptance || !w.out.exp_minus_dH || !w.z)
        status = error_set(e, STATUS_FAILED, "out of memory");
    double times[4][BENCH_REPETITIONS];
    if (status == STATUS_OK)
        status = bench_time((struct bench_side[]){{generate, &w}, {normals, &w}, {leapfrog, &w}, {bench_peak, b}}, 4,
                            REPETITIONS, times, e);
    if (status == STATUS_OK)
        report(b, times, REPETITIONS);
    free(w.z);
    free(w.out.phi);
    free(w.out.action);
    free(w.out.virial);
    free(w.out.acceptance);
    free(w.out.exp_minus_dH);
    geometry_free(g);
    return status;
}
