/* Speed of the stage ensemble: configurations per second with the published protocol (A Sec. 4.2: 32x32, kappa = 0.21,
 * lambda = 0.022, 164 trajectories of unit length with ten leapfrog steps, one configuration per chain), in double and
 * in single precision; the share of the random numbers, and the speed of the rest against the peak; and a step of the
 * cluster algorithm. */
#include "tests/bench/bench.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "lattice/ensemble.h"
#include "lattice/lanes.h"

enum { L = 32, V = L * L, TRAJECTORIES = 164, STEPS = 10, BATCH = 512, REPEATS = 100, CLUSTER_STEPS = 40, FIELDS = 4 };

struct work {
    const struct geometry *geometry;
    struct ensemble_plan plan;
    struct ensemble out;
    double *z; /* (threads, FIELDS) fields of lanes: field, momenta, both in single precision, workspace */
};

static enum status generate(void *context, struct error *e) {
    struct work *w = context;
    return ensemble_generate(w->geometry, &w->plan, &w->out, NULL, NULL, e);
}

static enum status generate_single(void *context, struct error *e) {
    struct work *w = context;
    struct ensemble_plan plan = w->plan;
    plan.sampler.single_precision = true;
    return ensemble_generate(w->geometry, &plan, &w->out, NULL, NULL, e);
}

/* Omelyan's integrator, with a similar acceptance and less than half of the forces (integrator.h). */
static enum status generate_omelyan(void *context, struct error *e) {
    struct work *w = context;
    struct ensemble_plan plan = w->plan;
    plan.sampler.single_precision = true;
    plan.sampler.integrator = INTEGRATOR_OMELYAN;
    plan.sampler.leapfrog_steps = 2;
    return ensemble_generate(w->geometry, &plan, &w->out, NULL, NULL, e);
}

/* Cluster flips near criticality, where clusters are large. */
static enum status generate_cluster(void *context, struct error *e) {
    struct work *w = context;
    struct ensemble_plan plan = w->plan;
    plan.sampler.algorithm = SAMPLER_CLUSTER;
    plan.sampler.theory.kappa = 0.27;
    plan.thermalisation = CLUSTER_STEPS;
    return ensemble_generate(w->geometry, &plan, &w->out, NULL, NULL, e);
}

/* Runs a loop alone, on separate fields of lanes for every thread. */
static void repeat(struct work *w, void (*loop)(const struct work *w, double *fields, uint64_t r)) {
#pragma omp parallel num_threads(w->plan.threads)
    {
        double *fields = w->z + (size_t)omp_get_thread_num() * FIELDS * V * RANDOM_LANES;
        for (size_t i = 0; i < (size_t)FIELDS * V * RANDOM_LANES; i++) {
            fields[i] = 0.1 * (double)(i % 7);
        }
        float *single = (float *)(fields + (size_t)2 * V * RANDOM_LANES);
        for (size_t i = 0; i < (size_t)2 * V * RANDOM_LANES; i++) {
            single[i] = 0.1f * (float)(i % 7);
        }
        for (uint64_t r = 0; r < REPEATS; r++) {
            loop(w, fields, r);
        }
    }
}

static void normals_once(const struct work *w, double *fields, uint64_t r) {
    (void)w;
    random_normal_lanes(random_key(1, "bench", "normals"), 0, r, fields, V);
}

static void normals_single_once(const struct work *w, double *fields, uint64_t r) {
    (void)w;
    random_normal_float_lanes(random_key(1, "bench", "normals"), 0, r, (float *)(fields + 2 * V * RANDOM_LANES), V);
}

static const struct integrator trajectory = {INTEGRATOR_LEAPFROG, STEPS, 0.1};

static void leapfrog_once(const struct work *w, double *fields, uint64_t r) {
    (void)r;
    lanes_integrate(w->geometry, &w->plan.sampler.theory, &trajectory, fields, fields + V * RANDOM_LANES,
                    fields + 3 * V * RANDOM_LANES);
}

static void leapfrog_single_once(const struct work *w, double *fields, uint64_t r) {
    (void)r;
    float *single = (float *)(fields + 2 * V * RANDOM_LANES);
    lanes_integrate_float(w->geometry, &w->plan.sampler.theory, &trajectory, single, single + V * RANDOM_LANES,
                          (float *)(fields + 3 * V * RANDOM_LANES));
}

#define LOOP(name) \
    static enum status name(void *context, struct error *e) { \
        (void)e; \
        repeat(context, name##_once); \
        return STATUS_OK; \
    }
LOOP(normals)
LOOP(normals_single)
LOOP(leapfrog)
LOOP(leapfrog_single)

enum { DOUBLE, SINGLE, OMELYAN, CLUSTER, NORMALS, NORMALS_SINGLE, LEAPFROG, LEAPFROG_SINGLE, PEAK, SIDES };

static void report(struct bench *b, double times[][BENCH_REPETITIONS], size_t n) {
    const struct bench_target none = {BENCH_NO_TARGET, 0};
    const double rate = BATCH / bench_median(times[DOUBLE], n), single = BATCH / bench_median(times[SINGLE], n);
    const double omelyan = BATCH / bench_median(times[OMELYAN], n), steps = (double)BATCH * CLUSTER_STEPS;
    const double moved = (double)V * RANDOM_LANES * REPEATS * b->threads;
    /* share of a run's numbers in one of the loops below */
    const double part = (double)BATCH * TRAJECTORIES * V / moved;
    /* a kick has 11 operations per site, a drift 2; a trajectory has one more kick; the peak in double precision is
     * half of that in single precision */
    const double flop = moved * (STEPS * 13.0 + 11.0);
    const double of_peak = 100 * flop / bench_peak_flop(b);
    bench_row(b, "ensemble: published protocol (ratio to 600)", rate, "configurations/s", rate / 600,
              (struct bench_target){BENCH_AT_LEAST, 1});
    bench_row(b, "  against the published rate", 1.57, "configurations/s", rate / 1.57, none);
    bench_row(b, "  momenta (ratio: share of the time)", 1e-6 * moved / bench_median(times[NORMALS], n), "million/s",
              part * bench_median_ratio(times[NORMALS], times[DOUBLE], n), none);
    bench_row(b, "  leapfrog in float64 (ratio: share of the time)", 1e-9 * flop / bench_median(times[LEAPFROG], n),
              "GFLOP/s", part * bench_median_ratio(times[LEAPFROG], times[DOUBLE], n), none);
    bench_row(b, "  leapfrog, fraction of half the float32 peak",
              2 * of_peak * bench_median_ratio(times[PEAK], times[LEAPFROG], n), "%", NAN, none);
    bench_row(b, "ensemble in float32: published protocol (ratio to float64)", single, "configurations/s",
              bench_median_ratio(times[DOUBLE], times[SINGLE], n), (struct bench_target){BENCH_AT_LEAST, 2});
    bench_row(b, "  momenta (ratio: share of the time)", 1e-6 * moved / bench_median(times[NORMALS_SINGLE], n),
              "million/s", part * bench_median_ratio(times[NORMALS_SINGLE], times[SINGLE], n), none);
    bench_row(b, "  leapfrog in float32 (ratio: share of the time)",
              1e-9 * flop / bench_median(times[LEAPFROG_SINGLE], n), "GFLOP/s",
              part * bench_median_ratio(times[LEAPFROG_SINGLE], times[SINGLE], n), none);
    bench_row(b, "  leapfrog, fraction of the float32 peak",
              of_peak * bench_median_ratio(times[PEAK], times[LEAPFROG_SINGLE], n), "%", NAN, none);
    bench_row(b, "  with two steps of Omelyan's (ratio to float64)", omelyan, "configurations/s",
              bench_median_ratio(times[DOUBLE], times[OMELYAN], n), none);
    bench_row(b, "ensemble: cluster, kappa = 0.27", steps / bench_median(times[CLUSTER], n), "steps/s", NAN, none);
}

enum status bench_ensemble(struct bench *b, struct error *e) {
    enum { REPETITIONS = 5 };
    struct geometry *g = NULL;
    TRY(geometry_new((size_t[]){L, L}, 2, &g, e));
    enum status status = STATUS_OK;
    struct work w = {
        .geometry = g,
        .plan = {.sampler = {.theory = {0.21, 0.022},
                             .algorithm = SAMPLER_HMC,
                             .start = SAMPLER_HOT,
                             .trajectory_length = 1.0,
                             .leapfrog_steps = STEPS,
                             .metropolis_step = 2.0,
                             .seed = 1},
                 .chains = BATCH,
                 .measurements = 1,
                 .thermalisation = TRAJECTORIES,
                 .stride = 1,
                 .threads = b->threads},
        .out = {malloc((size_t)BATCH * V * sizeof(float)), malloc(BATCH * sizeof(double)),
                malloc(BATCH * sizeof(double)), malloc(BATCH * sizeof(double)), malloc(BATCH * sizeof(double))},
        .z = aligned_alloc(64, (size_t)b->threads * FIELDS * V * RANDOM_LANES * sizeof(double)),
    };
    if (!w.out.phi || !w.out.action || !w.out.virial || !w.out.acceptance || !w.out.exp_minus_dH || !w.z) {
        status = error_set(e, STATUS_FAILED, "out of memory");
    }
    double times[SIDES][BENCH_REPETITIONS];
    THEN(status, bench_time((struct bench_side[SIDES]){[DOUBLE] = {generate, &w},
                                                       [SINGLE] = {generate_single, &w},
                                                       [OMELYAN] = {generate_omelyan, &w},
                                                       [CLUSTER] = {generate_cluster, &w},
                                                       [NORMALS] = {normals, &w},
                                                       [NORMALS_SINGLE] = {normals_single, &w},
                                                       [LEAPFROG] = {leapfrog, &w},
                                                       [LEAPFROG_SINGLE] = {leapfrog_single, &w},
                                                       [PEAK] = {bench_peak, b}},
                            SIDES, REPETITIONS, times, e));
    if (status == STATUS_OK) {
        report(b, times, REPETITIONS);
    }
    free(w.z);
    free(w.out.phi);
    free(w.out.action);
    free(w.out.virial);
    free(w.out.acceptance);
    free(w.out.exp_minus_dH);
    geometry_free(g);
    return status;
}
