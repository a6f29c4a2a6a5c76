/* Complete networks on a device: score, vector-Jacobian product and all weight gradients against the float64 oracle,
 * the CPU backend and reference networks (compare.h). */
#include "tests/gpu/gpu.h"

#include "network/unet_oracle.h"
#include "tests/gpu/compare.h"

static double deviation(size_t n, const float *a, const double *b) {
    double difference = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        difference = fmax(difference, gpu_difference((double)a[i], b[i]));
        scale = fmax(scale, fabs(b[i]));
    }
    return difference / scale;
}

static double *reals(size_t n, const float *x) {
    double *y = gpu_alloc(n, sizeof *y);
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)x[i];
    }
    return y;
}

/* --- the network against the oracle --------------------------------------------------------------- */

struct precision {
    const char *backend;
    double tolerance; /* relative to the largest number of an array */
};
/* float32: rounding in 15 layers; TF32 and bfloat16: errors of 2^-11 and 2^-9 of each factor, in all layers */
static const struct precision precisions[] = {{"cuda-float32", 2e-4}, {"cuda", 2e-2}, {"cuda-bf16", 1e-1}};

/* The results of the CPU backend; false if this program is built without oneDNN. */
static bool cpu_passes(const struct score_model *model, size_t n, const float *phi, const double *t, const float *probe,
                       float *out, float *back) {
#ifdef DMSQ_NO_ONEDNN
    (void)model, (void)n, (void)phi, (void)t, (void)probe, (void)out, (void)back;
    return false;
#else
    struct score_model m = *model;
    struct score *score;
    struct score_worker *worker;
    struct error e = {0};
    m.backend = NULL;
    GPU_DO(score_new(&m, SCORE_BATCH, &score, &e));
    GPU_DO(score_worker_new(score, &worker, &e));
    for (size_t at = 0; at < n; at += SCORE_BATCH) {
        const size_t part = n - at < SCORE_BATCH ? n - at : SCORE_BATCH, from = at * m.volume;
        GPU_DO(score_evaluate(worker, (int)part, phi + from, t + at, out + from, &e));
        GPU_DO(score_vjp(worker, (int)part, probe + from, back + from, &e));
    }
    score_worker_free(worker);
    score_free(score);
    return true;
#endif
}

/* Prints rows of a device's results (back NULL: no product) against the CPU backend. */
static void against_cpu(const struct score_model *m, const struct precision *p, size_t n, const float *phi,
                        const double *t, const float *probe, const float *out, const float *back, const char *name) {
    const size_t room = n * m->volume;
    float *cpu_out = gpu_alloc(room, sizeof *cpu_out), *cpu_back = gpu_alloc(room, sizeof *cpu_back);
    char text[160];
    snprintf(text, sizeof text, "%s: score, CPU, %s", name, p->backend);
    if (!cpu_passes(m, n, phi, t, probe, cpu_out, cpu_back)) {
        gpu_left_out(text, "no oneDNN: compared with the oracle only");
    } else {
        double *expected = reals(room, cpu_out), *expected_back = reals(room, cpu_back);
        gpu_row(text, deviation(room, out, expected), p->tolerance);
        snprintf(text, sizeof text, "%s: vector-Jacobian product, CPU, %s", name, p->backend);
        if (back) {
            gpu_row(text, deviation(room, back, expected_back), p->tolerance);
        }
        free(expected);
        free(expected_back);
    }
    free(cpu_out);
    free(cpu_back);
}

/* Compares score and product of n configurations with output and product, which are those of F at the published
 * parameterisation; if they are NULL, only with the CPU. */
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
    const size_t room = n * m.volume, capacity = b->capacity(b, &m);
    float *out = gpu_alloc(room, sizeof *out), *back = gpu_alloc(room, sizeof *back);
    float *again = gpu_alloc(room, sizeof *again);
    struct score_frame *frames = gpu_alloc(n, sizeof *frames);
    for (size_t i = 0; i < n; i++) {
        frames[i] = score_frame(&m, t[i]);
    }
    for (size_t at = 0; at < n; at += capacity) {
        const size_t part = n - at < capacity ? n - at : capacity, from = at * m.volume;
        GPU_DO(b->evaluate(w, part, phi + from, frames + at, out + from, &e));
        if (!b->forward_only) {
            GPU_DO(b->vjp(w, part, probe + from, back + from, &e));
        }
        GPU_DO(b->evaluate(w, part, phi + from, frames + at, again + from, &e));
    }
    snprintf(text, sizeof text, "%s: score, %s", name, p->backend);
    if (output) {
        gpu_row(text, deviation(room, out, output), p->tolerance);
    }
    if (output && !b->forward_only) {
        snprintf(text, sizeof text, "%s: vector-Jacobian product, %s", name, p->backend);
        gpu_row(text, deviation(room, back, product), p->tolerance);
    }
    against_cpu(&m, p, n, phi, t, probe, out, b->forward_only ? NULL : back, name);
    snprintf(text, sizeof text, "%s: bits of a second evaluation that differ, %s", name, p->backend);
    gpu_row(text, memcmp(out, again, room * sizeof *out) != 0, 0);
    b->network_free(w);
    b->close(b);
    free(out);
    free(back);
    free(again);
    free(frames);
}

void compare_network(struct unet_shape shape, int precision, const char *name) {
    enum { N = 2 };
    struct score_model m = gpu_model(shape, SCORE_PUBLISHED, 3);
    struct error e = {0};
    const size_t room = N * m.volume;
    const double t[N] = {0.375, 0.75};
    float *phi = gpu_noise("phi", room), *probe = gpu_noise("probe", room);
    double *x = reals(room, phi), *v = reals(room, probe), *w = reals(m.weight_count, m.weights);
    double *f = reals((size_t)shape.embedding / 2, score_network(&m)->frequencies), *out = gpu_alloc(room, sizeof *out),
           *back = gpu_alloc(room, sizeof *back);
    GPU_DO(unet_oracle(&shape, w, f, N, x, t, out, v, back, NULL, &e));
    for (int p = 0; p < 3; p++) {
        if (precision < 0 || precision == p) {
            check_passes(&m, &precisions[p], N, phi, t, probe, out, back, name);
        }
    }
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

void compare_wiener(struct unet_shape shape, const char *name) {
    enum { N = 2 };
    struct score_model m = gpu_model(shape, SCORE_WIENER, 3);
    const double t[N] = {0.375, 0.75};
    float *phi = gpu_noise("phi", N * m.volume), *probe = gpu_noise("probe", N * m.volume);
    check_passes(&m, &precisions[0], N, phi, t, probe, NULL, NULL, name);
    free(phi);
    free(probe);
    gpu_model_free(&m);
}

/* Compares weight gradients, array by array, from a step of Adam that sets the first moment to the gradient. */
void compare_gradients(struct unet_shape shape, const char *name) {
    enum { N = 2, BATCH = 3 };
    const struct backend_step only = {{0, 1, 0, 0, 0, 1, 1}, 0};
    struct score_model m = gpu_model(shape, SCORE_PUBLISHED, 3);
    struct error e = {0};
    const size_t V = m.volume;
    const double t[BATCH] = {0.4, 0.625, 0.5};
    const struct random_key key = random_key(2, "tests gpu", "noise");
    float *fields = gpu_noise("fields", 3 * V), *gradient = gpu_alloc(m.weight_count, sizeof *gradient);
    double *x = gpu_alloc(N * V, sizeof *x), *z = gpu_alloc(N * V, sizeof *z), *out = gpu_alloc(N * V, sizeof *out);
    double *w = reals(m.weight_count, m.weights),
           *f = reals((size_t)shape.embedding / 2, score_network(&m)->frequencies);
    double *expected = gpu_alloc(m.weight_count, sizeof *expected), loss[BATCH], expected_loss[N] = {0};
    struct backend_example examples[BATCH];
    struct score_frame frames[BATCH];
    float *noise = gpu_alloc(V, sizeof *noise);
    for (uint32_t n = 0; n < BATCH; n++) {
        examples[n] = (struct backend_example){2 - n, 1, (float)schedule_noise(25, t[n]), n < N ? 2.0f / N : 0};
        frames[n] = score_frame(&m, t[n]);
        random_normal_float(key, 5 + n, 1, noise, V);
        for (size_t i = 0; i < V && n < N; i++) {
            z[n * V + i] = (double)noise[i];
            x[n * V + i] = (double)(fields[(2 - n) * V + i] + examples[n].noise * noise[i]);
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
        GPU_DO(b->training_steps(training, 1, examples, frames, &only, key, 5, 1, loss, &e));
        GPU_DO(b->training_read(training, NULL, gradient, NULL, NULL, &e));
        char text[160];
        snprintf(text, sizeof text, "%s: loss, %s", name, b->name);
        gpu_row(text,
                fmax(gpu_difference(loss[0] / expected_loss[0], 1), gpu_difference(loss[1] / expected_loss[1], 1)),
                precisions[p].tolerance);
        struct unet_tensor list[UNET_TENSORS];
        unet_tensors(&shape, list, NULL);
        double all = 0, worst = 0;
        const char *where = "";
        for (size_t i = 0; i < m.weight_count; i++) {
            all = fmax(all, fabs(expected[i]));
        }
        for (size_t i = 0; i < UNET_TENSORS; i++) {
            /* gradients that vanish exactly (a dense layer before groups of one channel) are compared relative to the
             * largest of all arrays */
            double own = 0, difference = 0;
            for (size_t k = list[i].offset; k < list[i].offset + list[i].count; k++) {
                own = fmax(own, fabs(expected[k]));
                difference = fmax(difference, gpu_difference((double)gradient[k], expected[k]));
            }
            const double relative = difference / (own > 1e-6 * all ? own : all);
            if (!(relative <= worst)) {
                worst = relative;
                where = list[i].name;
            }
        }
        snprintf(text, sizeof text, "%s: gradients of 39 arrays, worst %s, %s", name, where, b->name);
        gpu_row(text, worst, 5 * precisions[p].tolerance);
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

/* --- reference networks -------------------------------------------------------------------------- */

/* Data of FOLDER/NAME.npy, which must have `size` bytes per element; *count: number of elements. */
static void *member(const char *folder, const char *name, size_t size, size_t *count) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    FILE *f = fopen(path, "rb");
    unsigned char head[10];
    if (!f || fread(head, 1, 10, f) != 10 || memcmp(head, "\x93NUMPY\x01", 7) != 0) {
        gpu_end(path, "cannot read");
    }
    const long start = 10 + head[8] + 256 * head[9];
    fseek(f, 0, SEEK_END);
    *count = (size_t)(ftell(f) - start) / size;
    fseek(f, start, SEEK_SET);
    void *data = gpu_alloc(*count, size);
    if (fread(data, size, *count, f) != *count) {
        gpu_end(path, "ends early");
    }
    fclose(f);
    return data;
}

void compare_reference(const char *folder) {
    size_t n, room, count, frequencies, width;
    double *t = member(folder, "in.t", 8, &n), *phi = member(folder, "in.phi", 8, &room);
    double *probe = member(folder, "in.probe", 8, &count), *score = member(folder, "out.score", 8, &count);
    double *vjp = member(folder, "out.vjp", 8, &count);
    float *fourier = member(folder, "embed.fourier", 4, &frequencies);
    free(member(folder, "gnorm1.weight", 4, &width));
    const int extent = (int)lround(sqrt((double)(room / n)));
    const struct unet_shape shape = {extent,
                                     extent,
                                     (int)width,
                                     2 * (int)frequencies,
                                     strstr(folder, "stride1") ? 1 : 2,
                                     strstr(folder, "zeros") ? UNET_ZEROS : UNET_PERIODIC};
    struct score_model m = gpu_model(shape, SCORE_PUBLISHED, 3);
    struct unet_tensor list[UNET_TENSORS];
    unet_tensors(&shape, list, NULL);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        float *own = member(folder, list[i].name, 4, &count);
        if (count != list[i].count) {
            char text[80];
            snprintf(text, sizeof text, "%s has %zu elements, expected %zu", list[i].name, count, list[i].count);
            gpu_end(folder, text);
        }
        memcpy(m.weights + list[i].offset, own, count * sizeof *own);
        free(own);
    }
    memcpy(score_network(&m)->frequencies, fourier, frequencies * sizeof *fourier);
    float *x = gpu_alloc(room, sizeof *x), *v = gpu_alloc(room, sizeof *v);
    for (size_t i = 0; i < room; i++) {
        const double s = schedule_noise(25, t[i / m.volume]);
        x[i] = (float)phi[i];
        v[i] = (float)(probe[i] / s);
        score[i] *= s;
    }
    const char *name = strrchr(folder, '/') ? strrchr(folder, '/') + 1 : folder;
    for (int p = 0; p < 3; p++) {
        check_passes(&m, &precisions[p], n, x, t, v, score, vjp, name);
    }
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
