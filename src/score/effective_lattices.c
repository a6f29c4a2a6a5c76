#include "score/effective_lattices.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/sum.h"

enum { SMALLEST = 8 }; /* smallest extent of a blocked lattice */

/* Index, along an axis of `extent` modes, of mode i of a blocked axis of `blocked` modes; `extent` if there is none. */
static size_t mode_of(size_t i, size_t blocked, size_t extent) {
    return 2 * i < blocked ? i : 2 * i == blocked ? extent : extent - (blocked - i);
}

static bool find_modes(const size_t *extents, size_t dimensions, struct effective_lattice *l) {
    l->mode = malloc(l->volume * sizeof *l->mode);
    for (size_t p = 0; l->mode && p < l->volume; p++) {
        size_t rest = p, stride = 1, mode = 0;
        for (size_t mu = dimensions; mu-- > 0; stride *= extents[mu]) {
            const size_t blocked = extents[mu] / l->factor, k = mode_of(rest % blocked, blocked, extents[mu]);
            mode = k == extents[mu] || mode == l->whole ? l->whole : mode + k * stride;
            rest /= blocked;
        }
        l->mode[p] = mode;
    }
    return l->mode != NULL;
}

static bool divides(const size_t *extents, size_t dimensions, size_t factor) {
    for (size_t mu = 0; mu < dimensions; mu++) {
        if (extents[mu] % factor != 0 || extents[mu] / factor < SMALLEST) {
            return false;
        }
    }
    return true;
}

static enum status make(const size_t *extents, size_t dimensions, size_t factor, struct effective_lattice *l,
                        struct error *e) {
    size_t own[8];
    *l = (struct effective_lattice){.factor = factor, .volume = 1, .whole = 1};
    for (size_t mu = 0; mu < dimensions; mu++) {
        own[mu] = extents[mu] / factor;
        l->volume *= own[mu];
        l->whole *= extents[mu];
    }
    l->unit = sqrt((double)l->whole / (double)l->volume);
    enum status status = fourier_new(own, dimensions, &l->fourier, e);
    THEN(status, transform_new(own, dimensions, &l->transform, e));
    if (status == STATUS_OK && factor > 1 && !find_modes(extents, dimensions, l)) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu modes", l->volume);
    }
    return status;
}

enum status effective_lattices_make(const size_t *extents, size_t dimensions, double blocking,
                                    struct effective_lattices *l, struct error *e) {
    *l = (struct effective_lattices){.blocking = blocking};
    enum status status = STATUS_OK;
    for (size_t factor = 1; status == STATUS_OK && l->count < EFFECTIVE_LATTICES; factor *= 2) {
        if (factor > 1 && (!(blocking > 0) || !divides(extents, dimensions, factor))) {
            break;
        }
        status = make(extents, dimensions, factor, &l->lattice[l->count++], e);
    }
    if (status != STATUS_OK) {
        effective_lattices_release(l);
    }
    return status;
}

void effective_lattices_release(struct effective_lattices *l) {
    for (size_t i = 0; i < l->count; i++) {
        free(l->lattice[i].mode);
        transform_free(l->lattice[i].transform);
        fourier_free(l->lattice[i].fourier);
    }
    *l = (struct effective_lattices){0};
}

const struct effective_lattice *effective_lattices_choose(const struct effective_lattices *l, const double *propagator,
                                                          double s) {
    const struct effective_lattice *chosen = &l->lattice[0];
    double all = 0;
    for (size_t p = 0; p < chosen->volume && l->count > 1; p++) {
        all += propagator[p] * propagator[p] / (propagator[p] + s * s);
    }
    for (size_t i = 1; i < l->count; i++) {
        double kept = 0;
        for (size_t p = 0; p < l->lattice[i].volume; p++) {
            const size_t q = l->lattice[i].mode[p];
            kept += q < l->lattice[i].whole ? propagator[q] * propagator[q] / (propagator[q] + s * s) : 0;
        }
        if (all - kept <= l->blocking * all) {
            chosen = &l->lattice[i];
        }
    }
    return chosen;
}

static size_t whole_mode(const struct effective_lattice *l, size_t p) {
    return l->mode ? l->mode[p] : p;
}

void effective_lattice_pick(const struct effective_lattice *l, const struct transform_site *whole,
                            struct transform_site *own) {
    for (size_t p = 0; p < l->volume; p++) {
        const size_t q = whole_mode(l, p);
        own[p] = q < l->whole ? whole[q] : (struct transform_site){{0}, {0}};
    }
}

void effective_lattice_put(const struct effective_lattice *l, const struct transform_site *own,
                           struct transform_site *whole) {
    for (size_t p = 0; p < l->volume; p++) {
        const size_t q = whole_mode(l, p);
        if (q < l->whole) {
            whole[q] = own[p];
        }
    }
}

void effective_lattice_scale(const struct effective_lattice *l, double factor, struct transform_site *own) {
    for (size_t p = 0; p < l->volume; p++) {
        own[p] = (struct transform_site){own[p].re * (float)factor, own[p].im * (float)factor};
    }
}

void effective_lattice_gather(const struct effective_lattice *l, const struct transform_site *whole,
                              struct transform_site *own) {
    effective_lattice_pick(l, whole, own);
    effective_lattice_scale(l, 1 / l->unit, own);
}
