/* The refinement of the effective-action model; the contract and the equations are in effective_refine.h. */
#include "score/effective_refine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/sum.h"
#include "score/effective_basis.h"
#include "score/effective_flow.h"
#include "score/effective_linear.h"

/* Every other proposal starts with its zero mode uniform within this many standard deviations. A chain of 10^6
 * proposals reaches such values, and without them the refinement can give weights of e^10 there. */
#define SPREAD 5.0
/* The distance of a log weight from the median, in standard deviations, at which it counts 1/4. */
#define FAR 8.0

enum { GRAM_SITES = 1 << 15 }; /* sites of the packs that the penalty is measured on, at least a pack */

/* What all packs share; a path has nodes = steps + 1 levels. */
struct plan {
    const struct effective_refine_settings *settings;
    const struct effective_model *model;
    struct effective_flow *flow;
    struct effective_lattices lattices;
    struct geometry *geometry;
    size_t nodes, unknowns; /* features x knots */
    double *coefficients;   /* nodes x features, as fitted */
    struct effective_filters *filters;
    struct effective_basis **basis;
    struct random_key key;
};

/* The flow is that of m, but the score is that of the fitted model: the coefficients of an earlier round improve the
 * density at the end, but no longer give the score of the densities on the way. */
static enum status plan_make(struct plan *p, const struct effective_refine_settings *settings, int threads,
                             const struct effective_model *m, const struct effective_model *fitted, struct error *e) {
    const size_t nodes = settings->steps + 1;
    *p = (struct plan){.settings = settings,
                       .model = m,
                       .nodes = nodes,
                       .unknowns = m->features.count * settings->knots,
                       .key = random_key(settings->seed, "train", "refine")};
    enum status status = effective_lattices_make(m->extents, m->dimensions, m->blocking, &p->lattices, e);
    THEN(status, geometry_new(m->extents, m->dimensions, &p->geometry, e));
    THEN(status, effective_flow_new(m, settings->steps, 0, threads, &p->flow, e));
    double *log_s = malloc(nodes * sizeof *log_s);
    p->coefficients = malloc(nodes * m->features.count * sizeof *p->coefficients);
    p->filters = calloc(nodes, sizeof *p->filters);
    p->basis = calloc(nodes, sizeof *p->basis);
    if (status == STATUS_OK && (!log_s || !p->coefficients || !p->filters || !p->basis)) {
        status = error_set(e, STATUS_FAILED, "out of memory for the refinement");
    }
    for (size_t k = 0; k < nodes && status == STATUS_OK; k++) {
        log_s[k] = effective_flow_log_s(p->flow, k);
    }
    THEN(status, effective_model_coefficients(fitted, nodes, log_s, p->coefficients, e));
    for (size_t k = 0; k < nodes && status == STATUS_OK; k++) {
        status = effective_filters_make(&p->lattices, m->propagator, function_exp(log_s[k]), effective_model_kernels(m),
                                        &p->filters[k], e);
        THEN(status, effective_basis_new(&p->filters[k], &m->features, m->saturation, &p->basis[k], e));
    }
    free(log_s);
    return status;
}

static void plan_release(struct plan *p) {
    for (size_t k = 0; k < p->nodes; k++) {
        if (p->basis) {
            effective_basis_free(p->basis[k]);
        }
        if (p->filters) {
            effective_filters_release(&p->filters[k]);
        }
    }
    free(p->basis);
    free(p->filters);
    free(p->coefficients);
    effective_flow_free(p->flow);
    geometry_free(p->geometry);
    effective_lattices_release(&p->lattices);
}

/* Cubic B-splines in ln s for the change, with place = 0 at the highest level and 1 at the lowest. Sets weight and
 * returns j: the change is the sum of weight[i] times coefficient j + i. The splines are smooth, so that the flow's
 * integrator keeps its order. */
enum { SPLINES = 4 };
static size_t splines_at(size_t knots, double place, double weight[SPLINES]) {
    const double x = place * (double)(knots - 3);
    const size_t j = (size_t)fmin(x, (double)(knots - 4));
    const double u = x - (double)j, v = 1 - u;
    weight[0] = v * v * v / 6;
    weight[1] = (3 * u * u * u - 6 * u * u + 4) / 6;
    weight[2] = (3 * v * v * v - 6 * v * v + 4) / 6;
    weight[3] = u * u * u / 6;
    return j;
}

static size_t splines_of_node(const struct plan *p, size_t k, double weight[SPLINES]) {
    return splines_at(p->settings->knots, (double)k / (double)(p->nodes - 1), weight);
}

/* --- a pack -------------------------------------------------------------------------------------- */

/* What a thread observes of its pack on the way from noise to fields. */
struct watcher {
    const struct plan *plan;
    struct transform_site *y, *score, *feature, *room;
    double *divergence; /* features x TRANSFORM_FIELDS */
    float *slopes;      /* (TRANSFORM_FIELDS, unknowns): derivatives of log w, of this pack */
    double *gram;       /* nodes x features^2 of this pack; NULL: not wanted */
};

static bool watcher_make(const struct plan *p, struct watcher *w) {
    const size_t V = p->model->volume, F = p->model->features.count;
    size_t room = effective_flow_workspace(p->flow);
    for (size_t k = 0; k < p->nodes; k++) {
        room = effective_basis_workspace(p->basis[k]) > room ? effective_basis_workspace(p->basis[k]) : room;
    }
    *w = (struct watcher){.plan = p, .y = transform_allocate((2 + F) * V + room)};
    w->divergence = malloc(F * TRANSFORM_FIELDS * sizeof *w->divergence);
    if (!w->y || !w->divergence) {
        return false;
    }
    w->score = w->y + V;
    w->feature = w->y + 2 * V;
    w->room = w->feature + F * V;
    return true;
}

static void watcher_free(struct watcher *w) {
    free(w->y);
    free(w->divergence);
}

/* Sets y, and the model's score -y/(G + s^2) + sum of coefficient times W F, on the level's own lattice. */
static void score_at(const struct watcher *w, size_t k, const struct transform_site *modes) {
    const struct plan *p = w->plan;
    const struct effective_filters *filters = &p->filters[k];
    const size_t V = filters->volume, F = p->model->features.count;
    if (filters->lattice->factor > 1) {
        effective_lattice_gather(filters->lattice, modes, w->score);
        modes = w->score;
    }
    for (size_t q = 0; q < V; q++) {
        const float root = (float)filters->root[q];
        w->y[q] = (struct transform_site){modes[q].re * root, modes[q].im * root};
    }
    effective_basis_evaluate(p->basis[k], w->y, w->feature, w->divergence, w->room);
    for (size_t q = 0; q < V; q++) {
        const float inverse = (float)(-1 / (filters->root[q] * filters->root[q]));
        struct transform_site sum = {w->y[q].re * inverse, w->y[q].im * inverse};
        for (size_t i = 0; i < F; i++) {
            const float a = (float)p->coefficients[k * F + i];
            sum.re += w->feature[i * V + q].re * a;
            sum.im += w->feature[i * V + q].im * a;
        }
        w->score[q] = sum;
    }
}

/* Scalar product of feature and score of every field: both fields of a lane from the modes p and -p (transform.h). */
static void product(const struct watcher *w, const struct effective_lattice *lattice,
                    const struct transform_site *feature, double dot[TRANSFORM_FIELDS]) {
    enum { CHUNK = 64 };
    const size_t V = lattice->volume, *opposite = transform_opposite(lattice->transform);
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        dot[i] = 0;
    }
    for (size_t first = 0; first < V; first += CHUNK) {
        struct transform_site sum = {{0}, {0}};
        for (size_t q = first; q < first + CHUNK && q < V; q++) {
            const struct transform_site f = feature[q], here = w->score[q], there = w->score[opposite[q]];
            sum.re += f.re * (here.re + there.re) + f.im * (here.im - there.im);
            sum.im += f.re * (here.re - there.re) + f.im * (here.im + there.im);
        }
        wide_accumulate(dot, &sum.re);
        wide_accumulate(dot + WIDE_LANES, &sum.im);
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        dot[i] *= 0.5 / (double)V;
    }
}

/* The product of two features' parts of the flow, s^4 sum_p W F_i . W F_j / (G + s^2), summed over fields. */
static double gram_element(const struct watcher *w, size_t k, size_t i, size_t j) {
    enum { CHUNK = 64 };
    const struct effective_filters *filters = &w->plan->filters[k];
    const size_t V = filters->volume;
    const struct transform_site *a = w->feature + i * V, *b = w->feature + j * V;
    double lanes[WIDE_LANES] = {0}, total = 0;
    for (size_t first = 0; first < V; first += CHUNK) {
        wide sum = {0};
        for (size_t q = first; q < first + CHUNK && q < V; q++) {
            sum += (a[q].re * b[q].re + a[q].im * b[q].im) * (float)(1 / (filters->root[q] * filters->root[q]));
        }
        wide_accumulate(lanes, &sum);
    }
    for (int l = 0; l < WIDE_LANES; l++) {
        total += lanes[l];
    }
    return total * filters->s * filters->s * filters->s * filters->s / (double)V;
}

/* The share of feature i at node k (effective_model.h). */
static double share(const struct plan *p, size_t k, size_t i) {
    return effective_model_share(p->model, i, effective_flow_log_s(p->flow, k));
}

static void see(void *context, size_t k, const struct transform_site *modes) {
    struct watcher *w = context;
    const struct plan *p = w->plan;
    const size_t V = p->filters[k].volume, F = p->model->features.count, J = p->settings->knots;
    const double s = p->filters[k].s, h = effective_flow_log_s(p->flow, 1) - effective_flow_log_s(p->flow, 0);
    const double weight = -s * s * h * (k == 0 || k + 1 == p->nodes ? 0.5 : 1); /* trapezoids */
    double spline[SPLINES], dot[TRANSFORM_FIELDS];
    const size_t j = splines_of_node(p, k, spline);
    score_at(w, k, modes);
    for (size_t i = 0; i < F; i++) {
        const double part = share(p, k, i);
        if (part == 0) {
            continue;
        }
        product(w, p->filters[k].lattice, w->feature + i * V, dot);
        for (size_t l = 0; l < TRANSFORM_FIELDS; l++) {
            const double change = part * weight * (w->divergence[i * TRANSFORM_FIELDS + l] + dot[l]);
            float *slope = w->slopes + l * p->unknowns + i * J + j;
            for (size_t n = 0; n < SPLINES; n++) {
                slope[n] += (float)(spline[n] * change);
            }
        }
    }
    for (size_t i = 0; w->gram && i < F; i++) {
        for (size_t n = 0; n <= i; n++) {
            const double part = share(p, k, i) * share(p, k, n);
            if (part > 0) {
                w->gram[(k * F + i) * F + n] = w->gram[(k * F + n) * F + i] = part * gram_element(w, k, i, n);
            }
        }
    }
}

/* --- proposals ----------------------------------------------------------------------------------- */

struct proposals {
    size_t count;
    float *slopes;  /* count x unknowns; NULL: only the weights are wanted */
    double *log_w;  /* count */
    double *weight; /* count: in the equations */
    double *grams;  /* packs x nodes x features^2 */
    size_t packs;   /* of grams */
};

static void proposals_release(struct proposals *r) {
    free(r->slopes);
    free(r->log_w);
    free(r->weight);
    free(r->grams);
}

/* Replaces log q by log w = -S - log q. */
static void set_log_weights(const struct plan *p, size_t count, const float *phi, double *own, double *log_w) {
    const size_t V = p->model->volume;
    for (size_t i = 0; i < count; i++) {
        for (size_t x = 0; x < V; x++) {
            own[x] = (double)phi[i * V + x];
        }
        log_w[i] = -action(p->geometry, &p->settings->theory, own) - log_w[i];
    }
}

static enum status propose(const struct plan *p, size_t first, int threads, struct proposals *r,
                           const volatile sig_atomic_t *interrupted, struct error *e) {
    const size_t V = p->model->volume, F = p->model->features.count, packs = r->count / TRANSFORM_FIELDS;
    bool no_memory = false;
#pragma omp parallel num_threads(threads)
    {
        struct watcher w;
        const bool made = watcher_make(p, &w);
        float *phi = malloc(TRANSFORM_FIELDS * V * sizeof *phi);
        double *own = malloc(V * sizeof *own);
        struct transform_site *room = transform_allocate(effective_flow_workspace(p->flow));
        if (!made || !phi || !own || !room)
#pragma omp atomic write
            no_memory = true;
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < packs; i++) {
            if (!made || !phi || !own || !room || *interrupted) {
                continue;
            }
            const struct effective_observer observer = {see, &w, SPREAD};
            if (r->slopes) {
                w.slopes = r->slopes + i * TRANSFORM_FIELDS * p->unknowns;
                w.gram = i < r->packs ? r->grams + i * p->nodes * F * F : NULL;
            }
            double *log_w = r->log_w + i * TRANSFORM_FIELDS;
            effective_flow_draw(p->flow, p->key, first + i * TRANSFORM_FIELDS, r->slopes ? &observer : NULL,
                                TRANSFORM_FIELDS, phi, log_w, room);
            set_log_weights(p, TRANSFORM_FIELDS, phi, own, log_w);
        }
        watcher_free(&w);
        free(phi);
        free(own);
        free(room);
    }
    if (no_memory) {
        return error_set(e, STATUS_FAILED, "out of memory for the refinement");
    }
    return *interrupted ? error_set(e, STATUS_FAILED, "interrupted while refining") : STATUS_OK;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Gives every proposal the weight 1/(1 + (r/FAR)^2)^2, with r the distance of log w from the median in standard
 * deviations, which are estimated from the quartiles. For an outlier the change is not linear and the derivatives are
 * large, but they have the right sign. Weights are normalised to a sum of 1; they are 0 where log w is not finite.
 * *far: number of proposals with less than a quarter of the greatest weight. Returns false if no log w is finite. */
static bool weigh_proposals(const struct plan *p, struct proposals *r, size_t *far) {
    double *sorted = r->weight, sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (isfinite(r->log_w[i])) {
            sorted[n++] = r->log_w[i];
        }
    }
    qsort(sorted, n, sizeof *sorted, compare);
    const double median = n ? sorted[n / 2] : 0, width = n ? 0.7413 * (sorted[3 * n / 4] - sorted[n / 4]) : 0;
    *far = 0;
    for (size_t i = 0; i < r->count; i++) {
        const double distance = (r->log_w[i] - median) / (FAR * width);
        r->weight[i] = isfinite(distance) ? 1 / ((1 + distance * distance) * (1 + distance * distance)) : 0;
        *far += r->weight[i] < 0.25;
        sum += r->weight[i];
    }
    for (size_t i = 0; i < r->count; i++) {
        r->weight[i] /= sum;
        if (r->weight[i] > 0) {
            continue;
        }
        r->log_w[i] = median; /* its weight is 0, but sums with NaN would be NaN */
        if (r->slopes) {
            memset(r->slopes + i * p->unknowns, 0, p->unknowns * sizeof *r->slopes);
        }
    }
    return sum > 0;
}

/* Weighted mean and standard deviation of log w. */
static double deviation(const struct proposals *r, double *mean) {
    double square = 0;
    *mean = 0;
    for (size_t i = 0; i < r->count; i++) {
        *mean += r->weight[i] * r->log_w[i];
    }
    for (size_t i = 0; i < r->count; i++) {
        square += r->weight[i] * (r->log_w[i] - *mean) * (r->log_w[i] - *mean);
    }
    return sqrt(square);
}

/* --- the equations ------------------------------------------------------------------------------- */

/* A: covariances of the derivatives of log w, plus the penalty. b: minus their covariances with log w. */
static void normal_equations(const struct plan *p, const struct proposals *r, int threads, double *A, double *b) {
    const size_t D = p->unknowns, F = p->model->features.count, J = p->settings->knots, n = r->count;
    double mean_w;
    deviation(r, &mean_w);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
    for (size_t i = 0; i < D; i++) { /* centred: rows of A are sums over proposals in their order */
        double mean = 0;
        double *row = A + i * D;
        for (size_t k = 0; k < n; k++) {
            mean += (double)r->slopes[k * D + i] * r->weight[k];
        }
        for (size_t k = 0; k < n; k++) {
            const double slope = ((double)r->slopes[k * D + i] - mean) * r->weight[k];
            const float *other = r->slopes + k * D;
            b[i] -= slope * (r->log_w[k] - mean_w);
            for (size_t j = 0; j <= i; j++) {
                row[j] += slope * (double)other[j];
            }
        }
    }
    const double h = fabs(effective_flow_log_s(p->flow, 1) - effective_flow_log_s(p->flow, 0));
    for (size_t k = 0; k < p->nodes; k++) {
        double weight[SPLINES];
        const size_t j = splines_of_node(p, k, weight);
        const double scale =
            p->settings->penalty * h * (k == 0 || k + 1 == p->nodes ? 0.5 : 1) / (double)(r->packs * TRANSFORM_FIELDS);
        for (size_t i = 0; i < F; i++) {
            for (size_t m = 0; m < F; m++) {
                double gram = 0;
                for (size_t q = 0; q < r->packs; q++) {
                    gram += r->grams[((q * p->nodes + k) * F + i) * F + m];
                }
                for (size_t x = 0; x < SPLINES; x++) {
                    for (size_t y = 0; y < SPLINES; y++) {
                        if (m * J + j + y <= i * J + j + x) {
                            A[(i * J + j + x) * D + m * J + j + y] += scale * gram * weight[x] * weight[y];
                        }
                    }
                }
            }
        }
    }
    for (size_t i = 0; i < D; i++) {
        for (size_t j = 0; j < i; j++) {
            A[j * D + i] = A[i * D + j];
        }
    }
}

static enum status find_change(const struct plan *p, const struct proposals *r, int threads, double *change,
                               struct error *e) {
    const size_t D = p->unknowns;
    double *A = calloc(D * D + 2 * D, sizeof *A);
    if (!A) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu coefficients", D);
    }
    normal_equations(p, r, threads, A, A + D * D);
    const bool solved = effective_solve(A, D, D, A + D * D, 1e-6, change, A + D * D + D);
    free(A);
    return solved ? STATUS_OK
                  : error_set(e, STATUS_FAILED, "the normal equations of the refinement are not positive definite");
}

/* Adds the change to the levels' coefficients. */
static void apply(const struct effective_model *m, size_t knots, const double *change) {
    const size_t F = m->features.count;
    for (size_t k = 0; k < m->levels; k++) {
        double weight[SPLINES];
        const size_t j = splines_at(knots, (double)(m->levels - 1 - k) / (double)(m->levels - 1), weight);
        for (size_t i = 0; i < F; i++) {
            const double part = effective_model_share(m, i, m->log_s[k]);
            for (size_t n = 0; n < SPLINES && part > 0; n++) {
                m->coefficients[k * F + i] += part * weight[n] * change[i * knots + j + n];
            }
        }
    }
}

static enum status make_room(const struct plan *p, bool slopes, size_t count, struct proposals *r, struct error *e) {
    const size_t F = p->model->features.count, packs = count / TRANSFORM_FIELDS;
    const size_t wanted = GRAM_SITES / p->model->volume + 1;
    *r = (struct proposals){.count = count, .packs = packs < wanted ? packs : wanted};
    r->log_w = calloc(count, sizeof *r->log_w);
    r->weight = calloc(count, sizeof *r->weight);
    if (slopes) {
        r->slopes = calloc(count * p->unknowns, sizeof *r->slopes);
        r->grams = calloc(r->packs * p->nodes * F * F, sizeof *r->grams);
    }
    if (!r->log_w || !r->weight || (slopes && (!r->slopes || !r->grams))) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu proposals", count);
    }
    return STATUS_OK;
}

/* Sets *width to the standard deviation of log w of `count` proposals from `first` on. */
static enum status measure_width(const struct effective_refine_settings *settings, size_t first, size_t count,
                                 int threads, const struct effective_model *m, double *width,
                                 const volatile sig_atomic_t *interrupted, struct error *e) {
    struct plan p;
    struct proposals r = {0};
    double mean;
    size_t far;
    enum status status = plan_make(&p, settings, threads, m, m, e);
    THEN(status, make_room(&p, false, count, &r, e));
    THEN(status, propose(&p, first, threads, &r, interrupted, e));
    if (status == STATUS_OK) {
        *width = weigh_proposals(&p, &r, &far) ? deviation(&r, &mean) : INFINITY;
    }
    proposals_release(&r);
    plan_release(&p);
    return status;
}

/* Finds the change from `count` proposals, from `first` on; 0 if log w is finite for none of them. */
static enum status propose_change(const struct effective_refine_settings *settings, size_t first, size_t count,
                                  int threads, const struct effective_model *m, const struct effective_model *fitted,
                                  double *change, size_t *far, const volatile sig_atomic_t *interrupted,
                                  struct error *e) {
    struct plan p;
    struct proposals r = {0};
    memset(change, 0, m->features.count * settings->knots * sizeof *change);
    enum status status = plan_make(&p, settings, threads, m, fitted, e);
    THEN(status, make_room(&p, true, count, &r, e));
    THEN(status, propose(&p, first, threads, &r, interrupted, e));
    if (status == STATUS_OK && weigh_proposals(&p, &r, far)) {
        status = find_change(&p, &r, threads, change, e);
    }
    proposals_release(&r);
    plan_release(&p);
    return status;
}

/* A round with proposals from `first` on; *taken: whether it changed m. */
static enum status refine_once(const struct effective_refine_settings *settings, size_t first, size_t count,
                               size_t tested, int threads, struct effective_model *m,
                               const struct effective_model *fitted, struct effective_refine_result *result,
                               bool *taken, const volatile sig_atomic_t *interrupted, struct error *e) {
    const size_t F = m->features.count;
    double before = 0, after = 0;
    double *change = malloc(F * settings->knots * sizeof *change), *old = malloc(m->levels * F * sizeof *old);
    enum status status = change && old
                             ? STATUS_OK
                             : error_set(e, STATUS_FAILED, "out of memory for %zu coefficients", F * settings->knots);
    THEN(status, propose_change(settings, first, count, threads, m, fitted, change, &result->far, interrupted, e));
    THEN(status, measure_width(settings, first + count, tested, threads, m, &before, interrupted, e));
    *taken = false;
    if (status == STATUS_OK) {
        memcpy(old, m->coefficients, m->levels * F * sizeof *old);
        apply(m, settings->knots, change);
        status = measure_width(settings, first + count, tested, threads, m, &after, interrupted, e);
        *taken = status == STATUS_OK && after < before;
        if (!*taken) {
            memcpy(m->coefficients, old, m->levels * F * sizeof *old);
        }
        result->before = result->rounds == 0 ? before : result->before;
        result->after = *taken ? after : before;
    }
    free(change);
    free(old);
    return status;
}

enum status effective_refine(const struct effective_refine_settings *settings, int threads, struct effective_model *m,
                             struct effective_refine_result *result, const volatile sig_atomic_t *interrupted,
                             struct error *e) {
    const size_t packs = (settings->proposals + TRANSFORM_FIELDS - 1) / TRANSFORM_FIELDS;
    const size_t count = packs * TRANSFORM_FIELDS, tested = (packs + 3) / 4 * TRANSFORM_FIELDS;
    const size_t size = m->levels * m->features.count * sizeof *m->coefficients;
    struct effective_model fitted = *m;
    enum status status = STATUS_OK;
    bool taken = true;
    *result = (struct effective_refine_result){0};
    fitted.coefficients = malloc(size);
    if (!fitted.coefficients) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu bytes of coefficients", size);
    }
    memcpy(fitted.coefficients, m->coefficients, size);
    for (size_t round = 0; round < settings->rounds && taken && status == STATUS_OK; round++) {
        status = refine_once(settings, round * (count + tested), count, tested, threads, m, &fitted, result, &taken,
                             interrupted, e);
        result->rounds += taken;
    }
    free(fitted.coefficients);
    return status;
}
