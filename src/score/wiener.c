#include "score/wiener.h"

#include <stdlib.h>

#include "base/sum.h"
#include "lattice/fourier.h"

struct wiener {
    const struct score_model *model;
    const struct fourier *fourier;
    double *gain, *fine, *workspace; /* (volume); (volume); workspace of the transform */
};

enum status wiener_new(const struct score_model *m, const struct fourier *fourier, struct wiener **wiener,
                       struct error *e) {
    struct wiener *w = calloc(1, sizeof *w);
    *wiener = w;
    if (w) {
        *w = (struct wiener){.model = m,
                             .fourier = fourier,
                             .gain = malloc(m->volume * sizeof *w->gain),
                             .fine = malloc(m->volume * sizeof *w->fine),
                             .workspace = malloc(fourier_workspace(fourier) * sizeof *w->workspace)};
        if (w->gain && w->fine && w->workspace) {
            return STATUS_OK;
        }
    }
    wiener_free(w);
    *wiener = NULL;
    return error_set(e, STATUS_FAILED, "out of memory for the Wiener filter");
}

void wiener_free(struct wiener *w) {
    if (!w) {
        return;
    }
    free(w->gain);
    free(w->fine);
    free(w->workspace);
    free(w);
}

void wiener_add(struct wiener *w, double s, const float *phi, float *out) {
    const struct score_model *m = w->model;
    for (size_t i = 0; i < m->volume; i++) {
        w->gain[i] = -s / (m->propagator[i] + s * s);
        w->fine[i] = (double)phi[i];
    }
    fourier_filter(w->fourier, w->gain, w->fine, w->fine, w->workspace);
    for (size_t i = 0; i < m->volume; i++) {
        out[i] += (float)w->fine[i];
    }
}

double wiener_trace(const struct score_model *m, double s, double *terms) {
    for (size_t p = 0; p < m->volume; p++) {
        terms[p] = -s / (m->propagator[p] + s * s);
    }
    return sum_tree(terms, m->volume);
}

double wiener_control(const struct score_model *m, double s, const double *power, double *terms) {
    for (size_t p = 0; p < m->volume; p++) {
        terms[p] = s / (m->propagator[p] + s * s) * (power[p] - 1);
    }
    return sum_tree(terms, m->volume);
}
