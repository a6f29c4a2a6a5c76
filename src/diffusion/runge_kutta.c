#include "diffusion/runge_kutta.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/sum.h"

enum { STAGES = 7, EVALUATIONS_MAX = 100000 };

/* Stage i is at x + c[i] h, y + h sum_j a[i][j] k_j. The last row of a is the step itself: of stages = n derivatives,
 * row n gives the new y. For dopri5 that is also its last stage, whose derivative is the first of the next step. */
struct tableau {
    int stages;
    double c[STAGES], a[STAGES][STAGES - 1];
};

static const struct tableau tableaus[] = {
    [RUNGE_KUTTA_DOPRI5] = {6,
                            {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1},
                            {{0},
                             {1.0 / 5},
                             {3.0 / 40, 9.0 / 40},
                             {44.0 / 45, -56.0 / 15, 32.0 / 9},
                             {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
                             {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
                             {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}}},
    [RUNGE_KUTTA_HEUN] = {2, {0, 1, 1}, {{0}, {1}, {0.5, 0.5}}},
    [RUNGE_KUTTA_RK4] = {4,
                         {0, 0.5, 0.5, 1, 1},
                         {{0}, {0.5}, {0, 0.5}, {0, 0, 1}, {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}}},
};

/* The fifth-order step minus the fourth-order one, per h. */
static const double dopri5_error[STAGES] = {-71.0 / 57600,      0,           71.0 / 16695, -71.0 / 1920,
                                            17253.0 / 339200,   -22.0 / 525, 1.0 / 40};

enum phase { FIRST, TRIAL, STEP }; /* dopri5 finds its first step from the derivatives at the start and nearby */

struct runge_kutta {
    enum runge_kutta_method method;
    size_t components, quadratures, length;
    double from, to, x, h, tolerance;
    int64_t steps, done, evaluations;
    enum phase phase;
    int stage;
    bool rejected, last;
    double *memory, *y, *next, *k[STAGES], *terms; /* length each; next: where the derivative is wanted */
};

struct runge_kutta *runge_kutta_new(enum runge_kutta_method method, size_t components, size_t quadratures) {
    struct runge_kutta *r = calloc(1, sizeof *r);
    const size_t length = components + quadratures;
    double *memory = r ? calloc((STAGES + 3) * length, sizeof *memory) : NULL;
    if (!memory) {
        free(r);
        return NULL;
    }
    r->method = method;
    r->components = components;
    r->quadratures = quadratures;
    r->length = length;
    r->memory = r->y = memory;
    r->next = memory + length;
    r->terms = memory + 2 * length;
    for (size_t i = 0; i < STAGES; i++)
        r->k[i] = memory + (3 + i) * length;
    return r;
}

void runge_kutta_free(struct runge_kutta *r) {
    if (r)
        free(r->memory);
    free(r);
}

double runge_kutta_point(const struct runge_kutta *r) {
    if (r->phase == FIRST)
        return r->x;
    if (r->phase == TRIAL)
        return r->x + r->h;
    const double c = tableaus[r->method].c[r->stage];
    return r->last && c == 1 ? r->to : r->x + c * r->h;
}

const double *runge_kutta_at(const struct runge_kutta *r) {
    return r->next;
}

int64_t runge_kutta_evaluations(const struct runge_kutta *r) {
    return r->evaluations;
}

/* next = y + h sum_j a[row][j] k_j */
static void combine(struct runge_kutta *r, int row) {
    const double *a = tableaus[r->method].a[row];
    memcpy(r->next, r->y, r->length * sizeof *r->next);
    for (int j = 0; j < row; j++) {
        const double factor = r->h * a[j], *k = r->k[j];
        for (size_t i = 0; factor != 0 && i < r->length; i++)
            r->next[i] += factor * k[i];
    }
}

/* sqrt of the mean square of v_i/(tolerance (1 + max(|a_i|, |b_i|))), the mean of the quadratures being the last i. */
static double norm(const struct runge_kutta *r, const double *v, const double *a, const double *b) {
    const size_t n = r->components;
    for (size_t i = 0; i < n; i++) {
        const double x = v[i] / (r->tolerance * (1 + fmax(fabs(a[i]), fabs(b[i]))));
        r->terms[i] = x * x;
    }
    double sum = n ? sum_tree(r->terms, n) : 0;
    if (r->quadratures) {
        const double q = (double)r->quadratures, size = fmax(fabs(sum_tree(a + n, r->quadratures) / q),
                                                             fabs(sum_tree(b + n, r->quadratures) / q));
        const double x = sum_tree(v + n, r->quadratures) / q / (r->tolerance * (1 + size));
        sum += x * x;
    }
    return sqrt(sum / (double)(n + (r->quadratures > 0)));
}

/* x^power of a positive number, with the same bits everywhere. */
static double power(double x, double exponent) {
    return function_exp(exponent * function_log(x));
}

static double span(const struct runge_kutta *r) {
    return fabs(r->to - r->from);
}

static double directed(const struct runge_kutta *r, double step) {
    return r->to < r->from ? -step : step;
}

/* Prepares a step of length h from x: the second stage of dopri5, the first of the others. */
static void begin_step(struct runge_kutta *r, double h) {
    r->phase = STEP;
    r->h = h;
    r->last = fabs(h) >= fabs(r->to - r->x);
    if (r->last)
        r->h = r->to - r->x;
    r->stage = r->method == RUNGE_KUTTA_DOPRI5 ? 1 : 0;
    combine(r, r->stage);
}

static void begin_fixed_step(struct runge_kutta *r) {
    const double n = (double)r->steps, whole = r->to - r->from;
    r->x = r->from + whole * ((double)r->done / n);
    begin_step(r, r->done + 1 == r->steps ? r->to - r->x : whole / n);
}

void runge_kutta_start(struct runge_kutta *r, double from, double to, const double *y0, int64_t steps,
                       double tolerance) {
    r->from = r->x = from;
    r->to = to;
    r->steps = steps;
    r->tolerance = tolerance;
    r->done = r->evaluations = 0;
    r->rejected = false;
    memcpy(r->y, y0, r->components * sizeof *y0);
    memset(r->y + r->components, 0, r->quadratures * sizeof *y0);
    memcpy(r->next, r->y, r->length * sizeof *y0);
    r->phase = FIRST;
    r->last = false;
    if (r->method != RUNGE_KUTTA_DOPRI5)
        begin_fixed_step(r);
}

/* Hairer, Norsett, Wanner I, II.4, steps (a) and (b): an explicit Euler step whose increase is a hundredth of y. */
static void begin_trial(struct runge_kutta *r) {
    const double d0 = norm(r, r->y, r->y, r->y), d1 = norm(r, r->k[0], r->y, r->y);
    r->phase = TRIAL;
    r->h = directed(r, fmin(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1, span(r)));
    combine(r, 0);
    for (size_t i = 0; i < r->length; i++)
        r->next[i] += r->h * r->k[0][i];
}

/* Steps (c) to (f): the first step from the change of the derivative, which is in k[1]. */
static void begin_first_step(struct runge_kutta *r) {
    const double d1 = norm(r, r->k[0], r->y, r->y), h0 = fabs(r->h);
    for (size_t i = 0; i < r->length; i++)
        r->next[i] = r->k[1][i] - r->k[0][i];
    const double d2 = norm(r, r->next, r->y, r->y) / h0, d = fmax(d1, d2);
    const double h1 = d <= 1e-15 ? fmax(1e-6, h0 * 1e-3) : power(0.01 / d, 0.2);
    begin_step(r, directed(r, fmin(fmin(100 * h0, h1), span(r))));
}

/* The new y is in next. */
static void accept(struct runge_kutta *r) {
    double *y = r->y;
    r->y = r->next;
    r->next = y;
    r->done++;
}

static enum runge_kutta_state finish(struct runge_kutta *r) {
    memcpy(r->next, r->y, r->length * sizeof *r->y);
    return RUNGE_KUTTA_DONE;
}

/* All derivatives of an adaptive step are there, the one at its end in k[6]. */
static enum runge_kutta_state judge(struct runge_kutta *r) {
    double *error = r->k[1]; /* no longer needed: it has no part in the error */
    for (size_t i = 0; i < r->length; i++) {
        double sum = 0;
        for (int j = 0; j < STAGES; j++)
            if (dopri5_error[j] != 0)
                sum += dopri5_error[j] * r->k[j][i];
        error[i] = r->h * sum;
    }
    const double rms = norm(r, error, r->y, r->next);
    if (!isfinite(rms))
        return RUNGE_KUTTA_NOT_FINITE;
    const double wish = rms < 1e-10 ? 10 : fmin(10, 0.9 * power(rms, -0.2));
    double length = fabs(r->h);
    if (rms < 1) {
        const bool end = r->last;
        r->x = end ? r->to : r->x + r->h;
        accept(r);
        if (end)
            return finish(r);
        double *first = r->k[0];
        r->k[0] = r->k[STAGES - 1];
        r->k[STAGES - 1] = first;
        length *= r->rejected ? fmin(1, wish) : wish;
        r->rejected = false;
    } else {
        length *= fmax(0.2, fmin(1, wish));
        r->rejected = true;
    }
    if (length < 10 * (nextafter(fabs(r->x), INFINITY) - fabs(r->x)))
        return RUNGE_KUTTA_STUCK;
    begin_step(r, directed(r, length));
    return RUNGE_KUTTA_MORE;
}

static bool all_finite(const double *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

enum runge_kutta_state runge_kutta_advance(struct runge_kutta *r, const double *derivative) {
    const bool adaptive = r->method == RUNGE_KUTTA_DOPRI5;
    if (!all_finite(derivative, r->length))
        return RUNGE_KUTTA_NOT_FINITE;
    if (++r->evaluations > EVALUATIONS_MAX && adaptive)
        return RUNGE_KUTTA_STUCK;
    const int at = r->phase == FIRST ? 0 : r->phase == TRIAL ? 1 : r->stage;
    memcpy(r->k[at], derivative, r->length * sizeof *derivative);
    if (r->phase == FIRST) {
        begin_trial(r);
        return RUNGE_KUTTA_MORE;
    }
    if (r->phase == TRIAL) {
        begin_first_step(r);
        return RUNGE_KUTTA_MORE;
    }
    if (adaptive && r->stage == STAGES - 1)
        return judge(r);
    combine(r, ++r->stage);
    if (adaptive || r->stage < tableaus[r->method].stages)
        return RUNGE_KUTTA_MORE;
    accept(r);
    if (r->done == r->steps)
        return finish(r);
    begin_fixed_step(r);
    return RUNGE_KUTTA_MORE;
}
