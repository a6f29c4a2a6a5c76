/* The theory: all that the program knows of an action. Its fields are real and single, its action has nearest
 * neighbours and a potential at every site,
 *
 *   S = sum_x [ -2 kappa sum_mu phi(x) phi(x+mu) + V(phi(x)) ].
 *
 * There is one, phi^4 (A 4.2): V = (1 - 2 lambda) phi^2 + lambda phi^4. Another potential is written here and nowhere
 * else: what samplers, measurements, models and stages ask of a theory is below. Formulas of inner loops are macros,
 * which serve single and double precision and vectors of either, or inline functions: loops over them vectorise, and
 * rounding is the same everywhere. */
#ifndef DMSQ_LATTICE_THEORY_H
#define DMSQ_LATTICE_THEORY_H

#include <math.h>
#include <stddef.h>

#include "base/error.h"

struct theory {
    double kappa, lambda;
};

/* Its name, which run records bear beside the couplings of an artifact. */
extern const char *const theory_name;

/* The couplings by name, "kappa" and "lambda": as parameters of stages and as members of artifacts. */
enum { THEORY_COUPLINGS = 2 };
extern const char *const theory_coupling_name[THEORY_COUPLINGS];
static inline double *theory_coupling(struct theory *t, size_t i) {
    return i == 0 ? &t->kappa : &t->lambda;
}

/* Whether the integral of exp(-S) exists: lambda > 0, or lambda = 0 and 2 |kappa| d < 1. STATUS_BAD_INPUT names what
 * was found. */
enum status theory_check(const struct theory *t, size_t dimensions, struct error *e);
/* Whether b is the theory a; else STATUS_BAD_INPUT: what was found in `where`, and what `whose` has. */
enum status theory_same(const struct theory *a, const struct theory *b, const char *where, const char *whose,
                        struct error *e);

/* --- the force -dS/dphi, of a site whose neighbours have this sum ----------------------------------- */

/* Its coefficients in precision REAL: members of a struct, and what they are of a theory. */
#define THEORY_FORCE_MEMBERS(REAL) REAL hopping, mass, cubic
#define THEORY_FORCE_OF(t, REAL) \
    { (REAL)(2.0 * (t)->kappa), (REAL)(2.0 * (1.0 - 2.0 * (t)->lambda)), (REAL)(4.0 * (t)->lambda) }
#define THEORY_FORCE(c, sum, phi) ((c).hopping * (sum) - (phi) * ((c).mass + (c).cubic * ((phi) * (phi))))

/* --- the action -------------------------------------------------------------------------------------- */

/* A site's part of S, its bonds in positive directions included: phi2 = phi^2, `forward` the sum of the neighbours
 * there. */
#define THEORY_ENERGY_MEMBERS double hopping, square, quartic
#define THEORY_ENERGY_OF(t) \
    { -2.0 * (t)->kappa, 1.0 - 2.0 * (t)->lambda, (t)->lambda }
#define THEORY_ENERGY(c, forward, phi, phi2) \
    ((c).hopping * ((phi) * (forward)) + (phi2) * ((c).square + (c).quartic * (phi2)))

/* How S changes where a site with this sum of neighbours goes from a to b. */
static inline double theory_change(const struct theory *t, double a, double b, double sum) {
    const double square = 1.0 - 2.0 * t->lambda;
    return -2.0 * t->kappa * (b - a) * sum + (b * b - a * a) * square + (b * b * b * b - a * a * a * a) * t->lambda;
}

/* S/V and the virial sum_x phi dS/dphi / V, of expectation 1 in equilibrium, from the means over sites of phi(x) times
 * the sum of its forward neighbours, phi^2 and phi^4. */
static inline double theory_action(const struct theory *t, double hopping, double square, double quartic) {
    return -2.0 * t->kappa * hopping + (1.0 - 2.0 * t->lambda) * square + t->lambda * quartic;
}
static inline double theory_virial(const struct theory *t, double action, double quartic) {
    return 2.0 * action + 2.0 * t->lambda * quartic;
}

/* |phi| of the constant field of least action; 0 where that is the symmetric one, or unknown. */
static inline double theory_minimum(const struct theory *t, size_t dimensions) {
    const double slope = 2.0 * fabs(t->kappa) * (double)dimensions - 1.0 + 2.0 * t->lambda;
    return t->lambda > 0.0 && t->kappa > 0.0 && slope > 0.0 ? sqrt(slope / (2.0 * t->lambda)) : 0.0;
}

/* <S''> in momentum space: 2 (1 - 2 lambda) - 4 kappa sum_mu cos p_mu + 12 lambda <phi^2>. */
static inline double theory_mean_curvature(const struct theory *t, double cosines, double square) {
    return 2 * (1 - 2 * t->lambda) - 4 * t->kappa * cosines + 12 * t->lambda * square;
}

#endif
