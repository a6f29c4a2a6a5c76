/* domains.h on configurations drawn by hand: bubbles, strips in both directions, lattices of one and three dimensions;
 * and random fields against a search that does not use displacements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "lattice/domains.h"

/* The domains of a picture: '+' and '-', rows one after the other. */
static struct domain_walls of_picture(size_t dimensions, const size_t *extents, const char *picture) {
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new(extents, dimensions, &g, &e), STATUS_OK);
    assert_int_equal(strlen(picture), g->volume);
    float *phi = malloc(g->volume * sizeof *phi);
    struct domains_workspace *w = domains_workspace_new(g);
    assert_true(phi != NULL && w != NULL);
    for (size_t x = 0; x < g->volume; x++) {
        phi[x] = picture[x] == '+' ? 4.8f : -0.1f;
    }
    const struct domain_walls found = domains_measure(g, phi, w);
    domains_workspace_free(w);
    free(phi);
    geometry_free(g);
    return found;
}

static void pictures(void **state) {
    (void)state;
    const struct {
        size_t dimensions, extents[3];
        const char *picture;
        size_t walls, negative, positive; /* bonds between opposite signs; does either sign wind? */
    } cases[] = {
        {2, {4, 5}, "++++++++++++++++++++", 0, 0, 1},
        {2, {4, 5}, "--------------------", 0, 1, 0},
        {2,
         {4, 5},
         "+++++"
         "+--++"
         "++-++"
         "+++++",
         8,
         0,
         1}, /* a bubble of three */
        {2,
         {4, 5},
         "-++++"
         "+++++"
         "+++++"
         "----+",
         12,
         0,
         1}, /* a bubble across the boundary that does not wind */
        {2,
         {4, 5},
         "+++++"
         "-----"
         "-----"
         "+++++",
         10,
         1,
         1}, /* strips: two walls of five bonds */
        {2,
         {4, 5},
         "++--+"
         "++--+"
         "++--+"
         "++--+",
         8,
         1,
         1}, /* strips in the other direction, across the boundary */
        {2,
         {4, 4},
         "--++"
         "+--+"
         "++--"
         "-++-",
         16,
         1,
         1}, /* diagonal */
        {2,
         {4, 4},
         "-+-+"
         "+-+-"
         "-+-+"
         "+-+-",
         32,
         0,
         0}, /* every bond is a wall */
        {2,
         {4, 4},
         "-+++"
         "+-++"
         "++-+"
         "+++-",
         16,
         0,
         1}, /* corners are not connected */
        {2,
         {3, 3},
         "-+-"
         "-+-"
         "+++",
         8,
         0,
         1},                          /* a cross winds in both directions, so the other sign cannot wind */
        {2, {2, 2}, "++--", 4, 1, 1}, /* each pair is joined by two bonds */
        {1, {6}, "+++--+", 2, 0, 0},
        {1, {6}, "++++++", 0, 0, 1},
        {3,
         {2, 3, 3},
         "+++++++++"
         "---------",
         18,
         1,
         1},
        {3,
         {3, 3, 2},
         "++++++"
         "++-+++"
         "++++++",
         6,
         0,
         1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct domain_walls found = of_picture(cases[i].dimensions, cases[i].extents, cases[i].picture);
        const double bonds = (double)(strlen(cases[i].picture) * cases[i].dimensions);
        if (found.bonds != (double)cases[i].walls / bonds || found.winds[0] != (cases[i].negative == 1) ||
            found.winds[1] != (cases[i].positive == 1)) {
            fail_msg("case %zu: found %g of the bonds, windings %d %d", i, found.bonds * bonds, found.winds[0],
                     found.winds[1]);
        }
        assert_true(domains_walled(&found) == (cases[i].negative && cases[i].positive));
    }
}

/* Whether the cluster of a site winds, by a search on the repeated lattice: the cluster contains a periodic image of
 * the site. */
enum { L = 6, COPIES = 5, W = L * COPIES };

static bool reaches_image(const float *phi, size_t start) {
    static bool seen[W * W];
    static size_t stack[W * W];
    memset(seen, 0, sizeof seen);
    const size_t middle = (COPIES / 2) * L;
    size_t depth = 0;
    const size_t from = (middle + start / L) * W + middle + start % L;
    stack[depth++] = from;
    seen[from] = true;
    while (depth > 0) {
        const size_t at = stack[--depth], y = at / W, x = at % W;
        if (at != from && y % L * L + x % L == start) {
            return true;
        }
        const int64_t steps[4][2] = {{0, 1}, {0, -1}, {1, 0}, {-1, 0}};
        for (size_t k = 0; k < 4; k++) {
            const int64_t ny = (int64_t)y + steps[k][0], nx = (int64_t)x + steps[k][1];
            if (ny < 0 || nx < 0 || ny >= W || nx >= W) {
                continue;
            }
            const size_t next = (size_t)ny * W + (size_t)nx;
            const bool sign = phi[(size_t)ny % L * L + (size_t)nx % L] >= 0.0f;
            if (!seen[next] && sign == (phi[start] >= 0.0f)) {
                seen[next] = true;
                stack[depth++] = next;
            }
        }
    }
    return false;
}

static void random_fields(void **state) {
    (void)state;
    const size_t extents[] = {L, L};
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new(extents, 2, &g, &e), STATUS_OK);
    struct domains_workspace *w = domains_workspace_new(g);
    assert_non_null(w);
    size_t winding = 0;
    for (uint64_t i = 0; i < 600; i++) {
        float phi[L * L];
        random_normal_float(random_key(2, "test", "domains"), i, 0, phi, L * L);
        for (size_t x = 0; x < L * L; x++) {
            phi[x] += 0.5f * (float)(i % 3); /* few or many of either sign */
        }
        const struct domain_walls found = domains_measure(g, phi, w);
        bool expected[2] = {false, false};
        for (size_t x = 0; x < L * L; x++) {
            const bool positive = phi[x] >= 0.0f;
            expected[positive] = expected[positive] || reaches_image(phi, x);
        }
        assert_true(found.winds[0] == expected[0] && found.winds[1] == expected[1]);
        winding += found.winds[1];
    }
    assert_in_range(winding, 200, 550); /* both answers occur */
    domains_workspace_free(w);
    geometry_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pictures), cmocka_unit_test(random_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
