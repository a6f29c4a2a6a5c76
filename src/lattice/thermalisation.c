#include "lattice/thermalisation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACTION, SQUARE, MAGNITUDE, SQUARED_MEAN, QUANTITIES, FEWEST = 16 };
enum { VIRIAL = 0, START = 1, SPLIT = START + QUANTITIES };

const char *const thermalisation_name[THERMALISATION_TESTS] = {"virial",      "start.action", "start.phi2",
                                                               "start.abs_M", "start.M2",     "split.action",
                                                               "split.phi2",  "split.abs_M",  "split.M2"};

static double quantity(const struct configuration_means *m, int q) {
    switch (q) {
    case ACTION:
        return m->action;
    case SQUARE:
        return m->square;
    case MAGNITUDE:
        return fabs(m->field);
    default:
        return m->field * m->field;
    }
}

/* Mean of n independent numbers and its variance (Welford). */
struct estimate {
    double mean, variance;
    size_t count;
};

static struct estimate estimate_of(const double *x, size_t n) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double deviation = x[i] - mean;
        mean += deviation / (double)(i + 1);
        squares += deviation * (x[i] - mean);
    }
    return (struct estimate){mean, n > 1 ? squares / (double)(n - 1) / (double)n : NAN, n};
}

/* A difference in standard deviations; 0 if the numbers agree to the rounding of a float. */
static double apart(double difference, double variance, double scale, size_t count) {
    if (count < FEWEST || isnan(variance)) {
        return NAN;
    }
    return fabs(difference) <= 1e-6 * fabs(scale) ? 0 : difference / sqrt(variance);
}

/* Means over `length` numbers of each chain c, from x[c * stride] on. */
static void chain_means(const double *x, size_t chains, size_t stride, size_t length, double *means) {
    for (size_t c = 0; c < chains; c++) {
        double sum = 0;
        for (size_t i = 0; i < length; i++) {
            sum += x[c * stride + i];
        }
        means[c] = sum / (double)length;
    }
}

static void measure(const struct geometry *g, const struct theory *theory, const float *phi, size_t n,
                    double *x /* (QUANTITIES, n) */) {
    for (size_t i = 0; i < n; i++) {
        const struct configuration_means m = configuration_measure_float(g, theory, phi + i * g->volume);
        for (int q = 0; q < QUANTITIES; q++) {
            x[(size_t)q * n + i] = quantity(&m, q);
        }
    }
}

/* The four quantities of `plan->chains` chains after plan->thermalisation steps, and their mean acceptance. */
static enum status run(const struct geometry *g, const struct ensemble_plan *plan, ensemble_report *report,
                       void *context, double *x, double *acceptance, struct error *e) {
    const size_t n = (size_t)plan->chains;
    double *numbers = calloc(4 * n, sizeof *numbers);
    const struct ensemble out = {.phi = calloc(n, g->volume * sizeof *out.phi),
                                 .action = numbers,
                                 .virial = numbers + n,
                                 .acceptance = numbers + 2 * n,
                                 .exp_minus_dH = numbers + 3 * n};
    enum status status = numbers != NULL && out.phi != NULL
                             ? ensemble_generate(g, plan, &out, report, context, e)
                             : error_set(e, STATUS_FAILED, "ensemble: out of memory for %zu further chains", n);
    if (status == STATUS_OK) {
        measure(g, &plan->sampler.theory, out.phi, n, x);
        chain_means(out.acceptance, 1, n, n, acceptance);
    }
    free(out.phi);
    free(numbers);
    return status;
}

struct work {
    const struct ensemble_plan *plan;
    size_t chains, length, count; /* of the ensemble; length configurations a chain */
    double *x;                    /* (QUANTITIES, count) */
    double *other;                /* (QUANTITIES, further chains) */
    double *means, *differences;  /* (chains) */
};

static void compare_starts(const struct work *w, size_t further, double *sigmas) {
    for (int q = 0; q < QUANTITIES; q++) {
        chain_means(w->x + (size_t)q * w->count, w->chains, w->length, w->length, w->means);
        const struct estimate a = estimate_of(w->means, w->chains),
                              b = estimate_of(w->other + (size_t)q * further, further);
        sigmas[START + q] =
            apart(a.mean - b.mean, a.variance + b.variance, a.mean, w->chains < further ? w->chains : further);
    }
}

/* One configuration per chain: compares the chains with themselves at half their length. */
static void compare_ages(const struct work *w, size_t further, double *sigmas) {
    for (int q = 0; q < QUANTITIES; q++) {
        for (size_t c = 0; c < further; c++) {
            w->differences[c] = w->x[(size_t)q * w->count + c] - w->other[(size_t)q * further + c];
        }
        const struct estimate d = estimate_of(w->differences, further);
        sigmas[SPLIT + q] = apart(d.mean, d.variance, estimate_of(w->x + (size_t)q * w->count, w->count).mean, further);
    }
}

static void compare_halves(const struct work *w, double *sigmas) {
    const size_t half = w->length / 2;
    for (int q = 0; q < QUANTITIES; q++) {
        const double *x = w->x + (size_t)q * w->count;
        chain_means(x, w->chains, w->length, half, w->means);
        chain_means(x + w->length - half, w->chains, w->length, half, w->differences);
        for (size_t c = 0; c < w->chains; c++) {
            w->differences[c] = w->means[c] - w->differences[c];
        }
        const struct estimate d = estimate_of(w->differences, w->chains);
        sigmas[SPLIT + q] = apart(d.mean, d.variance, x[0], w->chains);
    }
}

static enum status tests(const struct geometry *g, const struct work *w, const struct ensemble *made, uint64_t chains,
                         ensemble_report *report, void *context, double *sigmas, struct error *e) {
    if (w->chains < FEWEST) {
        return STATUS_OK;
    }
    chain_means(made->virial, w->chains, w->length, w->length, w->means);
    const struct estimate virial = estimate_of(w->means, w->chains);
    sigmas[VIRIAL] = apart(virial.mean - 1, virial.variance, 1, w->chains);
    const size_t further = chains < w->plan->chains || w->length > 1 ? (size_t)chains : w->chains;
    enum status status = STATUS_OK;
    double acceptance = 1;
    if (further > 0) {
        struct ensemble_plan other = *w->plan;
        other.measurements = 1;
        other.chains = further;
        other.first_chain += w->plan->chains; /* other chains have other random numbers */
        other.sampler.start = w->plan->sampler.start == SAMPLER_HOT ? SAMPLER_COLD : SAMPLER_HOT;
        status = run(g, &other, report, context, w->other, &acceptance, e);
        if (status == STATUS_OK && acceptance < 0.5 && other.sampler.algorithm == SAMPLER_HMC) {
            /* on lattices from 48x48 on, HMC does not leave a cold start, and the comparison would be useless */
            other.sampler.unconditional = other.thermalisation / 8;
            status = run(g, &other, report, context, w->other, &acceptance, e);
        }
        if (status == STATUS_OK) {
            compare_starts(w, further, sigmas);
        }
    }
    if (status == STATUS_OK && w->length > 1) {
        compare_halves(w, sigmas);
    } else if (status == STATUS_OK && further > 0 && w->plan->thermalisation > 1) {
        struct ensemble_plan younger = *w->plan;
        younger.chains = further;
        younger.thermalisation /= 2;
        status = run(g, &younger, report, context, w->other, &acceptance, e);
        if (status == STATUS_OK) {
            compare_ages(w, further, sigmas);
        }
    }
    return status;
}

enum status thermalisation_test(const struct geometry *g, const struct ensemble_plan *plan, const struct ensemble *made,
                                uint64_t chains, ensemble_report *report, void *context, struct thermalisation *result,
                                struct error *e) {
    struct work w = {.plan = plan, .chains = (size_t)plan->chains, .length = (size_t)plan->measurements};
    w.count = w.chains * w.length;
    w.x = malloc(QUANTITIES * w.count * sizeof *w.x);
    w.other = malloc(QUANTITIES * ((size_t)chains + 1) * sizeof *w.other);
    w.means = malloc(w.chains * sizeof *w.means);
    w.differences = malloc(w.chains * sizeof *w.differences);
    *result = (struct thermalisation){.worst = -1, .verdict = -1, .chains = w.chains};
    for (int i = 0; i < THERMALISATION_TESTS; i++) {
        result->sigmas[i] = NAN;
    }
    enum status status = STATUS_OK;
    if (w.x == NULL || w.other == NULL || w.means == NULL || w.differences == NULL) {
        status = error_set(e, STATUS_FAILED, "ensemble: out of memory for the thermalisation test");
    } else {
        measure(g, &plan->sampler.theory, made->phi, w.count, w.x);
        status = tests(g, &w, made, chains, report, context, result->sigmas, e);
    }
    for (int i = 0; i < THERMALISATION_TESTS; i++) {
        if (!isnan(result->sigmas[i]) &&
            (result->worst < 0 || fabs(result->sigmas[i]) > fabs(result->sigmas[result->worst]))) {
            result->worst = i;
        }
    }
    for (size_t c = 0; made->acceptance != NULL && c < w.chains; c++) {
        result->frozen += made->acceptance[c] == 0; /* NaN: nothing was proposed */
    }
    if (2 * result->frozen >= w.chains ||
        (result->worst >= 0 && !(fabs(result->sigmas[result->worst]) < THERMALISATION_SIGMAS))) {
        result->verdict = 0;
    } else if (!isnan(result->sigmas[START]) || !isnan(result->sigmas[SPLIT])) {
        result->verdict = 1; /* the virial alone is not enough: its error is large if the chains have hardly moved */
    }
    free(w.x);
    free(w.other);
    free(w.means);
    free(w.differences);
    return status;
}

const char *thermalisation_mark(int64_t thermalised) {
    return thermalised == 1 ? "yes" : thermalised == 0 ? "no" : "unknown";
}

void thermalisation_text(const struct thermalisation *t, char *text, size_t size) {
    if (2 * t->frozen >= t->chains) {
        snprintf(text, size, "FAILED: %zu of %zu chains never moved", t->frozen, t->chains);
    } else if (t->worst < 0) {
        snprintf(text, size, "fewer than %d chains cannot be tested", FEWEST);
    } else {
        const char *verdict = t->verdict == 1   ? "passed"
                              : t->verdict == 0 ? "FAILED"
                                                : "undecided, from the virial alone";
        snprintf(text, size, "%s: %s off by %.1f sigma%s", verdict, thermalisation_name[t->worst], t->sigmas[t->worst],
                 t->verdict == 1 ? " at most" : "");
    }
}
