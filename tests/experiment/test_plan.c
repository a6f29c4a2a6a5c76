/* Plans of valid experiments: precedence, sweeps, recipes and keys, make rules, published results. */
#include "tests/experiment/fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_plan(struct plan *plan, const char *profile, const char *set) {
    struct error e = {0};
    struct plan_request r = request(profile, set);
    if (plan_read(&r, plan, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
}

static void precedence_of_settings(void **state) {
    (void)state;
    static const struct {
        const char *shared, *node, *profile_stage, *profile_node, *set, *expected;
    } cases[] = {
        {"", "", "", "", "", "250"},
        {"epochs = 1", "", "", "", "", "1"},
        {"epochs = 1", "epochs = 2", "", "", "", "2"},
        {"epochs = 1", "epochs = 2", "epochs = 3", "", "", "3"},
        {"epochs = 1", "epochs = 2", "epochs = 3", "epochs = 4", "", "4"},
        {"epochs = 1", "epochs = 2", "epochs = 3", "epochs = 4", "fit.epochs=5", "5"},
        {"epochs = 1", "epochs = 2", "epochs = 3", "epochs = 4", "m.epochs=6 fit.epochs=5", "6"},
        {"epochs = 1", "epochs = 2", "", "epochs = 4", "a.m.epochs=7", "7"},
        {"epochs = 1", "", "epochs = 3", "", "m.width=8", "3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "[fit]\n%s\n[t]\nstage = simulate\nseed = 1\n[m]\nstage = fit\ntraining = t\n%s\n",
                 cases[i].shared, cases[i].node);
        write_text("experiments/a.ini", text);
        snprintf(text, sizeof text, "[fit]\n%s\n[a.m]\n%s\n", cases[i].profile_stage, cases[i].profile_node);
        write_text("experiments/profiles/p.ini", text);
        struct plan plan;
        read_plan(&plan, "p", cases[i].set);
        assert_string_equal(value(&plan, "m", "epochs"), cases[i].expected);
        plan_free(&plan);
    }
}

static void one_node_of_a_sweep(void **state) {
    (void)state;
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.2\n"
                                    "[m]\nstage = fit\ntraining = t\nepochs = 2\n[m@kappa=0.2]\nepochs = 3\n");
    write_text("experiments/profiles/p.ini", "[a.m]\nepochs = 4\n");
    static const struct {
        const char *profile, *set, *first, *second;
    } cases[] = {{"paper", "", "2", "3"}, {"p", "", "4", "4"}, {"paper", "m.epochs=5", "5", "5"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan plan;
        read_plan(&plan, cases[i].profile, cases[i].set);
        assert_string_equal(value(&plan, "m@kappa=0.1", "epochs"), cases[i].first);
        assert_string_equal(value(&plan, "m@kappa=0.2", "epochs"), cases[i].second);
        plan_free(&plan);
    }
}

static void profiles_have_folders_of_their_own(void **state) {
    (void)state;
    char expected[128], path[128];
    struct plan plan;
    read_plan(&plan, "paper", "");
    snprintf(expected, sizeof expected, "%s/results", folder);
    assert_string_equal(plan.root, expected);
    plan_free(&plan);
    snprintf(path, sizeof path, "%s/experiments/profiles/p.ini", folder);
    const char *const names[] = {"p", path};
    for (size_t i = 0; i < 2; i++) {
        read_plan(&plan, names[i], "");
        snprintf(expected, sizeof expected, "%s/results/p", folder);
        assert_string_equal(plan.root, expected);
        snprintf(expected, sizeof expected, "%s/figures/p", folder);
        assert_string_equal(plan.figures, expected);
        plan_free(&plan);
    }
}

static const char swept[] = "[experiment]\nfigure.x = f\n"
                            "[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.20\n"
                            "[u]\nstage = simulate\nseed = 2\nsweep.kappa = 0.1, 0.2\n"
                            "[m]\nstage = fit\ntraining = t\n"
                            "[g]\nstage = draw\nmodel = m\nstart = u\nsweep.steps = 3, 4\n"
                            "[f]\nstage = picture\ndata = t, g\n";

static void sweeps_expand_what_depends_on_them(void **state) {
    (void)state;
    write_text("experiments/a.ini", swept);
    struct plan plan;
    read_plan(&plan, "paper", "");
    static const char *const expected[] = {"t@kappa=0.1",         "t@kappa=0.2",         "m@kappa=0.1",
                                           "m@kappa=0.2",         "g@kappa=0.1,steps=3", "g@kappa=0.1,steps=4",
                                           "g@kappa=0.2,steps=3", "g@kappa=0.2,steps=4", "f",
                                           "u@kappa=0.1",         "u@kappa=0.2"};
    assert_int_equal(plan.experiments[0].node_count, 11);
    for (size_t i = 0; i < 11; i++) {
        find_node(&plan, expected[i]);
    }
    /* In step: model and start of the same kappa. */
    const struct node *g = find_node(&plan, "g@kappa=0.2,steps=3");
    assert_string_equal(g->inputs[0].nodes[0]->name, "m@kappa=0.2");
    assert_string_equal(g->inputs[1].nodes[0]->name, "u@kappa=0.2");
    assert_string_equal(g->inputs[0].nodes[0]->inputs[0].nodes[0]->name, "t@kappa=0.2");
    assert_string_equal(value(&plan, "t@kappa=0.2", "kappa"), "0.2");
    assert_string_equal(value(&plan, "g@kappa=0.2,steps=3", "steps"), "3");
    /* An input of many nodes: all of them, in order. */
    const struct node *f = find_node(&plan, "f");
    static const char *const collected[] = {"t@kappa=0.1",         "t@kappa=0.2",         "g@kappa=0.1,steps=3",
                                            "g@kappa=0.1,steps=4", "g@kappa=0.2,steps=3", "g@kappa=0.2,steps=4"};
    assert_int_equal(f->inputs[0].count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(f->inputs[0].nodes[i]->name, collected[i]);
    }
    plan_free(&plan);
}

static void a_profile_replaces_sweeps(void **state) {
    (void)state;
    write_text("experiments/a.ini", swept);
    write_text("experiments/profiles/p.ini", "[a.g]\nsweep.steps = 7\n[simulate]\nkappa = 0.5\n");
    struct plan plan;
    read_plan(&plan, "p", "simulate.kappa=0.6");
    assert_int_equal(plan.experiments[0].node_count, 9);
    assert_string_equal(value(&plan, "g@kappa=0.1,steps=7", "steps"), "7");
    /* A value for the whole stage does not change a swept value. */
    assert_string_equal(value(&plan, "t@kappa=0.1", "kappa"), "0.1");
    plan_free(&plan);
}

static void lists_are_swept_by_commas_between_extents(void **state) {
    (void)state;
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 1\nsweep.lattice = 8x8, 16x16\n");
    struct plan plan;
    read_plan(&plan, "paper", "");
    assert_string_equal(value(&plan, "t@lattice=16x16", "lattice"), "16,16");
    plan_free(&plan);
}

static const char simple[] = "[experiment]\nfigure.x = f\ntable = r\n[t]\nstage = simulate\nseed = 1\n"
                             "[m]\nstage = fit\ntraining = t\n[f]\nstage = picture\ndata = t\n"
                             "[r]\nstage = report\ndata = t\n";

/* The SHA-256 of these texts, by sha256sum: keys are names of folders and must not change. */
static void keys_are_golden(void **state) {
    (void)state;
    write_text("experiments/a.ini", simple);
    struct plan plan;
    read_plan(&plan, "paper", "");
    const struct node *t = find_node(&plan, "t"), *m = find_node(&plan, "m"), *f = find_node(&plan, "f");
    assert_string_equal(t->recipe, "algorithm=hmc\nconfigurations=16\nkappa=0.21\nlattice=8,8\nseed=1\n"
                                   "stage=simulate\nversion=1\n");
    assert_string_equal(t->key, "b0ef9a8b9e286e77df5cc465cfb010345e88804100594f0d9bc5051e0484e15e");
    assert_string_equal(m->key, "ff3ba5aee32efb01c19f378e7632b0003262637c6940df34fcf67337e8caa31f");
    assert_string_equal(f->key, "d4cd1835fef0690b3782d986713c0fe46386d6aafe5b625a547a71ceeff12e1c");
    plan_free(&plan);
}

/* Which keys (of t, m, f) change with the file or SET. */
static void keys(const char *text, const char *set, char out[3][65]) {
    write_text("experiments/a.ini", text);
    struct plan plan;
    read_plan(&plan, "paper", set);
    const char *const names[] = {"t", "m", "f"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(out[i], 65, "%s", find_node(&plan, names[i])->key);
    }
    plan_free(&plan);
}

static void keys_change_exactly_when_they_should(void **state) {
    (void)state;
    char before[3][65], after[3][65];
    static const struct {
        const char *text, *set;
        bool changed[3];
    } cases[] = {
        {simple, "", {false, false, false}},
        {simple, "m.epochs=250 t.kappa=0.210 t.lattice=8x8", {false, false, false}}, /* the same values */
        {simple, "fit.epochs=100", {false, true, false}},
        {simple, "t.kappa=0.25", {true, true, true}},
        {simple, "f.title=x", {false, false, true}},
        /* Order, comments, blanks, other nodes and explicit defaults change nothing. */
        {"# x\n[f]\ndata = t\nstage = picture\n[m]\ntraining=t\nstage = fit\nepochs = 250\n"
         "[t]\nseed =   1\nstage = simulate\nlattice = 8 8\n[t2]\nstage = simulate\nseed = 3\n",
         "",
         {false, false, false}},
    };
    keys(simple, "", before);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        keys(cases[i].text, cases[i].set, after);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(strcmp(before[j], after[j]) != 0, cases[i].changed[j]);
        }
    }
}

static size_t count_of(const char *text, const char *part) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) {
        n++;
    }
    return n;
}

static void rules_are_one_a_key_and_order_only(void **state) {
    (void)state;
    write_text("experiments/a.ini",
               "[t]\nstage = simulate\nseed = 1\n[same]\nstage = simulate\nseed = 1\nkappa = 0.21\n"
               "[m]\nstage = fit\ntraining = same\n[experiment]\nfigure.x = f\n"
               "[f]\nstage = picture\ndata = m2\ntitle = it's $5 # \\\n"
               "[m2]\nstage = draw\nmodel = m\n");
    write_text("experiments/b.ini", "[experiment]\ntool = clock\n[t]\nstage = simulate\nseed = 1\n");
    write_text("experiments/clock.ini", "[experiment]\ntool = clock\n[t]\nstage = simulate\nseed = 1\n");
    struct plan plan;
    struct error e = {0};
    char *text = NULL;
    read_plan(&plan, "paper", "");
    assert_int_equal(plan_rules(&plan, &text, &e), STATUS_OK);
    assert_int_equal(count_of(text, "bin/simulate --"), 1);
    assert_int_equal(count_of(text, "bin/fit --training="), 1);
    assert_int_equal(count_of(text, "--label=a/t "), 1);
    assert_int_equal(count_of(text, " '--users=a/t, a/same, b/t, clock/t' "), 1); /* all nodes with this key */
    assert_int_equal(count_of(text, "--users="), 1);
    assert_non_null(strstr(text, "'--title=it'\\''s $$5 # \\'"));
    /* programs that recipes run are prerequisites, for a fresh clone */
    assert_non_null(strstr(text, "\n.PHONY: a\na: | bin/ledger \\\n"));
    assert_non_null(strstr(text, "\n.PHONY: x\nx: | bin/ledger \\\n"));
    assert_non_null(strstr(text, "\nPLAN_REBUILD = @bin/ledger --rebuild"));
    assert_non_null(strstr(text, "\npaper: a b clock | bin/report\n\t@bin/report $(PLAN_OPTIONS)\n"));
    assert_non_null(strstr(text, "\nifneq ($(filter paper,$(MAKECMDGOALS)),)\nclock: | a b\nendif\n"));
    assert_non_null(
        strstr(text, "--publish=b\n\t$(PLAN_REBUILD)\n\t@bin/clock $(PLAN_OPTIONS) --name=b\nb: | bin/clock\n"));
    /* An interrupted make does not remove artifacts, and its signal reaches the stage: no shell is between them. */
    assert_int_equal(count_of(text, "\n.PRECIOUS: "), 4);
    assert_int_equal(count_of(text, ";) exec $(LAUNCH) bin/"), 4);
    /* no ledger for stages on other hosts */
    assert_int_equal(count_of(text, " $(RUN_LEDGER) $(STAGE_OPTIONS)\n"), 4);
    assert_non_null(strstr(text, "\nRUN_LEDGER = $(if $(LAUNCH),,$(PLAN_LEDGER))\n"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (!strncmp(line, ".PRECIOUS: ", 11)) {
            char *rule = strtok(NULL, "\n");
            assert_memory_equal(rule, line + 11, strlen(line + 11));
            rule += strlen(line + 11);
            assert_true(strstr(rule, ": $(if $(wildcard ") == rule && strstr(rule, "/pending-run.json),FORCE) |"));
        } else if (strstr(line, "artifacts/") && line[0] != '\t' && line[0] != ' ') {
            assert_non_null(strstr(line, " |")); /* order-only: times do not matter */
        }
    }
    free(text);
    plan_free(&plan);
    char path[256];
    snprintf(path, sizeof path, "%s/experiments/b.ini", folder);
    assert_int_equal(remove(path), 0);
}

/* A replacement for a stage that writes its options, one per line. */
static const char keeps_options[] = "#!/bin/sh\nfor o in \"$@\"; do echo \"$o\"; done >>'%s/options'\n";

/* Every printable character in a text, set or swept, reaches the stage, and the shell interprets none of them. */
static void the_shell_interprets_no_text(void **state) {
    (void)state;
    char printable[96] = "", experiment[2048], script[256], command[512], expected[256], *text = NULL;
    size_t n = 0;
    for (char c = '!'; c <= '~'; c++) {
        if (c != ',' && c != ';') { /* separators of values; comments after a blank */
            printable[n++] = c;
        }
    }
    static const char *const values[] = {"';touch x", "It's one", "It's two", "$(shell touch x)",
                                         "`touch x`", "a b",      "a/b",      "&"};
    size_t used = (size_t)snprintf(experiment, sizeof experiment,
                                   "[t]\nstage = simulate\nseed = 1\n[f]\nstage = picture\ndata = t\ntitle = a;%s\n"
                                   "[g]\nstage = picture\ndata = t\nsweep.title = %s",
                                   printable, printable);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        used += (size_t)snprintf(experiment + used, sizeof experiment - used, ",\n  %s", values[i]);
    }
    snprintf(experiment + used, sizeof experiment - used, "\n");
    write_text("experiments/a.ini", experiment);
    snprintf(script, sizeof script, keeps_options, folder);
    snprintf(expected, sizeof expected, "%s/programs", folder);
    static const char *const programs[] = {"programs/simulate", "programs/picture", "programs/ledger"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(chmod(write_text(programs[i], script), 0755), 0);
    }
    struct plan_request r = request("paper", "");
    r.programs = expected;
    struct plan plan;
    struct error e = {0};
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_OK);
    for (size_t i = 0; i < plan.experiments[0].node_count; i++) {
        const char *name = plan.experiments[0].nodes[i]->name;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-=:@_,~"),
                         strlen(name));
    }
    find_node(&plan, "g@title=axb");
    find_node(&plan, "g@title=axb~2");
    assert_int_equal(plan_rules(&plan, &text, &e), STATUS_OK);
    plan_free(&plan);
    snprintf(command, sizeof command,
             "MAKEFLAGS= make -s -k -f '%s' STAGE_OPTIONS= PLAN=: PLAN_REBUILD= a >'%s/printed' 2>&1",
             write_text("rules.mk", text), folder);
    free(text);
    assert_int_equal(system(command), 0);
    assert_int_not_equal(access("x", F_OK), 0);
    char *options;
    size_t size;
    snprintf(command, sizeof command, "%s/options", folder);
    assert_int_equal(file_read(command, &options, &size, &e), STATUS_OK);
    snprintf(expected, sizeof expected, "--title=a;%s\n", printable);
    assert_non_null(strstr(options, expected));
    snprintf(expected, sizeof expected, "--title=%s\n", printable);
    assert_non_null(strstr(options, expected));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(expected, sizeof expected, "--title=%s\n", values[i]);
        assert_non_null(strstr(options, expected));
    }
    free(options);
}

/* --- publishing -------------------------------------------------------------------------------------- */

static void make_output(const struct plan *plan, const char *node, const char *output, const char *text) {
    const char *base = plan_folder(plan, find_node(plan, node));
    char path[512];
    struct error e;
    assert_int_equal(file_make_folder(base, &e), STATUS_OK);
    snprintf(path, sizeof path, "%s/%s", base, output);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
}

static ino_t inode(const char *name) {
    char path[512];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return lstat(path, &found) ? 0 : found.st_ino;
}

static void publish(const char *set, const char *only, const char *printed) {
    struct plan plan;
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    read_plan(&plan, "paper", set);
    FILE *out = open_memstream(&text, &size);
    if (plan_publish(&plan, "a", only, NULL, out, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    fclose(out);
    assert_non_null(strstr(text, printed));
    free(text);
    plan_free(&plan);
}

static void results_are_linked_copied_and_printed(void **state) {
    (void)state;
    write_text("experiments/a.ini", simple);
    struct plan plan;
    struct error e = {0};
    read_plan(&plan, "paper", "");
    assert_int_equal(plan_publish(&plan, "a", NULL, NULL, stdout, &e), STATUS_FAILED); /* nothing is computed yet */
    assert_non_null(strstr(e.message, "expected the result of t (make a computes it)"));
    assert_int_equal(plan_publish(&plan, "b", NULL, NULL, stdout, &e), STATUS_BAD_INPUT);
    make_output(&plan, "t", "artifact.npz", "numbers");
    make_output(&plan, "m", "artifact.npz", "weights");
    make_output(&plan, "f", "figure.tsv", "the\tpoints\n");
    make_output(&plan, "f", "figure.svg", "<svg>");
    make_output(&plan, "f", "figure.pdf", "%PDF");
    make_output(&plan, "r", "table.md", "| a table |\n");
    make_output(&plan, "r", "table.tsv", "a\ttable\n");
    char expected[256], path[256], found[256] = "", *copy = NULL;
    snprintf(expected, sizeof expected, "../artifacts/%s/artifact.npz", find_node(&plan, "m")->key);
    plan_free(&plan);

    publish("", NULL, "| a table |");
    snprintf(path, sizeof path, "%s/results/a/m.npz", folder);
    assert_true(readlink(path, found, sizeof found - 1) > 0);
    assert_string_equal(found, expected);
    size_t size;
    snprintf(path, sizeof path, "%s/results/a/a.tsv", folder);
    assert_int_equal(file_read(path, &copy, &size, &e), STATUS_OK);
    assert_string_equal(copy, "a\ttable\n");
    free(copy);
    snprintf(path, sizeof path, "%s/figures/x.svg", folder);
    assert_int_equal(file_read(path, &copy, &size, &e), STATUS_OK);
    assert_string_equal(copy, "<svg>");
    free(copy);
    snprintf(path, sizeof path, "%s/results/a/x.tsv", folder);
    assert_int_equal(file_read(path, &copy, &size, &e), STATUS_OK);
    assert_string_equal(copy, "the\tpoints\n");
    free(copy);
    assert_false(inode("figures/x.tsv"));

    /* Again: nothing is written. */
    ino_t link = inode("results/a/m.npz"), figure = inode("figures/x.pdf");
    publish("", NULL, "| a table |");
    assert_true(link == inode("results/a/m.npz") && figure == inode("figures/x.pdf"));

    /* A new model: its link changes, the others do not; with only=x no link changes. */
    read_plan(&plan, "paper", "m.epochs=1");
    make_output(&plan, "m", "artifact.npz", "other weights");
    snprintf(expected, sizeof expected, "../artifacts/%s/artifact.npz", find_node(&plan, "m")->key);
    plan_free(&plan);
    ino_t ensemble = inode("results/a/t.npz");
    publish("m.epochs=1", "x", "x: ");
    assert_true(link == inode("results/a/m.npz"));
    publish("m.epochs=1", NULL, "| a table |");
    snprintf(path, sizeof path, "%s/results/a/m.npz", folder);
    memset(found, 0, sizeof found);
    assert_true(readlink(path, found, sizeof found - 1) > 0);
    assert_string_equal(found, expected);
    assert_true(ensemble == inode("results/a/t.npz"));
}

/* While another process publishes into the same root, nothing changes. */
static void published_one_at_a_time(void **state) {
    (void)state;
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 5\n");
    struct plan plan;
    read_plan(&plan, "paper", "");
    make_output(&plan, "t", "artifact.npz", "numbers");
    plan_free(&plan);
    char path[256];
    snprintf(path, sizeof path, "%s/results/publish.lock", folder);
    const int lock = open(path, O_RDWR | O_CREAT, 0666);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    const ino_t before = inode("results/a/t.npz");
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(lock); /* the lock is shared by copies of the descriptor */
        publish("", NULL, "");
        _exit(0);
    }
    usleep(150000);
    assert_true(inode("results/a/t.npz") == before);
    close(lock);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_true(inode("results/a/t.npz") != before);
}

/* A figure and a table may both have the name of the experiment. */
static void figures_named_like_a_table_keep_their_numbers(void **state) {
    (void)state;
    write_text("experiments/a.ini", "[experiment]\nfigure.a = f\ntable = r\n[t]\nstage = simulate\nseed = 1\n"
                                    "[f]\nstage = picture\ndata = t\n[r]\nstage = report\ndata = t\n");
    struct plan plan;
    struct error e = {0};
    read_plan(&plan, "paper", "");
    make_output(&plan, "t", "artifact.npz", "numbers");
    make_output(&plan, "f", "figure.tsv", "points");
    make_output(&plan, "f", "figure.svg", "<svg>");
    make_output(&plan, "f", "figure.pdf", "%PDF");
    make_output(&plan, "r", "table.md", "| a table |\n");
    make_output(&plan, "r", "table.tsv", "a table");
    plan_free(&plan);
    publish("", NULL, "| a table |");
    static const char *const names[] = {"a.tsv", "a-figure.tsv"}, *const texts[] = {"a table", "points"};
    for (size_t i = 0; i < 2; i++) {
        char path[256], *copy;
        size_t size;
        snprintf(path, sizeof path, "%s/results/a/%s", folder, names[i]);
        assert_int_equal(file_read(path, &copy, &size, &e), STATUS_OK);
        assert_string_equal(copy, texts[i]);
        free(copy);
    }
}

static void links_of_removed_nodes_are_removed(void **state) {
    (void)state;
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 1\n");
    write_text("results/a/notes.txt", "mine");
    struct plan plan;
    struct error e = {0};
    read_plan(&plan, "paper", "");
    assert_int_equal(plan_publish(&plan, "a", NULL, NULL, stdout, &e), STATUS_OK);
    plan_free(&plan);
    assert_true(inode("results/a/t.npz") && inode("results/a/notes.txt"));
    assert_false(inode("results/a/m.npz") || inode("results/a/a.tsv"));
}

/* SET applies to experiments with such a node and parameter. An experiment in which the value is invalid reports it
 * when it is requested; the others are computed. */
static void set_of_several_experiments(void **state) {
    (void)state;
    write_text("experiments/a.ini",
               "[experiment]\ntable = r\n[t]\nstage = simulate\nseed = 1\n[r]\nstage = report\ndata = t\n");
    write_text("experiments/b.ini", "[s]\nstage = simulate\nseed = 1\n[t]\nstage = fit\ntraining = s\n");
    write_text("experiments/c.ini",
               "[experiment]\ntable = rc\n[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.2\n"
               "[rc]\nstage = report\ndata = t\n");
    struct plan plan;
    struct error e = {0};
    char *text = NULL;
    read_plan(&plan, "paper", "t.kappa=0.3");
    assert_null(plan.experiments[0].refusal);
    assert_null(plan.experiments[1].refusal);
    assert_non_null(strstr(plan.experiments[2].refusal, "'kappa' is swept in [t]"));
    assert_int_equal(plan.experiments[2].node_count, 0);
    assert_int_equal(plan_rules(&plan, &text, &e), STATUS_OK);
    assert_int_equal(count_of(text, "--kappa=0.3 "), 1);
    assert_non_null(strstr(text, "\n.PHONY: a\na: |"));
    assert_non_null(
        strstr(text, "\n.PHONY: c\nc:\n\t@printf '%s\\n' 'SET: t.kappa=0.3: '\\''kappa'\\'' is swept in [t]"));
    assert_int_not_equal(plan_publish(&plan, "c", NULL, NULL, stdout, &e), STATUS_OK);
    free(text);
    plan_free(&plan);
    struct plan_request r = request("paper", "t.steps=3");
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "SET: t.steps=3: unknown parameter 'steps'"));
    plan_free(&plan);
    char path[256];
    for (char name = 'b'; name <= 'c'; name++) {
        snprintf(path, sizeof path, "%s/experiments/%c.ini", folder, name);
        remove(path);
    }
}

/* An error in a file leaves out its experiment, and no other. */
static void an_invalid_file_leaves_out_only_its_experiment(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[t]\nstage = simulat\n", "b.ini:2: unknown stage 'simulat'"},
        {"[t]\nstage = simulate\nseed = 1\nkapa = 0.2\n", "b.ini:4: unknown 'kapa' in [t]"},
        {"[t]\nstage = simulate\nseed = one\n", "b.ini:3: seed = 'one': expected"},
        {"no setting\n", "b.ini:1: expected 'name = value' or '[section]'"},
        {"[experiment]\ntable.c = r\n[t]\nstage = simulate\nseed = 1\n[r]\nstage = report\ndata = t\n",
         "b.ini:2: 'c' is already a target"},
    };
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 1\n");
    write_text("experiments/c.ini", "[t]\nstage = simulate\nseed = 2\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan plan;
        struct error e = {0};
        char *text = NULL, *said = NULL;
        size_t size;
        write_text("experiments/b.ini", cases[i].text);
        read_plan(&plan, "paper", "");
        assert_int_equal(plan.count, 3);
        assert_true(plan.experiments[1].broken && !plan.experiments[0].broken && !plan.experiments[2].broken);
        assert_non_null(strstr(plan.experiments[1].refusal, cases[i].message));
        assert_int_equal(plan_rules(&plan, &text, &e), STATUS_OK);
        assert_non_null(strstr(text, "\npaper: a c |"));
        assert_non_null(strstr(text, "\n.PHONY: b\nb:\n\t@printf"));
        FILE *out = open_memstream(&said, &size);
        plan_warn(&plan, out);
        fclose(out);
        assert_non_null(strstr(said, "; experiment b is left out\n"));
        free(said);
        free(text);
        plan_free(&plan);
    }
    /* If no other is valid, the message of the file is the error. */
    char path[256];
    snprintf(path, sizeof path, "%s/experiments/c.ini", folder);
    remove(path);
    write_text("experiments/a.ini", cases[0].text);
    write_text("experiments/b.ini", cases[0].text);
    struct plan plan;
    struct error e = {0};
    struct plan_request r = request("paper", "");
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "unknown stage 'simulat'"));
    plan_free(&plan);
    snprintf(path, sizeof path, "%s/experiments/b.ini", folder);
    remove(path);
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 1\n");
}

/* Whether all experiments are expanded for these goals, with their rules in *rules (the caller frees them). */
static bool all_expanded(const char *goals, char **rules) {
    struct plan plan;
    struct error e = {0};
    struct plan_request r = request("paper", "");
    r.goals = goals;
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_OK);
    bool all = true;
    for (size_t i = 0; i < plan.count; i++) {
        all = all && plan.experiments[i].expanded;
    }
    assert_int_equal(plan_rules(&plan, rules, &e), STATUS_OK);
    plan_free(&plan);
    return all;
}

/* An experiment whose results exist is expanded alone; rules of one that needs a run name all that share its nodes. */
static void only_complete_experiments_are_expanded_alone(void **state) {
    (void)state;
    char path[512], *rules;
    struct plan plan;
    write_text("experiments/a.ini", "[experiment]\nfigure.x = f\n[t]\nstage = simulate\nseed = 11\n"
                                    "[f]\nstage = picture\ndata = t\n");
    write_text("experiments/b.ini", "[t]\nstage = simulate\nseed = 11\n[u]\nstage = simulate\nseed = 12\n");
    static const char *const before[] = {"a", "x", "b", "a b", "paper", "nothing", "", NULL};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        assert_true(all_expanded(before[i], &rules));
        assert_non_null(strstr(rules, "--label=a/t '--users=a/t, b/t'"));
        free(rules);
    }
    read_plan(&plan, "paper", "");
    make_output(&plan, "t", "artifact.npz", "numbers");
    make_output(&plan, "f", "figure.pdf", "%PDF");
    static const struct {
        const char *goals;
        bool all;
    } after[] = {{"a", false},  {"x", false},      {"x a", false},   {"b", true},
                 {"a b", true}, {"a paper", true}, {"nothing", true}};
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        assert_true(all_expanded(after[i].goals, &rules) == after[i].all);
        assert_non_null(strstr(rules, "\na: |"));
        assert_non_null(strstr(rules, "\nx: |"));
        assert_true((strstr(rules, "\nb: |") != NULL) == after[i].all);
        free(rules);
    }
    make_output(&plan, "t", "pending-run.json", "{}"); /* a run whose record is not complete */
    assert_true(all_expanded("a", &rules));
    free(rules);
    plan_free(&plan);
    snprintf(path, sizeof path, "%s/experiments/b.ini", folder);
    remove(path);
    write_text("experiments/a.ini", "[t]\nstage = simulate\nseed = 1\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invalid_file_leaves_out_only_its_experiment),
        cmocka_unit_test(precedence_of_settings),
        cmocka_unit_test(one_node_of_a_sweep),
        cmocka_unit_test(profiles_have_folders_of_their_own),
        cmocka_unit_test(sweeps_expand_what_depends_on_them),
        cmocka_unit_test(a_profile_replaces_sweeps),
        cmocka_unit_test(lists_are_swept_by_commas_between_extents),
        cmocka_unit_test(keys_are_golden),
        cmocka_unit_test(keys_change_exactly_when_they_should),
        cmocka_unit_test(rules_are_one_a_key_and_order_only),
        cmocka_unit_test(the_shell_interprets_no_text),
        cmocka_unit_test(results_are_linked_copied_and_printed),
        cmocka_unit_test(published_one_at_a_time),
        cmocka_unit_test(figures_named_like_a_table_keep_their_numbers),
        cmocka_unit_test(links_of_removed_nodes_are_removed),
        cmocka_unit_test(set_of_several_experiments),
        cmocka_unit_test(only_complete_experiments_are_expanded_alone),
    };
    fixture_open();
    int failed = cmocka_run_group_tests_name("plan", tests, NULL, NULL);
    fixture_close();
    return failed;
}
