/* Runge-Kutta integration of dy/dx = f(x, y) as a state machine that requests derivatives one at a time. So many
 * integrations, each at its own x and with its own steps, can share one call of a network. The state machine has two
 * parts, which may be on host and device. The controller holds scalars only: it issues an order, which says how to
 * combine the vectors for the next derivative, and decides by the sums that are returned. The other part holds the
 * vectors and executes orders.
 *
 *   heun, rk4  fixed steps of equal length in x (orders 2 and 4; 2 and 4 derivatives a step)
 *   dopri5     Dormand and Prince 5(4), adaptive, 6 derivatives a step (first same as last). Steps are controlled as in
 *              scipy's RK45 (Hairer, Norsett, Wanner I, II.4): error e_i in units of
 *              tolerance (1 + max |y_i| of both ends), accepted when the root mean square over components is below
 *              1. The next step is 0.9 rms^(-1/5) times as long, limited to [0.2, 10], and to 1 after a rejection.
 *
 * y consists of `components` elements, followed by `quadratures` elements, estimates of one integral, whose mean counts
 * as a single element in this norm. x may increase or decrease. Bits depend only on the derivatives. */
#ifndef DMSQ_BASE_RUNGE_KUTTA_H
#define DMSQ_BASE_RUNGE_KUTTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum runge_kutta_method { RUNGE_KUTTA_DOPRI5, RUNGE_KUTTA_HEUN, RUNGE_KUTTA_RK4 };
enum runge_kutta_state {
    RUNGE_KUTTA_MORE,       /* execute the order and return the sums of its derivative */
    RUNGE_KUTTA_DONE,       /* execute the order without a derivative: the result is in `next` */
    RUNGE_KUTTA_NOT_FINITE, /* a derivative or the error estimate is not finite */
    RUNGE_KUTTA_STUCK,      /* dopri5: the step is below the resolution of x, or 100000 derivatives were not enough */
};

enum { RUNGE_KUTTA_STAGES = 7 };

/* What is measured after a derivative, in units of the tolerance: nothing (NOTHING); y and k_0, relative to y (START);
 * k_1 - k_0, relative to y (CHANGE); h sum_j error_j k_j, relative to the larger of y and next (ERROR). */
enum runge_kutta_measure { RUNGE_KUTTA_NOTHING, RUNGE_KUTTA_START, RUNGE_KUTTA_CHANGE, RUNGE_KUTTA_ERROR };

/* Operations on the vectors y, next, k_0 ... k_6 for one derivative, in this sequence:
 *   if accept: y = next; if first_same_as_last: k_0 = k_6;
 *   next = y + sum_j factor_j k_j, added in the order of j, omitting terms whose factor is 0;
 *   k_slot = f(x, next);
 *   then the sums are measured. */
struct runge_kutta_order {
    bool accept, first_same_as_last;
    int slot;
    enum runge_kutta_measure measure;
    double factor[RUNGE_KUTTA_STAGES - 1], error[RUNGE_KUTTA_STAGES], h, tolerance;
};

/* Sums for a vector v that is measured relative to a and b: `squares` is the sum of [v_i/(tolerance (1 + max(|a_i|,
 * |b_i|)))]^2 over the components; v, a and b are plain sums over the quadratures. All in the order of base/sum.h. */
struct runge_kutta_norm {
    double squares, v, a, b;
};
struct runge_kutta_sums {
    bool finite; /* all elements of the derivative are finite */
    struct runge_kutta_norm norm[2];
};

/* --- the controller ------------------------------------------------------------------------------ */

enum runge_kutta_phase { RUNGE_KUTTA_FIRST, RUNGE_KUTTA_TRIAL, RUNGE_KUTTA_STEP };

/* One integration. Users read `order`; the other members are private to the controller. */
struct runge_kutta {
    struct runge_kutta_order order;
    enum runge_kutta_method method;
    enum runge_kutta_phase phase; /* dopri5 chooses its first step by the derivatives at the start and after a trial
                                     step */
    size_t components, quadratures;
    double from, to, x, h, slope; /* slope: norm of k_0 at the start */
    int64_t steps, done, evaluations;
    int stage;
    bool rejected, last;
};

/* Starts an integration from x = from to x = to; y and next hold y0 and zero quadratures. components + quadratures >=
 * 1. steps: number of fixed steps (heun, rk4); tolerance: absolute and relative (dopri5). */
void runge_kutta_start(struct runge_kutta *r, enum runge_kutta_method method, size_t components, size_t quadratures,
                       double from, double to, int64_t steps, double tolerance);

/* The x at which the order requests the derivative. */
double runge_kutta_point(const struct runge_kutta *r);

/* Takes the sums that the order produced, and issues the next order. */
enum runge_kutta_state runge_kutta_advance(struct runge_kutta *r, const struct runge_kutta_sums *sums);

/* Number of derivatives since the start, including those of rejected steps. */
int64_t runge_kutta_evaluations(const struct runge_kutta *r);

/* --- the vectors, on the host (runge_kutta_vectors.c) ---------------------------------------------- */

struct runge_kutta_vectors;

/* NULL when out of memory. */
struct runge_kutta_vectors *runge_kutta_vectors_new(size_t components, size_t quadratures);
void runge_kutta_vectors_free(struct runge_kutta_vectors *v);

/* y = next = y0[components] and zero quadratures. */
void runge_kutta_vectors_start(struct runge_kutta_vectors *v, const double *y0);
/* Executes the order up to its derivative, and returns `next`, the argument of the derivative. */
const double *runge_kutta_vectors_combine(struct runge_kutta_vectors *v, const struct runge_kutta_order *order);
/* Executes the rest of the order, given the derivative[components + quadratures]. */
void runge_kutta_vectors_take(struct runge_kutta_vectors *v, const struct runge_kutta_order *order,
                              const double *derivative, struct runge_kutta_sums *sums);

#endif
