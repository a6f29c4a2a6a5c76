/* The make rules of a plan: see plan.h. */
#include "experiment/plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Writes a word of a command, quoted for the shell and, in a rule, for make. Line ends become blanks. */
static void write_shell_word(FILE *out, const char *text, bool rule) {
    bool plain = *text;
    for (const char *c = text; *c && plain; c++) {
        plain = isalnum((unsigned char)*c) || strchr("-_=./,:@+", *c);
    }
    if (!plain) {
        fputc('\'', out);
    }
    for (; *text; text++) {
        if (*text == '$' && rule) {
            fputs("$$", out);
        } else if (*text == '\'') {
            fputs("'\\''", out);
        } else if (*text == '\n') {
            fputc(' ', out);
        } else {
            fputc(*text, out);
        }
    }
    if (!plain) {
        fputc('\'', out);
    }
}

static void write_word(FILE *out, const char *text) {
    write_shell_word(out, text, true);
}

/* Writes one "--name=value"; false: out of memory. */
static bool write_option(const struct plan *plan, FILE *out, bool rule, const char *name, const char *value) {
    const char *option = value ? pool_print(plan->pool, "--%s=%s", name, value) : NULL;
    if (!option) {
        return false;
    }
    fputc(' ', out);
    write_shell_word(out, option, rule);
    return true;
}

/* The labels of all nodes with this key, "fig7/training, table1/training"; NULL: out of memory. */
static const char *users_of(const struct plan *plan, const char *key) {
    const char *users = "";
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count && users; j++) {
            if (!strcmp(x->nodes[j]->key, key)) {
                users = pool_print(plan->pool, "%s%s%s/%s", users, *users ? ", " : "", x->name, x->nodes[j]->name);
            }
        }
    }
    return users;
}

bool plan_command(const struct plan *plan, const struct experiment *x, const struct node *node, bool rule, FILE *out) {
    const char *label = pool_print(plan->pool, "%s/%s", x->name, node->name), *users = users_of(plan, node->key);
    const char *folder = plan_folder(plan, node);
    if (!label || !users || !folder) {
        return false;
    }
    fprintf(out, "%s/%s", plan->programs, node->stage->name);
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            if (!write_option(plan, out, rule, node->stage->inputs[i].name,
                              plan_artifact(plan, node->inputs[i].nodes[j]))) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < parameters_count(node->parameters); i++) {
        if (parameters_differs(node->parameters, i) &&
            !write_option(plan, out, rule, parameters_entry(node->parameters, i)->name,
                          parameters_argument(node->parameters, i))) {
            return false;
        }
    }
    const char *backend = stage_backend(node->stage, plan->backend);
    return write_option(plan, out, rule, "output", folder) && write_option(plan, out, rule, "key", node->key) &&
           write_option(plan, out, rule, "label", label) &&
           (!strcmp(users, label) || write_option(plan, out, rule, "users", users)) &&
           (!backend || !strcmp(backend, "cpu") || write_option(plan, out, rule, "backend", backend));
}

static bool write_rule(const struct plan *plan, const struct experiment *x, const struct node *node, FILE *out) {
    const char *target = plan_artifact(plan, node);
    const char *label = pool_print(plan->pool, "%s/%s", x->name, node->name);
    if (!target || !label) {
        return false;
    }
    /* .PRECIOUS: an artifact appears only when it is complete, so an interrupted make must not remove it. FORCE: if the
     * stage was killed after that, it is called again, only to complete its run record. */
    fprintf(out, "\n# %s\n.PRECIOUS: %s\n%s: $(if $(wildcard $(PLAN_ROOT)/artifacts/%s/pending-run.json),FORCE) |",
            label, target, target, node->key);
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            const char *input = plan_artifact(plan, node->inputs[i].nodes[j]);
            if (!input) {
                return false;
            }
            fprintf(out, " %s", input);
        }
    }
    /* exec: the stage replaces the shell, and so receives the signals of make */
    fprintf(out, " %s/%s\n\t$(if $(V),,@echo == ", plan->programs, node->stage->name);
    write_word(out, label);
    fputs(";) ", out);
    const char *reason = plan->reason ? plan->reason(plan, x, node) : NULL;
    if (reason) {
        fputs("printf '   %s\\n' ", out);
        write_word(out, reason);
        fputs("; ", out);
    }
    fputs("exec $(LAUNCH) ", out);
    const bool fine = plan_command(plan, x, node, true, out);
    fputs(" $(RUN_LEDGER) $(STAGE_OPTIONS)\n", out);
    return fine;
}

/* Writes targets of a refused experiment, which print the reason and fail. */
static void write_refusal(const struct experiment *x, FILE *out) {
    for (size_t i = 0; i <= x->export_count; i++) {
        const char *name = i < x->export_count ? x->exports[i].name : x->name;
        bool written = i < x->export_count && !strcmp(name, x->name);
        for (size_t j = 0; j < i && !written; j++) { /* a figure and a table may have the same name */
            written = i < x->export_count && !strcmp(name, x->exports[j].name);
        }
        if (written) {
            continue;
        }
        fprintf(out, "\n.PHONY: %s\n%s:\n\t@printf '%%s\\n' ", name, name);
        write_word(out, x->refusal);
        fprintf(out, " >&2; exit 2\n");
    }
}

/* The table of a tool in the experiment of its own name covers all experiments. */
static bool covers_all(const struct experiment *x) {
    return *x->tool && !strcmp(x->tool, x->name);
}

/* In make paper, experiments whose tool covers all come last. */
static void write_tools_last(const struct plan *plan, FILE *out) {
    fputs("\nifneq ($(filter paper,$(MAKECMDGOALS)),)\n", out);
    for (size_t i = 0; i < plan->count; i++) {
        if (!covers_all(&plan->experiments[i])) {
            continue;
        }
        fprintf(out, "%s: |", plan->experiments[i].name);
        for (size_t j = 0; j < plan->count; j++) {
            if (!covers_all(&plan->experiments[j])) {
                fprintf(out, " %s", plan->experiments[j].name);
            }
        }
        fputc('\n', out);
    }
    fputs("endif\n", out);
}

/* False if an earlier node, in the order of writing, has the same key. */
static bool is_first(const struct plan *plan, size_t experiment, size_t node) {
    const char *key = plan->experiments[experiment].nodes[node]->key;
    for (size_t i = 0; i <= experiment; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < (i == experiment ? node : x->node_count); j++) {
            if (!strcmp(x->nodes[j]->key, key)) {
                return false;
            }
        }
    }
    return true;
}

static bool write_target(const struct plan *plan, const struct experiment *x, const char *name, FILE *out,
                         struct node *const *nodes, size_t count, bool only) {
    fprintf(out, "\n.PHONY: %s\n%s: | %s/ledger", name, name, plan->programs);
    for (size_t i = 0; i < count; i++) {
        const char *path = plan_artifact(plan, nodes[i]);
        if (!path) {
            return false;
        }
        fprintf(out, " \\\n  %s", path);
    }
    fprintf(out, "\n\t@$(PLAN) --publish=%s", x->name);
    if (only) {
        fprintf(out, " --only=%s", name);
    }
    fputs("\n\t$(PLAN_REBUILD)\n", out);
    return true;
}

/* Stages enter their runs into the ledger only if they run on this host and there are locks; otherwise make does at its
 * end. */
static bool write_ledger(const struct plan *plan, FILE *out) {
    const char *ledger = pool_print(plan->pool, "%s/ledger.sqlite", plan->root);
    fputs("PLAN_LEDGER :=", out);
    bool fine = ledger && write_option(plan, out, true, "ledger", ledger);
    fprintf(out, "\nPLAN_REBUILD = @%s/ledger --rebuild$(if $(LAUNCH),,=unlocked)", plan->programs);
    fine = write_option(plan, out, true, "root", plan->root) && fine;
    fputs("\nRUN_LEDGER = $(if $(LAUNCH),,$(PLAN_LEDGER))\n", out);
    return fine;
}

enum status plan_rules(const struct plan *plan, char **text, struct error *e) {
    size_t size = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &size);
    if (!out) {
        return pool_exhausted(e);
    }
    fputs("# Written by plan from the experiments, for ", out);
    fputs(plan->title, out);
    fputs("\n# A result that exists is not made again: its name is the hash of everything that it depends on.\n", out);
    fprintf(out, "PLAN_ROOT := %s\n", plan->root); /* a variable, because brackets in the path would break calls of
                                                      make's functions */
    bool fine = write_ledger(plan, out);
    for (size_t i = 0; i < plan->count && fine; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count && fine; j++) {
            fine = !is_first(plan, i, j) || write_rule(plan, x, x->nodes[j], out);
        }
        if (x->refusal) {
            write_refusal(x, out);
        }
        if (!x->expanded) {
            continue;
        }
        fine = fine && write_target(plan, x, x->name, out, x->nodes, x->node_count, false);
        if (*x->tool) {
            fprintf(out, "\t@%s/%s $(PLAN_OPTIONS) --name=%s\n%s: | %s/%s\n", plan->programs, x->tool, x->name, x->name,
                    plan->programs, x->tool);
        }
        for (size_t j = 0; j < x->export_count && fine; j++) {
            const struct exported *export = &x->exports[j];
            if (strcmp(export->name, x->name)) {
                fine =
                    write_target(plan, x, export->name, out, export->family->nodes, export->family->node_count, true);
            }
        }
    }
    write_tools_last(plan, out);
    fputs("\n.PHONY: paper\npaper:", out);
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->experiments[i].broken && (plan->experiments[i].expanded || plan->experiments[i].refusal)) {
            fprintf(out, " %s", plan->experiments[i].name);
        }
    }
    fprintf(out, " | %s/report\n\t@%s/report $(PLAN_OPTIONS)\n", plan->programs, plan->programs);
    bool failed = ferror(out);
    if (fclose(out) || failed || !fine) {
        free(*text);
        *text = NULL;
        return pool_exhausted(e);
    }
    return STATUS_OK;
}
