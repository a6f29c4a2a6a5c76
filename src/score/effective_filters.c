#include "score/effective_filters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sum.h"

/* Sets kernel to C^n(x) = (C(x)/C(0))^n without x = 0, divided by the sum of its absolute values; power: C(x)/C(0) to
 * the power n. */
static void normalise_kernel(const double *power, size_t V, double *kernel) {
    double sum = 0;
    for (size_t x = 1; x < V; x++) {
        sum += fabs(power[x]);
    }
    kernel[0] = 0;
    for (size_t x = 1; x < V; x++) {
        kernel[x] = sum > 0 ? power[x] / sum : 0;
    }
}

static enum status make_kernels(const struct fourier *fourier, struct effective_filters *f, struct error *e) {
    const size_t V = f->volume;
    double *C = malloc((5 * V + fourier_workspace(fourier)) * sizeof *C);
    if (!C) {
        return error_set(e, STATUS_FAILED, "out of memory for the filters of %zu modes", V);
    }
    double *W2 = C + V, *power = W2 + V, *kernel = power + V, *imaginary = kernel + V, *workspace = imaginary + V;
    for (size_t p = 0; p < V; p++) {
        C[p] = f->W[p];
        W2[p] = f->W[p] * f->W[p];
        imaginary[p] = 0;
    }
    fourier_inverse(fourier, C, imaginary, C, workspace);
    fourier_inverse(fourier, W2, imaginary, W2, workspace);
    f->W2 = W2[0];
    for (size_t x = 0; x < V; x++) {
        power[x] = 1;
    }
    for (size_t n = 0; n < f->kernels; n++) {
        for (size_t x = 0; x < V; x++) {
            power[x] *= C[x] / C[0];
        }
        normalise_kernel(power, V, kernel);
        fourier_forward(fourier, kernel, f->kernel[n], imaginary, workspace); /* real, since it is even in x */
        for (size_t x = 0; x < V; x++) {
            kernel[x] *= W2[x];
        }
        fourier_forward(fourier, kernel, f->kernel_squared[n], imaginary, workspace);
    }
    free(C);
    return STATUS_OK;
}

/* Transforms of C^n W2. The kernels of a blocked lattice are those of the whole one, so their transforms come from
 * it. */
static enum status square_kernels(const struct fourier *fourier, struct effective_filters *f, struct error *e) {
    const size_t V = f->volume;
    double *W2 = malloc((3 * V + fourier_workspace(fourier)) * sizeof *W2);
    if (!W2) {
        return error_set(e, STATUS_FAILED, "out of memory for the filters of %zu modes", V);
    }
    double *kernel = W2 + V, *imaginary = kernel + V, *workspace = imaginary + V;
    memset(imaginary, 0, V * sizeof *imaginary);
    for (size_t p = 0; p < V; p++) {
        W2[p] = f->W[p] * f->W[p];
    }
    fourier_inverse(fourier, W2, imaginary, W2, workspace);
    f->W2 = W2[0];
    for (size_t n = 0; n < f->kernels; n++) {
        memset(imaginary, 0, V * sizeof *imaginary);
        fourier_inverse(fourier, f->kernel[n], imaginary, kernel, workspace);
        for (size_t x = 0; x < V; x++) {
            kernel[x] *= W2[x];
        }
        fourier_forward(fourier, kernel, f->kernel_squared[n], imaginary, workspace);
    }
    free(W2);
    return STATUS_OK;
}

static enum status allocate(const struct effective_lattice *lattice, double s, size_t kernels,
                            struct effective_filters *f, struct error *e) {
    const size_t V = lattice->volume;
    *f = (struct effective_filters){.lattice = lattice, .volume = V, .s = s, .kernels = kernels};
    double *all = malloc((2 + 2 * kernels) * V * sizeof *all);
    if (!all) {
        return error_set(e, STATUS_FAILED, "out of memory for the filters of %zu modes", V);
    }
    f->W = all;
    f->root = all + V;
    for (size_t n = 0; n < kernels; n++) {
        f->kernel[n] = all + (2 + 2 * n) * V;
        f->kernel_squared[n] = f->kernel[n] + V;
    }
    return STATUS_OK;
}

static enum status make_whole(const struct effective_lattice *lattice, const double *G, double s, size_t kernels,
                              struct effective_filters *f, struct error *e) {
    TRY(allocate(lattice, s, kernels, f, e));
    const size_t V = lattice->volume;
    for (size_t p = 0; p < V; p++) {
        f->W[p] = G[p] / (G[p] + s * s);
        f->root[p] = sqrt(G[p] + s * s);
    }
    f->sigma_u = sqrt(dot_tree(f->W, G, V) / (double)V);
    f->W0 = f->W[0];
    f->sigma_m = sqrt(f->W[0] * G[0] / (double)V);
    const enum status status = make_kernels(lattice->fourier, f, e);
    if (status != STATUS_OK) {
        effective_filters_release(f);
    }
    return status;
}

/* Makes the filters of a blocked lattice from those of the whole one. */
static enum status block(const struct effective_lattice *lattice, const struct effective_filters *whole,
                         struct effective_filters *f, struct error *e) {
    TRY(allocate(lattice, whole->s, whole->kernels, f, e));
    const size_t V = lattice->volume;
    for (size_t p = 0; p < V; p++) {
        const size_t q = lattice->mode[p];
        f->W[p] = q < lattice->whole ? whole->W[q] : 0;
        f->root[p] = q < lattice->whole ? whole->root[q] : whole->s;
        for (size_t n = 0; n < f->kernels; n++) {
            f->kernel[n][p] = q < lattice->whole ? whole->kernel[n][q] : 0;
        }
    }
    f->W0 = whole->W0;
    f->sigma_u = whole->sigma_u * lattice->unit;
    f->sigma_m = whole->sigma_m * lattice->unit;
    const enum status status = square_kernels(lattice->fourier, f, e);
    if (status != STATUS_OK) {
        effective_filters_release(f);
    }
    return status;
}

enum status effective_filters_make(const struct effective_lattices *lattices, const double *G, double s, size_t kernels,
                                   struct effective_filters *f, struct error *e) {
    const struct effective_lattice *lattice = effective_lattices_choose(lattices, G, s);
    if (lattice->factor == 1) {
        return make_whole(lattice, G, s, kernels, f, e);
    }
    struct effective_filters whole;
    TRY(make_whole(&lattices->lattice[0], G, s, kernels, &whole, e));
    const enum status status = block(lattice, &whole, f, e);
    effective_filters_release(&whole);
    return status;
}

void effective_filters_release(struct effective_filters *f) {
    free(f->W);
    *f = (struct effective_filters){0};
}
