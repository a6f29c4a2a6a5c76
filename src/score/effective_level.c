/* Makes the tables of a noise level from the model; see effective_level_internal.h. */
#include "score/effective_level_internal.h"

#include <stdlib.h>

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* Whether the model has nonlinear bilocal features, but all their coefficients are 0 at this level. */
static bool is_local(const struct effective_features *features, const double *coefficients) {
    bool any = false, here = false;
    for (size_t i = 0; i < features->count; i++) {
        const bool graph = effective_feature_is_graph(&features->list[i]);
        any = any || graph;
        here = here || (graph && coefficients[i] != 0);
    }
    return any && !here;
}

/* Finds which powers are transformed, convolved and summed over the sites. The sum of a power that is transformed is
 * its zero mode. A local level transforms only t and sums the other powers at the sites. */
static void lay_out(const struct effective_features *features, bool local, struct effective_level *l) {
    bool pair[EFFECTIVE_POWERS][EFFECTIVE_POWERS] = {{false}};
    for (size_t i = 0; i < features->count; i++) {
        const struct effective_feature *f = &features->list[i];
        if (local && effective_feature_is_graph(f)) {
            continue;
        }
        const bool is_pair = f->kind == EFFECTIVE_PAIR, is_zero_local = f->kind == EFFECTIVE_ZERO_LOCAL;
        if (f->kind == EFFECTIVE_LOCAL || is_pair || is_zero_local) {
            l->local = larger(l->local, f->power);
        }
        if (is_zero_local) {
            l->summed = larger(l->summed, f->power);
        }
        if (is_pair) { /* the slope of t^q has the power t^(q+1) */
            l->summed = larger(l->summed, larger(f->power, f->inner + 1));
            l->powers = larger(l->powers, f->inner);
            pair[f->power][f->inner] = true;
        }
    }
    l->powers = local ? l->powers : l->summed;
    for (int p = 0; p < EFFECTIVE_POWERS; p++) {
        const size_t before = l->terms;
        for (int q = 0; q < EFFECTIVE_POWERS; q++) {
            if (pair[p][q]) {
                l->term_power[l->terms++] = q;
            }
        }
        if (p == 0) {
            l->term_end[0] = l->terms;
        } else if (l->terms > before) {
            l->convolved_power[l->convolved++] = p;
            l->term_end[l->convolved] = l->terms;
        }
    }
}

/* The number of the convolution of t^p (K * t^q). */
static size_t term_of(const struct effective_level *l, int p, int q) {
    size_t row = 0;
    while (p > 0 && l->convolved_power[row++] != p) {
    }
    size_t i = row == 0 ? 0 : l->term_end[row - 1];
    while (l->term_power[i] != q) {
        i++;
    }
    return i;
}

/* The number of a product, which is added if it is new. */
static size_t product_of(struct effective_level *l, int p, int q) {
    const struct product wanted = p < q ? (struct product){p, q} : (struct product){q, p};
    for (size_t i = 0; i < l->products; i++) {
        if (l->product[i].p == wanted.p && l->product[i].q == wanted.q) {
            return i;
        }
    }
    l->product[l->products] = wanted;
    return l->products++;
}

/* The two powers and factors of d(t^q)/du = q t^(q-1) - q/a^2 t^(q+1). */
static void slope_of(const struct effective_level *l, int q, int power[2], double factor[2]) {
    power[0] = q - 1;
    power[1] = q + 1;
    factor[0] = q;
    factor[1] = -q / ((double)l->saturation * (double)l->saturation);
}

/* Adds a pair to the convolutions and to the weights (modes, PAIRS) of the products. */
static void add_pair(const struct effective_filters *filters, const struct effective_feature *f, double coefficient,
                     struct effective_level *l, double *weight) {
    const double *K = filters->kernel[f->kernel - 1], *K2 = filters->kernel_squared[f->kernel - 1];
    const size_t term = term_of(l, f->power, f->inner);
    const double scale = f->power == 0 ? 1.0 : 1.0 / (double)l->volume;
    for (size_t p = 0; p < l->volume; p++) {
        l->term[p * l->terms + term] += (float)(coefficient * scale * K[p]);
    }
    int power[2];
    double factor[2];
    slope_of(l, f->inner, power, factor);
    for (int i = 0; i < 2; i++) {
        if (f->power == 0 || power[i] == 0) {
            l->constant[f->power + power[i]] += coefficient * factor[i] * K2[0];
        } else {
            const size_t product = product_of(l, f->power, power[i]);
            for (size_t h = 0; h < l->modes; h++) {
                weight[h * PAIRS + product] += coefficient * factor[i] * K2[l->half[h]];
            }
        }
    }
}

static void set_coefficient(const struct effective_feature *f, double coefficient, struct effective_level *l) {
    switch (f->kind) {
    case EFFECTIVE_LINEAR:
        l->linear += coefficient;
        break;
    case EFFECTIVE_LOCAL:
        l->potential[f->power] += coefficient;
        break;
    case EFFECTIVE_ZERO:
        l->zero[f->power] += coefficient;
        break;
    case EFFECTIVE_ZERO_LOCAL:
        l->zero_local[f->inner][f->power] += coefficient;
        break;
    case EFFECTIVE_PAIR:
        break;
    }
}

/* Sets `half` to the first mode of each pair p, -p; returns the number of pairs. */
static size_t find_half(const struct effective_level *l, size_t *half) {
    size_t modes = 0;
    for (size_t p = 0; p < l->volume; p++) {
        if (p <= l->opposite[p]) {
            half[modes++] = p;
        }
    }
    return modes;
}

static bool fill(const struct effective_filters *filters, const struct effective_features *features,
                 const double *coefficients, struct effective_level *l) {
    const size_t V = l->volume;
    const bool local = is_local(features, coefficients);
    lay_out(features, local, l);
    l->half = malloc(V * sizeof *l->half);
    l->to_u = malloc(V * sizeof *l->to_u);
    l->to_drift = malloc(V * sizeof *l->to_drift);
    l->term = calloc(V * (l->terms ? l->terms : 1), sizeof *l->term);
    if (!l->half || !l->to_u || !l->to_drift || !l->term) {
        return false;
    }
    l->modes = find_half(l, l->half);
    double *weight = calloc(l->modes * PAIRS, sizeof *weight);
    if (!weight) {
        return false;
    }
    for (size_t p = 0; p < V; p++) {
        l->to_u[p] = (float)(filters->W[p] * filters->root[p] / (filters->sigma_u * (double)V));
        l->to_drift[p] = (float)(-filters->s * filters->s * filters->W[p] / filters->root[p]);
    }
    for (size_t i = 0; i < features->count; i++) {
        const double coefficient = filters->lattice->unit * coefficients[i];
        set_coefficient(&features->list[i], coefficient, l);
        if (features->list[i].kind == EFFECTIVE_PAIR && !(local && effective_feature_is_graph(&features->list[i]))) {
            add_pair(filters, &features->list[i], coefficient, l, weight);
        }
    }
    l->weight = malloc(l->modes * (l->products ? l->products : 1) * sizeof *l->weight);
    for (size_t h = 0; l->weight && h < l->modes; h++) {
        /* separating the two fields of a lane gives twice their value, and p stands for -p as well */
        const double share = (l->half[h] == l->opposite[l->half[h]] ? 0.25 : 0.5) / (double)V;
        for (size_t i = 0; i < l->products; i++) {
            l->weight[h * l->products + i] = (float)(share * weight[h * PAIRS + i]);
        }
    }
    free(weight);
    return l->weight != NULL;
}

enum status effective_level_new(const struct effective_filters *filters, const struct effective_features *features,
                                const double *coefficients, struct effective_saturation saturation,
                                struct effective_level **level, struct error *e) {
    struct effective_level *l = calloc(1, sizeof *l);
    *level = l;
    if (l) {
        l->lattice = filters->lattice;
        l->transform = filters->lattice->transform;
        l->opposite = transform_opposite(l->transform);
        l->volume = filters->volume;
        l->saturation = (float)saturation.local;
        l->inverse_square = (float)(1.0 / (saturation.local * saturation.local));
        l->zero_saturation = saturation.zero;
        l->W0 = filters->W0;
        l->W2 = filters->W2;
        l->sigma_u = filters->sigma_u;
        l->sigma_m = filters->sigma_m;
        l->s = filters->s;
    }
    if (l && fill(filters, features, coefficients, l)) {
        return STATUS_OK;
    }
    effective_level_free(l);
    *level = NULL;
    return error_set(e, STATUS_FAILED, "out of memory for a noise level of %zu modes", filters->volume);
}

void effective_level_free(struct effective_level *l) {
    if (!l) {
        return;
    }
    free(l->half);
    free(l->to_u);
    free(l->to_drift);
    free(l->term);
    free(l->weight);
    free(l);
}

const struct effective_lattice *effective_level_lattice(const struct effective_level *l) {
    return l->lattice;
}
