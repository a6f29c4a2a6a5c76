/* See effective_path.h. */
#include "score/effective_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "score/effective_levels.h"

/* Coefficients of one mode for a move between two levels: c, sqrt(1 - c^2), and the factor from d xi/d ln s to d. */
struct move {
    float keep, noise, drift;
};

struct effective_path {
    const struct effective_model *model;
    struct effective_lattices lattices;
    const struct transform *transform; /* of the whole lattice */
    const size_t *opposite;
    size_t steps, modes;            /* modes: number of pairs p, -p */
    size_t *half;                   /* [modes]: the first mode of each pair */
    struct effective_level **level; /* [steps]: at s_1 ... s_N */
    struct move *move;              /* (steps, V) */
    double *weight;                 /* (steps, modes): weights of the products with d in A (see share) */
    double *square;                 /* [modes]: weights of 1/2 |xi_0|^2 */
    float *root;                    /* [V]: sqrt(G) */
};

static enum status allocate(struct effective_path *path, struct error *e) {
    const size_t V = path->model->volume, N = path->steps;
    path->half = malloc(V * sizeof *path->half);
    path->level = calloc(N, sizeof *path->level);
    path->move = malloc(N * V * sizeof *path->move);
    path->root = malloc(V * sizeof *path->root);
    path->square = malloc(V * sizeof *path->square);
    if (!path->half || !path->level || !path->move || !path->root || !path->square) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu levels of %zu modes", N, V);
    }
    for (size_t p = 0; p < V; p++) {
        if (p <= path->opposite[p]) {
            path->half[path->modes++] = p;
        }
    }
    path->weight = malloc(N * path->modes * sizeof *path->weight);
    return path->weight ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for %zu levels of %zu modes", N, V);
}

/* The weight of a mode in a sum over all modes. Separating the two fields of a lane gives twice their value, squares of
 * modes are V times those of sites, and p stands for -p as well. */
static double share(const struct effective_path *path, size_t p) {
    return (p == path->opposite[p] ? 0.25 : 0.5) / (double)path->model->volume;
}

static void fill(struct effective_path *path, const double *s) {
    const size_t V = path->model->volume;
    const double *G = path->model->propagator;
    for (size_t p = 0; p < V; p++) {
        path->root[p] = (float)sqrt(G[p]);
    }
    for (size_t h = 0; h < path->modes; h++) {
        path->square[h] = 0.5 * share(path, path->half[h]);
    }
    for (size_t k = 0; k < path->steps; k++) {
        const double low = s[k] * s[k], high = s[k + 1] * s[k + 1];
        for (size_t p = 0; p < V; p++) {
            const double c = sqrt((G[p] + low) / (G[p] + high));
            path->move[k * V + p] =
                (struct move){(float)c, (float)sqrt((high - low) / (G[p] + high)), (float)(-(1 - low / high) / c)};
        }
        for (size_t h = 0; h < path->modes; h++) {
            const size_t p = path->half[h];
            path->weight[k * path->modes + h] = share(path, p) * (G[p] + high) / (high - low);
        }
    }
}

static enum status make_levels(struct effective_path *path, double lowest, double level, int threads, struct error *e) {
    const struct effective_model *m = path->model;
    const size_t N = path->steps;
    double *s = malloc((2 * N + 1) * sizeof *s), *log_s = s + N + 1;
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu levels", N);
    }
    const double low = function_log(lowest), high = function_log(level);
    s[0] = 0;
    for (size_t k = 0; k < N; k++) {
        log_s[k] = k + 1 == N ? high : low + (high - low) * (double)k / (double)(N - 1);
        s[k + 1] = function_exp(log_s[k]);
    }
    fill(path, s);
    const enum status status = effective_levels_make(m, &path->lattices, N, log_s, threads, path->level, e);
    free(s);
    return status;
}

enum status effective_path_new(const struct effective_model *m, double lowest, double level, size_t steps, int threads,
                               struct effective_path **out, struct error *e) {
    *out = NULL;
    if (steps > 1 && !(level > lowest)) {
        return error_set(e, STATUS_BAD_INPUT, "level %g found, expected more than the lowest level %g for %zu steps",
                         level, lowest, steps);
    }
    struct effective_path *path = calloc(1, sizeof *path);
    if (!path) {
        return error_set(e, STATUS_FAILED, "out of memory for a path");
    }
    path->model = m;
    path->steps = steps;
    enum status status = effective_lattices_make(m->extents, m->dimensions, m->blocking, &path->lattices, e);
    if (status == STATUS_OK) {
        path->transform = path->lattices.lattice[0].transform;
        path->opposite = transform_opposite(path->transform);
    }
    THEN(status, allocate(path, e));
    THEN(status, make_levels(path, lowest, level, threads, e));
    if (status == STATUS_OK) {
        *out = path;
    } else {
        effective_path_free(path);
    }
    return status;
}

void effective_path_free(struct effective_path *path) {
    if (!path) {
        return;
    }
    for (size_t k = 0; path->level && k < path->steps; k++) {
        effective_level_free(path->level[k]);
    }
    free(path->level);
    free(path->half);
    free(path->move);
    free(path->weight);
    free(path->square);
    free(path->root);
    effective_lattices_release(&path->lattices);
    free(path);
}

size_t effective_path_evaluations(const struct effective_path *path) {
    return 2 * path->steps - 1;
}

/* --- a step -------------------------------------------------------------------------------------- */

struct room {
    struct transform_site *modes, *next, *noise, *drift, *evaluation;
    float *normal; /* [V] */
};

size_t effective_path_workspace(const struct effective_path *path) {
    const size_t V = path->model->volume;
    return 4 * V + effective_levels_workspace(&path->lattices, path->steps, path->level) +
           (V * sizeof(float) + sizeof(struct transform_site) - 1) / sizeof(struct transform_site);
}

static struct room divide(const struct effective_path *path, struct transform_site *all) {
    const size_t V = path->model->volume;
    struct room r = {all, all + V, all + 2 * V, all + 3 * V, all + 4 * V, NULL};
    r.normal = (float *)(r.evaluation + effective_levels_workspace(&path->lattices, path->steps, path->level));
    return r;
}

/* sum[i] += sum over modes of weight a b, for each field i of a pack. */
static void accumulate(const struct effective_path *path, const double *weight, const struct transform_site *a,
                       const struct transform_site *b, double sum[TRANSFORM_FIELDS]) {
    wide_double re = {0}, im = {0};
    for (size_t h = 0; h < path->modes; h++) {
        const size_t p = path->half[h], o = path->opposite[p];
        const wide first = (a[p].re + a[o].re) * (b[p].re + b[o].re) + (a[p].im - a[o].im) * (b[p].im - b[o].im);
        const wide second = (a[p].re - a[o].re) * (b[p].re - b[o].re) + (a[p].im + a[o].im) * (b[p].im + b[o].im);
        re += __builtin_convertvector(first, wide_double) * weight[h];
        im += __builtin_convertvector(second, wide_double) * weight[h];
    }
    for (size_t i = 0; i < WIDE_LANES; i++) {
        sum[i] += re[i];
        sum[WIDE_LANES + i] += im[i];
    }
}

/* The modes of white noise of unit variance per site, noise `number` of a step. */
static void white(const struct effective_path *path, struct random_key key, size_t first, uint64_t number,
                  const struct room *r) {
    const size_t V = path->model->volume;
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        random_normal_float(key, first + i, number, r->normal, V);
        for (size_t x = 0; x < V; x++) {
            *transform_field(&r->noise[x], i) = r->normal[x];
        }
    }
    transform_forward(path->transform, r->noise, r->noise, r->evaluation);
}

/* Replaces d xi/d ln s by d of move k. */
static void to_shift(const struct effective_path *path, size_t k, struct transform_site *drift) {
    const struct move *move = path->move + k * path->model->volume;
    for (size_t p = 0; p < path->model->volume; p++) {
        drift[p].re *= move[p].drift;
        drift[p].im *= move[p].drift;
    }
}

/* sum += <d, d/2 - (low - c high)/(1 - c^2)> of move k between xi_k = low and xi_{k+1} = high; `rest` is
 * overwritten. */
static void count_move(const struct effective_path *path, size_t k, const struct transform_site *low,
                       const struct transform_site *high, const struct transform_site *d, struct transform_site *rest,
                       double sum[TRANSFORM_FIELDS]) {
    const struct move *move = path->move + k * path->model->volume;
    for (size_t p = 0; p < path->model->volume; p++) {
        rest[p].re = d[p].re * 0.5f - (low[p].re - high[p].re * move[p].keep);
        rest[p].im = d[p].im * 0.5f - (low[p].im - high[p].im * move[p].keep);
    }
    accumulate(path, path->weight + k * path->modes, d, rest, sum);
}

static void swap(struct transform_site **a, struct transform_site **b) {
    struct transform_site *const c = *a;
    *a = *b;
    *b = c;
}

/* The path up from xi_0 to xi_N in r->modes; sets r->drift to the model's drift at xi_N. */
static void up(const struct effective_path *path, struct random_key key, size_t first, uint64_t number, struct room *r,
               double sum[TRANSFORM_FIELDS]) {
    const size_t V = path->model->volume;
    double unused[TRANSFORM_FIELDS];
    for (size_t k = 0; k < path->steps; k++) {
        const struct move *move = path->move + k * V;
        white(path, key, first, number + k, r);
        for (size_t p = 0; p < V; p++) {
            r->next[p].re = r->modes[p].re * move[p].keep + r->noise[p].re * move[p].noise;
            r->next[p].im = r->modes[p].im * move[p].keep + r->noise[p].im * move[p].noise;
        }
        effective_level_evaluate(path->level[k], r->next, r->drift, unused, r->evaluation);
        to_shift(path, k, r->drift);
        count_move(path, k, r->modes, r->next, r->drift, r->noise, sum);
        swap(&r->modes, &r->next);
    }
}

/* The path down from xi_N, with d of the last move in r->drift, to xi_0. */
static void down(const struct effective_path *path, struct random_key key, size_t first, uint64_t number,
                 struct room *r, double sum[TRANSFORM_FIELDS]) {
    const size_t V = path->model->volume;
    double unused[TRANSFORM_FIELDS];
    for (size_t k = path->steps; k-- > 0;) {
        const struct move *move = path->move + k * V;
        if (k + 1 < path->steps) {
            effective_level_evaluate(path->level[k], r->modes, r->drift, unused, r->evaluation);
            to_shift(path, k, r->drift);
        }
        white(path, key, first, number + path->steps - 1 - k, r);
        for (size_t p = 0; p < V; p++) {
            r->next[p].re = r->modes[p].re * move[p].keep + (r->drift[p].re + r->noise[p].re * move[p].noise);
            r->next[p].im = r->modes[p].im * move[p].keep + (r->drift[p].im + r->noise[p].im * move[p].noise);
        }
        count_move(path, k, r->next, r->modes, r->drift, r->noise, sum);
        swap(&r->modes, &r->next);
    }
}

static void load(const struct effective_path *path, size_t count, const float *phi, const struct room *r) {
    const struct effective_model *m = path->model;
    const size_t V = m->volume;
    memset(r->modes, 0, V * sizeof *r->modes);
    for (size_t i = 0; i < count; i++) {
        for (size_t x = 0; x < V; x++) {
            *transform_field(&r->modes[x], i) = (float)((double)phi[i * V + x] - m->mean);
        }
    }
    transform_forward(path->transform, r->modes, r->modes, r->evaluation);
    for (size_t p = 0; p < V; p++) {
        r->modes[p].re *= 1 / path->root[p];
        r->modes[p].im *= 1 / path->root[p];
    }
}

void effective_path_propose(const struct effective_path *path, struct random_key key, size_t first, size_t count,
                            uint64_t step, const float *phi, float *proposal, double *log_ratio,
                            struct transform_site *workspace) {
    const struct effective_model *m = path->model;
    struct room r = divide(path, workspace);
    const size_t V = m->volume;
    const uint64_t number = step * (2 * (uint64_t)path->steps);
    double before[TRANSFORM_FIELDS] = {0}, after[TRANSFORM_FIELDS] = {0};
    load(path, count, phi, &r);
    accumulate(path, path->square, r.modes, r.modes, before);
    up(path, key, first, number, &r, before);
    down(path, key, first, number + path->steps, &r, after);
    accumulate(path, path->square, r.modes, r.modes, after);
    for (size_t p = 0; p < V; p++) {
        const float gain = path->root[p] / (float)V;
        r.modes[p].re *= gain;
        r.modes[p].im *= gain;
    }
    transform_inverse(path->transform, r.modes, r.modes, r.evaluation);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t x = 0; x < V; x++) {
            const double value = (double)*transform_field(&r.modes[x], i) + m->mean;
            proposal[i * V + x] = (float)value;
            sum += value;
        }
        const double ratio = after[i] - before[i];
        log_ratio[i] = isfinite(ratio) && isfinite(sum) && (!m->one_phase || sum > 0) ? ratio : NAN;
    }
}
