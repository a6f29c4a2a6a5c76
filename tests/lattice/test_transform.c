/* The fast transforms in lanes against lattice/fourier.h and the definition: one to four dimensions, extents with all
 * radices; the inverse, two fields in a lane, modes -p, independence of lanes, and the bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "lattice/fourier.h"
#include "lattice/transform.h"

struct lattice {
    size_t dimensions, extents[4];
};

static const struct lattice lattices[] = {
    {1, {1}},     {1, {2}},    {1, {3}},       {1, {5}},       {1, {7}},        {1, {12}},         {1, {30}},
    {1, {32}},    {1, {96}},   {1, {49}},      {1, {256}},     {2, {32, 32}},   {2, {96, 2}},      {2, {5, 12}},
    {2, {7, 30}}, {2, {1, 3}}, {3, {4, 6, 4}}, {3, {3, 1, 7}}, {3, {12, 5, 2}}, {4, {4, 3, 2, 4}}, {4, {2, 7, 1, 3}},
};

enum { LATTICES = sizeof lattices / sizeof *lattices };

struct plan {
    const struct lattice *lattice;
    struct transform *transform;
    size_t volume;
    struct transform_site *in, *out, *workspace;
};

static struct plan plan_new(const struct lattice *lattice) {
    struct plan p = {.lattice = lattice};
    struct error e;
    if (transform_new(lattice->extents, lattice->dimensions, &p.transform, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    p.volume = transform_volume(p.transform);
    p.in = transform_allocate(p.volume);
    p.out = transform_allocate(p.volume);
    p.workspace = transform_allocate(transform_workspace(p.transform));
    assert_true(p.in && p.out && p.workspace);
    float *values = (float *)p.in;
    random_normal_float(random_key(7, "test", "transform"), p.volume, lattice->dimensions, values,
                        p.volume * TRANSFORM_FIELDS);
    return p;
}

static void plan_free(struct plan *p) {
    free(p->in);
    free(p->out);
    free(p->workspace);
    transform_free(p->transform);
}

static void *allocate(size_t count, size_t size) {
    void *p = calloc(count, size);
    assert_non_null(p);
    return p;
}

/* Both fields of a lane, separated as in the header, are the transforms of fourier.h. */
static void test_fields(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct plan p = plan_new(&lattices[i]);
        const size_t V = p.volume, *opposite = transform_opposite(p.transform);
        struct fourier *f;
        struct error e;
        assert_int_equal(fourier_new(lattices[i].extents, lattices[i].dimensions, &f, &e), STATUS_OK);
        double *phi = allocate(3 * V + fourier_workspace(f), sizeof *phi), *re = phi + V, *im = re + V;
        transform_forward(p.transform, p.in, p.out, p.workspace);
        for (size_t field = 0; field < TRANSFORM_FIELDS; field += 5) {
            double largest = 0, error = 0;
            const size_t l = field % WIDE_LANES;
            for (size_t x = 0; x < V; x++) {
                phi[x] = (double)*transform_field(&p.in[x], field);
            }
            fourier_forward(f, phi, re, im, im + V);
            for (size_t k = 0; k < V; k++) {
                const double z_re = (double)*transform_field(&p.out[k], l),
                             z_im = (double)*transform_field(&p.out[k], l + WIDE_LANES),
                             o_re = (double)*transform_field(&p.out[opposite[k]], l),
                             o_im = -(double)*transform_field(&p.out[opposite[k]], l + WIDE_LANES);
                const double here_re = field < WIDE_LANES ? (z_re + o_re) / 2 : (z_im - o_im) / 2,
                             here_im = field < WIDE_LANES ? (z_im + o_im) / 2 : -(z_re - o_re) / 2;
                largest = fmax(largest, hypot(re[k], im[k]));
                error = fmax(error, hypot(here_re - re[k], here_im - im[k]));
            }
            if (!(error <= 3e-7 * largest)) {
                fail_msg("lattice %zu, field %zu: error %g of %g", i, field, error, largest);
            }
        }
        free(phi);
        fourier_free(f);
        plan_free(&p);
    }
}

/* Phase p.x in turns. */
static double turns(const struct lattice *lattice, size_t mode, size_t site) {
    double sum = 0;
    for (size_t mu = lattice->dimensions; mu-- > 0;) {
        const size_t L = lattice->extents[mu];
        sum += (double)((mode % L) * (site % L) % L) / (double)L;
        mode /= L;
        site /= L;
    }
    return sum;
}

/* The complex numbers of a lane by the definition, forward and inverse. */
static void test_plain_sum(void **state) {
    (void)state;
    const size_t l = 11;
    for (size_t i = 0; i < LATTICES; i++) {
        struct plan p = plan_new(&lattices[i]);
        if (p.volume <= 128) {
            for (int inverse = 0; inverse < 2; inverse++) {
                double largest = 0, error = 0;
                (inverse ? transform_inverse : transform_forward)(p.transform, p.in, p.out, p.workspace);
                for (size_t k = 0; k < p.volume; k++) {
                    double re = 0, im = 0;
                    for (size_t x = 0; x < p.volume; x++) {
                        const double angle = (inverse ? 2 : -2) * M_PI * turns(p.lattice, k, x), c = cos(angle),
                                     s = sin(angle), a = (double)*transform_field(&p.in[x], l),
                                     b = (double)*transform_field(&p.in[x], l + WIDE_LANES);
                        re += a * c - b * s;
                        im += a * s + b * c;
                    }
                    largest = fmax(largest, hypot(re, im));
                    error = fmax(error, hypot((double)*transform_field(&p.out[k], l) - re,
                                              (double)*transform_field(&p.out[k], l + WIDE_LANES) - im));
                }
                if (!(error <= 3e-7 * largest)) {
                    fail_msg("lattice %zu: error %g of %g", i, error, largest);
                }
            }
        }
        plan_free(&p);
    }
}

/* Forward and inverse give V times the field; in-place transforms have the same bits. */
static void test_inverse(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct plan p = plan_new(&lattices[i]);
        struct transform_site *back = transform_allocate(p.volume);
        assert_non_null(back);
        transform_forward(p.transform, p.in, p.out, p.workspace);
        memcpy(back, p.in, p.volume * sizeof *back);
        transform_forward(p.transform, back, back, p.workspace);
        assert_memory_equal(back, p.out, p.volume * sizeof *back);
        transform_inverse(p.transform, p.out, back, p.workspace);
        transform_inverse(p.transform, p.out, p.out, p.workspace);
        assert_memory_equal(back, p.out, p.volume * sizeof *back);
        for (size_t x = 0; x < p.volume; x++) {
            for (size_t field = 0; field < TRANSFORM_FIELDS; field++) {
                const double found = (double)*transform_field(&back[x], field) / (double)p.volume,
                             expected = (double)*transform_field(&p.in[x], field);
                if (!(fabs(found - expected) <= 2e-6)) {
                    fail_msg("lattice %zu, site %zu, field %zu: %.9g, expected %.9g", i, x, field, found, expected);
                }
            }
        }
        free(back);
        plan_free(&p);
    }
}

/* Other lanes do not change the bits of a lane, even if they are NaN. */
static void test_lanes(void **state) {
    (void)state;
    const size_t kept = 6;
    for (size_t i = 0; i < LATTICES; i++) {
        struct plan p = plan_new(&lattices[i]);
        struct transform_site *lonely = transform_allocate(p.volume);
        assert_non_null(lonely);
        for (size_t x = 0; x < p.volume; x++) {
            for (size_t field = 0; field < TRANSFORM_FIELDS; field++) {
                *transform_field(&lonely[x], field) =
                    field % WIDE_LANES == kept ? *transform_field(&p.in[x], field) : NAN;
            }
        }
        transform_forward(p.transform, p.in, p.out, p.workspace);
        transform_forward(p.transform, lonely, lonely, p.workspace);
        for (size_t k = 0; k < p.volume; k++) {
            for (size_t field = kept; field < TRANSFORM_FIELDS; field += WIDE_LANES) {
                assert_memory_equal(transform_field(&lonely[k], field), transform_field(&p.out[k], field),
                                    sizeof(float));
            }
        }
        free(lonely);
        plan_free(&p);
    }
}

static void test_opposite(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct plan p = plan_new(&lattices[i]);
        const size_t *opposite = transform_opposite(p.transform);
        for (size_t k = 0; k < p.volume; k++) {
            size_t here = k, there = opposite[k];
            assert_true(there < p.volume);
            for (size_t mu = lattices[i].dimensions; mu-- > 0;) {
                const size_t L = lattices[i].extents[mu];
                assert_int_equal((here % L + there % L) % L, 0);
                here /= L;
                there /= L;
            }
        }
        plan_free(&p);
    }
}

static void test_refused(void **state) {
    (void)state;
    struct transform *t;
    struct error e;
    assert_int_equal(transform_new(NULL, 0, &t, &e), STATUS_BAD_INPUT);
    assert_null(t);
    assert_int_equal(transform_new((const size_t[]){4, 0}, 2, &t, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "Fourier transform: extent 0 of direction 2, expected 1 to 4096");
    assert_int_equal(transform_new((const size_t[]){4097}, 1, &t, &e), STATUS_BAD_INPUT);
    assert_null(t);
}

/* The bits are the same on every machine, with vectors of any length. */
static void test_digest(void **state) {
    (void)state;
    static char all[LATTICES][2][65];
    for (size_t i = 0; i < LATTICES; i++) {
        struct plan p = plan_new(&lattices[i]);
        transform_forward(p.transform, p.in, p.out, p.workspace);
        sha256(p.out, p.volume * sizeof *p.out, all[i][0]);
        transform_inverse(p.transform, p.in, p.out, p.workspace);
        sha256(p.out, p.volume * sizeof *p.out, all[i][1]);
        plan_free(&p);
    }
    char hex[65];
    sha256(all, sizeof all, hex);
    assert_string_equal(hex, "aa224dee1a2d301944ea35d018bc8579eb262004d1134f8b6e0315ab2215b30b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields), cmocka_unit_test(test_plain_sum), cmocka_unit_test(test_inverse),
        cmocka_unit_test(test_lanes),  cmocka_unit_test(test_opposite),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
