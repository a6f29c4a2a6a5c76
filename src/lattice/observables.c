/* The observables of a phi^4 ensemble, defined in observables.h. */
#include "lattice/observables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lattice/fourier.h"
#include "lattice/geometry.h"

const char *const observable_names[OBSERVABLES] = {
    [OBSERVABLE_M] = "M",
    [OBSERVABLE_CHI2] = "chi2",
    [OBSERVABLE_U_L] = "U_L",
    [OBSERVABLE_ABS_M] = "abs_M",
    [OBSERVABLE_MEAN_ABS_PHI] = "mean_abs_phi",
    [OBSERVABLE_PHI2] = "phi2",
    [OBSERVABLE_ACTION] = "action",
    [OBSERVABLE_VIRIAL] = "virial",
    [OBSERVABLE_XI] = "xi",
};

struct observables {
    struct geometry *geometry;
    struct fourier *fourier;
    struct theory theory;
};

enum status observables_new(const size_t *extents, size_t dimensions, const struct theory *theory,
                            struct observables **observables, struct error *e) {
    *observables = NULL;
    struct observables *o = calloc(1, sizeof *o);
    if (!o) {
        return error_set(e, STATUS_FAILED, "observables: out of memory");
    }
    o->theory = *theory;
    enum status status = geometry_new(extents, dimensions, &o->geometry, e);
    THEN(status, fourier_new(extents, dimensions, &o->fourier, e));
    if (status != STATUS_OK) {
        observables_free(o);
        return status;
    }
    *observables = o;
    return STATUS_OK;
}

void observables_free(struct observables *o) {
    if (o) {
        geometry_free(o->geometry);
        fourier_free(o->fourier);
        free(o);
    }
}

size_t observables_volume(const struct observables *o) {
    return o->geometry->volume;
}

size_t observables_primaries(const struct observables *o) {
    return PRIMARY_FIRST_MODE + o->geometry->dimensions;
}

void observables_primary_name(size_t primary, char name[16]) {
    static const char *const names[PRIMARY_FIRST_MODE] = {
        [PRIMARY_M] = "M",
        [PRIMARY_M2] = "M2",
        [PRIMARY_M4] = "M4",
        [PRIMARY_ABS_M] = "abs_M",
        [PRIMARY_MEAN_ABS_PHI] = "mean_abs_phi",
        [PRIMARY_PHI2] = "phi2",
        [PRIMARY_ACTION] = "action",
        [PRIMARY_VIRIAL] = "virial",
    };
    if (primary < PRIMARY_FIRST_MODE) {
        snprintf(name, 16, "%s", names[primary]);
    } else {
        snprintf(name, 16, "G%u", (unsigned)(primary - PRIMARY_FIRST_MODE + 1) % 100);
    }
}

size_t observables_orbits(const struct observables *o) {
    return fourier_orbits(o->fourier);
}

size_t observables_workspace(const struct observables *o) {
    return o->geometry->volume + fourier_workspace(o->fourier);
}

void observables_measure(const struct observables *o, const double *phi, double *primaries, double *propagator,
                         double *workspace) {
    const struct configuration_means means = configuration_measure(o->geometry, &o->theory, phi);
    const double M = means.field;
    primaries[PRIMARY_M] = M;
    primaries[PRIMARY_M2] = M * M;
    primaries[PRIMARY_M4] = (M * M) * (M * M);
    primaries[PRIMARY_ABS_M] = fabs(M);
    primaries[PRIMARY_MEAN_ABS_PHI] = means.magnitude;
    primaries[PRIMARY_PHI2] = means.square;
    primaries[PRIMARY_ACTION] = means.action;
    primaries[PRIMARY_VIRIAL] = means.virial;

    double *power = workspace;
    fourier_power(o->fourier, phi, power, workspace + o->geometry->volume);
    fourier_orbit_means(o->fourier, power, propagator);
    for (size_t mu = 0; mu < o->geometry->dimensions; mu++) {
        const size_t mode = fourier_first_mode(o->fourier, mu);
        primaries[PRIMARY_FIRST_MODE + mu] = propagator[fourier_orbit_of(o->fourier, mode)];
    }
}

void observables_evaluate(const double *means, double *values, const void *observables) {
    const struct observables *o = observables;
    const double V = (double)o->geometry->volume, M2 = means[PRIMARY_M2];
    values[OBSERVABLE_M] = means[PRIMARY_M];
    values[OBSERVABLE_CHI2] = V * (M2 - means[PRIMARY_M] * means[PRIMARY_M]);
    values[OBSERVABLE_U_L] = 1.0 - means[PRIMARY_M4] / (3.0 * M2 * M2);
    values[OBSERVABLE_ABS_M] = means[PRIMARY_ABS_M];
    values[OBSERVABLE_MEAN_ABS_PHI] = means[PRIMARY_MEAN_ABS_PHI];
    values[OBSERVABLE_PHI2] = means[PRIMARY_PHI2];
    values[OBSERVABLE_ACTION] = means[PRIMARY_ACTION];
    values[OBSERVABLE_VIRIAL] = means[PRIMARY_VIRIAL];
    values[OBSERVABLE_XI] = fourier_correlation_length(o->fourier, V * M2, means + PRIMARY_FIRST_MODE);
}

void observables_differentiate(const double *means, double *gradient, const void *observables) {
    static const struct {
        enum observable observable;
        enum primary primary;
    } plain[] = {{OBSERVABLE_M, PRIMARY_M},
                 {OBSERVABLE_ABS_M, PRIMARY_ABS_M},
                 {OBSERVABLE_MEAN_ABS_PHI, PRIMARY_MEAN_ABS_PHI},
                 {OBSERVABLE_PHI2, PRIMARY_PHI2},
                 {OBSERVABLE_ACTION, PRIMARY_ACTION},
                 {OBSERVABLE_VIRIAL, PRIMARY_VIRIAL}};
    const struct observables *o = observables;
    const size_t primaries = observables_primaries(o);
    const double V = (double)o->geometry->volume, M2 = means[PRIMARY_M2], M4 = means[PRIMARY_M4];
    for (size_t i = 0; i < OBSERVABLES * primaries; i++) {
        gradient[i] = 0.0;
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        gradient[(size_t)plain[i].observable * primaries + plain[i].primary] = 1.0;
    }
    double *chi2 = gradient + OBSERVABLE_CHI2 * primaries, *U_L = gradient + OBSERVABLE_U_L * primaries,
           *xi = gradient + OBSERVABLE_XI * primaries;
    chi2[PRIMARY_M] = -2.0 * V * means[PRIMARY_M];
    chi2[PRIMARY_M2] = V;
    U_L[PRIMARY_M2] = 2.0 * M4 / (3.0 * M2 * M2 * M2);
    U_L[PRIMARY_M4] = -1.0 / (3.0 * M2 * M2);
    fourier_correlation_length_gradient(o->fourier, V * M2, means + PRIMARY_FIRST_MODE, &xi[PRIMARY_M2],
                                        xi + PRIMARY_FIRST_MODE);
    xi[PRIMARY_M2] *= V;
}

void observables_expand(const struct observables *o, const double *orbits, double *g) {
    for (size_t p = 0; p < o->geometry->volume; p++) {
        g[p] = orbits[fourier_orbit_of(o->fourier, p)];
    }
}
