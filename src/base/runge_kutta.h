/* Runge-Kutta integration of dy/dx = f(x, y) as a machine that asks for derivatives one at a time, so that many
 * integrations, each at its own place and with its own steps, can share one call of a network. It is in two parts that
 * may be on two machines: the controller, which knows numbers only, says in an order what the vectors have to go
 * through for the next derivative, and decides by the sums that come back.
 *
 *   heun, rk4  fixed steps of equal length in x (orders 2 and 4; 2 and 4 derivatives a step)
 *   dopri5     Dormand and Prince 5(4), adaptive, 6 derivatives a step (first same as last). Steps are controlled as in
 *              scipy's RK45 (Hairer, Norsett, Wanner I, II.4): error e_i in units of
 *              tolerance (1 + max |y_i| of both ends), accepted when the root mean square over components is below
 *              1, next step 0.9 rms^(-1/5) times as long, between 0.2 and 10, not longer after a rejection.
 *
 * y has `components` elements that count one each in this norm, then `quadratures` elements whose mean counts as
 * one: estimates of the same integral. x may run up or down. Bits depend on nothing but the derivatives. */
#ifndef DMSQ_BASE_RUNGE_KUTTA_H
#define DMSQ_BASE_RUNGE_KUTTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum runge_kutta_method { RUNGE_KUTTA_DOPRI5, RUNGE_KUTTA_HEUN, RUNGE_KUTTA_RK4 };
enum runge_kutta_state {
    RUNGE_KUTTA_MORE,       /* one more derivative is wanted, by the order */
    RUNGE_KUTTA_DONE,       /* the order leaves the result in `next`, without a derivative */
    RUNGE_KUTTA_NOT_FINITE, /* a derivative or the error is no number */
    RUNGE_KUTTA_STUCK,      /* dopri5: the step fell below the resolution of x, or 100000 derivatives did not do */
};

enum { RUNGE_KUTTA_STAGES = 7 };

/* What is measured, in units of the tolerance, where a derivative is there: nothing; y and k_0, both by the size of y;
 * k_1 - k_0, by the size of y; h sum_j error_j k_j, by the sizes of y and next. */
enum runge_kutta_measure { RUNGE_KUTTA_NOTHING, RUNGE_KUTTA_START, RUNGE_KUTTA_CHANGE, RUNGE_KUTTA_ERROR };

/* What the vectors y, next, k_0 ... k_6 go through for one derivative:
 *   accept: y = next, and first_same_as_last: k_0 = k_6;
 *   next = y + sum_j factor_j k_j, added in the order of j, without the terms whose factor is 0;
 *   k_slot = f(x, next);
 *   then the sums are measured. */
struct runge_kutta_order {
    bool accept, first_same_as_last;
    int slot;
    enum runge_kutta_measure measure;
    double factor[RUNGE_KUTTA_STAGES - 1], error[RUNGE_KUTTA_STAGES], h, tolerance;
};

/* Of a measured vector v and its sizes a and b: sum over components of [v_i/(tolerance (1 + max(|a_i|, |b_i|)))]^2, and
 * plain sums over the quadratures, all in the order of base/sum.h. */
struct runge_kutta_norm {
    double squares, v, a, b;
};
struct runge_kutta_sums {
    bool finite; /* all elements of the derivative are */
    struct runge_kutta_norm norm[2];
};

/* --- the controller ------------------------------------------------------------------------------ */

enum runge_kutta_phase { RUNGE_KUTTA_FIRST, RUNGE_KUTTA_TRIAL, RUNGE_KUTTA_STEP };

/* One integration. Read `order`; the rest is the controller's own. */
struct runge_kutta {
    struct runge_kutta_order order;
    enum runge_kutta_method method;
    enum runge_kutta_phase phase; /* dopri5 finds its first step from the derivatives at the start and nearby */
    size_t components, quadratures;
    double from, to, x, h, slope; /* slope: size of k_0 at the start */
    int64_t steps, done, evaluations;
    int stage;
    bool rejected, last;
};

/* From x = from to x = to, where y and next are y0 and zero quadratures. components + quadratures >= 1. steps: fixed
 * steps; tolerance: dopri5, absolute and relative. */
void runge_kutta_start(struct runge_kutta *r, enum runge_kutta_method method, size_t components, size_t quadratures,
                       double from, double to, int64_t steps, double tolerance);

/* The x of the derivative that the order wants. */
double runge_kutta_point(const struct runge_kutta *r);

/* Takes what came of the order, and makes the next. */
enum runge_kutta_state runge_kutta_advance(struct runge_kutta *r, const struct runge_kutta_sums *sums);

/* Derivatives taken since the start, those of rejected steps included. */
int64_t runge_kutta_evaluations(const struct runge_kutta *r);

/* --- the vectors, on the host (runge_kutta_vectors.c) ---------------------------------------------- */

struct runge_kutta_vectors;

/* NULL when out of memory. */
struct runge_kutta_vectors *runge_kutta_vectors_new(size_t components, size_t quadratures);
void runge_kutta_vectors_free(struct runge_kutta_vectors *v);

/* y = next = y0[components] and zero quadratures. */
void runge_kutta_vectors_start(struct runge_kutta_vectors *v, const double *y0);
/* The order up to its derivative; returns next, where that is wanted. */
const double *runge_kutta_vectors_combine(struct runge_kutta_vectors *v, const struct runge_kutta_order *order);
/* The rest of it, with the derivative (components, then quadratures). */
void runge_kutta_vectors_take(struct runge_kutta_vectors *v, const struct runge_kutta_order *order,
                              const double *derivative, struct runge_kutta_sums *sums);

#endif
