/* Small stages and temporary files for tests of experiments. */
#ifndef DMSQ_TESTS_EXPERIMENT_FIXTURE_H
#define DMSQ_TESTS_EXPERIMENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "experiment/plan.h"

/* --- stages: simulate -> fit -> draw -> measure -> picture, report ----------------------------------- */

static const struct parameter simulate_parameters[] = {
    {.name = "lattice", .type = PARAMETER_INTEGERS, .default_value = "8,8", .minimum = 2, .maximum = 1024},
    {.name = "kappa", .type = PARAMETER_REAL, .default_value = "0.21", .minimum = 0, .maximum = 1},
    {.name = "configurations", .type = PARAMETER_INTEGER, .default_value = "16", .minimum = 1, .maximum = 1e9},
    {.name = "algorithm", .type = PARAMETER_CHOICE, .default_value = "hmc", .choices = "hmc|metropolis"},
    {.name = "seed", .type = PARAMETER_INTEGER, .default_value = NULL, .minimum = 0, .maximum = 1e9},
};
static const struct parameter fit_parameters[] = {
    {.name = "epochs", .type = PARAMETER_INTEGER, .default_value = "250", .minimum = 1, .maximum = 1e6},
    {.name = "width", .type = PARAMETER_INTEGER, .default_value = "32", .minimum = 8, .maximum = 1e3},
};
static const struct parameter draw_parameters[] = {
    {.name = "steps", .type = PARAMETER_INTEGER, .default_value = "500", .minimum = 1, .maximum = 1e6},
};
static const struct parameter picture_parameters[] = {
    {.name = "title", .type = PARAMETER_TEXT, .default_value = ""},
};
static const struct stage_input fit_inputs[] = {{.name = "training", .stages = "simulate", .required = true}};
static const struct stage_input draw_inputs[] = {{.name = "model", .stages = "fit", .required = true},
                                                 {.name = "start", .stages = "simulate|draw"}};
static const struct stage_input picture_inputs[] = {
    {.name = "data", .stages = "simulate|draw", .required = true, .many = true},
    {.name = "reference", .stages = "simulate"}};
static const char *const numbers[] = {"artifact.npz", NULL};
static const char *const pictures[] = {"figure.tsv", "figure.svg", "figure.pdf", NULL};
static const char *const reports[] = {"table.md", "table.tsv", NULL};

/* A check of two parameters: rejects an odd lattice with metropolis. */
static enum status simulate_check(const struct parameters *p, const char *where, struct error *e) {
    size_t count;
    if (parameters_is(p, "algorithm", "metropolis") && parameters_integers(p, "lattice", &count)[0] % 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: metropolis: expected an even lattice", where);
    }
    return STATUS_OK;
}

static const struct stage stage_simulate = {.name = "simulate",
                                            .version = 1,
                                            .parameters = simulate_parameters,
                                            .parameter_count = 5,
                                            .outputs = numbers,
                                            .check = simulate_check};
static const struct stage stage_fit = {.name = "fit",
                                       .version = 3,
                                       .uses_backend = true,
                                       .parameters = fit_parameters,
                                       .parameter_count = 2,
                                       .inputs = fit_inputs,
                                       .input_count = 1,
                                       .outputs = numbers};
static const struct stage stage_draw = {.name = "draw",
                                        .version = 1,
                                        .parameters = draw_parameters,
                                        .parameter_count = 1,
                                        .inputs = draw_inputs,
                                        .input_count = 2,
                                        .outputs = numbers};
static const struct stage stage_picture = {.name = "picture",
                                           .version = 1,
                                           .parameters = picture_parameters,
                                           .parameter_count = 1,
                                           .inputs = picture_inputs,
                                           .input_count = 2,
                                           .outputs = pictures};
static const struct stage stage_report = {.name = "report",
                                          .version = 1,
                                          .parameters = picture_parameters,
                                          .parameter_count = 1,
                                          .inputs = picture_inputs,
                                          .input_count = 2,
                                          .outputs = reports};
static const struct stage *const stages[] = {&stage_simulate, &stage_fit,    &stage_draw,
                                             &stage_picture,  &stage_report, NULL};

/* --- files ------------------------------------------------------------------------------------------- */

static char folder[] = "build/tmp/experiment-XXXXXX";

static inline void fixture_open(void) {
    struct error e;
    assert_int_equal(file_make_folder("build/tmp", &e), STATUS_OK);
    assert_non_null(mkdtemp(folder));
}

static inline void fixture_close(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* Writes folder/name and returns its path, which is valid for the next three calls. */
static inline const char *write_text(const char *name, const char *text) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    struct error e;
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    char parent[256];
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    assert_int_equal(file_make_folder(parent, &e), STATUS_OK);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
    return path;
}

/* Asserts the message; '%' stands for "<folder>/". */
static inline void assert_message(const struct error *e, const char *expected) {
    char text[1024] = "";
    size_t used = 0;
    for (const char *c = expected; *c && used + 64 < sizeof text; c++) {
        if (*c == '%') {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s/", folder);
        } else {
            text[used++] = *c;
        }
    }
    assert_string_equal(e->message, text);
}

static inline struct plan_request request(const char *profile, const char *set) {
    static char experiments[64], results[64], figures[64];
    snprintf(experiments, sizeof experiments, "%s/experiments", folder);
    snprintf(results, sizeof results, "%s/results", folder);
    snprintf(figures, sizeof figures, "%s/figures", folder);
    return (struct plan_request){.stages = stages,
                                 .experiments = experiments,
                                 .profile = profile,
                                 .set = set,
                                 .backend = "cpu",
                                 .results = results,
                                 .figures = figures,
                                 .programs = "bin"};
}

static inline const struct node *find_node(const struct plan *plan, const char *name) {
    for (size_t i = 0; i < plan->count; i++) {
        for (size_t j = 0; j < plan->experiments[i].node_count; j++) {
            if (!strcmp(plan->experiments[i].nodes[j]->name, name)) {
                return plan->experiments[i].nodes[j];
            }
        }
    }
    fail_msg("no node %s", name);
    return NULL;
}

/* Canonical text of a parameter. */
static inline const char *value(const struct plan *plan, const char *node, const char *name) {
    const struct parameters *p = find_node(plan, node)->parameters;
    for (size_t i = 0; i < parameters_count(p); i++) {
        if (!strcmp(parameters_entry(p, i)->name, name)) {
            return parameters_canonical(p, i);
        }
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

#endif
