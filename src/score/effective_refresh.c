#include "score/effective_refresh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score/effective_flow.h"
#include "score/effective_path.h"
#include "score/score.h"

struct refresh {
    const struct effective_model *model;
    struct effective_path *path; /* for method paths; else NULL */
    struct effective_flow *flow; /* for method flow; else NULL */
    struct transform *transform;
    float *keep, *draw; /* [V]: c/V and sqrt(1 - c^2)/V */
};

static void release(void *own) {
    struct refresh *r = own;
    if (!r) {
        return;
    }
    effective_path_free(r->path);
    effective_flow_free(r->flow);
    transform_free(r->transform);
    free(r->keep);
    free(r);
}

static enum status make_mixture(struct refresh *r, double level, struct error *e) {
    const size_t V = r->model->volume;
    r->keep = malloc(2 * V * sizeof *r->keep);
    if (!r->keep) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu modes", V);
    }
    r->draw = r->keep + V;
    for (size_t p = 0; p < V; p++) {
        const double c = 1 / (1 + level * level / r->model->propagator[p]);
        r->keep[p] = (float)(c / (double)V);
        r->draw[p] = (float)(sqrt(1 - c * c) / (double)V);
    }
    return STATUS_OK;
}

static enum status make(const struct score_model *m, const struct score_refresh_settings *settings, int threads,
                        void **own, struct error *e) {
    struct refresh *r = calloc(1, sizeof *r);
    *own = NULL;
    if (!r) {
        return error_set(e, STATUS_FAILED, "out of memory for a refresh");
    }
    r->model = effective_action_model(m);
    enum status status = STATUS_OK;
    if (settings->method == SCORE_REFRESH_PATHS) {
        status = effective_path_new(r->model, settings->lowest, settings->level, settings->steps, threads, &r->path, e);
    } else {
        status = effective_flow_new(r->model, settings->steps, 1, threads, &r->flow, e);
        THEN(status, transform_new(r->model->extents, r->model->dimensions, &r->transform, e));
        THEN(status, make_mixture(r, settings->level, e));
    }
    if (status == STATUS_OK) {
        *own = r;
    } else {
        release(r);
    }
    return status;
}

static void *room(const void *own) {
    const struct refresh *r = own;
    if (r->path) {
        return transform_allocate(effective_path_workspace(r->path));
    }
    const size_t flow = effective_flow_workspace(r->flow),
                 mixing = 2 * r->model->volume + transform_workspace(r->transform);
    return transform_allocate(flow > mixing ? flow : mixing);
}

static void begin(const void *own, size_t count, const float *phi, float *state, void *workspace) {
    const struct refresh *r = own;
    const size_t V = r->model->volume;
    double log_q[TRANSFORM_FIELDS];
    if (r->flow) {
        effective_flow_rise(r->flow, count, phi, state, log_q, workspace);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t x = 0; x < V; x++) {
            sum += (double)phi[i * V + x];
        }
        const float sign = r->model->one_phase && sum < 0 ? -1 : 1;
        for (size_t x = 0; x < V; x++) {
            state[i * V + x] = sign * phi[i * V + x];
        }
    }
}

static void land(const void *own, size_t count, const float *state, float *phi, double *log_q, void *workspace) {
    const struct refresh *r = own;
    const size_t V = r->model->volume;
    if (r->flow) {
        effective_flow_follow(r->flow, count, state, phi, log_q, workspace);
        return;
    }
    memcpy(phi, state, count * V * sizeof *phi);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t x = 0; x < V; x++) {
            sum += (double)phi[i * V + x];
        }
        log_q[i] = isfinite(sum) ? 0 : NAN;
    }
}

/* Redraws a part of the white noise. */
static void mix(const struct refresh *r, const struct score_refresh_step *step, struct transform_site *workspace) {
    const size_t V = r->model->volume;
    struct transform_site *old = workspace, *fresh = old + V, *rest = fresh + V;
    memset(old, 0, 2 * V * sizeof *old);
    for (size_t i = 0; i < step->count; i++) {
        float *noise = step->new_state + i * V;
        random_normal_float(step->key, step->first + i, step->step, noise, V);
        for (size_t x = 0; x < V; x++) {
            *transform_field(&old[x], i) = step->state[i * V + x];
            *transform_field(&fresh[x], i) = noise[x];
        }
    }
    transform_forward(r->transform, old, old, rest);
    transform_forward(r->transform, fresh, fresh, rest);
    for (size_t p = 0; p < V; p++) {
        old[p].re = old[p].re * r->keep[p] + fresh[p].re * r->draw[p];
        old[p].im = old[p].im * r->keep[p] + fresh[p].im * r->draw[p];
    }
    transform_inverse(r->transform, old, old, rest);
    for (size_t i = 0; i < step->count; i++) {
        for (size_t x = 0; x < V; x++) {
            step->new_state[i * V + x] = *transform_field(&old[x], i);
        }
    }
}

static void propose(const void *own, const struct score_refresh_step *step, void *workspace) {
    const struct refresh *r = own;
    if (r->path) {
        effective_path_propose(r->path, step->key, step->first, step->count, step->step, step->state, step->phi,
                               step->log_ratio, workspace);
        memcpy(step->new_state, step->phi, step->count * r->model->volume * sizeof *step->phi);
        memset(step->new_log_q, 0, step->count * sizeof *step->new_log_q);
        return;
    }
    mix(r, step, workspace);
    effective_flow_follow(r->flow, step->count, step->new_state, step->phi, step->new_log_q, workspace);
    for (size_t i = 0; i < step->count; i++) {
        step->log_ratio[i] = step->log_q[i] - step->new_log_q[i];
    }
}

static size_t evaluations(const void *own) {
    const struct refresh *r = own;
    return r->path ? effective_path_evaluations(r->path) : effective_flow_evaluations(r->flow);
}

const struct score_refresh effective_refresh = {
    .pack = TRANSFORM_FIELDS,
    .make = make,
    .release = release,
    .room = room,
    .begin = begin,
    .land = land,
    .propose = propose,
    .evaluations = evaluations,
};
