/* See flow_prior.h. */
#include "diffusion/flow_prior.h"

#include <math.h>
#include <stdlib.h>

#include "base/functions.h"
#include "base/sum.h"
#include "lattice/fourier.h"
#include "score/schedule.h"

struct flow_prior {
    size_t volume;
    double variance;         /* s^2(1) */
    double logs;             /* ln det(2 pi C) */
    struct fourier *fourier; /* NULL: white */
    double *gain, *inverse;  /* [V]: square root and inverse of the variance of each mode */
};

static enum status make_modes(const struct score_model *m, struct flow_prior *p, struct error *e) {
    const size_t V = m->volume;
    double *terms = calloc(3 * V, sizeof *terms);
    p->gain = terms;
    if (!terms) {
        return error_set(e, STATUS_FAILED, "out of memory for the prior");
    }
    p->inverse = terms + V;
    terms += 2 * V;
    enum status status = fourier_new(m->extents, m->dimensions, &p->fourier, e);
    for (size_t i = 0; i < V; i++) {
        terms[i] = m->propagator[i] + p->variance;
    }
    THEN(status, fourier_gaussian_gain(p->fourier, terms, p->gain, e));
    for (size_t i = 0; i < V && status == STATUS_OK; i++) {
        const double variance = p->gain[i] * p->gain[i];
        p->inverse[i] = 1 / variance;
        terms[i] = function_log(6.283185307179586477 * variance);
    }
    p->logs = sum_tree(terms, V);
    return status;
}

enum status flow_prior_new(const struct score_model *m, bool gaussian, struct flow_prior **prior, struct error *e) {
    struct flow_prior *p = calloc(1, sizeof *p);
    *prior = NULL;
    if (!p) {
        return error_set(e, STATUS_FAILED, "out of memory for the prior");
    }
    p->volume = m->volume;
    p->variance = schedule_variance(m->sigma, 1);
    p->logs = (double)m->volume * function_log(6.283185307179586477 * p->variance);
    const enum status status = gaussian ? make_modes(m, p, e) : STATUS_OK;
    if (status == STATUS_OK) {
        *prior = p;
    } else {
        flow_prior_free(p);
    }
    return status;
}

void flow_prior_free(struct flow_prior *p) {
    if (!p) {
        return;
    }
    fourier_free(p->fourier);
    free(p->gain);
    free(p);
}

size_t flow_prior_workspace(const struct flow_prior *p) {
    return p->volume + (p->fourier ? fourier_workspace(p->fourier) : 0);
}

void flow_prior_draw(const struct flow_prior *p, double *phi, double *workspace) {
    if (p->fourier) {
        fourier_filter(p->fourier, p->gain, phi, phi, workspace);
        return;
    }
    const double s = sqrt(p->variance);
    for (size_t i = 0; i < p->volume; i++) {
        phi[i] *= s;
    }
}

double flow_prior_square(const struct flow_prior *p, const double *phi, double *workspace) {
    if (p->fourier) {
        fourier_power(p->fourier, phi, workspace, workspace + p->volume);
        return dot_tree(workspace, p->inverse, p->volume);
    }
    for (size_t i = 0; i < p->volume; i++) {
        workspace[i] = phi[i] * phi[i];
    }
    return sum_tree(workspace, p->volume) / p->variance;
}

double flow_prior_log_density(const struct flow_prior *p, double square) {
    return -0.5 * (p->logs + square);
}
