/* The theory on LATTICE_LANES independent chains at once: the inner loops of the samplers.
 *
 * A field of lanes is phi[volume][LATTICE_LANES], site-major: the lanes of a site are neighbours in memory,
 * so the loops over a row run over row * LATTICE_LANES numbers in one go and vectorise whatever the
 * instruction set. All operations are per lane, so the bits of a chain do not depend on its company. */
#ifndef DMSQ_LATTICE_LANES_H
#define DMSQ_LATTICE_LANES_H

#include "base/random.h"
#include "lattice/action.h"
#include "lattice/geometry.h"
#include "lattice/integrator.h"

#define LATTICE_LANES RANDOM_LANES

/* Moves come in double and, with the same arguments, in single precision (_float): every function below but those of
 * energies rounds there to 24 bits. */
#define LANES_DECLARE(NAME, REAL) \
    /* momentum += step * force(phi). workspace: one row of lanes. */ \
    void NAME(lanes_kick)(const struct geometry *g, const struct theory *theory, double step, const REAL *phi, \
                          REAL *momentum, REAL *workspace); \
    /* phi += step * momentum */ \
    void NAME(lanes_drift)(const struct geometry *g, double step, const REAL *momentum, REAL *phi); \
    /* momentum += kick * force(phi), then phi += drift * momentum, in one pass over memory where the lattice has two  \
     * dimensions; bit for bit lanes_kick followed by lanes_drift. */ \
    void NAME(lanes_kick_drift)(const struct geometry *g, const struct theory *theory, double kick, double drift, \
                                REAL *phi, REAL *momentum, REAL *workspace); \
    /* A trajectory. */ \
    void NAME(lanes_integrate)(const struct geometry *g, const struct theory *theory, \
                               const struct integrator *integrator, REAL *phi, REAL *momentum, REAL *workspace); \
    /* rows[g->rows][LATTICE_LANES]: each row's part of the action (bonds in positive directions), and of the kinetic  \
     * energy sum p^2 / 2; every operation in double precision. */ \
    void NAME(lanes_action_rows)(const struct geometry *g, const struct theory *theory, const REAL *phi, \
                                 double *rows); \
    void NAME(lanes_kinetic_rows)(const struct geometry *g, const REAL *momentum, double *rows); \
    /* Puts the chains that are not accepted back to old. */ \
    void NAME(lanes_restore)(const struct geometry *g, const int accept[LATTICE_LANES], const REAL *old, \
                             REAL *restrict phi)

#define LANES_DOUBLE(x) x
#define LANES_SINGLE(x) x##_float
LANES_DECLARE(LANES_DOUBLE, double);
LANES_DECLARE(LANES_SINGLE, float);

#endif
