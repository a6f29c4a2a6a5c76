/* The toy model and its quadrature (toy.h). */
#include "lattice/toy.h"

#include <math.h>
#include <stdlib.h>

#include "base/functions.h"
#include "base/random.h"

enum { CELLS = 4096, HALF = 256 }; /* cells of the cumulative distribution; points on either side of zero */

/* At `reach` the action is FAR above its minimum, since smeared densities are needed at fields far outside the wells.
 * For draws and moments NEAR is enough. */
#define FAR 700.0
#define NEAR 60.0

struct toy {
    struct toy_theory theory;
    double minimum, reach; /* minimum of the action; largest |phi| of the quadrature */
    double log_norm;       /* log of the integral of exp(-(S - minimum)) */
    double near;           /* largest |phi| of the cumulative distribution */
    double *cumulative;    /* (CELLS + 1): the cumulative distribution from -near to near */
};

struct theory toy_to_theory(const struct toy_theory *theory) {
    const double lambda = theory->g / 24;
    return (struct theory){.kappa = 0.5 * (1 - 2 * lambda - 0.5 * theory->mu2), .lambda = lambda};
}

struct toy_theory toy_from_theory(const struct theory *theory) {
    return (struct toy_theory){.mu2 = 2 * (1 - 2 * theory->lambda - 2 * theory->kappa), .g = 24 * theory->lambda};
}

double toy_action(const struct toy_theory *theory, double phi) {
    const double square = phi * phi;
    return square * (0.5 * theory->mu2 + theory->g / 24 * square);
}

double toy_force(const struct toy_theory *theory, double phi) {
    return -phi * (theory->mu2 + theory->g / 6 * (phi * phi));
}

double toy_minimum(const struct toy_theory *theory) {
    return theory->mu2 < 0 ? -1.5 * theory->mu2 * theory->mu2 / theory->g : 0.0;
}

/* The phi > 0 beyond the wells at which S - minimum = height. */
static double edge(const struct toy_theory *theory, double height) {
    /* the solution x = phi^2 of g/24 x^2 + mu2/2 x = height + minimum, in the form without cancellation */
    const double a = theory->g / 24, b = 0.5 * theory->mu2, c = height + toy_minimum(theory);
    const double root = sqrt(b * b + 4 * a * c);
    return sqrt(b > 0 ? 2 * c / (b + root) : (root - b) / (2 * a));
}

static double density(const struct toy *toy, double x) {
    return function_exp(toy->minimum - toy_action(&toy->theory, x) - toy->log_norm);
}

/* Integral of the density from a to b, a short interval, by Gauss-Legendre quadrature with five points. */
static double between(const struct toy *toy, double a, double b) {
    static const double node[] = {0.5384693101056830910, 0.9061798459386639928};
    static const double weight[] = {0.5688888888888888889, 0.4786286704993664680, 0.2369268850561890875};
    const double middle = 0.5 * (a + b), half = 0.5 * (b - a);
    double sum = weight[0] * density(toy, middle);
    for (int i = 0; i < 2; i++) {
        sum += weight[i + 1] * (density(toy, middle - half * node[i]) + density(toy, middle + half * node[i]));
    }
    return half * sum;
}

static double step_for(const struct toy *toy, double variance) {
    const double own = toy->reach / HALF, smear = 0.4 * sqrt(variance);
    return variance > 0 && smear < own ? smear : own;
}

enum status toy_new(const struct toy_theory *theory, struct toy **toy, struct error *e) {
    *toy = NULL;
    if (!isfinite(theory->mu2) || !isfinite(theory->g) || theory->g < 0 || (theory->g == 0 && !(theory->mu2 > 0))) {
        return error_set(e, STATUS_BAD_INPUT, "toy model: mu2 %g, g %g found, expected g > 0, or g = 0 with mu2 > 0",
                         theory->mu2, theory->g);
    }
    struct toy *t = calloc(1, sizeof *t);
    if (t) {
        t->cumulative = malloc((CELLS + 1) * sizeof *t->cumulative);
    }
    if (!t || !t->cumulative) {
        toy_free(t);
        return error_set(e, STATUS_FAILED, "out of memory for the toy model");
    }
    t->theory = *theory;
    t->minimum = toy_minimum(theory);
    t->reach = edge(theory, FAR);
    t->near = edge(theory, NEAR);
    /* the width of a well is 1/sqrt(S''): mu2 at the origin, -2 mu2 at a double well's minima */
    const double curvature = theory->mu2 < 0 ? -2 * theory->mu2 : theory->mu2;
    if (!(t->reach / HALF * sqrt(curvature) < 0.5)) {
        toy_free(t);
        return error_set(e, STATUS_BAD_INPUT,
                         "toy model: mu2 %g, g %g found, expected wells that are closer together or wider", theory->mu2,
                         theory->g);
    }
    double sum = 0;
    const double h = step_for(t, 0);
    for (int k = -HALF; k <= HALF; k++) {
        sum += function_exp(t->minimum - toy_action(theory, k * h));
    }
    t->log_norm = function_log(h * sum);
    t->cumulative[0] = 0;
    const double cell = 2 * t->near / CELLS;
    for (int i = 0; i < CELLS; i++) {
        t->cumulative[i + 1] = t->cumulative[i] + between(t, -t->near + i * cell, -t->near + (i + 1) * cell);
    }
    *toy = t;
    return STATUS_OK;
}

void toy_free(struct toy *toy) {
    if (!toy) {
        return;
    }
    free(toy->cumulative);
    free(toy);
}

const struct toy_theory *toy_couplings(const struct toy *toy) {
    return &toy->theory;
}

double toy_reach(const struct toy *toy) {
    return toy->near;
}

double toy_moment(const struct toy *toy, int power) {
    const double h = step_for(toy, 0);
    double sum = 0;
    for (int k = -HALF; k <= HALF; k++) {
        double term = density(toy, k * h);
        for (int i = 0; i < power; i++) {
            term *= k * h;
        }
        sum += term;
    }
    return h * sum;
}

void toy_smeared(const struct toy *toy, double variance, double phi, double *log_density, double *score) {
    const struct toy_theory *theory = &toy->theory;
    if (!(variance > 0)) {
        *log_density = toy->minimum - toy_action(theory, phi) - toy->log_norm;
        if (score) {
            *score = toy_force(theory, phi);
        }
        return;
    }
    /* the exponent S(x) - minimum + (x - phi)^2/(2 variance), minus its smallest value */
    const double h = step_for(toy, variance), half = 0.5 / variance;
    const long count = (long)(toy->reach / h);
    double least = INFINITY, sum = 0, force = 0;
    for (long k = -count; k <= count; k++) {
        const double x = (double)k * h, away = x - phi;
        const double exponent = toy_action(theory, x) + half * away * away;
        least = exponent < least ? exponent : least;
    }
    for (long k = -count; k <= count; k++) {
        const double x = (double)k * h, away = x - phi;
        const double exponent = toy_action(theory, x) + half * away * away - least;
        if (exponent > NEAR) {
            continue;
        }
        const double weight = function_exp(-exponent);
        sum += weight;
        force += weight * toy_force(theory, x);
    }
    *log_density = function_log(h * sum) - (least - toy->minimum) - toy->log_norm -
                   0.5 * function_log(6.283185307179586477 * variance);
    if (score) {
        *score = force / sum;
    }
}

double toy_cumulative(const struct toy *toy, double x) {
    const double cell = 2 * toy->near / CELLS;
    if (!(x > -toy->near)) {
        return 0;
    }
    if (x >= toy->near) {
        return 1;
    }
    size_t i = (size_t)((x + toy->near) / cell);
    i = i < CELLS ? i : CELLS - 1;
    return toy->cumulative[i] + between(toy, -toy->near + (double)i * cell, x);
}

static double invert(const struct toy *toy, double u) {
    size_t low = 0, high = CELLS;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (toy->cumulative[middle] <= u) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const double cell = 2 * toy->near / CELLS, left = -toy->near + (double)low * cell, right = left + cell;
    const double rest = u - toy->cumulative[low], all = toy->cumulative[low + 1] - toy->cumulative[low];
    double x = all > 0 ? left + cell * (rest / all < 1 ? rest / all : 1) : left;
    for (int i = 0; i < 4; i++) { /* Newton's method: the density is almost constant in a cell */
        const double slope = density(toy, x);
        if (slope > 0) {
            x -= (between(toy, left, x) - rest) / slope;
        }
        x = x < left ? left : x > right ? right : x;
    }
    return x;
}

void toy_draw(const struct toy *toy, uint64_t seed, const char *purpose, size_t first, size_t count, double *phi) {
    const struct random_key key = random_key(seed, "toy", purpose);
    for (size_t i = 0; i < count; i++) {
        double u;
        random_uniform(key, first + i, 0, &u, 1);
        phi[i] = invert(toy, u);
    }
}
