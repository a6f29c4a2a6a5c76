/* The probability flow of the effective-action model in normalised modes: see effective_flow.h. */
#include "score/effective_flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/sum.h"
#include "score/effective_grid.h"
#include "score/effective_levels.h"

struct effective_flow {
    const struct effective_model *model;
    struct effective_lattices lattices;
    const struct transform *transform; /* of the whole lattice */
    bool noisy;                        /* the reverse process with noise */
    struct effective_grid grid;
    double stretch;
    struct effective_level **level; /* of every level of the grid */
    struct effective_flow *finer;   /* with more steps, for fields whose path is rough; NULL: none */
    double limit;                   /* of the roughness */
    float *gain;                    /* [V] sqrt(G)/V: from modes to the field */
    double constant;                /* -V/2 ln 2 pi - 1/2 sum ln G, and ln 1/2 of a model of one phase */
};

static enum status make(const struct effective_model *m, size_t steps, double stretch, bool noisy, int threads,
                        struct effective_flow **out, struct error *e) {
    struct effective_flow *flow = calloc(1, sizeof *flow);
    *out = NULL;
    if (!flow) {
        return error_set(e, STATUS_FAILED, "out of memory for a flow");
    }
    flow->model = m;
    flow->noisy = noisy;
    flow->stretch = stretch;
    enum status status = effective_lattices_make(m->extents, m->dimensions, m->blocking, &flow->lattices, e);
    flow->transform = flow->lattices.lattice[0].transform;
    flow->gain = malloc(m->volume * sizeof *flow->gain);
    if (status == STATUS_OK && !flow->gain) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu modes", m->volume);
    }
    if (status == STATUS_OK) {
        double *logs = malloc(m->volume * sizeof *logs);
        for (size_t p = 0; logs && p < m->volume; p++) {
            flow->gain[p] = (float)(sqrt(m->propagator[p]) / (double)m->volume);
            logs[p] = function_log(m->propagator[p]);
        }
        if (logs) {
            flow->constant = -0.5 * (sum_tree(logs, m->volume) + (double)m->volume * 1.83787706640934548) -
                             (m->one_phase ? 0.69314718055994531 : 0);
        } else {
            status = error_set(e, STATUS_FAILED, "out of memory for %zu modes", m->volume);
        }
        free(logs);
    }
    THEN(status, noisy ? effective_grid_noisy(m, steps, &flow->grid, e)
                       : effective_grid_make(m, &flow->lattices, steps, stretch, &flow->grid, e));
    flow->level = calloc(flow->grid.points + 1, sizeof *flow->level);
    if (status == STATUS_OK && !flow->level) {
        status = error_set(e, STATUS_FAILED, "out of memory for the levels of %zu steps", steps);
    }
    THEN(status,
         effective_levels_make(m, &flow->lattices, flow->grid.points, flow->grid.log_s, threads, flow->level, e));
    if (status == STATUS_OK) {
        *out = flow;
    } else {
        effective_flow_free(flow);
    }
    return status;
}

enum status effective_flow_new(const struct effective_model *m, size_t steps, double stretch, int threads,
                               struct effective_flow **flow, struct error *e) {
    return make(m, steps, stretch, false, threads, flow, e);
}

enum status effective_flow_noisy_new(const struct effective_model *m, size_t steps, int threads,
                                     struct effective_flow **flow, struct error *e) {
    return make(m, steps, 0, true, threads, flow, e);
}

enum status effective_flow_recheck(struct effective_flow *flow, double limit, int threads, struct error *e) {
    flow->limit = limit;
    return make(flow->model, 4 * flow->grid.steps, flow->stretch, false, threads, &flow->finer, e);
}

void effective_flow_free(struct effective_flow *flow) {
    if (!flow) {
        return;
    }
    effective_flow_free(flow->finer);
    for (size_t i = 0; flow->level && i < flow->grid.points; i++) {
        effective_level_free(flow->level[i]);
    }
    free(flow->level);
    free(flow->gain);
    effective_grid_release(&flow->grid);
    effective_lattices_release(&flow->lattices);
    free(flow);
}

double effective_flow_log_s(const struct effective_flow *flow, size_t k) {
    return effective_grid_log_s(&flow->grid, k);
}

size_t effective_flow_evaluations(const struct effective_flow *flow) {
    return (flow->noisy ? 1 : 4) * flow->grid.steps;
}

/* --- integration --------------------------------------------------------------------------------- */

struct room {
    struct transform_site *modes, *at, *sum, *slope, *evaluation;
    float *normal; /* V */
};

static size_t evaluation_workspace(const struct effective_flow *flow) {
    const size_t own = effective_levels_workspace(&flow->lattices, flow->grid.points, flow->level),
                 finer = flow->finer ? evaluation_workspace(flow->finer) : 0;
    return own > finer ? own : finer;
}

size_t effective_flow_workspace(const struct effective_flow *flow) {
    const size_t V = flow->model->volume;
    return 4 * V + evaluation_workspace(flow) +
           (V * sizeof(float) + sizeof(struct transform_site) - 1) / sizeof(struct transform_site);
}

static struct room divide(const struct effective_flow *flow, struct transform_site *all) {
    const size_t V = flow->model->volume;
    struct room r = {all, all + V, all + 2 * V, all + 3 * V, all + 4 * V, NULL};
    r.normal = (float *)(r.evaluation + evaluation_workspace(flow));
    return r;
}

/* Sums along the path of every field: the integral of the divergence, and the roughness, the differences of the two
 * slopes in the middle of each step in that integral. */
struct path {
    double density[TRANSFORM_FIELDS], roughness[TRANSFORM_FIELDS];
};

/* out = base + factor x */
static void advance(size_t n, const struct transform_site *base, float factor, const struct transform_site *x,
                    struct transform_site *out) {
    for (size_t p = 0; p < n; p++) {
        out[p].re = base[p].re + x[p].re * factor;
        out[p].im = base[p].im + x[p].im * factor;
    }
}

/* out = base + factor x and result = sum + weight x; `result` may be `sum`. */
static void advance_both(size_t n, const struct transform_site *x, const struct transform_site *base, float factor,
                         struct transform_site *out, const struct transform_site *sum, float weight,
                         struct transform_site *result) {
    for (size_t p = 0; p < n; p++) {
        const struct transform_site here = x[p], from = base[p], so_far = sum[p];
        out[p] = (struct transform_site){from.re + here.re * factor, from.im + here.im * factor};
        result[p] = (struct transform_site){so_far.re + here.re * weight, so_far.im + here.im * weight};
    }
}

/* effective_level_evaluate, or the same on the level's own lattice. */
typedef void evaluation(const struct effective_level *level, const struct transform_site *modes,
                        struct transform_site *drift, double divergence[TRANSFORM_FIELDS],
                        struct transform_site *workspace);

/* A classical Runge-Kutta step of r->modes[n] from level[0] over level[1] to level[2], h = ln s of level[2] minus
 * that of level[0]. */
static void runge_kutta(const struct effective_level *const level[3], double h, evaluation *evaluate, size_t n,
                        const struct room *r, struct path *path) {
    static const double weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}, reach[3] = {0.5, 0.5, 1};
    static const size_t half_steps[4] = {0, 1, 1, 2};
    double middle[TRANSFORM_FIELDS];
    for (int stage = 0; stage < 4; stage++) {
        double divergence[TRANSFORM_FIELDS];
        evaluate(level[half_steps[stage]], stage == 0 ? r->modes : r->at, r->slope, divergence, r->evaluation);
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            path->density[i] += h * weight[stage] * divergence[i];
            if (stage == 2) {
                path->roughness[i] += fabs(h * (divergence[i] - middle[i]));
            }
            middle[i] = divergence[i];
        }
        if (stage < 3) {
            advance_both(n, r->slope, r->modes, (float)(h * reach[stage]), r->at, stage == 0 ? r->modes : r->sum,
                         (float)(h * weight[stage]), r->sum);
        } else {
            advance(n, r->sum, (float)(h * weight[stage]), r->slope, r->modes);
        }
    }
}

/* A step. On a blocked lattice only its own modes change: they are copied to it, and back at the end. */
static void step(const struct effective_flow *flow, const struct effective_level *const level[3], double h,
                 const struct room *r, struct path *path) {
    const struct effective_lattice *lattice = effective_level_lattice(level[0]);
    const bool blocked = lattice->factor > 1 && effective_level_lattice(level[1]) == lattice &&
                         effective_level_lattice(level[2]) == lattice;
    if (!blocked) {
        runge_kutta(level, h, effective_level_evaluate, flow->model->volume, r, path);
        return;
    }
    struct room own = *r;
    own.modes = r->at + lattice->volume; /* its volume is at most half of the whole */
    effective_lattice_pick(lattice, r->modes, own.modes);
    runge_kutta(level, h, effective_level_evaluate_own, lattice->volume, &own, path);
    effective_lattice_put(lattice, own.modes, r->modes);
}

static void down(const struct effective_flow *flow, const struct effective_observer *observer, const struct room *r,
                 struct path *path) {
    for (size_t k = 0; k <= flow->grid.steps; k++) {
        if (observer) {
            observer->see(observer->context, k, r->modes);
        }
        if (k < flow->grid.steps) {
            step(flow, (const struct effective_level *const *)flow->level + flow->grid.first[k],
                 effective_grid_length(&flow->grid, k), r, path);
        }
    }
}

static void up(const struct effective_flow *flow, const struct room *r, struct path *path) {
    for (size_t k = flow->grid.steps; k-- > 0;) {
        struct effective_level *const *const down = flow->level + flow->grid.first[k];
        const struct effective_level *const level[3] = {down[2], down[1], down[0]};
        step(flow, level, -effective_grid_length(&flow->grid, k), r, path);
    }
}

static void scale_modes(size_t V, const float *gain, bool inverse, struct transform_site *modes) {
    for (size_t p = 0; p < V; p++) {
        const float factor = inverse ? 1.0f / (gain[p] * (float)V) : gain[p];
        modes[p].re *= factor;
        modes[p].im *= factor;
    }
}

/* Numbers of the random streams of a field: start, sign, steps (from 2 on), and a spread zero mode. */
enum { START, SIGN, STEPS, ZERO_MODE = 1 << 30 };

/* Uniform within `spread` standard deviations. */
static double spread_zero_mode(struct random_key key, size_t field, double spread) {
    double u;
    random_uniform(key, field, ZERO_MODE, &u, 1);
    return spread * (2 * u - 1);
}

/* Draws white noise of unit variance per site (so that <|xi(p)|^2> = V), and its square. number: of the random stream.
 * With spread > 0 the zero mode of every other field is uniform within this many standard deviations. */
static void white(const struct effective_flow *flow, struct random_key key, size_t first, uint64_t number,
                  double spread, const struct room *r, struct transform_site *modes, double square[TRANSFORM_FIELDS]) {
    const size_t V = flow->model->volume;
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        random_normal_float(key, first + i, number, r->normal, V);
        double mean = 0;
        for (size_t x = 0; x < V; x++) {
            mean += (double)r->normal[x] / (double)V;
        }
        const float more =
            spread > 0 && i % 2 == 1 ? (float)(spread_zero_mode(key, first + i, spread) / sqrt((double)V) - mean) : 0;
        square[i] = 0;
        for (size_t x = 0; x < V; x++) {
            const float value = r->normal[x] + more;
            *transform_field(&modes[x], i) = value;
            square[i] += (double)value * (double)value;
        }
    }
    transform_forward(flow->transform, modes, modes, r->evaluation);
}

/* The reverse process with noise. */
static void down_with_noise(const struct effective_flow *flow, struct random_key key, size_t first,
                            const struct room *r) {
    const size_t V = flow->model->volume;
    for (size_t k = 0; k < flow->grid.steps; k++) {
        const double s = function_exp(effective_flow_log_s(flow, k)),
                     next = k + 1 < flow->grid.steps ? function_exp(effective_flow_log_s(flow, k + 1)) : 0,
                     part = 1 - next / s * (next / s);
        double unused[TRANSFORM_FIELDS];
        effective_level_evaluate(flow->level[k], r->modes, r->slope, unused, r->evaluation);
        white(flow, key, first, STEPS + k, 0, r, r->at, unused);
        for (size_t p = 0; p < V; p++) {
            const double G = flow->model->propagator[p], c = sqrt((G + next * next) / (G + s * s));
            const float keep = (float)c, noise = (float)sqrt(s * s * part / (G + s * s)), drift = (float)(-part / c);
            r->modes[p].re = r->modes[p].re * keep + r->at[p].re * noise + r->slope[p].re * drift;
            r->modes[p].im = r->modes[p].im * keep + r->at[p].im * noise + r->slope[p].im * drift;
        }
    }
}

static double sign_of(const struct effective_flow *flow, struct random_key key, size_t field) {
    double u;
    random_uniform(key, field, SIGN, &u, 1);
    return flow->model->one_phase && u < 0.5 ? -1 : 1;
}

/* From xi at the lowest level in r->modes to fields, without their signs; NaN in log_q of a field that is rejected. */
static void land(const struct effective_flow *flow, const struct room *r, size_t count, float *phi, double *log_q) {
    const struct effective_model *m = flow->model;
    const size_t V = m->volume;
    scale_modes(V, flow->gain, false, r->modes);
    transform_inverse(flow->transform, r->modes, r->modes, r->evaluation);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t x = 0; x < V; x++) {
            const double value = (double)*transform_field(&r->modes[x], i) + m->mean;
            phi[i * V + x] = (float)value;
            sum += value;
        }
        if (!isfinite(log_q[i]) || !isfinite(sum) || (m->one_phase && !(sum > 0))) {
            log_q[i] = NAN;
        }
    }
}

static void draw(const struct effective_flow *flow, struct random_key key, size_t first,
                 const struct effective_observer *observer, size_t count, float *phi, double *log_q, struct path *path,
                 struct transform_site *workspace) {
    const struct room r = divide(flow, workspace);
    const size_t V = flow->model->volume;
    double square[TRANSFORM_FIELDS];
    white(flow, key, first, START, observer ? observer->spread : 0, &r, r.modes, square);
    if (flow->noisy) {
        down_with_noise(flow, key, first, &r);
    } else {
        down(flow, observer, &r, path);
    }
    for (size_t i = 0; i < count; i++) {
        log_q[i] = flow->noisy ? 0 : flow->constant - 0.5 * square[i] - path->density[i];
    }
    land(flow, &r, count, phi, log_q);
    for (size_t i = 0; i < count; i++) {
        for (size_t x = 0; sign_of(flow, key, first + i) < 0 && x < V; x++) {
            phi[i * V + x] = -phi[i * V + x];
        }
    }
}

void effective_flow_draw(const struct effective_flow *flow, struct random_key key, size_t first,
                         const struct effective_observer *observer, size_t count, float *phi, double *log_q,
                         struct transform_site *workspace) {
    struct path path = {0};
    draw(flow, key, first, observer, count, phi, log_q, &path, workspace);
}

void effective_flow_follow(const struct effective_flow *flow, size_t count, const float *noise, float *phi,
                           double *log_q, struct transform_site *workspace) {
    const struct room r = divide(flow, workspace);
    const size_t V = flow->model->volume;
    struct path path = {0};
    memset(r.modes, 0, V * sizeof *r.modes);
    for (size_t i = 0; i < count; i++) {
        for (size_t x = 0; x < V; x++) {
            *transform_field(&r.modes[x], i) = noise[i * V + x];
        }
    }
    transform_forward(flow->transform, r.modes, r.modes, r.evaluation);
    down(flow, NULL, &r, &path);
    for (size_t i = 0; i < count; i++) {
        double square = 0;
        for (size_t x = 0; x < V; x++) {
            square += (double)noise[i * V + x] * (double)noise[i * V + x];
        }
        log_q[i] = flow->constant - 0.5 * square - path.density[i];
    }
    land(flow, &r, count, phi, log_q);
}

static void rise(const struct effective_flow *flow, size_t count, const float *phi, float *noise, double *log_q,
                 struct path *path, struct transform_site *workspace) {
    const struct effective_model *m = flow->model;
    const struct room r = divide(flow, workspace);
    const size_t V = m->volume;
    memset(r.modes, 0, V * sizeof *r.modes);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t x = 0; x < V; x++) {
            sum += (double)phi[i * V + x];
        }
        const double sign = m->one_phase && sum < 0 ? -1 : 1;
        for (size_t x = 0; x < V; x++) {
            *transform_field(&r.modes[x], i) = (float)(sign * (double)phi[i * V + x] - m->mean);
        }
    }
    transform_forward(flow->transform, r.modes, r.modes, r.evaluation);
    scale_modes(V, flow->gain, true, r.modes);
    up(flow, &r, path);
    transform_inverse(flow->transform, r.modes, r.modes, r.evaluation);
    const double scale = 1 / (double)V;
    for (size_t i = 0; i < count; i++) {
        double square = 0;
        for (size_t x = 0; x < V; x++) {
            const double value = scale * (double)*transform_field(&r.modes[x], i);
            square += value * value;
            if (noise) {
                noise[i * V + x] = (float)value;
            }
        }
        const double value = flow->constant - 0.5 * square + path->density[i];
        log_q[i] = isfinite(value) ? value : NAN;
    }
}

void effective_flow_rise(const struct effective_flow *flow, size_t count, const float *phi, float *noise, double *log_q,
                         struct transform_site *workspace) {
    struct path path = {0};
    rise(flow, count, phi, noise, log_q, &path, workspace);
}

/* Integrates a pack, and again with the finer flow if the path of any field is rough. Only these fields take its
 * results, and all keep their lanes, so that field i still depends only on its number. room: for the fields of a
 * pack. */
static void follow_pack(const struct effective_flow *flow, const struct effective_flow_work *work, size_t at,
                        size_t count, float *room, struct transform_site *workspace) {
    const size_t V = flow->model->volume;
    struct path path = {0}, unused = {0};
    double log_q[TRANSFORM_FIELDS];
    float *phi = work->phi + at * V;
    bool rough = false;
    if (work->key) {
        draw(flow, *work->key, work->first + at, NULL, count, phi, work->log_q + at, &path, workspace);
    } else {
        rise(flow, count, phi, NULL, work->log_q + at, &path, workspace);
    }
    for (size_t i = 0; i < count && flow->finer; i++) {
        rough = rough || !(path.roughness[i] <= flow->limit);
    }
    if (!rough) {
        return;
    }
    if (work->key) {
        draw(flow->finer, *work->key, work->first + at, NULL, count, room, log_q, &unused, workspace);
    } else {
        rise(flow->finer, count, phi, NULL, log_q, &unused, workspace);
    }
    for (size_t i = 0; i < count; i++) {
        if (!(path.roughness[i] <= flow->limit)) {
            work->log_q[at + i] = log_q[i];
            if (work->key) {
                memcpy(phi + i * V, room + i * V, V * sizeof *phi);
            }
        }
    }
}

enum status effective_flow_run(const struct effective_flow *flow, const struct effective_flow_work *work,
                               struct error *e) {
    const size_t V = flow->model->volume, packs = (work->count + TRANSFORM_FIELDS - 1) / TRANSFORM_FIELDS;
    bool no_memory = false;
    size_t done = 0;
#pragma omp parallel num_threads(work->threads)
    {
        struct transform_site *room = transform_allocate(effective_flow_workspace(flow));
        float *phi = malloc(TRANSFORM_FIELDS * V * sizeof *phi);
        const bool ready = room && phi;
        if (!ready)
#pragma omp atomic write
            no_memory = true;
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < packs; i++) {
            const size_t at = i * TRANSFORM_FIELDS, rest = work->count - at,
                         count = rest < TRANSFORM_FIELDS ? rest : TRANSFORM_FIELDS;
            if (!ready || *work->interrupted) {
                continue;
            }
            follow_pack(flow, work, at, count, phi, room);
            size_t now;
#pragma omp atomic capture
            now = done += count;
            if (work->progress) {
                progress_update(work->progress, work->first + now, NULL);
            }
        }
        free(phi);
        free(room);
    }
    if (no_memory) {
        return error_set(e, STATUS_FAILED, "out of memory for a flow");
    }
    return *work->interrupted ? error_set(e, STATUS_FAILED, "interrupted while following the flow") : STATUS_OK;
}
