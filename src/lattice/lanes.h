/* phi^4 on LATTICE_LANES independent chains at once: the inner loops of the samplers.
 *
 * A field of lanes is phi[volume][LATTICE_LANES], site-major: the lanes of a site are neighbours in memory,
 * so the loops over a row run over row * LATTICE_LANES numbers in one go and vectorise whatever the
 * instruction set. All operations are per lane, so the bits of a chain do not depend on its company. */
#ifndef DMSQ_LATTICE_LANES_H
#define DMSQ_LATTICE_LANES_H

#include "base/random.h"
#include "lattice/action.h"
#include "lattice/geometry.h"

#define LATTICE_LANES RANDOM_LANES

/* momentum += step * force(phi). workspace: one row of lanes. */
void lanes_kick(const struct geometry *g, const struct phi4 *theory, double step, const double *phi,
                double *momentum, double *workspace);

/* phi += step * momentum */
void lanes_drift(const struct geometry *g, double step, const double *momentum, double *phi);

/* momentum += kick * force(phi), then phi += drift * momentum, in one pass over memory where the lattice has
 * two dimensions; bit for bit lanes_kick followed by lanes_drift. */
void lanes_kick_drift(const struct geometry *g, const struct phi4 *theory, double kick, double drift, double *phi,
                      double *momentum, double *workspace);

/* `steps` leapfrog steps of size `step`: half a kick, drifts and kicks in turn, half a kick. */
void lanes_leapfrog(const struct geometry *g, const struct phi4 *theory, double step, size_t steps, double *phi,
                    double *momentum, double *workspace);

/* rows[g->rows][LATTICE_LANES]: each row's part of the action (bonds in positive directions), and of the
 * kinetic energy sum p^2 / 2. */
void lanes_action_rows(const struct geometry *g, const struct phi4 *theory, const double *phi, double *rows);
void lanes_kinetic_rows(const struct geometry *g, const double *momentum, double *rows);

#endif
