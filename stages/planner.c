/* See planner.h. */
#include "stages/planner.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/version.h"

static void help(const char *program, const char *what, const struct planner_option *own, FILE *out) {
    fprintf(out, "usage: %s [OPTIONS]\n\n%s\n\n", program, what);
    for (; own->name; own++) {
        int width = fprintf(out, "  --%s=%s ", own->name, own->value);
        fprintf(out, "%*s%s\n", width < 24 ? 24 - width : 0, "", own->help);
    }
    fputs("  --profile=NAME        paper (default), a file of experiments/profiles, or a path that ends in .ini\n"
          "  --set=ASSIGNMENTS     such as \"train.epochs=100 training.kappa=0.25\"\n"
          "  --backend=cpu\n"
          "  --experiments=FOLDER --results=FOLDER --figures=FOLDER --programs=FOLDER\n"
          "                        folders; default: experiments, results, figures, build/bin\n",
          out);
}

int planner_main(int argc, char **argv, const struct stage *const *stages, const char *what,
                 enum status (*run)(const struct plan *plan, const struct plan_request *request, struct error *e)) {
    static const struct planner_option none[] = {{0}};
    return planner_main_with(argc, argv, stages, what, none, run);
}

int planner_main_with(int argc, char **argv, const struct stage *const *stages, const char *what,
                      const struct planner_option *own,
                      enum status (*run)(const struct plan *plan, const struct plan_request *request,
                                         struct error *e)) {
    file_limits_are_errors();
    struct plan_request r = {.stages = stages,
                             .experiments = "experiments",
                             .profile = "paper",
                             .set = "",
                             .backend = "cpu",
                             .results = "results",
                             .figures = "figures",
                             .programs = "build/bin"};
    const char **targets[] = {&r.profile, &r.set, &r.backend, &r.experiments, &r.results, &r.figures, &r.programs};
    enum { SHARED = 7, HELP = 7, VERSION = 8, OWN = 9, MOST = 16 };
    struct option options[OWN + MOST + 1] = {
        {"profile", required_argument, NULL, 0},  {"set", required_argument, NULL, 1},
        {"backend", required_argument, NULL, 2},  {"experiments", required_argument, NULL, 3},
        {"results", required_argument, NULL, 4},  {"figures", required_argument, NULL, 5},
        {"programs", required_argument, NULL, 6}, {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
    };
    for (int i = 0; i < MOST && own[i].name; i++) {
        options[OWN + i] = (struct option){own[i].name, required_argument, NULL, OWN + i};
    }
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == HELP) {
            help(argv[0], what, own, stdout);
            return STATUS_OK;
        }
        if (option == VERSION) {
            version_print(argv[0], stdout);
            return STATUS_OK;
        }
        if (option < 0 || option >= OWN + MOST) {
            help(argv[0], what, own, stderr);
            return STATUS_BAD_INPUT;
        }
        *(option < SHARED ? targets[option] : own[option - OWN].text) = optarg;
    }
    if (optind != argc) {
        help(argv[0], what, own, stderr);
        return STATUS_BAD_INPUT;
    }
    struct error e;
    struct plan plan;
    enum status status = plan_read(&r, &plan, &e);
    if (status == STATUS_OK) {
        plan_warn(&plan, stderr);
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
    const char *backend = strcmp(r->backend, "cpu") ? pool_print(plan->pool, " BACKEND=%s", r->backend) : "";
    const char *all = profile && set && backend ? pool_print(plan->pool, "%s%s%s", profile, set, backend) : NULL;
    return all ? all : "";
}
