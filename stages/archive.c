/* Tool `archive`: writes an experiment with everything that it depends on to archives/NAME-VERSION, an RO-Crate in a
 * BagIt bag, and packs it as .tar.gz. It contains the artifacts, tables, figures, run records and their ledger, the
 * experiments, the source and the list of packages. See archive_contents.h, src/provenance/crate.h and bag.h. Its bytes
 * depend on this content alone. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"
#include "base/version.h"
#include "provenance/bag.h"
#include "provenance/crate.h"
#include "provenance/tree.h"
#include "provenance/verify.h"
#include "stages/archive_contents.h"
#include "stages/archive_text.h"
#include "stages/closure.h"
#include "stages/planner.h"
#include "stages/project.h"

static const char *name, *license, *project_path, *output, *sources, *packages, *commit, *dirty;
static bool license_is_file; /* else `license` is an identifier, a URL or "" */

struct work {
    const struct plan *plan;
    const struct plan_request *request;
    const struct experiment *x;
    const char *const *keys;
    size_t key_count;
    struct lineage *lineage;
    const char *bag, *data;     /* the folder in the making, and its payload */
    const char *root, *figures; /* below data: "results/quick", "figures/quick" */
    const char *profile;
    struct project project;
    struct crate crate;
};

/* Fails unless all steps are computed and their files agree with the run records. */
static enum status check(const struct work *w, struct error *e) {
    size_t missing = 0, wrong = 0;
    for (size_t i = 0; i < w->x->node_count; i++) {
        const char *path = plan_artifact(w->plan, w->x->nodes[i]);
        missing += !path || access(path, R_OK) != 0 || !lineage_find(w->lineage, w->x->nodes[i]->key);
    }
    if (missing) {
        const char *variables = planner_variables(w->plan, w->request);
        return error_set(e, STATUS_BAD_INPUT, "%zu of the %zu steps of %s are not computed; make %s%s computes them",
                         missing, w->x->node_count, w->x->name, w->x->name, variables);
    }
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    enum status status = out ? verify_results(w->lineage, w->keys, w->key_count, out, &wrong, e) : pool_exhausted(e);
    if (out) {
        fclose(out);
    }
    if (status == STATUS_OK && wrong) {
        fputs(text, stderr);
        status = error_set(
            e, STATUS_BAD_INPUT,
            "%s: results differ from their run records (see above), expected results that make verify accepts",
            w->plan->root);
    }
    free(text);
    return status;
}

/* --- metadata ------------------------------------------------------------------------------------ */

static const char *plain_title(const struct work *w) {
    return *w->project.title ? w->project.title : *w->x->title ? w->x->title : w->x->name;
}

static enum status describe_stages(struct work *w, struct error *e) {
    struct pool *pool = w->plan->pool;
    struct crate_stage *stages = NULL;
    for (size_t i = 0; i < w->x->node_count; i++) {
        const struct stage *s = w->x->nodes[i]->stage;
        bool described = false;
        for (size_t j = 0; j < w->crate.stage_count && !described; j++) {
            described = strcmp(stages[j].name, s->name) == 0;
        }
        if (described) {
            continue;
        }
        stages = pool_extend(pool, stages, w->crate.stage_count, sizeof *stages);
        struct crate_input *inputs = pool_take(pool, (s->input_count + 1) * sizeof *inputs);
        const char *source = pool_print(pool, "source/stages/%s.c", s->name);
        if (!stages || !inputs || !source) {
            return pool_exhausted(e);
        }
        for (size_t j = 0; j < s->input_count; j++) {
            inputs[j] = (struct crate_input){s->inputs[j].name, s->inputs[j].help ? s->inputs[j].help : "",
                                             s->inputs[j].required, s->inputs[j].many};
        }
        stages[w->crate.stage_count++] = (struct crate_stage){
            s->name, s->summary, source, s->version, s->parameters, s->parameter_count, inputs, s->input_count};
        w->crate.stages = stages;
    }
    return STATUS_OK;
}

static enum status describe_steps(struct work *w, struct error *e) {
    struct crate_step *steps = pool_take(w->plan->pool, (w->x->node_count + 1) * sizeof *steps);
    if (!steps) {
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < w->x->node_count; i++) {
        steps[i] = (struct crate_step){w->x->nodes[i]->name, w->x->nodes[i]->stage->name, w->x->nodes[i]->key};
    }
    w->crate.steps = steps;
    w->crate.step_count = w->x->node_count;
    return STATUS_OK;
}

/* Name and key of a file of the payload. */
static void name_file(const struct work *w, struct crate_file *f) {
    struct pool *pool = w->plan->pool;
    const char *in = strstr(f->path, "/artifacts/"), *slash = strrchr(f->path, '/');
    f->name = slash ? slash + 1 : f->path;
    f->key = "";
    if (!in) {
        return;
    }
    const char *key = pool_copy(pool, in + strlen("/artifacts/"), 64);
    const struct record *r = key ? lineage_find(w->lineage, key) : NULL;
    const char *label = r ? pool_print(pool, "%s: %s", record_text(r, "label"), in + strlen("/artifacts/") + 65) : NULL;
    f->name = label ? label : f->name;
    f->key = key ? key : "";
}

static enum status describe_files(struct work *w, struct error *e) {
    struct tree tree;
    enum status status = tree_list(w->data, "", &tree, e);
    struct crate_file *files = pool_take(w->plan->pool, (tree.count + 1) * sizeof *files);
    THEN(status, files ? STATUS_OK : pool_exhausted(e));
    for (size_t i = 0; status == STATUS_OK && i < tree.count; i++) {
        const char *path = pool_print(w->plan->pool, "%s/%s", w->data, tree.paths[i]);
        struct stat info;
        files[i].path = pool_copy(w->plan->pool, tree.paths[i], strlen(tree.paths[i]));
        if (!path || !files[i].path) {
            status = pool_exhausted(e);
            continue;
        }
        name_file(w, &files[i]);
        status = file_sha256(path, files[i].sha256, e);
        files[i].bytes = stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    }
    w->crate.files = files;
    w->crate.file_count = status == STATUS_OK ? tree.count : 0;
    tree_free(&tree);
    return status;
}

static enum status put_metadata(struct work *w, long long *seconds, struct error *e) {
    char *text = NULL;
    const char *path = pool_print(w->plan->pool, "%s/ro-crate-metadata.json", w->data);
    enum status status = crate_time(&w->crate, seconds, e);
    const struct archive_text texts = {w->plan, w->request, w->x,        &w->crate, &w->project,
                                       w->data, w->profile, *dirty != 0, *seconds};
    THEN(status, archive_texts(&texts, e));
    THEN(status, describe_files(w, e)); /* includes the texts, but not yet the metadata */
    THEN(status, crate_json(&w->crate, &text, e));
    THEN(status, path ? tree_write(path, text, e) : pool_exhausted(e));
    free(text);
    return status;
}

/* --- the archive --------------------------------------------------------------------------------- */

/* The default is the file LICENSE of the source. An archive without a licence must be requested by LICENSE=none. */
static enum status choose_license(struct error *e) {
    if (!*license && access("LICENSE", F_OK) == 0) {
        license = "LICENSE";
    }
    if (!*license) {
        return error_set(e, STATUS_BAD_INPUT,
                         "LICENSE is missing: expected an SPDX identifier such as LICENSE=CC-BY-4.0, a URL or a file; "
                         "LICENSE=none makes an archive that nobody else may use");
    }
    license = strcmp(license, "none") == 0 ? "" : license;
    const bool url = strstr(license, "://") != NULL;
    license_is_file = *license && !url && access(license, R_OK) == 0;
    if (!url && !license_is_file &&
        strspn(license, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-") != strlen(license)) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "LICENSE='%s': expected an SPDX identifier such as CC-BY-4.0, a URL or a file that can be read", license);
    }
    return STATUS_OK;
}

/* Copies a file given as LICENSE=FILE to LICENSE. */
static enum status put_license(struct work *w, struct error *e) {
    w->crate.license = license_is_file ? "LICENSE" : license;
    if (!license_is_file) {
        return STATUS_OK;
    }
    const char *target = pool_print(w->plan->pool, "%s/LICENSE", w->data);
    return target ? tree_copy(license, target, e) : pool_exhausted(e);
}

static struct archive_contents contents_of(const struct work *w) {
    return (struct archive_contents){.plan = w->plan,
                                     .request = w->request,
                                     .experiment = w->x,
                                     .keys = w->keys,
                                     .key_count = w->key_count,
                                     .lineage = w->lineage,
                                     .sources = sources,
                                     .packages = packages,
                                     .data = w->data,
                                     .root = w->root,
                                     .figures = w->figures,
                                     .profile = w->profile};
}

static enum status fill(struct work *w, struct error *e) {
    const struct archive_contents contents = contents_of(w);
    enum status status = archive_contents_copy(&contents, e);
    THEN(status, put_license(w, e));
    THEN(status, describe_stages(w, e));
    THEN(status, describe_steps(w, e));
    return status;
}

/* Puts the finished bag in place of an older one. */
static enum status put_in_place(const struct work *w, const char *folder, const char *stem, long long seconds,
                                struct error *e) {
    const char *final = pool_print(w->plan->pool, "%s/%s", folder, stem);
    const char *mark = final ? pool_print(w->plan->pool, "%s/bagit.txt", final) : NULL;
    const char *packed = final ? pool_print(w->plan->pool, "%s.tar.gz", final) : NULL;
    if (!mark || !packed) {
        return pool_exhausted(e);
    }
    if (access(final, F_OK) == 0 && access(mark, F_OK) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: exists and is not an archive; remove it or choose another folder",
                         final);
    }
    enum status status = tree_remove(final, e);
    if (status == STATUS_OK && rename(w->bag, final) != 0) {
        status = error_set(e, STATUS_FAILED, "%s: cannot rename the finished archive", final);
    }
    THEN(status, bag_pack(folder, stem, packed, seconds, e));
    char digest[65];
    THEN(status, file_sha256(packed, digest, e));
    if (status == STATUS_OK) {
        printf("%s: %zu steps, %zu files\n%s: SHA-256 %s\n", final, w->crate.step_count, w->crate.file_count + 1,
               packed, digest);
    }
    return status;
}

static enum status archive(struct work *w, struct error *e) {
    struct pool *pool = w->plan->pool;
    const char *slash = strrchr(w->request->profile, '/'), *base = slash ? slash + 1 : w->request->profile;
    const char *below = w->plan->root + strlen(w->request->results); /* "/quick" */
    const char *folder = pool_print(pool, "%s%s", output, below),
               *stem = pool_print(pool, "%s-%s", w->x->name, version_text);
    const size_t length = strlen(base);
    w->profile = pool_copy(pool, base, slash && length > 4 ? length - 4 : length); /* without .ini */
    w->root = pool_print(pool, "results%s", below);
    w->figures = pool_print(pool, "figures%s", below);
    char owner[OWNER_NAME];
    w->bag = folder && stem ? pool_print(pool, "%s/.%s.new-%s", folder, stem, owner_name(owner)) : NULL;
    w->data = w->bag ? pool_print(pool, "%s/data", w->bag) : NULL;
    const char *workflow = pool_print(pool, "experiments/%s.ini", w->x->name);
    if (!w->profile || !w->root || !w->figures || !w->data || !workflow) {
        return pool_exhausted(e);
    }
    const char *description = *w->x->summary ? w->x->summary : w->x->title;
    w->crate = (struct crate){.name = w->x->name,
                              .title = plain_title(w),
                              .description = *description ? description : w->x->name,
                              .version = version_text,
                              .commit = commit,
                              .workflow = workflow,
                              .funder = w->project.funder,
                              .grant = w->project.grant,
                              .people = w->project.people,
                              .people_count = w->project.people_count,
                              .lineage = w->lineage};
    long long seconds = 0;
    enum status status = fill(w, e);
    THEN(status, put_metadata(w, &seconds, e));
    const char *contact = w->project.people_count ? w->project.people[0].name : "";
    const char *organization = w->project.people_count ? w->project.people[0].affiliation : "";
    const struct bag_field info[] = {{"Source-Organization", organization},
                                     {"Contact-Name", contact},
                                     {"External-Description", plain_title(w)},
                                     {"External-Identifier", stem},
                                     {"Bag-Software-Agent", pool_print(pool, "dmsq %s", version_text)}};
    THEN(status, bag_close(w->bag, info, sizeof info / sizeof *info, seconds, e));
    THEN(status, put_in_place(w, folder, stem, seconds, e));
    if (status == STATUS_OK) {
        if (!*license) {
            puts("missing: a licence; without one, nobody else may use the archive");
        }
        project_say_missing(&w->project, project_path, stdout);
        if (*dirty) {
            printf("missing: the commit of the source: its files differ from commit %.12s\n", commit);
        }
    }
    return status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    struct work w = {.plan = plan, .request = request};
    if (!*name || !*sources || !*packages) {
        return error_set(e, STATUS_BAD_INPUT, "NAME is missing: expected an experiment, such as NAME=table1");
    }
    enum status status = closure_experiment(plan, "NAME", name, &w.x, e);
    THEN(status, choose_license(e));
    THEN(status, closure_keys(plan, w.x, &w.keys, &w.key_count, e));
    THEN(status, project_read(plan->pool, project_path, &w.project, e));
    THEN(status, lineage_read(plan->root, &w.lineage, e));
    THEN(status, check(&w, e));
    THEN(status, archive(&w, e));
    struct error ignored;
    if (w.bag) {
        if (status == STATUS_OK) {
            w.data = pool_print(plan->pool, "%s%s/%s-%s/data", output, plan->root + strlen(request->results), w.x->name,
                                version_text);
            const struct archive_contents contents = contents_of(&w);
            archive_contents_say_missing(&contents);
        } else {
            tree_remove(w.bag, &ignored);
        }
    }
    lineage_free(w.lineage);
    return status;
}

int main(int argc, char **argv) {
    name = license = sources = packages = dirty = "";
    project_path = "project.ini";
    output = "archives";
    commit = "unknown";
    const struct planner_option own[] = {
        {"name", "EXPERIMENT", "experiment to archive", &name},
        {"license", "ID", "an SPDX identifier, a URL, a file, or none (default: the file LICENSE)", &license},
        {"project", "FILE", "author, affiliation and funding (default: project.ini)", &project_path},
        {"output", "FOLDER", "folder of the archives (default: archives)", &output},
        {"sources", "FILE", "list of the source files, one per line", &sources},
        {"packages", "FILE", "table of the installed packages", &packages},
        {"commit", "TEXT", "commit of the source", &commit},
        {"dirty", "TEXT", "not empty: the source differs from the commit", &dirty},
        {0}};
    return planner_main_with(argc, argv, all_stages, "Makes an archive of an experiment: an RO-Crate in a BagIt bag.",
                             own, run);
}
