/* Equal bits, wherever they are to be expected: random numbers on both sides; samplers, trainings and flows however
 * they are split (compare.h). */
#include "tests/gpu/gpu.h"

#include "tests/gpu/compare.h"

void compare_philox(void) {
    /* known answers of Random123 (kat_vectors): counter and key all ones */
    uint32_t w[4];
    const struct random_key key = {{0xffffffffu, 0xffffffffu}};
    random_block(key, 0xffffffffffffu, 0xffffffffffffu, 0xffffffffu, w);
    gpu_row("Philox4x32-10: words that differ from Random123's known answer",
            (w[0] != 0x408f276du) + (w[1] != 0x41c83b0eu) + (w[2] != 0xa20bc7c6u) + (w[3] != 0x6d5451fdu), 0);
}

void compare_samplers(struct unet_shape shape, bool ancestral, size_t count, const char *name) {
    const enum reverse_method method = ancestral ? REVERSE_ANCESTRAL : REVERSE_EULER_MARUYAMA;
    struct score_model m = gpu_model(shape, SCORE_WIENER, 3);
    struct error e = {0};
    const double prior_time = 0;
    GPU_DO(backend_cuda_open("cuda", &m.backend, &e));
    const struct reverse_settings s = {.method = method,
                                       .log_grid = true,
                                       .steps = 4,
                                       .t_end = 1e-3,
                                       .seed = 3,
                                       .snapshot_times = &prior_time,
                                       .snapshot_count = 1,
                                       .snapshot_configurations = count};
    const size_t room = count * m.volume, part = count / 3;
    float *one = gpu_alloc(room, sizeof *one), *two = gpu_alloc(room, sizeof *two),
          *prior = gpu_alloc(room, sizeof *prior);
    GPU_DO(reverse_run(&m, &s, 0, count, 1, one, prior, &gpu_never, NULL, &e));
    GPU_DO(reverse_run(&m, &s, 0, part, 1, two, NULL, &gpu_never, NULL, &e));
    GPU_DO(reverse_run(&m, &s, part, count - part, 1, two + part * m.volume, NULL, &gpu_never, NULL, &e));
    char text[160];
    snprintf(text, sizeof text, "%s: bits that differ between one run and two parts", name);
    gpu_row(text, memcmp(one, two, room * sizeof *one) != 0, 0);
    double wrong = 0;
    const float start = (float)schedule_noise(25, 1);
    for (size_t i = 0; i < count; i++) {
        random_normal_float(random_key(3, "sample", "prior"), i, 0, two, m.volume);
        for (size_t k = 0; k < m.volume; k++) {
            wrong += prior[i * m.volume + k] != start * two[k];
        }
    }
    snprintf(text, sizeof text, "%s: Gaussians of the prior that differ from the CPU's", name);
    gpu_row(text, wrong, 0);
    m.backend->close(m.backend);
    free(one);
    free(two);
    free(prior);
    gpu_model_free(&m);
}

/* A training of `epochs`, or, from its state after `resume` epochs, the rest: its weights. */
static void train(struct unet_shape shape, int64_t epochs, bool resume, float *weights) {
    struct score_model m = gpu_model(shape, SCORE_PRECONDITIONED, 30);
    struct error e = {0};
    enum { COUNT = 150, BATCH = 64, STEPS = 3 };
    float *fields = gpu_noise("training set", COUNT * m.volume), *state[4];
    struct backend_example examples[STEPS * BATCH];
    struct score_frame frames[STEPS * BATCH];
    struct backend_step steps[STEPS];
    double loss[STEPS * BATCH];
    struct backend *b;
    struct backend_training *t;
    GPU_DO(backend_cuda_open("cuda", &b, &e));
    GPU_DO(b->training_new(b, &m, fields, COUNT, BATCH, STEPS, &t, &e));
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        for (size_t i = 0; i < STEPS * BATCH; i++) {
            const double time = 0.01 + 0.98 * (double)(i * 37 % 191) / 191;
            frames[i] = score_frame(&m, time);
            examples[i] =
                (struct backend_example){(uint32_t)(i % COUNT), 1, (float)schedule_noise(25, time), 2.0f / BATCH};
        }
        for (int k = 0; k < STEPS; k++) {
            steps[k] = (struct backend_step){adam_scalars(epoch * STEPS + k + 1, 1e-3, 0.9, 0.999, 1e-8), 0.1f};
        }
        GPU_DO(b->training_steps(t, STEPS, examples, frames, steps, random_key(1, "tests gpu", "train"), 0,
                                 (uint64_t)epoch, loss, &e));
        if (resume) { /* through the host, into a new training */
            for (int i = 0; i < 4; i++) {
                state[i] = gpu_alloc(m.weight_count, sizeof *state[i]);
            }
            GPU_DO(b->training_read(t, state[0], state[1], state[2], state[3], &e));
            b->training_free(t);
            GPU_DO(b->training_new(b, &m, fields, COUNT, BATCH, STEPS, &t, &e));
            GPU_DO(b->training_write(t, state[0], state[1], state[2], state[3], &e));
            for (int i = 0; i < 4; i++) {
                free(state[i]);
            }
        }
    }
    GPU_DO(b->training_read(t, weights, NULL, NULL, NULL, &e));
    b->training_free(t);
    b->close(b);
    free(fields);
    gpu_model_free(&m);
}

void compare_trainings(struct unet_shape shape, const char *name) {
    size_t count;
    char text[160];
    unet_tensors(&shape, NULL, &count);
    float *one = gpu_alloc(count, sizeof *one), *two = gpu_alloc(count, sizeof *two);
    train(shape, 2, false, one);
    train(shape, 2, false, two);
    snprintf(text, sizeof text, "%s: bits of the weights that differ between two trainings", name);
    gpu_row(text, memcmp(one, two, count * sizeof *one) != 0, 0);
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, gpu_difference((double)one[i], 0));
    }
    snprintf(text, sizeof text, "%s: largest weight after two epochs", name);
    gpu_row(text, largest, 100);
    train(shape, 2, true, two);
    snprintf(text, sizeof text, "%s: bits of the weights that differ after resuming each epoch", name);
    gpu_row(text, memcmp(one, two, count * sizeof *one) != 0, 0);
    free(one);
    free(two);
}

/* Probes and exact trace, through the flow: the mean over signs of both is the same to the probes' error. */
void compare_divergences(struct unet_shape shape, const char *name) {
    struct score_model m = gpu_model(shape, SCORE_PRECONDITIONED, 3);
    struct error e = {0};
    enum { N = 2 };
    double *phi = gpu_alloc(N * m.volume, sizeof *phi), log_q[2][N], spread[2][N];
    int64_t evaluations[N];
    GPU_DO(backend_cuda_open("cuda-float32", &m.backend, &e));
    random_normal(random_key(1, "tests gpu", "flow"), 0, 0, phi, N * m.volume);
    for (int exact = 0; exact < 2; exact++) {
        const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN,
                                        .steps = 2,
                                        .probes = 64,
                                        .signs = true,
                                        .divergence = exact ? FLOW_EXACT : FLOW_PROBES,
                                        .t_start = 1e-2,
                                        .seed = 1};
        unsigned char done[N] = {0};
        struct flow_result r = {log_q[exact], spread[exact], evaluations, done, 0};
        GPU_DO(flow_log_density(&m, &s, 0, N, 1, phi, NULL, &r, &gpu_never, NULL, &e));
    }
    char text[160];
    snprintf(text, sizeof text, "%s: log q by 64 probes less exact, in errors of the probes", name);
    gpu_row(text,
            fmax(gpu_difference(log_q[0][0], log_q[1][0]) / spread[0][0],
                 gpu_difference(log_q[0][1], log_q[1][1]) / spread[0][1]),
            5);
    m.backend->close(m.backend);
    free(phi);
    gpu_model_free(&m);
}

/* Density of the last configurations of many, alone and in company. */
void compare_places(struct unet_shape shape, bool adaptive, size_t count, const char *name) {
    enum { LAST = 3 };
    struct score_model m = gpu_model(shape, SCORE_WIENER, 3);
    struct error e = {0};
    const size_t V = m.volume, from = count - LAST;
    double *phi = gpu_alloc(count * V, sizeof *phi), *log_q = gpu_alloc(count, sizeof *log_q);
    double *spread = gpu_alloc(count, sizeof *spread), alone[LAST], own_spread[LAST];
    int64_t *evaluations = gpu_alloc(count, sizeof *evaluations);
    unsigned char *done = gpu_alloc(count, 1), own_done[LAST] = {0};
    const struct flow_settings s = {.method = adaptive ? RUNGE_KUTTA_DOPRI5 : RUNGE_KUTTA_HEUN,
                                    .steps = 1,
                                    .tolerance = 1e-2,
                                    .divergence = FLOW_PROBES,
                                    .probes = 2,
                                    .signs = true,
                                    .control = true,
                                    .t_start = 1e-2,
                                    .seed = 1};
    GPU_DO(backend_cuda_open("cuda", &m.backend, &e));
    random_normal(random_key(1, "tests gpu", "flow"), 0, 0, phi, count * V);
    struct flow_result all = {log_q, spread, evaluations, done, 0}, few = {alone, own_spread, evaluations, own_done, 0};
    GPU_DO(flow_log_density(&m, &s, 0, count, 1, phi, NULL, &all, &gpu_never, NULL, &e));
    GPU_DO(flow_log_density(&m, &s, from, LAST, 1, phi + from * V, NULL, &few, &gpu_never, NULL, &e));
    char text[160];
    snprintf(text, sizeof text, "%s: log q whose bits depend on company", name);
    gpu_row(text,
            memcmp(alone, log_q + from, sizeof alone) != 0 || memcmp(own_spread, spread + from, sizeof own_spread) != 0,
            0);
    m.backend->close(m.backend);
    free(phi);
    free(log_q);
    free(spread);
    free(evaluations);
    free(done);
    gpu_model_free(&m);
}
