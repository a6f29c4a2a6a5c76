/* The effective-action model at one noise level: score and divergence against an independent float64 implementation
 * (tests/data/effective-action-*.npz, d = 1, 2, 3). */
#include "score/effective_levels.h"
#include "store/npz.h"
#include "tests/score/effective.h"

struct model {
    struct npz *npz;
    size_t extents[4], dimensions, volume, fields;
    struct effective_lattices *lattices;
    const struct transform *transform; /* of the whole lattice */
    struct effective_filters filters;
    struct effective_features features;
    struct effective_level *level;
    const double *phi, *G, *score, *divergence;
    double s;
    struct transform_site *workspace;
};

static const struct npz_array *array(const struct npz *npz, const char *name) {
    struct error e = {0};
    const struct npz_array *a;
    check(npz_require(npz, name, NPZ_FLOAT64, -1, &a, &e), &e);
    return a;
}

static void read_features(const struct npz *npz, struct effective_features *f) {
    struct error e = {0};
    char *text;
    check(npz_text(npz, "features", &text, &e), &e);
    f->count = 0;
    for (char *rest = text, *name; (name = strsep(&rest, "\n"));) {
        if (!effective_feature_parse(name, &f->list[f->count++])) {
            fail_msg("feature '%s' not known", name);
        }
        char own[EFFECTIVE_NAME];
        effective_feature_name(&f->list[f->count - 1], own);
        assert_string_equal(own, name);
    }
    free(text);
}

static struct model model_read(const char *path) {
    struct model m = {0};
    struct error e = {0};
    check(npz_read(path, &m.npz, &e), &e);
    const struct npz_array *G = array(m.npz, "propagator");
    m.G = G->data;
    m.dimensions = G->dimensions;
    m.volume = G->count;
    memcpy(m.extents, G->shape, m.dimensions * sizeof *m.extents);
    m.phi = array(m.npz, "phi")->data;
    m.fields = array(m.npz, "phi")->shape[0];
    m.score = array(m.npz, "score")->data;
    m.divergence = array(m.npz, "divergence")->data;
    m.s = *(const double *)array(m.npz, "sigma")->data;
    read_features(m.npz, &m.features);
    assert_int_equal(m.features.count, array(m.npz, "coefficients")->count);
    m.lattices = room(1, sizeof *m.lattices);
    check(effective_lattices_make(m.extents, m.dimensions, 0, m.lattices, &e), &e);
    m.transform = m.lattices->lattice[0].transform;
    check(effective_filters_make(m.lattices, m.G, m.s, 3, &m.filters, &e), &e);
    const double a = *(const double *)array(m.npz, "saturation")->data;
    check(effective_level_new(&m.filters, &m.features, array(m.npz, "coefficients")->data,
                              (struct effective_saturation){a, a}, &m.level, &e),
          &e);
    m.workspace = transform_allocate(effective_level_workspace(m.level));
    assert_non_null(m.workspace);
    return m;
}

static void model_free(struct model *m) {
    free(m->workspace);
    effective_level_free(m->level);
    effective_filters_release(&m->filters);
    effective_lattices_release(m->lattices);
    free(m->lattices);
    npz_free(m->npz);
}

/* Compares score and divergence, from the drift of the normalised modes, with a reference file. */
static void reference(const char *path, double tolerance) {
    struct model m = model_read(path);
    const size_t V = m.volume;
    struct transform_site *y = transform_allocate(2 * V), *drift = y + V;
    double divergence[TRANSFORM_FIELDS];
    assert_non_null(y);
    /* every field is in two places of the pack, as a real and as an imaginary part; the others are copies */
    for (size_t x = 0; x < V; x++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            *transform_field(&y[x], i) = (float)m.phi[i % m.fields * V + x];
        }
    }
    transform_forward(m.transform, y, y, m.workspace);
    for (size_t p = 0; p < V; p++) {
        y[p].re *= (float)(1 / m.filters.root[p]);
        y[p].im *= (float)(1 / m.filters.root[p]);
    }
    effective_level_evaluate(m.level, y, drift, divergence, m.workspace);
    double trace = 0, error = 0, scale = 0;
    for (size_t p = 0; p < V; p++) {
        const float root = (float)m.filters.root[p], nonlinear = (float)(-1 / (m.s * m.s * (double)V)) * root;
        drift[p].re = drift[p].re * nonlinear - y[p].re * (1 / root / (float)V);
        drift[p].im = drift[p].im * nonlinear - y[p].im * (1 / root / (float)V);
        trace -= 1 / (m.filters.root[p] * m.filters.root[p]);
    }
    transform_inverse(m.transform, drift, drift, m.workspace);
    for (size_t x = 0; x < V; x++) {
        for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
            const double expected = m.score[i % m.fields * V + x];
            error = fmax(error, fabs((double)*transform_field(&drift[x], i) - expected));
            scale = fmax(scale, fabs(expected));
        }
    }
    if (!(error <= tolerance * scale)) {
        fail_msg("%s: score differs by %g of %g", path, error, scale);
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++) {
        const double found = trace - divergence[i] / (m.s * m.s), expected = m.divergence[i % m.fields];
        if (!(fabs(found - expected) <= tolerance * (10 + fabs(expected)))) {
            fail_msg("%s: divergence of field %zu is %.9g, expected %.9g", path, i, found, expected);
        }
    }
    free(y);
    model_free(&m);
}

static void test_reference(void **state) {
    (void)state;
    reference("tests/data/effective-action-16.npz", 1e-5);
    reference("tests/data/effective-action-8x8.npz", 1e-5);
    reference("tests/data/effective-action-8x12.npz", 1e-5);
    reference("tests/data/effective-action-4x4x6.npz", 1e-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
