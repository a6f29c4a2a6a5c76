/* Discrete Fourier transform of real fields on a periodic lattice of any dimension, the two-point function in momentum
 * space, and Gaussian fields with a given propagator.
 *
 *   phi(p) = sum_x exp(-i p.x) phi(x),   p_mu = 2 pi k_mu / L_mu,   G(p) = <|phi(p)|^2> / V.
 *
 * With this normalisation a free field with action 1/2 phi D phi has G(p) = 1/D(p); for A 4.2 at lambda = 0 that is
 * G(p) = 1/(2 - 4 kappa sum_mu cos p_mu). White noise has G = 1.
 *
 * The transform is a sum along each axis, O(V sum_mu L_mu), for extents up to about 64. Its sines and cosines do not
 * come from libm and its sums have a fixed order, so the bits are the same on every machine. All arrays are in C order
 * (x_1 slowest), modes as numpy's fftn orders them: k_mu = 0 .. L_mu - 1. */
#ifndef DMSQ_LATTICE_FOURIER_H
#define DMSQ_LATTICE_FOURIER_H

#include <stddef.h>

#include "base/error.h"

struct fourier; /* the plan of one lattice: immutable, may be shared by threads */

/* Makes the plan for extents[dimensions]. STATUS_BAD_INPUT: no dimension, or an extent that is not 1 to 4096;
 * STATUS_FAILED: out of memory. */
enum status fourier_new(const size_t *extents, size_t dimensions, struct fourier **fourier, struct error *e);
void fourier_free(struct fourier *f);

size_t fourier_volume(const struct fourier *f);
/* Number of doubles of workspace that the functions below need; one array per thread, with any contents. */
size_t fourier_workspace(const struct fourier *f);

/* Sets re[V] and im[V] to phi(p) of a real field phi[V]. */
void fourier_forward(const struct fourier *f, const double *phi, double *re, double *im, double *workspace);

/* Sets phi[V] to the real part of 1/V sum_p exp(i p.x) phi(p). phi may be re or im. */
void fourier_inverse(const struct fourier *f, const double *re, const double *im, double *phi, double *workspace);

/* power[V] = |phi(p)|^2 / V. The sum of power over p is sum_x phi^2 (Parseval). */
void fourier_power(const struct fourier *f, const double *phi, double *power, double *workspace);

/* Multiplies every mode of a real field by gain(p): out[V] = F^-1 gain F in, with F the transform. The gain must be
 * even, gain(p) = gain(-p), so that the result is real. `out` may be `in`. White noise `in` (V standard normals) and
 * gain = sqrt(G) give a Gaussian field with <|phi(p)|^2>/V = G(p). */
void fourier_filter(const struct fourier *f, const double *gain, const double *in, double *out, double *workspace);

/* Sets gain[V] to sqrt(G(p)), for a Gaussian field with propagator G[V]. Symmetrises G under p -> -p, since the
 * filtered field would not be real otherwise. STATUS_BAD_INPUT: a mode that is negative or not finite. */
enum status fourier_gaussian_gain(const struct fourier *f, const double *propagator, double *gain, struct error *e);

/* The symmetries of the lattice, p_mu -> -p_mu and exchange of directions of equal extent, divide the modes into
 * orbits, numbered 0 .. orbits-1 in the order of their first modes (orbit 0 is p = 0). */
size_t fourier_orbits(const struct fourier *f);
size_t fourier_orbit_of(const struct fourier *f, size_t mode);
/* means[orbits]: mean of g[V] over each orbit. */
void fourier_orbit_means(const struct fourier *f, const double *g, double *means);
/* Replaces g[V] by its mean over the symmetries of the lattice. */
void fourier_symmetrise(const struct fourier *f, double *g, double *workspace);

/* Index of the smallest nonzero mode along one direction, k_mu = 1; that of the zero mode if the extent is 1. */
size_t fourier_first_mode(const struct fourier *f, size_t direction);

/* Second-moment correlation length in lattice units,
 *   xi^2 = mean over directions of (G(0)/G(1_mu) - 1) / (4 sin^2(pi/L_mu)),
 * from zero = G(0) and first[mu] = G at fourier_first_mode(mu). With G(0) = V<M^2> this is the definition for the
 * symmetric phase (no subtraction of <M>^2). NaN if G(0) < G(1), and if G(1) is only rounding (less than 1e-24 G(0)),
 * as for constant fields. Directions of extent 1 are left out. */
double fourier_correlation_length(const struct fourier *f, double zero, const double *first);
/* The derivatives of xi with respect to G(0) and to each G(1_mu) (by_first[dimensions]); NaN where xi is NaN, infinite
 * where xi is 0. */
void fourier_correlation_length_gradient(const struct fourier *f, double zero, const double *first, double *by_zero,
                                         double *by_first);

#endif
