/* The header of artifacts: it is read as written, arrays have a fixed order, and wrong values are refused by name. */
#include "score/header.h"

#include "tests/score/models.h"
#include "tests/scratch.h"

static char folder[256], path[400];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("header"));
    snprintf(path, sizeof path, "%s/artifact.npz", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static const struct header ours = {{0.25, 0.5}, 3, true, -1};

enum form { WHOLE, LAYOUT, SAMPLES };

static struct npz *written(enum form form, const struct header *h, size_t configurations) {
    struct npz_writer *w;
    struct npz *npz;
    struct error e = {0};
    assert_ok(npz_create(path, &w, &e));
    assert_ok(form == WHOLE    ? header_add(w, h, &e)
              : form == LAYOUT ? header_add_layout(w, h, &e)
                               : header_add_samples(w, &h->theory, h->thermalised, configurations, &e));
    assert_ok(npz_commit(w, &e));
    assert_ok(npz_read(path, &npz, &e));
    return npz;
}

static void expect_order(const struct npz *npz, const char *names) {
    char found[200] = "";
    for (size_t i = 0; i < npz_count(npz); i++) {
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", npz_array_at(npz, i)->name);
    }
    assert_string_equal(found, names);
}

static void test_round_trip(void **state) {
    (void)state;
    static const struct {
        enum form form;
        const char *names;
        size_t chains;
        int64_t thermalised;
    } cases[] = {{WHOLE, "kappa lambda chains independent thermalised ", 3, -1},
                 {LAYOUT, "kappa lambda chains independent ", 3, 1},
                 {SAMPLES, "kappa lambda thermalised chains independent ", 12, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npz *npz = written(cases[i].form, &ours, 12);
        struct header h = {0};
        struct error e = {0};
        expect_order(npz, cases[i].names);
        assert_ok(header_read(npz, 12, &h, &e));
        assert_true(h.theory.kappa == 0.25 && h.theory.lambda == 0.5 && h.independent);
        assert_int_equal(h.chains, cases[i].chains);
        assert_int_equal(h.thermalised, cases[i].thermalised);
        npz_free(npz);
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        struct header header;
        const char *message;
    } cases[] = {{{{NAN, 0.5}, 3, true, 1}, "artifact.npz: kappa is nan, expected a number"},
                 {{{0.25, INFINITY}, 3, true, 1}, "artifact.npz: lambda is inf, expected a number"},
                 {{{0.25, 0.5}, 0, true, 1}, "artifact.npz: chains is 0, expected 1 to 12"},
                 {{{0.25, 0.5}, 13, true, 1}, "artifact.npz: chains is 13, expected 1 to 12"},
                 {{{0.25, 0.5}, 5, true, 1}, "artifact.npz: 5 chains, expected a divisor of the 12 configurations"},
                 {{{0.25, 0.5}, 3, true, 2}, "artifact.npz: thermalised is 2, expected 1, 0 or -1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npz *npz = written(WHOLE, &cases[i].header, 12);
        struct header h;
        struct error e = {0};
        assert_refused(header_read(npz, 12, &h, &e), STATUS_BAD_INPUT, cases[i].message);
        npz_free(npz);
    }
}

/* Every array except `thermalised` must be present and have the right type. */
static void test_missing(void **state) {
    (void)state;
    static const char *const names[] = {"kappa", "lambda", "chains", "independent"};
    for (size_t left_out = 0; left_out < 4; left_out++) {
        for (int of_other_type = 0; of_other_type < 2; of_other_type++) {
            struct npz_writer *w;
            struct npz *npz;
            struct header h;
            struct error e = {0};
            assert_ok(npz_create(path, &w, &e));
            for (size_t i = 0; i < 4; i++) {
                if (i == left_out && of_other_type) {
                    assert_ok(npz_add_text(w, names[i], "1", &e));
                } else if (i != left_out) {
                    assert_ok(i < 2 ? npz_add_real(w, names[i], 0.5, &e) : npz_add_integer(w, names[i], 1, &e));
                }
            }
            assert_ok(npz_commit(w, &e));
            assert_ok(npz_read(path, &npz, &e));
            assert_refused(header_read(npz, 12, &h, &e), STATUS_BAD_INPUT, names[left_out]);
            assert_non_null(strstr(e.message, "artifact.npz"));
            npz_free(npz);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
