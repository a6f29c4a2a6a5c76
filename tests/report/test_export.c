/* Exports of a made-up measurement, byte for byte: report/export.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "report/export.h"

static const double M[6] = {1, 2, 3, 0.1, -1, 1e-20}, around[6] = {0.5, -0.5, 0.25, -0.25, 1, -1},
                    undefined[6] = {NAN, 0, 0, 0, 0, 0};
static const size_t extents[2] = {4, 8};

static const struct export_series series[] = {{"M", M}};
static const struct export_value values[] = {
    {"M", 0.85, 0.5, 1.5, 0.25, around, true},
    {"xi", NAN, NAN, NAN, NAN, undefined, true},
    {"M2", 2.5, 0, NAN, NAN, around, false},
};

/* Two chains of three configurations. */
static struct export two_chains(void) {
    return (struct export){.node = "a/o",
                           .key = "ab",
                           .recipe = "stage=observables\n",
                           .fields_key = "cd",
                           .method = "gamma",
                           .window = 2,
                           .kappa = 0.25,
                           .lambda = 0.5,
                           .dimensions = 2,
                           .extents = extents,
                           .chains = 2,
                           .length = 3,
                           .thermalised = 1,
                           .points = 6,
                           .series = series,
                           .series_count = 1,
                           .values = values,
                           .value_count = 3};
}

static void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("found '%s', expected '%s' in it", text, part);
    }
}

static void csv(void **state) {
    (void)state;
    const struct export x = two_chains();
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    export_csv_results(&x, out);
    fclose(out);
    assert_string_equal(text, "node,key,kappa,lambda,lattice,chains,configurations,thermalised,error_method,M_value,"
                              "M_uncertainty,xi_value,xi_uncertainty\n"
                              "\"a/o\",ab,0.25,0.5,4x8,2,6,1,gamma,0.84999999999999998,0.5,,\n");
    free(text);
    out = open_memstream(&text, &size);
    export_csv_series(&x, out);
    fclose(out);
    assert_string_equal(text, "chain,configuration,M\n0,0,1\n0,1,2\n0,2,3\n1,0,0.10000000000000001\n1,1,-1\n"
                              "1,2,9.9999999999999995e-21\n");
    free(text);
}

static void json(void **state) {
    (void)state;
    const struct export x = two_chains();
    char *text;
    struct error e;
    assert_int_equal(export_json(&x, &text, &e), STATUS_OK);
    assert_contains(text, "\"series\":{\"M\":[[1.0,2.0,3.0],[0.10000000000000001,-1.0,9.9999999999999995e-21]]}");
    assert_contains(text, "\"xi\":{\"tau_int\":null,\"tau_int_uncertainty\":null,\"uncertainty\":null,\"value\":null}");
    assert_contains(text, "\"lattice\":[4,8]");
    assert_null(strstr(text, "M2"));
    free(text);
}

/* Gaps between chains are as long as a chain, so that no lag shorter than a chain connects two chains. */
static void pyerrors_chains(void **state) {
    (void)state;
    const struct export x = two_chains();
    char *text;
    struct error e;
    assert_int_equal(export_pyerrors(&x, &text, &e), STATUS_OK);
    assert_contains(text, "\"deltas\":[[1,0.5],[2,-0.5],[3,0.25],[7,-0.25],[8,1.0],[9,-1.0]]");
    assert_contains(text, "\"OBSDICT\":{\"M\":\"DICTOBS0\",\"M2\":\"DICTOBS1\"}");
    assert_contains(text, "\"left_out\":[\"xi\"]");
    free(text);
}

static void pyerrors_independent(void **state) {
    (void)state;
    struct export x = two_chains();
    x.window = 0;
    x.method = "jackknife";
    char *text;
    struct error e;
    assert_int_equal(export_pyerrors(&x, &text, &e), STATUS_OK);
    assert_contains(text, "\"deltas\":[[1,0.5],[2,-0.5],[3,0.25],[4,-0.25],[5,1.0],[6,-1.0]]");
    free(text);
}

static void gzip(void **state) {
    (void)state;
    static const char text[] = "the same text gives the same bytes";
    unsigned char *data, back[sizeof text];
    size_t size;
    struct error e;
    assert_int_equal(export_gzip(text, &data, &size, &e), STATUS_OK);
    assert_memory_equal(data, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8); /* gzip, deflate, no name, no time */
    z_stream z = {.next_in = data, .avail_in = (uInt)size, .next_out = back, .avail_out = sizeof back};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, strlen(text));
    assert_memory_equal(back, text, strlen(text));
    inflateEnd(&z);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),
        cmocka_unit_test(json),
        cmocka_unit_test(pyerrors_chains),
        cmocka_unit_test(pyerrors_independent),
        cmocka_unit_test(gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
