/* The theory: everything in the program that depends on the action. A theory has one real field with a
 * nearest-neighbour coupling and a potential at every site,
 *
 *   S = sum_x [ -2 kappa sum_mu phi(x) phi(x+mu) + V(phi(x)) ].
 *
 * The only one is phi^4 (A 4.2): V = (1 - 2 lambda) phi^2 + lambda phi^4. Another potential needs changes only in this
 * file and theory.c, which have all that samplers, measurements, models and stages need of a theory. The formulas of
 * inner loops are inline functions or macros (for single and double precision and vectors of both), so that loops over
 * them vectorise and rounding is the same everywhere. */
#ifndef DMSQ_LATTICE_THEORY_H
#define DMSQ_LATTICE_THEORY_H

#include <math.h>
#include <stddef.h>

#include "base/error.h"

struct theory {
    double kappa, lambda;
};

/* The name of the theory, which run records have beside the couplings of an artifact. */
extern const char *const theory_name;

/* The names of the couplings, "kappa" and "lambda", as parameters of stages and as arrays of artifacts. */
enum { THEORY_COUPLINGS = 2 };
extern const char *const theory_coupling_name[THEORY_COUPLINGS];
static inline double *theory_coupling(struct theory *t, size_t i) {
    return i == 0 ? &t->kappa : &t->lambda;
}

/* Checks that the integral of exp(-S) exists: lambda > 0, or lambda = 0 and 2 |kappa| d < 1. STATUS_BAD_INPUT: it does
 * not. */
enum status theory_check(const struct theory *t, size_t dimensions, struct error *e);
/* Checks that b, found in `where`, is the theory a of `whose`. STATUS_BAD_INPUT: the message has the couplings of
 * both. */
enum status theory_same(const struct theory *a, const struct theory *b, const char *where, const char *whose,
                        struct error *e);

/* --- the force -dS/dphi of a site, given the sum over its neighbours --------------------------------- */

/* Its coefficients in precision REAL: the members of a struct, and their values for a theory. */
#define THEORY_FORCE_MEMBERS(REAL) REAL hopping, mass, cubic
#define THEORY_FORCE_OF(t, REAL) \
    { (REAL)(2.0 * (t)->kappa), (REAL)(2.0 * (1.0 - 2.0 * (t)->lambda)), (REAL)(4.0 * (t)->lambda) }
#define THEORY_FORCE(c, sum, phi) ((c).hopping * (sum) - (phi) * ((c).mass + (c).cubic * ((phi) * (phi))))

/* --- the action -------------------------------------------------------------------------------------- */

/* A site's part of S with its bonds in positive directions: phi2 = phi^2, `forward` is the sum over the neighbours in
 * these directions. */
#define THEORY_ENERGY_MEMBERS double hopping, square, quartic
#define THEORY_ENERGY_OF(t) \
    { -2.0 * (t)->kappa, 1.0 - 2.0 * (t)->lambda, (t)->lambda }
#define THEORY_ENERGY(c, forward, phi, phi2) \
    ((c).hopping * ((phi) * (forward)) + (phi2) * ((c).square + (c).quartic * (phi2)))

/* The change of S if a site changes from a to b, given the sum over its neighbours. */
static inline double theory_change(const struct theory *t, double a, double b, double sum) {
    const double square = 1.0 - 2.0 * t->lambda;
    return -2.0 * t->kappa * (b - a) * sum + (b * b - a * a) * square + (b * b * b * b - a * a * a * a) * t->lambda;
}

/* S/V, and the virial sum_x phi dS/dphi / V, whose expectation value in equilibrium is 1. Arguments are means over the
 * sites: hopping of phi(x) times the sum over its forward neighbours, square of phi^2, quartic of phi^4. */
static inline double theory_action(const struct theory *t, double hopping, double square, double quartic) {
    return -2.0 * t->kappa * hopping + (1.0 - 2.0 * t->lambda) * square + t->lambda * quartic;
}
static inline double theory_virial(const struct theory *t, double action, double quartic) {
    return 2.0 * action + 2.0 * t->lambda * quartic;
}

/* |phi| of the constant field with the smallest action; 0 if that is phi = 0 or is not known. */
static inline double theory_minimum(const struct theory *t, size_t dimensions) {
    const double slope = 2.0 * fabs(t->kappa) * (double)dimensions - 1.0 + 2.0 * t->lambda;
    return t->lambda > 0.0 && t->kappa > 0.0 && slope > 0.0 ? sqrt(slope / (2.0 * t->lambda)) : 0.0;
}

/* <S''> in momentum space: 2 (1 - 2 lambda) - 4 kappa sum_mu cos p_mu + 12 lambda <phi^2>, with cosines = sum_mu cos
 * p_mu and square = <phi^2>. */
static inline double theory_mean_curvature(const struct theory *t, double cosines, double square) {
    return 2 * (1 - 2 * t->lambda) - 4 * t->kappa * cosines + 12 * t->lambda * square;
}

#endif
