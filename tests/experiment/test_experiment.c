/* Errors in experiments, profiles and SET: messages with file, line, what was expected, and suggestions. */
#include "tests/experiment/fixture.h"

/* Makes a plan with the text as its only experiment and expects this message. */
static void expect(const char *text, const char *profile, const char *set, const char *message) {
    write_text("experiments/a.ini", text);
    struct plan plan;
    struct error e = {0};
    struct plan_request r = request(profile, set);
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_BAD_INPUT);
    assert_message(&e, message);
    plan_free(&plan);
}

static void unknown_names(void **state) {
    (void)state;
    expect("[experiment]\nsumary = x\n[t]\nstage = simulate\nseed = 1\n", "paper", "",
           "%experiments/a.ini:2: unknown 'sumary' in [experiment]; expected title, summary, cost, differs, tool, "
           "table, table.NAME, figure.NAME or summary.NAME; did you mean 'summary'?");
    expect("[t]\nstage = simulte\n", "paper", "",
           "%experiments/a.ini:2: unknown stage 'simulte'; did you mean 'simulate'?");
    expect("[simulte]\nseed = 1\n", "paper", "",
           "%experiments/a.ini:1: [simulte] is not the name of a stage, and as a node it lacks 'stage = ...'; did you "
           "mean 'simulate'?");
    expect("[t]\nstage = simulate\nkapa = 0.2\n", "paper", "",
           "%experiments/a.ini:3: unknown 'kapa' in [t]; expected a parameter or input of simulate; did you mean "
           "'kappa'?");
    expect(
        "[t]\nstage = simulate\nsweep.kapa = 0.2\n", "paper", "",
        "%experiments/a.ini:3: unknown 'sweep.kapa' in [t]; expected a parameter of simulate; did you mean 'kappa'?");
    expect("[fit]\nepoch = 2\n[t]\nstage = simulate\n", "paper", "",
           "%experiments/a.ini:2: unknown 'epoch' in [fit]; expected a parameter of fit; did you mean 'epochs'?");
    expect("[fit]\nfrobnicate = 2\n", "paper", "",
           "%experiments/a.ini:2: unknown 'frobnicate' in [fit]; expected a parameter of fit (epochs, width)");
    expect("[t]\nstage = simulate\nseed = 1\n[m]\nstage = fit\ntraining = tt\n", "paper", "",
           "%experiments/a.ini:6: training: unknown node 'tt'; expected a node of stage simulate; did you mean 't'?");
}

static void values(void **state) {
    (void)state;
    expect("[t]\nstage = simulate\nseed = one\n", "paper", "",
           "%experiments/a.ini:3: seed = 'one': expected an integer in [0, 1000000000]");
    expect("[t]\nstage = simulate\nseed = 1\nkappa = 1.5\n", "paper", "",
           "%experiments/a.ini:4: kappa = '1.5': expected a real number in [0, 1]");
    expect("[simulate]\nkappa = nan\n[t]\nstage = simulate\nseed = 1\n", "paper", "",
           "%experiments/a.ini:2: kappa = 'nan': expected a real number in [0, 1]");
    expect(
        "[t]\nstage = simulate\nseed = 1\nalgorithm = metroplis\n", "paper", "",
        "%experiments/a.ini:4: algorithm = 'metroplis': expected one of hmc|metropolis (did you mean 'metropolis'?)");
    expect("# one\n[t]\nstage = simulate\n", "paper", "",
           "%experiments/a.ini:2: parameter 'seed' is missing: expected an integer in [0, 1000000000]");
    expect("[t]\nstage = simulate\nseed = 1\nlattice = 7x7\nalgorithm = metropolis\n", "paper", "",
           "%experiments/a.ini:1: metropolis: expected an even lattice");
}

static void inputs(void **state) {
    (void)state;
    const char t[] = "[t]\nstage = simulate\nseed = 1\n";
    char text[512];
    snprintf(text, sizeof text, "%s[m]\nstage = fit\n", t);
    expect(text, "paper", "",
           "%experiments/a.ini:4: [m] lacks the input 'training'; expected a node of stage simulate");
    snprintf(text, sizeof text, "%s[m]\nstage = fit\ntraining = t\n[n]\nstage = fit\ntraining = m\n", t);
    expect(text, "paper", "", "%experiments/a.ini:9: training = m: this node is of stage fit; expected stage simulate");
    snprintf(text, sizeof text, "%s[m]\nstage = fit\ntraining = t, t\n", t);
    expect(text, "paper", "", "%experiments/a.ini:6: training = 't, t': expected one node");
    snprintf(text, sizeof text, "%s[f]\nstage = picture\ndata = t,t\n", t);
    expect(text, "paper", "", "%experiments/a.ini:6: data names 't' twice");
    snprintf(text, sizeof text, "%s[f]\nstage = picture\ndata =\n", t);
    expect(text, "paper", "", "%experiments/a.ini:6: data = '': expected nodes separated by commas");
}

static void cycles(void **state) {
    (void)state;
    expect("[t]\nstage = simulate\nseed = 1\n[m]\nstage = fit\ntraining = t\n"
           "[a]\nstage = draw\nmodel = m\nstart = b\n"
           "[b]\nstage = draw\nmodel = m\nstart = c\n"
           "[c]\nstage = draw\nmodel = m\nstart = a\n",
           "paper", "", "%experiments/a.ini:7: nodes feed each other in a cycle: a <- b <- c <- a; expected none");
    expect("[t]\nstage = simulate\nseed = 1\n[m]\nstage = fit\ntraining = t\n[a]\nstage = draw\nmodel = m\nstart = a\n",
           "paper", "", "%experiments/a.ini:7: nodes feed each other in a cycle: a <- a; expected none");
}

static void names_and_exports(void **state) {
    (void)state;
    const char t[] = "[t]\nstage = simulate\nseed = 1\n[f]\nstage = picture\ndata = t\n";
    char text[512];
    expect("[T x]\nstage = simulate\n", "paper", "",
           "%experiments/a.ini:1: [T x]: expected a name of lower case letters, digits and '-'");
    expect("[fit]\nstage = fit\n", "paper", "",
           "%experiments/a.ini:1: [fit] is the name of a stage; expected another name for a node");
    expect("[experiment]\ntitle = x\n", "paper", "",
           "%experiments/a.ini: found no node; expected at least one section with 'stage = ...'");
    snprintf(text, sizeof text, "[experiment]\nfigure.x = g\n%s", t);
    expect(text, "paper", "", "%experiments/a.ini:2: figure.x: unknown node 'g'; expected the node that makes it");
    snprintf(text, sizeof text, "[experiment]\nfigure.x = t\n%s", t);
    expect(text, "paper", "", "%experiments/a.ini:2: figure.x = t: stage simulate makes no figure");
    snprintf(text, sizeof text, "[experiment]\ntable = f\n%s", t);
    expect(text, "paper", "", "%experiments/a.ini:2: table = f: stage picture makes no table");
    snprintf(text, sizeof text, "[experiment]\nfigure.test = f\n%s", t);
    expect(text, "paper", "", "%experiments/a.ini:2: 'test' is a target of the Makefile; expected another name");
    snprintf(text, sizeof text, "[experiment]\nfigure.x = f\nsummary.y = z\n%s", t);
    expect(text, "paper", "", "%experiments/a.ini:3: summary.y: there is no figure.y or table.y");
}

static void sweeps(void **state) {
    (void)state;
    expect("[t]\nstage = simulate\nseed = 1\nkappa = 0.1\nsweep.kappa = 0.1, 0.2\n", "paper", "",
           "%experiments/a.ini:5: 'kappa' is given a value, at %experiments/a.ini:4, and swept; expected only one of "
           "them");
    expect("[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.10\n", "paper", "",
           "%experiments/a.ini:4: sweep.kappa lists 0.10 twice; expected distinct values");
    expect("[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 2\n", "paper", "",
           "%experiments/a.ini:4: kappa = '2': expected a real number in [0, 1]");
    expect("[t]\nstage = simulate\nseed = 1\nsweep.kappa =\n", "paper", "",
           "%experiments/a.ini:4: sweep.kappa is empty; expected values separated by commas");
    expect("[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.2\n[m]\nstage = fit\ntraining = t\n"
           "[u]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.3\n[g]\nstage = draw\nmodel = m\nstart = u\n",
           "paper", "",
           "%experiments/a.ini:12: [g] depends on two sweeps of 'kappa', at %experiments/a.ini:4 and "
           "%experiments/a.ini:11, that list different values; expected the same list");
    expect(
        "[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.2\n[u]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, "
        "0.3\n"
        "[f]\nstage = picture\ndata = u\nreference = t\n",
        "paper", "",
        "%experiments/a.ini:9: [f] depends on two sweeps of 'kappa', at %experiments/a.ini:4 and %experiments/a.ini:8, "
        "that "
        "list different values; expected the same list");
}

static void members_of_sweeps(void **state) {
    (void)state;
    static const char swept[] =
        "[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.2\n[m]\nstage = fit\ntraining = t\n";
    char text[512];
    const struct {
        const char *section, *message;
    } wrong[] = {
        {"[m@kappa=0.3]\nepochs = 3\n",
         "%experiments/a.ini:8: the sweeps make no node 'm@kappa=0.3'; expected NODE@PARAMETER=VALUE"},
        {"[mm@kappa=0.1]\n", "%experiments/a.ini:8: [mm@kappa=0.1]: unknown node 'mm'; did you mean 'm'?"},
        {"[m@kappa=0.1]\ntraining = t\n",
         "%experiments/a.ini:9: unknown 'training' in [m@kappa=0.1]; expected a parameter of fit (epochs, width)"},
        {"[t@kappa=0.1]\nkappa = 0.2\n", "%experiments/a.ini:9: 'kappa' is swept; expected a parameter with one value"},
        {"[m@kappa=0.1]\nepochs = 0\n", "%experiments/a.ini:9: epochs = '0': expected an integer in [1, 1000000]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "%s%s", swept, wrong[i].section);
        expect(text, "paper", "", wrong[i].message);
    }
}

static const char good[] = "[t]\nstage = simulate\nseed = 1\nsweep.kappa = 0.1, 0.2\n[m]\nstage = fit\ntraining = t\n";

static void profiles(void **state) {
    (void)state;
    write_text("experiments/profiles/stage.ini", "[fitt]\nepochs = 1\n");
    expect(good, "stage", "",
           "%experiments/profiles/stage.ini:1: [fitt]: expected a stage or EXPERIMENT.NODE; did you mean 'fit'?");
    write_text("experiments/profiles/key.ini", "[fit]\nepoch = 1\n");
    expect(good, "key", "", "%experiments/profiles/key.ini:2: unknown parameter 'epoch' (did you mean 'epochs'?)");
    write_text("experiments/profiles/value.ini", "[draw]\nsteps = 0\n"); /* no node has this stage */
    expect(good, "value", "", "%experiments/profiles/value.ini:2: steps = '0': expected an integer in [1, 1000000]");
    write_text("experiments/profiles/node.ini", "\n[a.mm]\nepochs = 1\n");
    expect(good, "node", "",
           "%experiments/profiles/node.ini:3: unknown 'mm'; expected a node of that experiment; did you mean 'm'?");
    write_text("experiments/profiles/experiment.ini", "[b.m]\n");
    expect(good, "experiment", "", "%experiments/profiles/experiment.ini:1: there is no experiment 'b'");
    write_text("experiments/profiles/swept.ini", "[a.t]\nkappa = 0.3\n");
    expect(good, "swept", "",
           "%experiments/profiles/swept.ini:2: 'kappa' is swept in [t], at %experiments/a.ini:4; "
           "expected a parameter with one value");
    write_text("experiments/profiles/swept.ini", "[a.m]\nsweep.width = 8\n");
    expect(good, "swept", "", "%experiments/profiles/swept.ini:2: [m] has no sweep of 'width' that this could replace");
    write_text("experiments/profiles/double.ini", "[fit]\nepochs = 1\nepochs = 2\n");
    expect(good, "double", "",
           "%experiments/profiles/double.ini:3: 'epochs' is already set, at %experiments/profiles/double.ini:2; "
           "expected it once");
    for (size_t i = 0; i < 8; i++) {
        static const char *const made[] = {"stage", "key", "value", "node", "experiment", "swept", "double"};
        char path[256];
        if (i < 7) {
            snprintf(path, sizeof path, "%s/experiments/profiles/%s.ini", folder, made[i]);
            remove(path);
        }
    }
    write_text("experiments/profiles/quick.ini", "");
    expect(good, "quik", "",
           "PROFILE=quik: cannot read %experiments/profiles/quik.ini; expected one of paper, quick; did you mean "
           "'quick'?");
    expect(good, "x/y", "", "PROFILE=x/y: expected a name, or a path that ends in .ini");
}

static void set(void **state) {
    (void)state;
    expect(good, "paper", "epochs=1",
           "SET: 'epochs=1': expected STAGE.PARAMETER=VALUE or NODE.PARAMETER=VALUE, several separated by blanks");
    expect(good, "paper", "fit.epochs",
           "SET: 'fit.epochs': expected STAGE.PARAMETER=VALUE or NODE.PARAMETER=VALUE, several separated by blanks");
    expect(good, "paper", "fitt.epochs=1",
           "SET: fitt.epochs=1: unknown 'fitt'; expected a stage or a node; did you mean 'fit'?");
    expect(good, "paper", "fit.epoch=1", "SET: fit.epoch=1: unknown parameter 'epoch' (did you mean 'epochs'?)");
    expect(good, "paper", "m.width=3", "SET: m.width=3: width = '3': expected an integer in [8, 1000]");
    expect(good, "paper", "draw.steps=x", "SET: draw.steps=x: steps = 'x': expected an integer in [1, 1000000]");
    expect(good, "paper", "b.m.epochs=3", "SET: b.m.epochs=3: there is no experiment 'b'");
    expect(good, "paper", "t.kappa=0.5",
           "SET: t.kappa=0.5: 'kappa' is swept in [t], at %experiments/a.ini:4; expected a "
           "parameter with one value");
    expect(good, "paper", "m.epochs=3  m.epochs=4", "SET: m.epochs is given twice");
}

static void backends(void **state) {
    (void)state;
    write_text("experiments/a.ini", good);
    struct plan plan;
    struct error e = {0};
    struct plan_request r = request("paper", "");
    r.backend = "cuda";
    r.no_cuda = "no nvcc was found";
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "BACKEND=cuda: no CUDA backend is built: no nvcc was found; expected cpu");
    plan_free(&plan);
    r.backend = "gpu";
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "BACKEND=gpu: expected cpu|cuda|cuda-float32|cuda-bf16");
    plan_free(&plan);

    /* The backend is part of the recipes of stages that use one; stages with gradients do not accept cuda-bf16. */
    r.no_cuda = NULL;
    static const char *const names[] = {"cpu", "cuda", "cuda-float32", "cuda-bf16"};
    static const char *const lines[] = {"backend=cpu\n", "backend=cuda\n", "backend=cuda-float32\n", "backend=cuda\n"};
    for (int i = 0; i < 4; i++) {
        r.backend = names[i];
        assert_int_equal(plan_read(&r, &plan, &e), STATUS_OK);
        assert_non_null(strstr(find_node(&plan, "m@kappa=0.1")->recipe, lines[i]));
        assert_null(strstr(find_node(&plan, "t@kappa=0.1")->recipe, "backend="));
        plan_free(&plan);
    }
}

static void names_are_unique_across_experiments(void **state) {
    (void)state;
    const char text[] = "[experiment]\nfigure.x = f\n[t]\nstage = simulate\nseed = 1\n[f]\nstage = picture\ndata = t\n";
    write_text("experiments/b.ini", text);
    write_text("experiments/a.ini", text);
    struct plan plan;
    struct error e = {0};
    struct plan_request r = request("paper", "");
    assert_int_equal(plan_read(&r, &plan, &e), STATUS_OK);
    assert_true(plan.experiments[1].broken && !plan.experiments[0].broken);
    error_set(&e, STATUS_BAD_INPUT, "%s", plan.experiments[1].refusal);
    assert_message(&e, "%experiments/b.ini:2: 'x' is already a target, of %experiments/a.ini:2; expected another name");
    plan_free(&plan);
    char path[256];
    snprintf(path, sizeof path, "%s/experiments/b.ini", folder);
    assert_int_equal(remove(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(values),
        cmocka_unit_test(inputs),
        cmocka_unit_test(cycles),
        cmocka_unit_test(names_and_exports),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(members_of_sweeps),
        cmocka_unit_test(profiles),
        cmocka_unit_test(set),
        cmocka_unit_test(backends),
        cmocka_unit_test(names_are_unique_across_experiments),
    };
    fixture_open();
    int failed = cmocka_run_group_tests_name("experiment", tests, NULL, NULL);
    fixture_close();
    return failed;
}
