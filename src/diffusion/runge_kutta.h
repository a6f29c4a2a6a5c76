/* Runge-Kutta integration of dy/dx = f(x, y) as a machine that asks for derivatives one at a time, so that many
 * integrations, each at its own place and with its own steps, can share one call of a network:
 *
 *   start;  do  evaluate f at runge_kutta_point, runge_kutta_state;  runge_kutta_advance  until it is not MORE.
 *
 *   heun, rk4  fixed steps of equal length in x (orders 2 and 4; 2 and 4 derivatives a step)
 *   dopri5     Dormand and Prince 5(4), adaptive, 6 derivatives a step (first same as last). Steps are controlled as in
 *              scipy's RK45 (Hairer, Norsett, Wanner I, II.4): error e_i in units of
 *              tolerance (1 + max |y_i| of both ends), accepted when the root mean square over components is below
 *              1, next step 0.9 rms^(-1/5) times as long, between 0.2 and 10, not longer after a rejection.
 *
 * y has `components` elements that count one each in this norm, then `quadratures` elements whose mean counts as
 * one: estimates of the same integral. x may run up or down. Bits depend on nothing but the derivatives. */
#ifndef DMSQ_DIFFUSION_RUNGE_KUTTA_H
#define DMSQ_DIFFUSION_RUNGE_KUTTA_H

#include <stddef.h>
#include <stdint.h>

enum runge_kutta_method { RUNGE_KUTTA_DOPRI5, RUNGE_KUTTA_HEUN, RUNGE_KUTTA_RK4 };
enum runge_kutta_state {
    RUNGE_KUTTA_MORE,       /* one more derivative is wanted */
    RUNGE_KUTTA_DONE,       /* runge_kutta_state is the result */
    RUNGE_KUTTA_NOT_FINITE, /* a derivative or the error is no number */
    RUNGE_KUTTA_STUCK,      /* dopri5: the step fell below the resolution of x, or 100000 derivatives did not do */
};

struct runge_kutta; /* one integration; may be started again and again */

/* NULL when out of memory. components + quadratures >= 1. */
struct runge_kutta *runge_kutta_new(enum runge_kutta_method method, size_t components, size_t quadratures);
void runge_kutta_free(struct runge_kutta *r);

/* From x = from to x = to, y being y0[components] and zero quadratures. steps: fixed steps; tolerance: dopri5,
 * absolute and relative. */
void runge_kutta_start(struct runge_kutta *r, double from, double to, const double *y0, int64_t steps, double tolerance);

/* Where the derivative is wanted. */
double runge_kutta_point(const struct runge_kutta *r);
const double *runge_kutta_at(const struct runge_kutta *r);
/* Takes it (components, then quadratures). */
enum runge_kutta_state runge_kutta_advance(struct runge_kutta *r, const double *derivative);

/* Derivatives taken since the start, those of rejected steps included. */
int64_t runge_kutta_evaluations(const struct runge_kutta *r);

#endif
