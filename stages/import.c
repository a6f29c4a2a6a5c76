/* Stage `import`: reads configurations of phi^4 theory from another program, in a .npy or .npz file, into an artifact
 * that can be used like an ensemble: to train models and to measure observables.
 *
 * Artifact, as for the stage ensemble: phi float32 (N, x1..xd), chain after chain; kappa, lambda; chains C;
 * independent; virial and action (N), of the field before rounding; thermalised, thermalisation.names and
 * thermalisation.sigmas. Of the tests in lattice/thermalisation.h it makes those that need no further chains: the
 * virial against 1, which also detects couplings or a normalisation other than those of the action A 4.2, and the first
 * half of the chains against the second. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "lattice/ensemble.h"
#include "lattice/thermalisation.h"
#include "score/header.h"
#include "stages/arrays.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"
#include "store/foreign.h"

static const struct parameter parameters[] = {
    {.name = "file", .type = PARAMETER_FILE, .help = "The .npy or .npz file; its SHA-256 is in the recipe."},
    {.name = "member",
     .type = PARAMETER_TEXT,
     .default_value = "phi",
     .help = "The array of an .npz file; empty: its only one."},
    PARAMETERS_THEORY(NULL, NULL, " that the configurations were made with."),
    {.name = "layout",
     .type = PARAMETER_CHOICE,
     .default_value = "chain-after-chain",
     .choices = "chain-after-chain|interleaved|chain-axis-first|chain-axis-second",
     .help = "Axes before those of the lattice. chain-after-chain and interleaved (one configuration of each chain in "
             "turn): one axis; chain-axis-first: (chain, configuration); chain-axis-second: (configuration, chain). "
             "Axes of length 1 after these are dropped."},
    {.name = "chains",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0,
     .maximum = 1e9,
     .help =
         "Number of Markov chains, each with the same number of configurations; 0: the length of the chain axis or, "
         "without such an axis, one chain per configuration, so that all are independent."},
    {.name = "scale",
     .type = PARAMETER_REAL,
     .default_value = "1",
     .minimum = 1e-6,
     .maximum = 1e6,
     .help = "Factor that multiplies all fields, if the theory is normalised differently."},
};

/* How the axes of the file are read. */
struct plan_of_axes {
    size_t chains, length;            /* length: configurations per chain */
    size_t chain_stride, time_stride; /* in elements of the file */
    size_t dimensions, extents[GEOMETRY_MAX_DIMENSIONS], strides[GEOMETRY_MAX_DIMENSIONS];
};

static enum status find_axes(const struct parameters *p, const char *path, const struct foreign *a,
                             struct plan_of_axes *axes, struct error *e) {
    const bool first = parameters_is(p, "layout", "chain-axis-first"),
               two = first || parameters_is(p, "layout", "chain-axis-second");
    const size_t leading = two ? 2 : 1, chains = (size_t)parameters_integer(p, "chains");
    *axes = (struct plan_of_axes){0};
    for (size_t i = leading; i < a->dimensions; i++) {
        if (a->shape[i] == 1) {
            continue;
        }
        if (axes->dimensions == GEOMETRY_MAX_DIMENSIONS) {
            return error_set(e, STATUS_BAD_INPUT, "%s: found %zu axes, expected a lattice of at most %d dimensions",
                             path, a->dimensions, GEOMETRY_MAX_DIMENSIONS);
        }
        axes->extents[axes->dimensions] = a->shape[i];
        axes->strides[axes->dimensions++] = a->stride[i];
    }
    if (a->dimensions < leading + 1 || axes->dimensions == 0 || a->count == 0) {
        return error_set(
            e, STATUS_BAD_INPUT, "%s: found %zu axes and %zu numbers, expected %s, then those of the lattice", path,
            a->dimensions, a->count, two ? "an axis of chains and one of configurations" : "an axis of configurations");
    }
    if (two) {
        axes->chains = a->shape[first ? 0 : 1];
        axes->length = a->shape[first ? 1 : 0];
        axes->chain_stride = a->stride[first ? 0 : 1];
        axes->time_stride = a->stride[first ? 1 : 0];
        return chains == 0 || chains == axes->chains
                   ? STATUS_OK
                   : error_set(e, STATUS_BAD_INPUT, "%s: found a chain axis of length %zu, expected chains = %zu", path,
                               axes->chains, chains);
    }
    axes->chains = chains > 0 ? chains : a->shape[0];
    if (a->shape[0] % axes->chains != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found %zu configurations, expected a multiple of chains = %zu", path,
                         a->shape[0], axes->chains);
    }
    const bool interleaved = parameters_is(p, "layout", "interleaved");
    axes->length = a->shape[0] / axes->chains;
    axes->time_stride = a->stride[0] * (interleaved ? axes->chains : 1);
    axes->chain_stride = a->stride[0] * (interleaved ? 1 : axes->length);
    return STATUS_OK;
}

/* Copies one configuration to phi[volume], sites in C order. */
static void gather(const struct foreign *a, const struct plan_of_axes *axes, size_t chain, size_t time, double scale,
                   size_t volume, double *phi) {
    size_t at[GEOMETRY_MAX_DIMENSIONS] = {0};
    for (size_t x = 0; x < volume; x++) {
        size_t index = chain * axes->chain_stride + time * axes->time_stride;
        for (size_t mu = 0; mu < axes->dimensions; mu++) {
            index += at[mu] * axes->strides[mu];
        }
        phi[x] = scale * foreign_at(a, index);
        for (size_t mu = axes->dimensions; mu-- > 0 && ++at[mu] == axes->extents[mu];) {
            at[mu] = 0;
        }
    }
}

static enum status fill(const struct stage_context *c, const char *path, const struct foreign *a,
                        const struct plan_of_axes *axes, const struct geometry *g, const struct theory *theory,
                        const struct ensemble *out, struct error *e) {
    const double scale = parameters_real(c->parameters, "scale");
    double *phi = malloc(g->volume * sizeof *phi);
    if (phi == NULL) {
        return error_set(e, STATUS_FAILED, "import: out of memory for %zu sites", g->volume);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < axes->chains * axes->length && status == STATUS_OK && !*c->interrupted; i++) {
        gather(a, axes, i / axes->length, i % axes->length, scale, g->volume, phi);
        const struct configuration_means means = configuration_measure(g, theory, phi);
        out->action[i] = means.action;
        out->virial[i] = means.virial;
        bool finite = isfinite(means.action); /* phi^4 overflows if the field is too large */
        for (size_t x = 0; x < g->volume; x++) {
            out->phi[i * g->volume + x] = (float)phi[x];
            finite = finite && isfinite(out->phi[i * g->volume + x]);
        }
        if (!finite) {
            status = error_set(e, STATUS_BAD_INPUT,
                               "%s: configuration %zu of chain %zu: found action density %g, expected finite fields "
                               "whose action is finite",
                               path, i % axes->length, i / axes->length, means.action);
        }
    }
    free(phi);
    return status;
}

/* Hands out->phi over to the writer, which frees it. */
static enum status write_artifact(struct stage_context *c, const struct plan_of_axes *axes, const struct theory *theory,
                                  const struct ensemble *out, const struct thermalisation *t, struct error *e) {
    const size_t N = axes->chains * axes->length;
    size_t shape[GEOMETRY_MAX_DIMENSIONS + 1] = {N};
    for (size_t mu = 0; mu < axes->dimensions; mu++) {
        shape[mu + 1] = axes->extents[mu];
    }
    struct npz_writer *w = NULL;
    enum status status = stage_artifact(c, &w, e);
    if (status != STATUS_OK) {
        free(out->phi);
        return status;
    }
    status = npz_add_owned(w, "phi", NPZ_FLOAT32, axes->dimensions + 1, shape, out->phi, e);
    const struct header header = {*theory, axes->chains, axes->length == 1, t->verdict};
    THEN(status, header_add_layout(w, &header, e));
    THEN(status, npz_add_reals(w, "virial", out->virial, N, e));
    THEN(status, npz_add_reals(w, "action", out->action, N, e));
    THEN(status, header_add_thermalised(w, t->verdict, e));
    THEN(status, npz_add_texts(w, "thermalisation.names", thermalisation_name, THERMALISATION_TESTS, e));
    THEN(status, npz_add_reals(w, "thermalisation.sigmas", t->sigmas, THERMALISATION_TESTS, e));
    return status;
}

static void note(struct stage_context *c, const struct plan_of_axes *axes, const struct thermalisation *t) {
    stage_note_value(c, "configurations", (double)(axes->chains * axes->length), NAN, "");
    stage_note_value(c, "chains", (double)axes->chains, NAN, "");
    char verdict[128];
    thermalisation_text(t, verdict, sizeof verdict);
    stage_note(c, "thermalisation", "%s", verdict);
}

static enum status import(struct stage_context *c, const char *path, const struct foreign *a,
                          const struct plan_of_axes *axes, const struct geometry *g, struct error *e) {
    const struct theory theory = shared_theory(c->parameters);
    const size_t N = axes->chains * axes->length;
    struct ensemble out = {.phi = calloc(N, g->volume * sizeof *out.phi),
                           .action = calloc(N, sizeof *out.action),
                           .virial = calloc(N, sizeof *out.virial)};
    enum status status = out.phi != NULL && out.action != NULL && out.virial != NULL
                             ? theory_check(&theory, g->dimensions, e)
                             : error_set(e, STATUS_FAILED, "import: out of memory for %zu configurations", N);
    THEN(status, fill(c, path, a, axes, g, &theory, &out, e));
    const struct ensemble_plan plan = {
        .sampler = {.theory = theory}, .chains = axes->chains, .measurements = axes->length};
    struct thermalisation thermalisation;
    THEN(status, thermalisation_test(g, &plan, &out, 0, NULL, NULL, &thermalisation, e));
    bool given = false;
    if (status == STATUS_OK) {
        note(c, axes, &thermalisation);
        given = true;
        status = write_artifact(c, axes, &theory, &out, &thermalisation, e);
    }
    free(given ? NULL : out.phi);
    free(out.action);
    free(out.virial);
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    const char *path = parameters_text(c->parameters, "file");
    struct foreign array;
    struct plan_of_axes axes;
    struct geometry *g = NULL;
    enum status status = foreign_read(path, parameters_text(c->parameters, "member"), &array, e);
    THEN(status, find_axes(c->parameters, path, &array, &axes, e));
    if (status == STATUS_OK && geometry_new(axes.extents, axes.dimensions, &g, e) != STATUS_OK) {
        status = error_prefix(e, "%s", path);
    }
    THEN(status, import(c, path, &array, &axes, g, e));
    geometry_free(g);
    foreign_free(&array);
    return status;
}

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"virial", NPZ_FLOAT64, "N", "",
     "Mean of phi dS/dphi per site, of the field before rounding; its expectation value is 1 in equilibrium."},
    {"action", NPZ_FLOAT64, "N", "", "S/V, the action per site, of the field before rounding."},
    {"thermalisation.names", NPZ_BYTES, "T", "", "Tests of equilibrium (lattice/thermalisation.h)."},
    {"thermalisation.sigmas", NPZ_FLOAT64, "T", "standard errors", "Result of each; NaN if it was not made."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

const struct stage stage_import = {
    .name = "import",
    .summary = "configurations from another program, in a .npy or .npz file",
    .version = 1,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
};
