/* Tool `plan`, the planner: reads experiments, profile, SET and backend. It writes the rules for make, publishes links
 * and figures under their names, or lists the targets for make help. See src/experiment/plan.h. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/version.h"
#include "built.h"
#include "cuda/backend.h"
#include "experiment/plan.h"
#include "stages/reasons.h"
#include "store/record.h"

static const char usage[] =
    "Usage: plan --rules=FILE | --publish=EXPERIMENT [--only=NAME] | --help-targets | --nodes | --files=NODES\n"
    "            [options]\n\n"
    "  --rules=FILE          write the make rules, unless the file holds them already\n"
    "  --goals=TARGETS       for --rules: only of these targets, if all of their results exist\n"
    "  --publish=EXPERIMENT  link the results, copy the figures, print the tables\n"
    "  --only=NAME           only this figure or table of the experiment; with --nodes, the nodes it needs\n"
    "  --help-targets        list what make can compute, and the stages\n"
    "  --nodes               list all nodes: EXPERIMENT/NODE, stage, key\n"
    "  --files=NODES         the file that make computes for each of these nodes, EXPERIMENT/NODE\n\n"
    "  --profile=NAME        paper (default), a file of experiments/profiles, or a path that ends in .ini\n"
    "  --set=ASSIGNMENTS     such as \"train.epochs=100 training.kappa=0.25\"\n"
    "  --backend=" BACKENDS "\n"
    "  --experiments=FOLDER --results=FOLDER --figures=FOLDER --programs=FOLDER\n"
    "                        folders; default: experiments, results, figures, build/bin\n";

struct command {
    struct plan_request request;
    const char *rules, *publish, *only, *files;
    int help_targets, nodes;
};

/* Writes the rules only if they differ, so that make does not see a new file without a change. */
static enum status write_rules(struct plan *plan, const char *path, struct error *e) {
    char *text, *old = NULL;
    size_t size = 0;
    struct reasons reasons;
    reasons_for_rules(plan, &reasons);
    enum status status = plan_rules(plan, &text, e);
    reasons_free(&reasons);
    TRY(status);
    struct error ignored;
    bool same = !access(path, F_OK) && file_read(path, &old, &size, &ignored) == STATUS_OK && !strcmp(old, text);
    if (!same) {
        status = file_write(path, text, strlen(text), e);
    }
    free(old);
    free(text);
    const char *slash = strrchr(path, '/'), *folder = slash ? pool_copy(plan->pool, path, (size_t)(slash - path)) : ".";
    if (folder) {
        file_sweep(folder);
    }
    return status;
}

static bool rests_on(const struct node *node, const struct node *sought) {
    if (node == sought) {
        return true;
    }
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            if (rests_on(node->inputs[i].nodes[j], sought)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the figure or table of that name is made from this node. */
static bool serves(const struct experiment *x, const struct node *node, const char *name) {
    for (size_t i = 0; i < x->export_count; i++) {
        const struct family *family = x->exports[i].family;
        for (size_t j = 0; j < family->node_count && !strcmp(x->exports[i].name, name); j++) {
            if (rests_on(family->nodes[j], node)) {
                return true;
            }
        }
    }
    return false;
}

static void list_nodes(const struct plan *plan, const char *only) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count; j++) {
            const struct node *node = x->nodes[j];
            if (!only || serves(x, node, only)) {
                printf("%s/%s\t%s\t%s\n", x->name, node->name, node->stage->name, node->key);
            }
        }
    }
}

/* Prints the files only if all names are right. */
static enum status list_files(const struct plan *plan, const char *names, struct error *e) {
    char *list = pool_copy(plan->pool, names, strlen(names));
    const char *files = "";
    for (char *rest, *name = list ? strtok_r(list, " ", &rest) : NULL; name; name = strtok_r(NULL, " ", &rest)) {
        const struct node *node = plan_node(plan, name, NULL);
        if (!node) {
            return error_set(e, STATUS_BAD_INPUT, "NODE=%s: expected EXPERIMENT/NODE, as make prints it", name);
        }
        const char *file = plan_artifact(plan, node);
        files = file ? pool_print(plan->pool, "%s%s\n", files, file) : NULL;
        if (!files) {
            return pool_exhausted(e);
        }
    }
    fputs(files, stdout);
    return list ? STATUS_OK : pool_exhausted(e);
}

/* Edited code alone recomputes nothing; a new version of a stage does, and is raised when its results change. So a
 * message tells whoever edits code how many results were made before the change. */
static enum status note_other_builds(const struct plan *plan, const char *experiment, struct error *e) {
    size_t count = 0, others = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count && !strcmp(x->name, experiment); j++) {
            const char *folder = plan_folder(plan, x->nodes[j]);
            const char *path = folder ? pool_print(plan->pool, "%s/run.json", folder) : NULL;
            struct record *record;
            struct error ignored;
            if (!path) {
                return pool_exhausted(e);
            }
            if (record_read(path, &record, &ignored) == STATUS_OK) {
                const char *sources = record_member(record, "environment", "sources"); /* older records have none */
                count++;
                others += *sources && strcmp(sources, built.sources);
                record_free(record);
            }
        }
    }
    if (others) {
        fprintf(
            stderr,
            "%s: %zu of %zu results were made by programs built from other sources; they are recomputed only if the "
            "version of their stage is raised (README, \"Change a parameter and rerun\")\n",
            experiment, others, count);
    }
    return STATUS_OK;
}

static void say(const void *context, const char *text) {
    (void)context;
    fprintf(stderr, "plan: %s\n", text);
}

static enum status execute(const struct command *c, struct error *e) {
    struct plan plan;
    enum status status = plan_read(&c->request, &plan, e);
    if (status == STATUS_OK && c->rules) {
        plan_warn(&plan, stderr);
        status = write_rules(&plan, c->rules, e);
    }
    if (status == STATUS_OK && c->publish) {
        status = plan_publish(&plan, c->publish, c->only, &(struct lock_wait){.say = say}, stdout, e);
    }
    if (status == STATUS_OK && c->publish) {
        status = note_other_builds(&plan, c->publish, e);
    }
    if (status == STATUS_OK && c->help_targets) {
        plan_help(&plan, stdout);
    }
    if (status == STATUS_OK && c->nodes) {
        list_nodes(&plan, c->publish ? NULL : c->only);
    }
    if (status == STATUS_OK && c->files) {
        status = list_files(&plan, c->files, e);
    }
    if (status == STATUS_OK && (fflush(stdout) || ferror(stdout))) {
        status = error_set(e, STATUS_FAILED, "standard output: cannot write");
    }
    plan_free(&plan);
    return status;
}

int main(int argc, char **argv) {
    file_limits_are_errors();
    struct command c = {.request = {.stages = all_stages,
                                    .experiments = "experiments",
                                    .profile = "paper",
                                    .set = "",
                                    .backend = "cpu",
                                    .no_cuda = backend_cuda_missing(),
                                    .results = "results",
                                    .figures = "figures",
                                    .programs = "build/bin"}};
    struct option_target {
        const char *name;
        const char **text;
        int *flag;
    } targets[] = {
        {"rules", &c.rules, NULL},
        {"goals", &c.request.goals, NULL},
        {"publish", &c.publish, NULL},
        {"only", &c.only, NULL},
        {"help-targets", NULL, &c.help_targets},
        {"nodes", NULL, &c.nodes},
        {"files", &c.files, NULL},
        {"profile", &c.request.profile, NULL},
        {"set", &c.request.set, NULL},
        {"backend", &c.request.backend, NULL},
        {"experiments", &c.request.experiments, NULL},
        {"results", &c.request.results, NULL},
        {"figures", &c.request.figures, NULL},
        {"programs", &c.request.programs, NULL},
    };
    enum { OPTIONS = sizeof targets / sizeof *targets };
    struct option options[OPTIONS + 3] = {{0}};
    for (int i = 0; i < OPTIONS; i++) {
        options[i] = (struct option){targets[i].name, targets[i].text ? required_argument : no_argument, NULL, i};
    }
    options[OPTIONS] = (struct option){"help", no_argument, NULL, OPTIONS};
    options[OPTIONS + 1] = (struct option){"version", no_argument, NULL, OPTIONS + 1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == OPTIONS) {
            fputs(usage, stdout);
            return STATUS_OK;
        }
        if (option == OPTIONS + 1) {
            version_print(argv[0], stdout);
            return STATUS_OK;
        }
        if (option < 0 || option > OPTIONS) {
            fputs(usage, stderr);
            return STATUS_BAD_INPUT;
        }
        if (targets[option].text) {
            *targets[option].text = optarg;
        } else {
            *targets[option].flag = 1;
        }
    }
    if (optind != argc || (!c.rules && !c.publish && !c.help_targets && !c.nodes && !c.files)) {
        fputs(usage, stderr);
        return STATUS_BAD_INPUT;
    }
    if (c.publish && !c.nodes && !c.help_targets && !c.files) {
        c.request.goals = c.publish;
    }
    struct error e;
    enum status status = execute(&c, &e);
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", e.message);
    }
    return (int)status;
}
