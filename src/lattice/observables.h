/* The observables of a phi^4 ensemble: the primary quantities measured on each configuration, and the functions of
 * their means that tables show.
 *
 *   M        mean of phi over sites and configurations (A 4.5)
 *   chi2     V (<M^2> - <M>^2), susceptibility (A 4.6)
 *   U_L      1 - <M^4>/(3 <M^2>^2), Binder cumulant (A 4.7)
 *   abs_M    <|M|>, the usual order parameter (the authors' code)
 *   mean_abs_phi  mean of |phi| (A 4.12 as printed)
 *   phi2     <phi^2>
 *   action   <S>/V (A 4.2)
 *   virial   <sum_x phi dS/dphi>/V, 1 in equilibrium
 *   xi       second-moment correlation length (fourier.h), with G(0) = V <M^2>, without subtraction of <M>^2
 * and the two-point function G(p) = <|phi(p)|^2>/V, averaged over the symmetries of the lattice.
 */
#ifndef DMSQ_LATTICE_OBSERVABLES_H
#define DMSQ_LATTICE_OBSERVABLES_H

#include <stddef.h>

#include "base/error.h"
#include "lattice/action.h"

enum observable {
    OBSERVABLE_M,
    OBSERVABLE_CHI2,
    OBSERVABLE_U_L,
    OBSERVABLE_ABS_M,
    OBSERVABLE_MEAN_ABS_PHI,
    OBSERVABLE_PHI2,
    OBSERVABLE_ACTION,
    OBSERVABLE_VIRIAL,
    OBSERVABLE_XI,
    OBSERVABLES
};

/* The names above, in that order. */
extern const char *const observable_names[OBSERVABLES];

/* The primary quantities of a configuration; the observables are functions of their means. */
enum primary {
    PRIMARY_M,
    PRIMARY_M2,
    PRIMARY_M4,
    PRIMARY_ABS_M,
    PRIMARY_MEAN_ABS_PHI,
    PRIMARY_PHI2,
    PRIMARY_ACTION,
    PRIMARY_VIRIAL,
    PRIMARY_FIRST_MODE, /* |phi(p)|^2/V at k_mu = 1, one for each direction */
};

struct observables; /* the plan for one lattice and theory: immutable, may be shared by threads */

/* Makes the plan. Errors of geometry_new and fourier_new. Couplings are not checked. */
enum status observables_new(const size_t *extents, size_t dimensions, const struct theory *theory,
                            struct observables **observables, struct error *e);
void observables_free(struct observables *o);

size_t observables_volume(const struct observables *o);
size_t observables_primaries(const struct observables *o); /* PRIMARY_FIRST_MODE + dimensions */
/* "M", "M2", ..., and "G1", "G2", ... for the first modes; room for 16 characters. */
void observables_primary_name(size_t primary, char name[16]);
size_t observables_orbits(const struct observables *o);    /* distinct values of G(p) */
size_t observables_workspace(const struct observables *o); /* number of doubles; one array per thread */

/* Measures phi[volume]: sets primaries[] and propagator[orbits], |phi(p)|^2/V averaged over each orbit. */
void observables_measure(const struct observables *o, const double *phi, double *primaries, double *propagator,
                         double *workspace);

/* Sets values[OBSERVABLES] from the means of the primaries; `observables` is the plan (a struct observables), as struct
 * estimator requires. xi is NaN if its square is negative, U_L if <M^2> = 0. */
void observables_evaluate(const double *means, double *values, const void *observables);
/* Sets gradient (OBSERVABLES, primaries) to the exact derivatives of these values. */
void observables_differentiate(const double *means, double *gradient, const void *observables);

/* Sets g[volume], in numpy's order of modes, from its values on the orbits. */
void observables_expand(const struct observables *o, const double *orbits, double *g);

#endif
