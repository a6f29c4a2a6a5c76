/* Steps of the network on request, for tests/peers/unet_cpu.py, which compares with PyTorch. Each line of standard
 * input is a request, `training STEPS` or `sampler STEPS`; each answer is a line with the wall time and the processor
 * time in seconds. A step of training has 64 configurations, one of the sampler 24 per thread. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "diffusion/reverse.h"
#include "diffusion/training.h"
#include "tests/bench/bench_network.h"

enum { V = BENCH_L * BENCH_L, BATCH = 64, FIELDS = 256 };

struct work {
    const struct bench *bench;
    struct score_model model;
    struct training *training;
    size_t next;
    float *phi; /* of the sampler */
};

static enum status train(struct work *w, int64_t steps, struct error *e) {
    enum status status = STATUS_OK;
    for (int64_t i = 0; i < steps && status == STATUS_OK; i++) {
        double loss;
        w->next = (w->next + BATCH) % FIELDS;
        status = training_step(w->training, w->next, &loss, e);
    }
    return status;
}

static enum status draw(struct work *w, int64_t steps, struct error *e) {
    static const volatile sig_atomic_t never = 0;
    const struct reverse_settings settings = {
        .method = REVERSE_EULER_MARUYAMA, .steps = steps, .t_end = 1e-3, .seed = 1};
    return reverse_run(&w->model, &settings, 0, bench_configurations(w->bench), w->bench->threads, w->phi, NULL, &never,
                       NULL, e);
}

static double processor_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum status answer(struct work *w, struct error *e) {
    char line[64], what[16];
    enum status status = STATUS_OK;
    while (status == STATUS_OK && fgets(line, sizeof line, stdin)) {
        long steps;
        if (sscanf(line, "%15s %ld", what, &steps) != 2 || steps < 1 ||
            (strcmp(what, "training") && strcmp(what, "sampler"))) {
            return error_set(e, STATUS_BAD_INPUT, "found '%.40s', expected 'training STEPS' or 'sampler STEPS'", line);
        }
        const double start = bench_seconds(), used = processor_seconds();
        status = *what == 't' ? train(w, steps, e) : draw(w, steps, e);
        printf("%.9f %.9f\n", bench_seconds() - start, processor_seconds() - used);
        fflush(stdout);
    }
    return status;
}

enum status bench_peer(struct bench *b, enum unet_convolutions convolutions, struct error *e) {
    const struct training_settings settings = {
        .seed = 1, .epochs = 1, .batch = BATCH, .learning_rate = 1e-3, .t_min = 1e-5};
    struct work w = {.bench = b};
    float *fields = bench_filled((size_t)FIELDS * V);
    w.phi = malloc(bench_configurations(b) * V * sizeof *w.phi);
    enum status status = bench_model_new(&w.model, 2, convolutions, e);
    if (status == STATUS_OK && (!fields || !w.phi)) {
        status = error_set(e, STATUS_FAILED, "out of memory");
    }
    THEN(status, training_new(&w.model, fields, FIELDS, &settings, b->threads, &w.training, e));
    THEN(status, answer(&w, e));
    training_free(w.training);
    score_model_release(&w.model);
    free(fields);
    free(w.phi);
    return status;
}
