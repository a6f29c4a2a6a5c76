/* Speed of the CUDA backend: training, sampler and likelihood of the network of width 32, in rows
 *   backend, stride, L, what, value, unit, TFLOP/s, fraction of the card's limit
 * separated by tabs. Usage: bench [--short]. Runs have a fraction of the length, and times are scaled: an epoch is 80
 * steps of 64 configurations, the sampler 500 steps, a likelihood 32 evaluations (Heun, 16 steps) with 10 probes. */
#include "tests/gpu/gpu.h"

#include "cuda/layout.h"

enum { BATCH = 64, EPOCH_STEPS = 80, SAMPLER_STEPS = 500, PROBES = 10 };

/* Peaks for dense matrices from NVIDIA's data sheets, in TFLOP/s: TF32, float32, bfloat16. */
static double peak(const struct backend *b, const char *device) {
    static const struct {
        const char *name;
        double tflops[3];
    } cards[] = {{"H100 PCIe", {378, 51, 756}},
                 {"H100", {494.7, 66.9, 989.4}},
                 {"H200", {494.7, 66.9, 989.4}},
                 {"A100", {156, 19.5, 312}}};
    const int kind = strcmp(b->name, "cuda-float32") == 0 ? 1 : strcmp(b->name, "cuda-bf16") == 0 ? 2 : 0;
    for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
        if (strstr(device, cards[i].name)) {
            return cards[i].tflops[kind];
        }
    }
    return NAN;
}

/* Prints a row. seconds: the time of `flop` operations. */
static void row(struct backend *b, const struct score_model *m, const char *what, double value, const char *unit,
                double flop, double seconds) {
    const double rate = flop / seconds / 1e12;
    printf("%-12s\t%d\t%2d\t%-26s\t%9.4g\t%-18s\t%7.2f\t%5.3f\n", b->name, score_unet_shape(m)->stride,
           score_unet_shape(m)->height, what, value, unit, rate, rate / peak(b, b->describe(b)));
    fflush(stdout);
}

static double forward_flop(const struct score_model *m) {
    struct layout l;
    layout_make(score_unet_shape(m), &l);
    return layout_flop(&l);
}

static void bench_training(struct backend *b, struct score_model *m, size_t steps) {
    struct error e = {0};
    struct backend_training *t;
    const size_t count = 2 * BATCH, examples = steps * BATCH;
    float *fields = gpu_noise("training set", count * m->volume);
    struct backend_example *example = gpu_alloc(examples, sizeof *example);
    struct score_frame *frame = gpu_alloc(examples, sizeof *frame);
    struct backend_step *step = gpu_alloc(steps, sizeof *step);
    double *loss = gpu_alloc(examples, sizeof *loss), best = INFINITY;
    for (size_t i = 0; i < examples; i++) {
        const double time = 0.01 + 0.98 * (double)(i * 37 % 191) / 191;
        frame[i] = score_frame(m, time);
        example[i] = (struct backend_example){(uint32_t)(i % count), 1, (float)schedule_noise(25, time), 2.0f / BATCH};
    }
    for (size_t i = 0; i < steps; i++) {
        step[i] = (struct backend_step){adam_scalars((int64_t)i + 1, 1e-3, 0.9, 0.999, 1e-8), 0.01f};
    }
    GPU_DO(b->training_new(b, m, fields, count, BATCH, steps, &t, &e));
    for (int repeat = 0; repeat < 4; repeat++) { /* the first one records the graph */
        const double start = gpu_seconds();
        GPU_DO(b->training_steps(t, steps, example, frame, step, random_key(1, "bench", "noise"), 0, 0, loss, &e));
        const double time = gpu_seconds() - start;
        best = repeat > 0 && time < best ? time : best;
    }
    row(b, m, "training, an epoch", best * EPOCH_STEPS / (double)steps, "s", 3 * forward_flop(m) * (double)examples,
        best);
    b->training_free(t);
    free(fields);
    free(example);
    free(frame);
    free(step);
    free(loss);
}

static double sample(struct score_model *m, int64_t steps, size_t count, float *phi) {
    struct error e = {0};
    const struct reverse_settings s = {.method = REVERSE_EULER_MARUYAMA, .steps = steps, .t_end = 1e-3, .seed = 1};
    const double start = gpu_seconds();
    GPU_DO(reverse_run(m, &s, 0, count, 1, phi, NULL, &gpu_never, NULL, &e));
    return gpu_seconds() - start;
}

/* The start, which compiles and records, is not part of a step, so times of short runs are subtracted from long
 * ones. */
static void bench_sampler(struct backend *b, struct score_model *m, int64_t steps) {
    const size_t count = b->capacity(b, m);
    float *phi = gpu_alloc(count * m->volume, sizeof *phi);
    double best = INFINITY;
    for (int repeat = 0; repeat < 3; repeat++) {
        const double few = sample(m, 2, count, phi), many = sample(m, 2 + steps, count, phi);
        best = many - few < best && many > few ? many - few : best;
    }
    row(b, m, "sampler, 500 steps", (double)count * (double)steps / SAMPLER_STEPS / best, "configurations/s",
        forward_flop(m) * (double)count * (double)steps, best);
    free(phi);
}

static void bench_likelihood(struct backend *b, struct score_model *m) {
    struct error e = {0};
    const size_t n = b->capacity(b, m);
    double *phi = gpu_alloc(n * m->volume, sizeof *phi), *log_q = gpu_alloc(n, sizeof *log_q);
    double *spread = gpu_alloc(n, sizeof *spread), times[2];
    int64_t *evaluations = gpu_alloc(n, sizeof *evaluations);
    random_normal(random_key(1, "bench", "likelihood"), 0, 0, phi, n * m->volume);
    for (int k = 0; k < 2; k++) {
        unsigned char *done = gpu_alloc(n, 1);
        const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN,
                                        .steps = k ? 3 : 1,
                                        .divergence = FLOW_PROBES,
                                        .probes = PROBES,
                                        .t_start = 1e-2,
                                        .seed = 1};
        struct flow_result r = {log_q, spread, evaluations, done, 0};
        const double start = gpu_seconds();
        GPU_DO(flow_log_density(m, &s, 0, n, 1, phi, NULL, &r, &gpu_never, NULL, &e));
        times[k] = gpu_seconds() - start;
        free(done);
    }
    const double evaluation = (times[1] - times[0]) / 4;
    row(b, m, "likelihood, 32 evaluations", (double)n / (32 * evaluation), "configurations/s",
        forward_flop(m) * (1 + PROBES) * (double)n, evaluation);
    free(phi);
    free(log_q);
    free(spread);
    free(evaluations);
}

static void bench(struct backend *b, int extent, int stride, bool everything) {
    struct score_model m =
        gpu_model((struct unet_shape){extent, extent, 32, 256, stride, UNET_PERIODIC}, SCORE_PUBLISHED, 30);
    m.backend = b;
    if (!b->forward_only) {
        GPU_COMPARE(bench_training(b, &m, stride == 1 ? 20 : 80));
    }
    if (everything) {
        GPU_COMPARE(bench_sampler(b, &m, stride == 1 ? 50 : 200));
    }
    if (everything && !b->forward_only) {
        GPU_COMPARE(bench_likelihood(b, &m));
    }
    gpu_model_free(&m);
}

int main(int argc, char **argv) {
    const bool brief = argc > 1 && strcmp(argv[1], "--short") == 0;
    static const char *const names[] = {"cuda", "cuda-float32", "cuda-bf16"};
    static const int extents[] = {32, 16, 24, 48, 64};
    for (int n = 0; n < 3; n++) {
        struct backend *b;
        struct error e = {0};
        if (backend_cuda_open(names[n], &b, &e) != STATUS_OK) {
            gpu_failed(names[n], e.message);
            continue;
        }
        if (n == 0) {
            printf("%s\n", b->describe(b));
        }
        for (int stride = 1; stride <= 2; stride++) {
            for (int i = 0; i < (n == 0 && !brief ? 5 : 1); i++) {
                bench(b, extents[i], stride, i == 0);
            }
        }
        b->close(b);
    }
    return gpu_failures() > 0;
}
