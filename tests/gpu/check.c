/* The CUDA backend on a device, against the float64 oracle: scores, vector-Jacobian products, every weight gradient;
 * random numbers to the bit; the same bits from every run, split and resumption. Usage: check [--small] [FOLDER...]
 *
 * FOLDER: a reference network unpacked (python3 -m zipfile -e tests/data/unet-....npz FOLDER), whose name has
 * "stride1" or "stride2" and "zeros" or "periodic" in it. --small: one small case of everything, for
 * compute-sanitizer. Prints rows, "ok" or "FAILED" first; exit status 1 when one failed. */
#include "tests/gpu/gpu.h"

#include "network/unet_oracle.h"

static int failures;

static void row(const char *what, double found, double allowed) {
    const bool fine = found <= allowed; /* no for NaN */
    failures += !fine;
    printf("%-6s  %-78s %9.2g  (allowed %.2g)\n", fine ? "ok" : "FAILED", what, found, allowed);
    fflush(stdout);
}

static double deviation(size_t n, const float *a, const double *b) {
    double difference = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i]))
            return INFINITY;
        difference = fmax(difference, fabs((double)a[i] - b[i]));
        scale = fmax(scale, fabs(b[i]));
    }
    return difference / scale;
}

static double *reals(size_t n, const float *x) {
    double *y = gpu_alloc(n, sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = (double)x[i];
    return y;
}

/* --- the network against the oracle --------------------------------------------------------------- */

struct precision {
    const char *backend;
    double tolerance; /* relative to the largest number of an array */
};
/* float32: rounding through 15 layers; TF32 and bfloat16: 2^-11 and 2^-9 a factor, through them all */
static const struct precision precisions[] = {{"cuda-float32", 2e-4}, {"cuda", 2e-2}, {"cuda-bf16", 1e-1}};

/* Score and product of n configurations at the published parameterisation, F itself. */
static void check_passes(const struct score_model *model, const struct precision *p, size_t n, const float *phi,
                         const double *t, const float *probe, const double *output, const double *product,
                         const char *name) {
    struct score_model m = *model;
    struct error e = {0};
    struct backend *b;
    struct backend_network *w;
    char text[160];
    GPU_DO(backend_cuda_open(p->backend, &b, &e));
    GPU_DO(b->network_new(b, &m, &w, &e));
    const size_t room = n * m.volume, capacity = b->capacity(&m);
    float *out = gpu_alloc(room, sizeof *out), *back = gpu_alloc(room, sizeof *back), *again = gpu_alloc(room, sizeof *again);
    struct backend_frame *frames = gpu_alloc(n, sizeof *frames);
    for (size_t i = 0; i < n; i++)
        frames[i] = score_frame(&m, t[i]);
    for (size_t at = 0; at < n; at += capacity) {
        const size_t part = n - at < capacity ? n - at : capacity, from = at * m.volume;
        GPU_DO(b->evaluate(w, part, phi + from, frames + at, out + from, &e));
        if (!b->forward_only)
            GPU_DO(b->vjp(w, part, probe + from, back + from, &e));
        GPU_DO(b->evaluate(w, part, phi + from, frames + at, again + from, &e));
    }
    snprintf(text, sizeof text, "%s: score, %s", name, p->backend);
    row(text, deviation(room, out, output), p->tolerance);
    if (!b->forward_only) {
        snprintf(text, sizeof text, "%s: vector-Jacobian product, %s", name, p->backend);
        row(text, deviation(room, back, product), p->tolerance);
    }
    snprintf(text, sizeof text, "%s: bits of a second evaluation that differ, %s", name, p->backend);
    row(text, memcmp(out, again, room * sizeof *out) != 0, 0);
    b->network_free(w);
    b->close(b);
    free(out);
    free(back);
    free(again);
    free(frames);
}

static void check_network(struct unet_shape shape, int precision, const char *name) {
    enum { N = 2 };
    struct score_model m = gpu_model(shape, SCORE_PUBLISHED, 3);
    struct error e = {0};
    const size_t room = N * m.volume;
    const double t[N] = {0.375, 0.75};
    float *phi = gpu_noise("phi", room), *probe = gpu_noise("probe", room);
    double *x = reals(room, phi), *v = reals(room, probe), *w = reals(m.weight_count, m.weights);
    double *f = reals((size_t)shape.embedding / 2, m.frequencies), *out = gpu_alloc(room, sizeof *out),
           *back = gpu_alloc(room, sizeof *back);
    GPU_DO(unet_oracle(&shape, w, f, N, x, t, out, v, back, NULL, &e));
    for (int p = 0; p < 3; p++)
        if (precision < 0 || precision == p)
            check_passes(&m, &precisions[p], N, phi, t, probe, out, back, name);
    free(phi);
    free(probe);
    free(x);
    free(v);
    free(w);
    free(f);
    free(out);
    free(back);
    gpu_model_free(&m);
}

/* Weight gradients, array by array, of a step of Adam that leaves the gradient in the first moment. */
static void check_gradient(struct unet_shape shape, const char *name) {
    enum { N = 2, BATCH = 3 };
    const struct backend_step only = {{0, 1, 0, 0, 0, 1, 1}, 0};
    struct score_model m = gpu_model(shape, SCORE_PUBLISHED, 3);
    struct error e = {0};
    const size_t V = m.volume;
    const double t[BATCH] = {0.4, 0.625, 0.5};
    const struct random_key key = random_key(2, "tests gpu", "noise");
    float *fields = gpu_noise("fields", 3 * V), *gradient = gpu_alloc(m.weight_count, sizeof *gradient);
    double *x = gpu_alloc(N * V, sizeof *x), *z = gpu_alloc(N * V, sizeof *z), *out = gpu_alloc(N * V, sizeof *out);
    double *w = reals(m.weight_count, m.weights), *f = reals((size_t)shape.embedding / 2, m.frequencies);
    double *expected = gpu_alloc(m.weight_count, sizeof *expected), loss[BATCH], expected_loss[N] = {0};
    struct backend_place places[BATCH];
    struct backend_frame frames[BATCH];
    float *noise = gpu_alloc(V, sizeof *noise);
    for (uint32_t n = 0; n < BATCH; n++) {
        places[n] = (struct backend_place){2 - n, 1, (float)schedule_noise(25, t[n]), n < N ? 2.0f / N : 0};
        frames[n] = score_frame(&m, t[n]);
        random_normal_float(key, 5 + n, 1, noise, V);
        for (size_t i = 0; i < V && n < N; i++) {
            z[n * V + i] = (double)noise[i];
            x[n * V + i] = (double)(fields[(2 - n) * V + i] + places[n].noise * noise[i]);
        }
    }
    GPU_DO(unet_oracle(&shape, w, f, N, x, t, out, NULL, NULL, NULL, &e));
    for (size_t i = 0; i < N * V; i++) {
        const double r = out[i] + z[i];
        expected_loss[i / V] += r * r;
        z[i] = 2 * r / N;
    }
    GPU_DO(unet_oracle(&shape, w, f, N, x, t, out, z, NULL, expected, &e));
    for (int p = 0; p < 2; p++) {
        struct backend *b;
        struct backend_training *training;
        GPU_DO(backend_cuda_open(precisions[p].backend, &b, &e));
        m.backend = b;
        GPU_DO(b->training_new(b, &m, fields, 3, BATCH, 1, &training, &e));
        GPU_DO(b->training_steps(training, 1, places, frames, &only, key, 5, 1, loss, &e));
        GPU_DO(b->training_read(training, NULL, gradient, NULL, NULL, &e));
        char text[160];
        snprintf(text, sizeof text, "%s: loss, %s", name, b->name);
        row(text, fmax(fabs(loss[0] / expected_loss[0] - 1), fabs(loss[1] / expected_loss[1] - 1)),
            precisions[p].tolerance);
        struct unet_tensor list[UNET_TENSORS];
        unet_tensors(&shape, list, NULL);
        double all = 0, worst = 0;
        const char *where = "";
        for (size_t i = 0; i < m.weight_count; i++)
            all = fmax(all, fabs(expected[i]));
        for (size_t i = 0; i < UNET_TENSORS; i++) {
            /* gradients that vanish exactly (a dense layer in front of groups of one channel) are measured by the
             * largest of all */
            double own = 0, difference = 0;
            for (size_t k = list[i].offset; k < list[i].offset + list[i].count; k++) {
                own = fmax(own, fabs(expected[k]));
                difference = fmax(difference, fabs((double)gradient[k] - expected[k]));
            }
            const double relative = difference / (own > 1e-6 * all ? own : all);
            if (!(relative <= worst)) {
                worst = relative;
                where = list[i].name;
            }
        }
        snprintf(text, sizeof text, "%s: gradients of 39 arrays, worst %s, %s", name, where, b->name);
        row(text, worst, 5 * precisions[p].tolerance);
        b->training_free(training);
        b->close(b);
    }
    m.backend = NULL;
    free(fields);
    free(gradient);
    free(x);
    free(z);
    free(out);
    free(w);
    free(f);
    free(expected);
    free(noise);
    gpu_model_free(&m);
}

/* --- bits ---------------------------------------------------------------------------------------- */

static void check_philox(void) {
    /* known answers of Random123 (kat_vectors): counter and key all ones */
    uint32_t w[4];
    const struct random_key key = {{0xffffffffu, 0xffffffffu}};
    random_block(key, 0xffffffffffffu, 0xffffffffffffu, 0xffffffffu, w);
    row("Philox4x32-10: words that differ from Random123's known answer",
        (w[0] != 0x408f276du) + (w[1] != 0x41c83b0eu) + (w[2] != 0xa20bc7c6u) + (w[3] != 0x6d5451fdu), 0);
}

static void check_sampler_bits(struct unet_shape shape, enum reverse_method method, size_t count, const char *name) {
    struct score_model m = gpu_model(shape, SCORE_WIENER, 3);
    struct error e = {0};
    const double prior_time = 0;
    GPU_DO(backend_cuda_open("cuda", &m.backend, &e));
    const struct reverse_settings s = {.method = method, .log_grid = true, .steps = 4, .t_end = 1e-3, .seed = 3,
                                       .snapshot_times = &prior_time, .snapshot_count = 1,
                                       .snapshot_configurations = count};
    const size_t room = count * m.volume, part = count / 3;
    float *one = gpu_alloc(room, sizeof *one), *two = gpu_alloc(room, sizeof *two), *prior = gpu_alloc(room, sizeof *prior);
    GPU_DO(reverse_run(&m, &s, 0, count, 1, one, prior, &gpu_never, NULL, &e));
    GPU_DO(reverse_run(&m, &s, 0, part, 1, two, NULL, &gpu_never, NULL, &e));
    GPU_DO(reverse_run(&m, &s, part, count - part, 1, two + part * m.volume, NULL, &gpu_never, NULL, &e));
    char text[160];
    snprintf(text, sizeof text, "%s: bits that differ between one run and two parts", name);
    row(text, memcmp(one, two, room * sizeof *one) != 0, 0);
    double wrong = 0;
    const float start = (float)schedule_noise(25, 1);
    for (size_t i = 0; i < count; i++) {
        random_normal_float(random_key(3, "sample", "prior"), i, 0, two, m.volume);
        for (size_t k = 0; k < m.volume; k++)
            wrong += prior[i * m.volume + k] != start * two[k];
    }
    snprintf(text, sizeof text, "%s: Gaussians of the prior that differ from the CPU's", name);
    row(text, wrong, 0);
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
    struct backend_place places[STEPS * BATCH];
    struct backend_frame frames[STEPS * BATCH];
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
            places[i] = (struct backend_place){(uint32_t)(i % COUNT), 1, (float)schedule_noise(25, time), 2.0f / BATCH};
        }
        for (int k = 0; k < STEPS; k++)
            steps[k] = (struct backend_step){adam_scalars(epoch * STEPS + k + 1, 1e-3, 0.9, 0.999, 1e-8), 0.1f};
        GPU_DO(b->training_steps(t, STEPS, places, frames, steps, random_key(1, "tests gpu", "train"), 0,
                                 (uint64_t)epoch, loss, &e));
        if (resume) { /* through the host, into a new training */
            for (int i = 0; i < 4; i++)
                state[i] = gpu_alloc(m.weight_count, sizeof *state[i]);
            GPU_DO(b->training_read(t, state[0], state[1], state[2], state[3], &e));
            b->training_free(t);
            GPU_DO(b->training_new(b, &m, fields, COUNT, BATCH, STEPS, &t, &e));
            GPU_DO(b->training_write(t, state[0], state[1], state[2], state[3], &e));
            for (int i = 0; i < 4; i++)
                free(state[i]);
        }
    }
    GPU_DO(b->training_read(t, weights, NULL, NULL, NULL, &e));
    b->training_free(t);
    b->close(b);
    free(fields);
    gpu_model_free(&m);
}

static void check_training_bits(struct unet_shape shape, const char *name) {
    size_t count;
    char text[160];
    unet_tensors(&shape, NULL, &count);
    float *one = gpu_alloc(count, sizeof *one), *two = gpu_alloc(count, sizeof *two);
    train(shape, 2, false, one);
    train(shape, 2, false, two);
    snprintf(text, sizeof text, "%s: bits of the weights that differ between two trainings", name);
    row(text, memcmp(one, two, count * sizeof *one) != 0, 0);
    train(shape, 2, true, two);
    snprintf(text, sizeof text, "%s: bits of the weights that differ after resuming each epoch", name);
    row(text, memcmp(one, two, count * sizeof *one) != 0, 0);
    free(one);
    free(two);
}

/* Probes and exact trace, through the flow: the mean over signs of both is the same to the probes' error. */
static void check_traces(struct unet_shape shape, const char *name) {
    struct score_model m = gpu_model(shape, SCORE_PRECONDITIONED, 3);
    struct error e = {0};
    enum { N = 2 };
    double *phi = gpu_alloc(N * m.volume, sizeof *phi), log_q[2][N], spread[2][N];
    int64_t evaluations[N];
    GPU_DO(backend_cuda_open("cuda-float32", &m.backend, &e));
    random_normal(random_key(1, "tests gpu", "flow"), 0, 0, phi, N * m.volume);
    for (int exact = 0; exact < 2; exact++) {
        const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN, .steps = 2, .probes = 64, .signs = true,
                                        .divergence = exact ? FLOW_EXACT : FLOW_PROBES, .t_start = 1e-2, .seed = 1};
        unsigned char done[N] = {0};
        struct flow_result r = {log_q[exact], spread[exact], evaluations, done, 0};
        GPU_DO(flow_log_density(&m, &s, 0, N, 1, phi, NULL, &r, &gpu_never, NULL, &e));
    }
    char text[160];
    snprintf(text, sizeof text, "%s: log q by 64 probes less exact, in errors of the probes", name);
    row(text, fmax(fabs(log_q[0][0] - log_q[1][0]) / spread[0][0], fabs(log_q[0][1] - log_q[1][1]) / spread[0][1]), 5);
    m.backend->close(m.backend);
    free(phi);
    gpu_model_free(&m);
}

/* --- reference networks -------------------------------------------------------------------------- */

/* Data of FOLDER/NAME.npy, which must have `size` bytes an element; *count: elements. */
static void *member(const char *folder, const char *name, size_t size, size_t *count) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    FILE *f = fopen(path, "rb");
    unsigned char head[10];
    if (!f || fread(head, 1, 10, f) != 10 || memcmp(head, "\x93NUMPY\x01", 7) != 0) {
        fprintf(stderr, "check-gpu: %s: cannot read\n", path);
        exit(1);
    }
    const long start = 10 + head[8] + 256 * head[9];
    fseek(f, 0, SEEK_END);
    *count = (size_t)(ftell(f) - start) / size;
    fseek(f, start, SEEK_SET);
    void *data = gpu_alloc(*count, size);
    if (fread(data, size, *count, f) != *count)
        exit(1);
    fclose(f);
    return data;
}

static void check_reference(const char *folder) {
    size_t n, room, count, frequencies, width;
    double *t = member(folder, "in.t", 8, &n), *phi = member(folder, "in.phi", 8, &room);
    double *probe = member(folder, "in.probe", 8, &count), *score = member(folder, "out.score", 8, &count);
    double *vjp = member(folder, "out.vjp", 8, &count);
    float *fourier = member(folder, "embed.fourier", 4, &frequencies);
    free(member(folder, "gnorm1.weight", 4, &width));
    const int extent = (int)lround(sqrt((double)(room / n)));
    const struct unet_shape shape = {extent, extent, (int)width, 2 * (int)frequencies,
                                     strstr(folder, "stride1") ? 1 : 2,
                                     strstr(folder, "zeros") ? UNET_ZEROS : UNET_PERIODIC};
    struct score_model m = gpu_model(shape, SCORE_PUBLISHED, 3);
    struct unet_tensor list[UNET_TENSORS];
    unet_tensors(&shape, list, NULL);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        float *own = member(folder, list[i].name, 4, &count);
        if (count != list[i].count) {
            fprintf(stderr, "check-gpu: %s: %s has %zu elements, expected %zu\n", folder, list[i].name, count,
                    list[i].count);
            exit(1);
        }
        memcpy(m.weights + list[i].offset, own, count * sizeof *own);
        free(own);
    }
    memcpy(m.frequencies, fourier, frequencies * sizeof *fourier);
    float *x = gpu_alloc(room, sizeof *x), *v = gpu_alloc(room, sizeof *v);
    for (size_t i = 0; i < room; i++) {
        const double s = schedule_noise(25, t[i / m.volume]);
        x[i] = (float)phi[i];
        v[i] = (float)(probe[i] / s);
        score[i] *= s;
    }
    const char *name = strrchr(folder, '/') ? strrchr(folder, '/') + 1 : folder;
    for (int p = 0; p < 3; p++)
        check_passes(&m, &precisions[p], n, x, t, v, score, vjp, name);
    free(t);
    free(phi);
    free(probe);
    free(score);
    free(vjp);
    free(fourier);
    free(x);
    free(v);
    gpu_model_free(&m);
}

int main(int argc, char **argv) {
    const struct unet_shape two = {16, 16, 8, 32, 2, UNET_PERIODIC}, one = {8, 8, 8, 32, 1, UNET_ZEROS};
    check_philox();
    if (argc > 1 && strcmp(argv[1], "--small") == 0) {
        check_network(two, 0, "small");
        check_gradient(two, "small");
        check_sampler_bits(two, REVERSE_ANCESTRAL, 9, "small");
        return failures > 0;
    }
    check_network(one, -1, "stride 1, zeros, width 8, 8x8");
    check_network(two, -1, "stride 2, periodic, width 8, 16x16");
    check_network((struct unet_shape){12, 20, 4, 6, 1, UNET_PERIODIC}, -1, "stride 1, periodic, width 4, 12x20");
    check_network((struct unet_shape){16, 16, 96, 64, 2, UNET_PERIODIC}, 0, "stride 2, width 96, 16x16");
    check_network((struct unet_shape){32, 32, 32, 256, 1, UNET_PERIODIC}, -1, "stride 1, width 32, 32x32");
    check_network((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, -1, "stride 2, width 32, 32x32");
    check_gradient(one, "stride 1, zeros, width 8, 8x8");
    check_gradient(two, "stride 2, periodic, width 8, 16x16");
    check_gradient((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, "stride 2, width 32, 32x32");
    check_gradient((struct unet_shape){16, 16, 32, 256, 1, UNET_PERIODIC}, "stride 1, width 32, 16x16");
    check_sampler_bits((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, REVERSE_ANCESTRAL, 300, "ancestral");
    check_sampler_bits((struct unet_shape){32, 32, 32, 256, 1, UNET_PERIODIC}, REVERSE_EULER_MARUYAMA, 300,
                       "Euler-Maruyama, stride 1");
    check_training_bits((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, "training, stride 2");
    check_training_bits((struct unet_shape){32, 32, 32, 256, 1, UNET_PERIODIC}, "training, stride 1");
    check_traces(two, "divergence");
    for (int i = 1; i < argc; i++)
        check_reference(argv[i]);
    printf("%d failed\n", failures);
    return failures > 0;
}
