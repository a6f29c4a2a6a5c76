/* The network for 32x32 of width 32 against its convolutions alone, by oneDNN: a training step of 64 configurations, a
 * step of the sampler, and an evaluation of the likelihood with its probes. The bare convolutions are called with the
 * same shapes, micro-batches and threads, and nothing else. */
#include "tests/bench/bench_network.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "diffusion/flow.h"
#include "diffusion/reverse.h"
#include "diffusion/training.h"
#include "network/initialise.h"
#include "score/unet.h"
#include "tests/bench/direct_convolution.h"

enum { L = BENCH_L, V = L * L, WIDTH = 32, BATCH = 64, CONVOLUTIONS = 6, FIELDS = 256, FULL_STEPS = 500 };

/* conv2-4 and tconv4-2 with their fields inside halos, as in network/unet_cpu.c */
struct bare {
    const struct bench *bench;
    struct direct_convolution *convolution[CONVOLUTIONS];
    float **data[CONVOLUTIONS]; /* of each thread: wide, narrow, their gradients */
    float **gradient;           /* of each micro-batch and convolution */
    void **scratch;
    size_t forward_batches; /* micro-batches of bare_forward */
    int evaluations;        /* of bare_likelihood, of each micro-batch */
};
enum { WIDE, NARROW, D_WIDE, D_NARROW, KINDS };

float *bench_filled(size_t count) {
    float *p = aligned_alloc(64, (count * sizeof *p + 127) / 64 * 64);
    if (p) {
        random_normal_float(random_key(1, "bench", "network"), 0, 0, p, count);
    }
    return p;
}

static enum status bare_new(struct bare *w, const struct bench *b, int stride, struct error *e) {
    static const int wide[CONVOLUTIONS] = {1, 2, 4, 4, 2, 1}, narrow[CONVOLUTIONS] = {2, 4, 8, 8, 8, 4};
    static const int level[CONVOLUTIONS] = {1, 2, 3, 3, 2, 1}; /* of the narrow field */
    const size_t threads = (size_t)b->threads, tasks = BATCH / SCORE_BATCH;
    *w = (struct bare){.bench = b};
    bool complete = (w->scratch = calloc(threads, sizeof *w->scratch)) != NULL &&
                    (w->gradient = calloc(tasks * CONVOLUTIONS, sizeof *w->gradient)) != NULL;
    size_t scratch = 64;
    for (int k = 0; k < CONVOLUTIONS && complete; k++) {
        const int extent = stride == 2 ? L >> level[k] : L, outer = stride * (extent - 1) + 3;
        const struct convolution_shape s = {SCORE_BATCH, WIDTH * wide[k], WIDTH * narrow[k], extent,
                                            extent,      stride,          CONVOLUTION_DIRECT};
        TRY(direct_convolution_new(&s, &w->convolution[k], e));
        const size_t weights = (size_t)(9 * s.wide_channels * s.narrow_channels);
        const size_t sizes[2] = {(size_t)(SCORE_BATCH * outer * outer * s.wide_channels),
                                 (size_t)(SCORE_BATCH * extent * extent * s.narrow_channels)};
        float *initial = bench_filled(weights);
        for (size_t i = 0; initial && i < weights; i++) {
            initial[i] /= sqrtf(9.0f * (float)s.wide_channels);
        }
        enum status status = initial ? direct_convolution_set_weights(w->convolution[k], initial, e)
                                     : error_set(e, STATUS_FAILED, "out of memory");
        free(initial);
        TRY(status);
        complete = (w->data[k] = calloc(threads * KINDS, sizeof *w->data[k])) != NULL;
        for (size_t i = 0; i < threads * KINDS && complete; i++) {
            complete = (w->data[k][i] = bench_filled(sizes[i % 2])) != NULL;
        }
        for (size_t i = 0; i < tasks && complete; i++) {
            complete = (w->gradient[i * CONVOLUTIONS + (size_t)k] =
                            bench_filled(direct_convolution_packed_size(w->convolution[k]))) != NULL;
        }
        const size_t own = direct_convolution_scratch(w->convolution[k]);
        scratch = own > scratch ? own : scratch;
    }
    for (size_t i = 0; i < threads && complete; i++) {
        complete = (w->scratch[i] = aligned_alloc(64, (scratch + 63) / 64 * 64)) != NULL;
    }
    return complete ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory");
}

static void bare_free(struct bare *w) {
    const size_t threads = (size_t)w->bench->threads;
    for (int k = 0; k < CONVOLUTIONS; k++) {
        direct_convolution_free(w->convolution[k]);
        for (size_t i = 0; w->data[k] && i < threads * KINDS; i++) {
            free(w->data[k][i]);
        }
        free(w->data[k]);
    }
    for (size_t i = 0; w->gradient && i < BATCH / SCORE_BATCH * CONVOLUTIONS; i++) {
        free(w->gradient[i]);
    }
    for (size_t i = 0; w->scratch && i < threads; i++) {
        free(w->scratch[i]);
    }
    free(w->gradient);
    free(w->scratch);
}

/* Operations of the convolutions in one pass over a micro-batch. */
static double bare_flop(const struct bare *w) {
    double flop = 0;
    for (int k = 0; k < CONVOLUTIONS; k++) {
        flop += direct_convolution_flop(w->convolution[k]);
    }
    return flop;
}

static enum status forward_pass(const struct bare *w, size_t thread, struct error *e) {
    enum status status = STATUS_OK;
    for (int k = 0; k < CONVOLUTIONS && status == STATUS_OK; k++) {
        float **d = w->data[k] + thread * KINDS;
        status = k < 3 ? direct_convolution_forward(w->convolution[k], w->scratch[thread], d[WIDE], d[NARROW], e)
                       : direct_convolution_adjoint(w->convolution[k], w->scratch[thread], d[NARROW], d[WIDE], e);
    }
    return status;
}

/* gradient: that of each convolution; NULL: none, as for a probe */
static enum status backward_pass(const struct bare *w, size_t thread, float **gradient, struct error *e) {
    enum status status = STATUS_OK;
    for (int k = CONVOLUTIONS - 1; k >= 0 && status == STATUS_OK; k--) {
        float **d = w->data[k] + thread * KINDS;
        const struct direct_convolution *c = w->convolution[k];
        void *scratch = w->scratch[thread];
        status = k < 3 ? direct_convolution_adjoint(c, scratch, d[D_NARROW], d[D_WIDE], e)
                       : direct_convolution_forward(c, scratch, d[D_WIDE], d[D_NARROW], e);
        if (status == STATUS_OK && gradient) {
            status = direct_convolution_weight_gradient(c, scratch, d[k < 3 ? WIDE : D_WIDE],
                                                        d[k < 3 ? D_NARROW : NARROW], gradient[k], e);
        }
    }
    return status;
}

static enum status passes(const struct bare *w, size_t tasks, bool backward, struct error *e) {
    enum status status = STATUS_OK;
#pragma omp parallel for num_threads(w->bench->threads) schedule(dynamic, 1)
    for (size_t i = 0; i < tasks; i++) {
        const size_t thread = (size_t)omp_get_thread_num();
        struct error own;
        enum status s = forward_pass(w, thread, &own);
        if (s == STATUS_OK && backward) {
            s = backward_pass(w, thread, w->gradient + i * CONVOLUTIONS, &own);
        }
        if (s != STATUS_OK)
#pragma omp critical(bench_error)
        {
            *e = own;
            status = s;
        }
    }
    return status;
}

static enum status bare_step(void *context, struct error *e) {
    return passes(context, BATCH / SCORE_BATCH, true, e);
}

static enum status bare_forward(void *context, struct error *e) {
    const struct bare *w = context;
    return passes(w, w->forward_batches, false, e);
}

/* Evaluations of the likelihood of each micro-batch: one forward pass, and one backward pass per probe. */
enum { PROBES = 10 };

static enum status bare_likelihood(void *context, struct error *e) {
    const struct bare *w = context;
    enum status status = STATUS_OK;
#pragma omp parallel num_threads(w->bench->threads)
    {
        const size_t thread = (size_t)omp_get_thread_num();
        struct error own;
        enum status s = STATUS_OK;
        for (int i = 0; i < BENCH_CALLS * w->evaluations && s == STATUS_OK; i++) {
            s = forward_pass(w, thread, &own);
            for (int p = 0; p < PROBES && s == STATUS_OK; p++) {
                s = backward_pass(w, thread, NULL, &own);
            }
        }
        if (s != STATUS_OK)
#pragma omp critical(bench_error)
        {
            *e = own;
            status = s;
        }
    }
    return status;
}

/* --- training ------------------------------------------------------------------------------------ */

struct steps {
    struct training *training;
    size_t next;
};

static enum status full_step(void *context, struct error *e) {
    struct steps *s = context;
    double loss;
    s->next = (s->next + BATCH) % FIELDS;
    return training_step(s->training, s->next, &loss, e);
}

/* --- sampler ------------------------------------------------------------------------------------- */

struct draws {
    const struct bench *bench;
    const struct score_model *model;
    struct reverse_settings settings;
    float *phi;
};

static enum status draw(void *context, struct error *e) {
    const struct draws *d = context;
    static const volatile sig_atomic_t never = 0;
    return reverse_run(d->model, &d->settings, 0, bench_configurations(d->bench), d->bench->threads, d->phi, NULL,
                       &never, NULL, e);
}

/* --- likelihood ---------------------------------------------------------------------------------- */

struct scores {
    const struct bench *bench;
    const struct score_model *model;
    struct flow_settings settings;
    const double *phi;
};

static enum status score_all(void *context, struct error *e) {
    enum { MOST = 8192 };
    static double log_q[MOST], error[MOST];
    static int64_t evaluations[MOST];
    static unsigned char done[MOST];
    static const volatile sig_atomic_t never = 0;
    const struct scores *d = context;
    const size_t all = bench_configurations(d->bench), count = all < MOST ? all : MOST;
    memset(done, 0, count);
    struct flow_result result = {log_q, error, evaluations, done, 0};
    return flow_log_density(d->model, &d->settings, 0, count, d->bench->threads, d->phi, NULL, &result, &never, NULL,
                            e);
}

/* --- the comparisons ------------------------------------------------------------------------- */

static const struct bench_target none = {BENCH_NO_TARGET, 0};

/* Prints a row for the time of a step of 64 configurations, and one for the rate of its convolutions, whose operations
 * are counted as if they were direct. */
static void step_rows(struct bench *b, const char *what, const struct bare *bare, const double *times,
                      const double *bare_times, const double *peak, size_t n) {
    const double flop = 3.0 * BATCH / SCORE_BATCH * bare_flop(bare);
    const double ratio = bare_times ? bench_median_ratio(times, bare_times, n) : NAN;
    bench_row(b, what, 1e3 * bench_median(times, n), "ms", ratio,
              bare_times ? (struct bench_target){BENCH_AT_MOST, 1.5} : none);
    bench_row(b, "  rate", 1e-9 * flop / bench_median(times, n), "GFLOP/s", NAN, none);
    bench_row(b, "  fraction of the peak", 100 * flop / bench_peak_flop(b) * bench_median_ratio(peak, times, n), "%",
              NAN, none);
}

/* The network at each way of computing its convolutions. */
struct models {
    int stride;
    struct score_model of[BENCH_CONVOLUTIONS];
};

static enum status compare_training(struct bench *b, struct models *models, struct bare *bare, const float *fields,
                                    struct error *e) {
    static const struct {
        const char *name;
        enum unet_convolutions convolutions;
        bool preconditioned;
    } kinds[] = {{"published", UNET_DIRECT, false},
                 {"published, Winograd", UNET_WINOGRAD, false},
                 {"published, bfloat16", UNET_BFLOAT16, false},
                 {"preconditioned", UNET_DIRECT, true}};
    enum { KINDS_OF_STEP = 4 };
    const size_t count = models->stride == 2 ? KINDS_OF_STEP : 3; /* at stride 1 a step takes seconds */
    const size_t repetitions = models->stride == 2 ? 15 : 3;
    struct steps steps[KINDS_OF_STEP] = {{NULL, 0}};
    struct bench_side sides[2 + KINDS_OF_STEP] = {{bare_step, bare}, {bench_peak, b}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const bool preconditioned = kinds[i].preconditioned;
        const struct training_settings settings = {.seed = 1,
                                                   .epochs = 1,
                                                   .batch = BATCH,
                                                   .learning_rate = 1e-3,
                                                   .t_min = 1e-5,
                                                   .log_noise = preconditioned,
                                                   .ema = preconditioned ? 0.999 : 0};
        struct score_model *m = &models->of[kinds[i].convolutions];
        score_network(m)->parameterisation = preconditioned ? SCORE_PRECONDITIONED : SCORE_PUBLISHED;
        status = training_new(m, fields, FIELDS, &settings, b->threads, &steps[i].training, e);
        sides[2 + i] = (struct bench_side){full_step, &steps[i]};
        score_network(m)->parameterisation = SCORE_PUBLISHED;
    }
    double times[2 + KINDS_OF_STEP][BENCH_REPETITIONS];
    THEN(status, bench_time(sides, 2 + count, repetitions, times, e));
    if (status == STATUS_OK) {
        char text[96];
        snprintf(text, sizeof text, "stride %d: bare convolutions of a training step (64)", models->stride);
        step_rows(b, text, bare, times[0], NULL, times[1], repetitions);
        for (size_t i = 0; i < count; i++) {
            snprintf(text, sizeof text, "stride %d: training step (64), %s", models->stride, kinds[i].name);
            step_rows(b, text, bare, times[2 + i], times[0], times[1], repetitions);
        }
    }
    for (size_t i = 0; i < KINDS_OF_STEP; i++) {
        training_free(steps[i].training);
    }
    return status;
}

/* The start of the sampler is not part of a step, so times of short runs are subtracted from those of long ones. */
static enum status compare_sampler(struct bench *b, const struct models *models, struct bare *bare, struct error *e) {
    static const struct {
        const char *name;
        enum unet_convolutions convolutions;
        bool ancestral;
    } kinds[] = {{"Euler-Maruyama", UNET_DIRECT, false},
                 {"Euler-Maruyama, Winograd", UNET_WINOGRAD, false},
                 {"ancestral", UNET_DIRECT, true}};
    enum { SAMPLERS = 3 };
    const size_t samplers = models->stride == 2 ? SAMPLERS : 2, repetitions = models->stride == 2 ? 9 : 3;
    const int64_t few = 2, many = models->stride == 2 ? 22 : 4;
    const double configurations = (double)bench_configurations(b), steps = (double)(many - few);
    bare->forward_batches = BENCH_CALLS * (size_t)b->threads * (size_t)(many - few);
    float *phi = malloc(bench_configurations(b) * V * sizeof *phi);
    if (!phi) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    struct draws runs[2 * SAMPLERS];
    struct bench_side sides[2 + 2 * SAMPLERS] = {{bare_forward, bare}, {bench_peak, b}};
    for (size_t i = 0; i < 2 * SAMPLERS; i++) {
        const bool ancestral = kinds[i / 2].ancestral;
        runs[i] = (struct draws){b,
                                 &models->of[kinds[i / 2].convolutions],
                                 {.method = ancestral ? REVERSE_ANCESTRAL : REVERSE_EULER_MARUYAMA,
                                  .log_grid = ancestral,
                                  .steps = i % 2 ? many : few,
                                  .t_end = 1e-3,
                                  .seed = 1},
                                 phi};
        sides[2 + i] = (struct bench_side){draw, &runs[i]};
    }
    double times[2 + 2 * SAMPLERS][BENCH_REPETITIONS];
    const enum status status = bench_time(sides, 2 + 2 * samplers, repetitions, times, e);
    if (status == STATUS_OK) {
        char text[96];
        const double flop = bare_flop(bare) * (double)bare->forward_batches;
        snprintf(text, sizeof text, "stride %d: bare forward convolutions, 500 times", models->stride);
        bench_row(b, text, configurations * steps / FULL_STEPS / bench_median(times[0], repetitions),
                  "configurations/s", NAN, none);
        bench_row(b, "  fraction of the peak",
                  100 * flop / bench_peak_flop(b) * bench_median_ratio(times[1], times[0], repetitions), "%", NAN,
                  none);
        for (size_t s = 0; s < samplers; s++) {
            double *run = times[3 + 2 * s];
            for (size_t i = 0; i < repetitions; i++) {
                run[i] -= times[2 + 2 * s][i];
            }
            snprintf(text, sizeof text, "stride %d: sampler, 500 steps of %s (%d timed)", models->stride, kinds[s].name,
                     (int)(many - few));
            const double rate = configurations * steps / FULL_STEPS / bench_median(run, repetitions);
            bench_row(b, text, rate, "configurations/s", bench_median_ratio(times[0], run, repetitions),
                      (struct bench_target){BENCH_AT_LEAST, 0.7});
            if (!kinds[s].ancestral) {
                bench_row(b, "  against the published rate (of an RTX 3090)", 97.52, "configurations/s", rate / 97.52,
                          none);
            }
        }
    }
    free(phi);
    return status;
}

/* The same work by Heun's method with Gaussian probes, and with signs and the control variate. The timing includes
 * workers, probes and sums. */
static enum status compare_likelihood(struct bench *b, const struct models *models, struct bare *bare,
                                      struct error *e) {
    static const struct {
        const char *name;
        enum unet_convolutions convolutions;
        bool signs;
    } kinds[] = {{"10 Gaussian probes", UNET_DIRECT, false},
                 {"10 Gaussian probes, Winograd", UNET_WINOGRAD, false},
                 {"10 signs, control variate", UNET_DIRECT, true}};
    enum { LIKELIHOODS = 3 };
    const size_t repetitions = models->stride == 2 ? 7 : 3, count = bench_configurations(b);
    bare->evaluations = models->stride == 2 ? 4 : 2;
    double *phi = malloc(count * V * sizeof *phi);
    if (!phi) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    random_normal(random_key(1, "bench", "likelihood"), 0, 0, phi, count * V);
    struct scores runs[LIKELIHOODS];
    struct bench_side sides[1 + LIKELIHOODS] = {{bare_likelihood, bare}};
    for (int i = 0; i < LIKELIHOODS; i++) {
        runs[i] = (struct scores){b,
                                  &models->of[kinds[i].convolutions],
                                  {.method = RUNGE_KUTTA_HEUN,
                                   .steps = bare->evaluations / 2,
                                   .divergence = FLOW_PROBES,
                                   .probes = PROBES,
                                   .signs = kinds[i].signs,
                                   .control = kinds[i].signs,
                                   .t_start = 1e-3,
                                   .seed = 1},
                                  phi};
        sides[1 + i] = (struct bench_side){score_all, &runs[i]};
    }
    double times[1 + LIKELIHOODS][BENCH_REPETITIONS];
    const enum status status = bench_time(sides, 1 + LIKELIHOODS, repetitions, times, e);
    for (size_t s = 0; s <= LIKELIHOODS && status == STATUS_OK; s++) {
        char text[96];
        snprintf(text, sizeof text, s ? "stride %d: likelihood, %s" : "stride %d: bare convolutions of an evaluation%s",
                 models->stride, s ? kinds[s - 1].name : ", 10 probes");
        bench_row(b, text, (double)count * bare->evaluations / bench_median(times[s], repetitions), "evaluations/s",
                  s ? bench_median_ratio(times[0], times[s], repetitions) : NAN,
                  s ? (struct bench_target){BENCH_AT_LEAST, 0.6} : none);
    }
    free(phi);
    return status;
}

enum status bench_model_new(struct score_model *m, int stride, enum unet_convolutions convolutions, struct error *e) {
    const struct unet_shape shape = {L, L, WIDTH, 256, stride, UNET_PERIODIC};
    *m = (struct score_model){.sigma = 25,
                              .factor = 1,
                              .variance = 0.6,
                              .theory = {0.21, 0.022},
                              .dimensions = 2,
                              .extents = {L, L},
                              .volume = V};
    TRY(score_unet_make(m, &shape, SCORE_PUBLISHED, e));
    score_unet_set_convolutions(m, convolutions);
    m->propagator = malloc(V * sizeof *m->propagator);
    if (!m->propagator) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    for (size_t i = 0; i < V; i++) {
        m->propagator[i] = m->variance;
    }
    TRY(initialise_weights(&shape, 1, m->weights, e));
    return initialise_frequencies(&shape, 1, 30, score_network(m)->frequencies, e);
}

enum status bench_network(struct bench *b, int stride, struct error *e) {
    struct models models = {.stride = stride};
    struct bare bare = {.bench = b};
    float *fields = bench_filled((size_t)FIELDS * V);
    enum status status = fields ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory");
    for (int i = 0; i < BENCH_CONVOLUTIONS; i++) {
        THEN(status, bench_model_new(&models.of[i], stride, (enum unet_convolutions)i, e));
    }
    THEN(status, bare_new(&bare, b, stride, e));
    THEN(status, compare_training(b, &models, &bare, fields, e));
    THEN(status, compare_sampler(b, &models, &bare, e));
    THEN(status, compare_likelihood(b, &models, &bare, e));
    bare_free(&bare);
    for (int i = 0; i < BENCH_CONVOLUTIONS; i++) {
        score_model_release(&models.of[i]);
    }
    free(fields);
    return status;
}
