/* The controller of an integration: tableaus, step sizes, acceptance of steps (runge_kutta.h). */
#include "base/runge_kutta.h"

#include <math.h>
#include <string.h>

#include "base/functions.h"

enum { EVALUATIONS_MAX = 100000 };

/* Stage i evaluates f at x + c[i] h and y + h sum_j a[i][j] k_j. Row `stages` of a gives the new y. For dopri5 the
 * derivative at the new y is also needed, for the error estimate; it is the first one of the next step. */
struct tableau {
    int stages;
    double c[RUNGE_KUTTA_STAGES], a[RUNGE_KUTTA_STAGES][RUNGE_KUTTA_STAGES - 1];
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
static const double dopri5_error[RUNGE_KUTTA_STAGES] = {-71.0 / 57600,    0,           71.0 / 16695, -71.0 / 1920,
                                                        17253.0 / 339200, -22.0 / 525, 1.0 / 40};

double runge_kutta_point(const struct runge_kutta *r) {
    if (r->phase == RUNGE_KUTTA_FIRST) {
        return r->x;
    }
    if (r->phase == RUNGE_KUTTA_TRIAL) {
        return r->x + r->h;
    }
    const double c = tableaus[r->method].c[r->stage];
    return r->last && c == 1 ? r->to : r->x + c * r->h;
}

int64_t runge_kutta_evaluations(const struct runge_kutta *r) {
    return r->evaluations;
}

/* --- orders -------------------------------------------------------------------------------------- */

/* A new order: next = y, with its derivative stored in k_slot. */
static struct runge_kutta_order *order_new(struct runge_kutta *r, int slot, enum runge_kutta_measure measure) {
    struct runge_kutta_order *o = &r->order;
    *o = (struct runge_kutta_order){.slot = slot, .measure = measure, .h = r->h, .tolerance = o->tolerance};
    if (measure == RUNGE_KUTTA_ERROR) {
        memcpy(o->error, dopri5_error, sizeof o->error);
    }
    return o;
}

/* next = y + h sum_j a[row][j] k_j */
static struct runge_kutta_order *order_row(struct runge_kutta *r, int row, int slot) {
    const bool judged = r->method == RUNGE_KUTTA_DOPRI5 && row == RUNGE_KUTTA_STAGES - 1;
    struct runge_kutta_order *o = order_new(r, slot, judged ? RUNGE_KUTTA_ERROR : RUNGE_KUTTA_NOTHING);
    for (int j = 0; j < row; j++) {
        o->factor[j] = r->h * tableaus[r->method].a[row][j];
    }
    return o;
}

/* Root mean square of the measured vector, in which the mean of the quadratures counts as one more element. */
static double norm_of(const struct runge_kutta *r, const struct runge_kutta_norm *s) {
    double sum = r->components ? s->squares : 0;
    if (r->quadratures) {
        const double q = (double)r->quadratures, size = fmax(fabs(s->a / q), fabs(s->b / q));
        const double x = s->v / q / (r->order.tolerance * (1 + size));
        sum += x * x;
    }
    return sqrt(sum / (double)(r->components + (r->quadratures > 0)));
}

/* --- steps --------------------------------------------------------------------------------------- */

/* x^exponent for positive x, with the same bits on every machine. */
static double power(double x, double exponent) {
    return function_exp(exponent * function_log(x));
}

static double span(const struct runge_kutta *r) {
    return fabs(r->to - r->from);
}

static double directed(const struct runge_kutta *r, double step) {
    return r->to < r->from ? -step : step;
}

/* Begins a step of length h from x, shortened if it would pass the end. */
static void begin_step(struct runge_kutta *r, double h) {
    r->phase = RUNGE_KUTTA_STEP;
    r->h = h;
    r->last = fabs(h) >= fabs(r->to - r->x);
    if (r->last) {
        r->h = r->to - r->x;
    }
}

/* The step begins with its second stage: the derivative of the first is known. */
static struct runge_kutta_order *begin_adaptive_step(struct runge_kutta *r, double h) {
    begin_step(r, h);
    r->stage = 1;
    return order_row(r, 1, 1);
}

static void begin_fixed_step(struct runge_kutta *r) {
    const double n = (double)r->steps, whole = r->to - r->from;
    r->x = r->from + whole * ((double)r->done / n);
    begin_step(r, r->done + 1 == r->steps ? r->to - r->x : whole / n);
    r->stage = 0;
}

void runge_kutta_start(struct runge_kutta *r, enum runge_kutta_method method, size_t components, size_t quadratures,
                       double from, double to, int64_t steps, double tolerance) {
    *r = (struct runge_kutta){.method = method,
                              .phase = RUNGE_KUTTA_FIRST,
                              .components = components,
                              .quadratures = quadratures,
                              .from = from,
                              .to = to,
                              .x = from,
                              .steps = steps};
    r->order.tolerance = tolerance;
    const bool adaptive = method == RUNGE_KUTTA_DOPRI5;
    order_new(r, 0, adaptive ? RUNGE_KUTTA_START : RUNGE_KUTTA_NOTHING);
    if (!adaptive) {
        begin_fixed_step(r);
    }
}

/* Hairer, Norsett, Wanner I, II.4, steps (a) and (b): an explicit Euler step whose increase is a hundredth of y. */
static void begin_trial(struct runge_kutta *r, const struct runge_kutta_sums *sums) {
    const double size = norm_of(r, &sums->norm[0]);
    r->slope = norm_of(r, &sums->norm[1]);
    r->phase = RUNGE_KUTTA_TRIAL;
    r->h = directed(r, fmin(size < 1e-5 || r->slope < 1e-5 ? 1e-6 : 0.01 * size / r->slope, span(r)));
    order_new(r, 1, RUNGE_KUTTA_CHANGE)->factor[0] = r->h;
}

/* Steps (c) to (f): the first step from the change of the derivative. */
static void begin_first_step(struct runge_kutta *r, const struct runge_kutta_sums *sums) {
    const double h0 = fabs(r->h), change = norm_of(r, &sums->norm[0]) / h0, d = fmax(r->slope, change);
    const double h1 = d <= 1e-15 ? fmax(1e-6, h0 * 1e-3) : power(0.01 / d, 0.2);
    begin_adaptive_step(r, directed(r, fmin(fmin(100 * h0, h1), span(r))));
}

/* Accepts or rejects an adaptive step whose derivatives are all known, the one at its end in k_6. */
static enum runge_kutta_state judge(struct runge_kutta *r, const struct runge_kutta_sums *sums) {
    const double rms = norm_of(r, &sums->norm[0]);
    if (!isfinite(rms)) {
        return RUNGE_KUTTA_NOT_FINITE;
    }
    const double growth = rms < 1e-10 ? 10 : fmin(10, 0.9 * power(rms, -0.2));
    const bool accepted = rms < 1;
    double length = fabs(r->h);
    if (accepted) {
        r->done++;
        r->x = r->last ? r->to : r->x + r->h;
        if (r->last) {
            order_new(r, 0, RUNGE_KUTTA_NOTHING)->accept = true;
            return RUNGE_KUTTA_DONE;
        }
        length *= r->rejected ? fmin(1, growth) : growth;
    } else {
        length *= fmax(0.2, fmin(1, growth));
    }
    r->rejected = !accepted;
    if (length < 10 * (nextafter(fabs(r->x), INFINITY) - fabs(r->x))) {
        return RUNGE_KUTTA_STUCK;
    }
    struct runge_kutta_order *o = begin_adaptive_step(r, directed(r, length));
    o->accept = o->first_same_as_last = accepted;
    return RUNGE_KUTTA_MORE;
}

static enum runge_kutta_state advance_adaptive(struct runge_kutta *r, const struct runge_kutta_sums *sums) {
    if (r->phase == RUNGE_KUTTA_FIRST) {
        begin_trial(r, sums);
    } else if (r->phase == RUNGE_KUTTA_TRIAL) {
        begin_first_step(r, sums);
    } else if (r->stage == RUNGE_KUTTA_STAGES - 1) {
        return judge(r, sums);
    } else {
        r->stage++;
        order_row(r, r->stage, r->stage);
    }
    return RUNGE_KUTTA_MORE;
}

/* The new y of a step is left in `next`, where the first derivative of the following step is evaluated. The order after
 * that one accepts it as y. */
static enum runge_kutta_state advance_fixed(struct runge_kutta *r) {
    const int stages = tableaus[r->method].stages;
    if (++r->stage < stages) {
        order_row(r, r->stage, r->stage)->accept = r->stage == 1;
        return RUNGE_KUTTA_MORE;
    }
    order_row(r, stages, 0);
    if (++r->done == r->steps) {
        return RUNGE_KUTTA_DONE;
    }
    begin_fixed_step(r);
    return RUNGE_KUTTA_MORE;
}

enum runge_kutta_state runge_kutta_advance(struct runge_kutta *r, const struct runge_kutta_sums *sums) {
    const bool adaptive = r->method == RUNGE_KUTTA_DOPRI5;
    if (!sums->finite) {
        return RUNGE_KUTTA_NOT_FINITE;
    }
    if (++r->evaluations > EVALUATIONS_MAX && adaptive) {
        return RUNGE_KUTTA_STUCK;
    }
    return adaptive ? advance_adaptive(r, sums) : advance_fixed(r);
}
