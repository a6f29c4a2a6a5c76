/* The toy model (A 3.19, B Sec. 3): a field theory with one degree of freedom,
 *   S = mu2/2 phi^2 + g/24 phi^4,   force -dS/dphi = -mu2 phi - g/6 phi^3,
 * a single well for mu2 > 0 and a double well for mu2 < 0. Quadrature gives everything: the density, exact draws, and
 * the density under diffusion, p_0 convolved with a Gaussian.
 *
 * It is phi^4 theory (lattice/action.h) on a periodic chain of one site, which is its own neighbour: there
 * S = (1 - 2 lambda - 2 kappa) phi^2 + lambda phi^4, so lambda = g/24 and kappa = (1 - 2 lambda - mu2/2)/2. */
#ifndef DMSQ_LATTICE_TOY_H
#define DMSQ_LATTICE_TOY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lattice/action.h"

struct toy_theory {
    double mu2, g;
};

/* The same theory in the lattice's couplings, and back (to rounding). */
struct theory toy_to_theory(const struct toy_theory *theory);
struct toy_theory toy_from_theory(const struct theory *theory);

double toy_action(const struct toy_theory *theory, double phi);
double toy_force(const struct toy_theory *theory, double phi);
/* The smallest value of the action. */
double toy_minimum(const struct toy_theory *theory);

struct toy; /* the theory with its quadrature */

/* STATUS_BAD_INPUT: exp(-S) has no integral (g > 0 is needed, or g = 0 with mu2 > 0), or a well is too deep or too
 * narrow for the quadrature. */
enum status toy_new(const struct toy_theory *theory, struct toy **toy, struct error *e);
void toy_free(struct toy *toy);
const struct toy_theory *toy_couplings(const struct toy *toy);
/* Half the width of the region where exp(-S) is more than 1e-26 of its largest value. */
double toy_reach(const struct toy *toy);

/* <phi^power>, to rounding. */
double toy_moment(const struct toy *toy, int power);

/* The density smeared by a Gaussian of this variance >= 0, p = p_0 * N(0, variance), at phi: its normalised logarithm,
 * and the derivative of that, the score. By the trapezoidal rule, whose error falls exponentially here. The score is
 * computed without cancellation, as the mean of the force at phi_0 given phi. score may be NULL. */
void toy_smeared(const struct toy *toy, double variance, double phi, double *log_density, double *score);

/* Sets phi[count] to draws first .. first+count-1 of a seed's sequence, by the inverse of the cumulative distribution:
 * independent, and exact to about 1e-12. Draws do not depend on how a sequence is split into calls. Each `purpose` has
 * its own sequence. */
void toy_draw(const struct toy *toy, uint64_t seed, const char *purpose, size_t first, size_t count, double *phi);

/* The probability of phi < x. */
double toy_cumulative(const struct toy *toy, double x);

#endif
