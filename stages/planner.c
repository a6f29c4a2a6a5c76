/* Options of the tools that read the plan, see planner.h. */
#include "stages/planner.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void help(const char *program, const char *what, FILE *out) {
    fprintf(out, "usage: %s [OPTIONS]\n\n%s\n\n", program, what);
    fputs("  --profile=NAME        paper (default), or a file of experiments/profiles, or a path that ends in .ini\n"
          "  --set=ASSIGNMENTS     \"train.epochs=100 training.kappa=0.25\"\n"
          "  --backend=cpu\n"
          "  --experiments=FOLDER --results=FOLDER --figures=FOLDER --programs=FOLDER\n"
          "                        where things are: experiments, results, figures, build/bin\n",
          out);
}

int planner_main(int argc, char **argv, const struct stage *const *stages, const char *what,
                 enum status (*run)(const struct plan *plan, const struct plan_request *request, struct error *e)) {
    struct plan_request r = {.stages = stages, .experiments = "experiments", .profile = "paper", .set = "",
                             .backend = "cpu", .results = "results", .figures = "figures", .programs = "build/bin"};
    const char **targets[] = {&r.profile, &r.set, &r.backend, &r.experiments, &r.results, &r.figures, &r.programs};
    static const struct option options[] = {
        {"profile", required_argument, NULL, 0},     {"set", required_argument, NULL, 1},
        {"backend", required_argument, NULL, 2},     {"experiments", required_argument, NULL, 3},
        {"results", required_argument, NULL, 4},     {"figures", required_argument, NULL, 5},
        {"programs", required_argument, NULL, 6},    {"help", no_argument, NULL, 7},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 7) {
            help(argv[0], what, stdout);
            return STATUS_OK;
        }
        if (option < 0 || option > 7) {
            help(argv[0], what, stderr);
            return STATUS_BAD_INPUT;
        }
        *targets[option] = optarg;
    }
    if (optind != argc) {
        help(argv[0], what, stderr);
        return STATUS_BAD_INPUT;
    }
    struct error e;
    struct plan plan;
    enum status status = plan_read(&r, &plan, &e);
    if (status == STATUS_OK) {
        status = run(&plan, &r, &e);
    }
    if (status == STATUS_OK && (fflush(stdout) || ferror(stdout))) {
        status = error_set(&e, STATUS_FAILED, "standard output: cannot write");
    }
    plan_free(&plan);
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", e.message);
    }
    return (int)status;
}

const char *planner_variables(const struct plan *plan, const struct plan_request *r) {
    const char *profile = strcmp(r->profile, "paper") ? pool_print(plan->pool, " PROFILE=%s", r->profile) : "";
    const char *set = *r->set ? pool_print(plan->pool, " SET=\"%s\"", r->set) : "";
    const char *all = profile && set ? pool_print(plan->pool, "%s%s", profile, set) : NULL;
    return all ? all : "";
}
