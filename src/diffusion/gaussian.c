#include "diffusion/gaussian.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "lattice/fourier.h"

/* What all threads share. */
struct plan {
    const struct score_model *model;
    struct fourier *fourier;
    struct random_key key;
    double *gain;   /* sqrt(G), volume */
    double *weight; /* 1/(2 G), volume */
    double constant; /* log q of the mean */
};

static enum status plan_make(struct plan *p, const struct score_model *m, uint64_t seed, struct error *e) {
    const size_t V = m->volume;
    *p = (struct plan){.model = m, .key = random_key(seed, "propose", "gaussian")};
    p->gain = malloc(3 * V * sizeof *p->gain);
    if (!p->gain)
        return error_set(e, STATUS_FAILED, "out of memory for a Gaussian field");
    p->weight = p->gain + V;
    enum status status = fourier_new(m->extents, m->dimensions, &p->fourier, e);
    if (status == STATUS_OK)
        status = fourier_gaussian_gain(p->fourier, m->propagator, p->gain, e);
    double *terms = p->weight + V;
    for (size_t i = 0; i < V && status == STATUS_OK; i++) {
        const double G = p->gain[i] * p->gain[i];
        if (!(G > 0))
            status = error_set(e, STATUS_BAD_INPUT, "the propagator of mode %zu is %g, expected more than 0", i, G);
        p->weight[i] = 0.5 / G;
        terms[i] = -0.5 * function_log(6.283185307179586477 * G);
    }
    if (status == STATUS_OK)
        p->constant = sum_tree(terms, V) + (double)V * function_log(fabs(m->factor));
    return status;
}

/* One configuration; scratch: 2 V, and what the transform needs. */
static void draw(const struct plan *p, uint64_t number, float *phi, double *log_q, double *scratch) {
    const struct score_model *m = p->model;
    const size_t V = m->volume;
    double *x = scratch, *power = x + V, *workspace = power + V;
    random_normal(p->key, number, 0, x, V);
    fourier_filter(p->fourier, p->gain, x, x, workspace);
    for (size_t i = 0; i < V; i++) {
        phi[i] = (float)(x[i] / m->factor + m->offset);
        x[i] = ((double)phi[i] - m->offset) * m->factor;
    }
    fourier_power(p->fourier, x, power, workspace);
    *log_q = p->constant - dot_tree(power, p->weight, V);
}

static enum status draw_all(const struct plan *p, size_t first, size_t count, int threads, float *phi, double *log_q,
                            const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    const size_t V = p->model->volume, need = 2 * V + fourier_workspace(p->fourier);
    bool no_memory = false;
    size_t done = 0;
#pragma omp parallel num_threads(threads)
    {
        double *scratch = malloc(need * sizeof *scratch);
        if (!scratch)
#pragma omp atomic write
            no_memory = true;
#pragma omp for schedule(dynamic, 64)
        for (size_t i = 0; i < count; i++) {
            if (!scratch || *interrupted)
                continue;
            draw(p, first + i, phi + i * V, &log_q[i], scratch);
            size_t now;
#pragma omp atomic capture
            now = ++done;
            if (progress && now % 256 == 0)
                progress_update(progress, first + now, NULL);
        }
        free(scratch);
    }
    if (no_memory)
        return error_set(e, STATUS_FAILED, "out of memory for a Gaussian field");
    return *interrupted ? error_set(e, STATUS_FAILED, "interrupted while drawing") : STATUS_OK;
}

enum status gaussian_sample(const struct score_model *model, uint64_t seed, size_t first, size_t count, int threads,
                            float *phi, double *log_q, const volatile sig_atomic_t *interrupted,
                            struct progress *progress, struct error *e) {
    struct plan plan;
    enum status status = plan_make(&plan, model, seed, e);
    if (status == STATUS_OK)
        status = draw_all(&plan, first, count, threads, phi, log_q, interrupted, progress, e);
    fourier_free(plan.fourier);
    free(plan.gain);
    return status;
}
