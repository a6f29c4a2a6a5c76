#include "score/effective_grid.h"

#include <stdlib.h>

#include "base/functions.h"

static enum status allocate(size_t steps, size_t points, struct effective_grid *grid, struct error *e) {
    *grid = (struct effective_grid){.steps = steps, .points = points};
    grid->log_s = malloc(points * sizeof *grid->log_s);
    grid->first = malloc(steps * sizeof *grid->first);
    if (grid->log_s && grid->first) {
        return STATUS_OK;
    }
    effective_grid_release(grid);
    return error_set(e, STATUS_FAILED, "out of memory for the levels of %zu steps", steps);
}

void effective_grid_release(struct effective_grid *grid) {
    free(grid->log_s);
    free(grid->first);
    *grid = (struct effective_grid){0};
}

static double way_down(const struct effective_model *m) {
    return m->log_s[0] - m->log_s[m->levels - 1];
}

/* Levels `spacing` apart. */
static void equal(const struct effective_model *m, double spacing, struct effective_grid *grid) {
    for (size_t i = 0; i < grid->points; i++) {
        grid->log_s[i] = m->log_s[m->levels - 1] + spacing * (double)i;
    }
}

enum { PASSAGES = EFFECTIVE_LATTICES }; /* changes of the lattice, one less than lattices, and one of the features */

/* A passage from one lattice to the next finer one, or to levels without bilocal features: ln s just before and after
 * it, and the fraction of the steps before it. */
struct passage {
    double before, after, part;
};

/* The fraction of the distance in ln s that is covered after the fraction u of the steps, and the inverse. */
static double way_at(double stretch, double u) {
    return stretch > 1 ? (function_exp(function_log(stretch) * u) - 1) / (stretch - 1) : u;
}
static double part_at(double stretch, double way) {
    return stretch > 1 ? function_log(1 + (stretch - 1) * way) / function_log(stretch) : way;
}

/* A number that decreases on the way down where the lattice becomes finer and where bilocal features end. */
static size_t stage_at(const struct effective_model *m, const struct effective_lattices *lattices, double log_s) {
    return 2 * effective_lattices_choose(lattices, m->propagator, function_exp(log_s))->factor +
           !effective_model_is_local(m, log_s);
}

/* Finds the passages on the way down, in this order, by bisection. */
static void find_passages(const struct effective_model *m, const struct effective_lattices *lattices, double stretch,
                          struct passage *passage, size_t *count) {
    const double lowest = m->log_s[0], highest = m->log_s[m->levels - 1];
    *count = 0;
    for (double above = highest; *count < PASSAGES && stage_at(m, lattices, above) > stage_at(m, lattices, lowest);) {
        const size_t stage = stage_at(m, lattices, above);
        double before = above, after = lowest;
        while (before - after > 1e-9) {
            const double middle = 0.5 * (before + after);
            *(stage_at(m, lattices, middle) == stage ? &before : &after) = middle;
        }
        passage[(*count)++] = (struct passage){before, after, part_at(stretch, (highest - after) / (highest - lowest))};
        above = after;
    }
}

/* Distributes `steps` over parts in proportion to their sizes, whose sum is 1; each gets at least one. */
static void share_out(size_t steps, const double *size, size_t parts, size_t *share) {
    size_t given = 0;
    for (size_t i = 0; i < parts; i++) {
        const double wanted = size[i] * (double)steps;
        share[i] = wanted < 1 ? 1 : (size_t)wanted;
        given += share[i];
    }
    while (given != steps) { /* one more where most is missing, or one less where the excess is largest */
        const bool more = given < steps;
        size_t best = parts;
        double most = 0;
        for (size_t i = 0; i < parts; i++) {
            const double missing = (size[i] * (double)steps - (double)share[i]) * (more ? 1 : -1);
            if ((more || share[i] > 1) && (best == parts || missing > most)) {
                best = i;
                most = missing;
            }
        }
        share[best] += more ? 1 : (size_t)-1;
        given += more ? 1 : (size_t)-1;
    }
}

/* Levels of growing steps, none of which contains a passage. */
static void stretched(const struct effective_model *m, double stretch, const struct passage *passage, size_t passages,
                      struct effective_grid *grid) {
    const double lowest = m->log_s[0], highest = m->log_s[m->levels - 1];
    double size[PASSAGES + 1];
    size_t share[PASSAGES + 1], i = 0, k = 0;
    for (size_t g = 0; g <= passages; g++) {
        size[g] = (g < passages ? passage[g].part : 1) - (g > 0 ? passage[g - 1].part : 0);
    }
    share_out(grid->steps, size, passages + 1, share);
    for (size_t g = 0; g <= passages; g++) {
        const double start = g > 0 ? passage[g - 1].part : 0;
        for (size_t n = 0; n <= share[g]; n++) {
            double log_s =
                highest - (highest - lowest) * way_at(stretch, start + size[g] * (double)n / (double)share[g]);
            if (n == 0) {
                log_s = g > 0 ? passage[g - 1].after : highest;
            } else if (n == share[g]) {
                log_s = g < passages ? passage[g].before : lowest;
            }
            if (n > 0) {
                grid->log_s[i - 1] = 0.5 * (grid->log_s[i - 2] + log_s);
                grid->first[k++] = i - 2;
            }
            grid->log_s[i] = log_s;
            i += n < share[g] ? 2 : 1;
        }
    }
}

enum status effective_grid_make(const struct effective_model *m, const struct effective_lattices *lattices,
                                size_t steps, double stretch, struct effective_grid *grid, struct error *e) {
    struct passage passage[PASSAGES];
    size_t passages = 0;
    if (stretch > 0) {
        find_passages(m, lattices, stretch, passage, &passages);
    }
    passages = passages < steps ? passages : 0;
    TRY(allocate(steps, 2 * steps + 1 + passages, grid, e));
    if (passages > 0 || stretch > 1) {
        stretched(m, stretch, passage, passages, grid);
        return STATUS_OK;
    }
    grid->step = way_down(m) / (double)steps;
    equal(m, 0.5 * grid->step, grid);
    for (size_t k = 0; k < steps; k++) {
        grid->first[k] = 2 * k;
    }
    return STATUS_OK;
}

enum status effective_grid_noisy(const struct effective_model *m, size_t steps, struct effective_grid *grid,
                                 struct error *e) {
    TRY(allocate(steps, steps, grid, e));
    equal(m, way_down(m) / (double)(steps - 1), grid);
    for (size_t k = 0; k < steps; k++) {
        grid->first[k] = k;
    }
    return STATUS_OK;
}

double effective_grid_length(const struct effective_grid *grid, size_t k) {
    return grid->step < 0 ? grid->step : grid->log_s[grid->first[k] + 2] - grid->log_s[grid->first[k]];
}

double effective_grid_log_s(const struct effective_grid *grid, size_t k) {
    return k < grid->steps ? grid->log_s[grid->first[k]] : grid->log_s[grid->points - 1];
}
