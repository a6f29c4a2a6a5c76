/* Stage `toy`: exact draws of the toy model (A 3.19), the training set of A Sec. 3.4.
 *
 * Artifact, as an ensemble on a lattice of one site: phi float32 (N, 1); mu2, g; kappa, lambda, the same couplings in
 * the lattice's action (lattice/toy.h); chains = N, independent = 1, thermalised = 1. */
#include <stdint.h>
#include <stdlib.h>

#include "lattice/toy.h"
#include "score/header.h"
#include "stages/arrays.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    PARAMETERS_TOY("1", ""),
    PARAMETER_CONFIGURATIONS("5120", 1, "Independent configurations to draw."),
    PARAMETER_SEED("Seed of the draws."),
};

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"mu2", NPZ_FLOAT64, "", "",
     "Squared mass of the toy model; kappa and lambda are the same couplings in the action of the lattice "
     "(lattice/toy.h)."},
    {"g", NPZ_FLOAT64, "", "", "Coupling of phi^4/24."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

static enum status draw(const struct toy *toy, uint64_t seed, size_t count, float **phi,
                        const volatile sig_atomic_t *interrupted, struct error *e) {
    enum { PART = 4096 };
    double x[PART];
    *phi = malloc(count * sizeof **phi);
    if (!*phi) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", count);
    }
    for (size_t at = 0; at < count && !*interrupted; at += PART) {
        const size_t n = count - at < PART ? count - at : PART;
        toy_draw(toy, seed, "phi", at, n, x);
        for (size_t i = 0; i < n; i++) {
            (*phi)[at + i] = (float)x[i];
        }
    }
    return *interrupted ? error_set(e, STATUS_FAILED, "interrupted") : STATUS_OK;
}

static enum status run(struct stage_context *c, struct error *e) {
    const struct toy_theory theory = {parameters_real(c->parameters, "mu2"), parameters_real(c->parameters, "g")};
    const size_t count = (size_t)parameters_integer(c->parameters, "configurations"), shape[] = {count, 1};
    const struct header header = {toy_to_theory(&theory), count, true, 1};
    struct toy *toy;
    struct npz_writer *w = NULL;
    float *phi = NULL;
    TRY(toy_new(&theory, &toy, e));
    enum status status = draw(toy, (uint64_t)parameters_integer(c->parameters, "seed"), count, &phi, c->interrupted, e);
    toy_free(toy);
    THEN(status, stage_artifact(c, &w, e));
    if (status != STATUS_OK) {
        free(phi);
        return status;
    }
    status = npz_add_owned(w, "phi", NPZ_FLOAT32, 2, shape, phi, e);
    THEN(status, npz_add_real(w, "mu2", theory.mu2, e));
    THEN(status, npz_add_real(w, "g", theory.g, e));
    THEN(status, header_add(w, &header, e));
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    const struct toy_theory theory = {parameters_real(p, "mu2"), parameters_real(p, "g")};
    struct toy *toy;
    enum status status = toy_new(&theory, &toy, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", where);
    }
    toy_free(toy);
    return STATUS_OK;
}

const struct stage stage_toy = {
    .name = "toy",
    .summary = "exact draws of the toy model with one degree of freedom",
    .version = 1,
    .uses_backend = false,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = NULL,
    .input_count = 0,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
