/* The inner loops of the samplers, on LATTICE_LANES independent chains together.
 *
 * A field of lanes is phi[volume][LATTICE_LANES]: the lanes of a site are adjacent in memory, so a loop over a row runs
 * over row * LATTICE_LANES contiguous numbers and vectorises on any instruction set. All operations are per lane, so
 * the bits of a chain do not depend on the chains computed with it. */
#ifndef DMSQ_LATTICE_LANES_H
#define DMSQ_LATTICE_LANES_H

#include "base/random.h"
#include "lattice/action.h"
#include "lattice/geometry.h"
#include "lattice/integrator.h"

#define LATTICE_LANES RANDOM_LANES

/* Each function exists in double and, with suffix _float, in single precision, where all of them but those of energies
 * compute in single precision. */
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
    /* Integrates one trajectory. */ \
    void NAME(lanes_integrate)(const struct geometry *g, const struct theory *theory, \
                               const struct integrator *integrator, REAL *phi, REAL *momentum, REAL *workspace); \
    /* Sets rows[g->rows][LATTICE_LANES] to each row's part of the action (with its bonds in positive directions), or  \
     * of the kinetic energy sum p^2 / 2, in double precision. */ \
    void NAME(lanes_action_rows)(const struct geometry *g, const struct theory *theory, const REAL *phi, \
                                 double *rows); \
    void NAME(lanes_kinetic_rows)(const struct geometry *g, const REAL *momentum, double *rows); \
    /* Restores the field `old` in the chains that are not accepted. */ \
    void NAME(lanes_restore)(const struct geometry *g, const int accept[LATTICE_LANES], const REAL *old, \
                             REAL *restrict phi)

#define LANES_DOUBLE(x) x
#define LANES_SINGLE(x) x##_float
LANES_DECLARE(LANES_DOUBLE, double);
LANES_DECLARE(LANES_SINGLE, float);

#endif
