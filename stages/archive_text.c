/* README.md, Makefile and CITATION.cff of an archive. */
#include "stages/archive_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "provenance/tree.h"

/* Quotes a text for the shell, in a recipe of make. */
static void write_quoted(const char *text, FILE *out) {
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else if (*text == '$') {
            fputs("$$", out);
        } else {
            fputc(*text, out);
        }
    }
    fputc('\'', out);
}

/* Writes a text as a string of YAML, in double quotes. */
static void write_yaml(const char *text, FILE *out) {
    fputc('"', out);
    for (; *text; text++) {
        if (strchr("\"\\", *text)) {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_variables(const struct archive_text *t, FILE *out) {
    fprintf(out, "PROFILE=%s", t->profile);
    fputs(" SET=", out);
    write_quoted(t->request->set, out);
    fprintf(out, " BACKEND=%s", t->request->backend);
}

/* Whether the archive has a profile for a shorter run than its own. */
static bool has_quick(const struct archive_text *t) {
    const char *profile = pool_print(t->plan->pool, "%s/experiments/profiles/quick.ini", t->folder);
    return strcmp(t->profile, "quick") && profile && access(profile, R_OK) == 0;
}

static void makefile(const struct archive_text *t, FILE *out) {
    fputs(
        "# Checks the files of this archive, builds the program from source/, recomputes everything and compares it "
        "byte by\n"
        "# byte. `make check` only checks the files, `make show` prints the tables, and `make quick`, if present, runs "
        "all steps\n"
        "# at a reduced scale. All output is written to WORK.\n"
        "WORK ?= ../work\n\nBELOW := $(if $(filter /%,$(WORK)),$(WORK),../$(WORK))\n"
        "DMSQ := $(MAKE) --no-print-directory -C source BUILD=$(BELOW)/build RECOMPUTED=$(BELOW)/recomputed \\\n"
        "    RESULTS=../results FIGURES=../figures EXPERIMENTS=../experiments \\\n    ",
        out);
    write_variables(t, out);
    fprintf(out,
            "\n\n.PHONY: verify check show quick\n"
            "verify: check\n\t+$(DMSQ) setup verify NAME=%s RECOMPUTE=1\n\n"
            "check:\n\t@cd .. && sha256sum --quiet -c tagmanifest-sha256.txt manifest-sha256.txt && "
            "echo \"$$(wc -l <manifest-sha256.txt) files: all as in the manifest\"\n\n"
            "show:\n\t@cat results%s/%s/*.md\n",
            t->experiment->name, t->plan->root + strlen(t->request->results), t->experiment->name);
    if (has_quick(t)) {
        fprintf(
            out,
            "\nquick: check\n\t+$(MAKE) --no-print-directory -C source BUILD=$(BELOW)/build RESULTS=$(BELOW)/results "
            "FIGURES=$(BELOW)/figures \\\n\t    EXPERIMENTS=../experiments PROFILE=quick BACKEND=%s setup %s\n",
            t->request->backend, t->experiment->name);
    }
}

static void citation(const struct archive_text *t, FILE *out) {
    const struct crate *c = t->crate;
    char date[16];
    struct tm utc;
    const time_t when = (time_t)t->seconds;
    gmtime_r(&when, &utc);
    strftime(date, sizeof date, "%Y-%m-%d", &utc);
    fputs("cff-version: 1.2.0\nmessage: If you use these results, please cite them.\ntype: dataset\ntitle: ", out);
    write_yaml(c->title, out);
    fprintf(out, "\nversion: %s\ndate-released: %s\n", c->version, date);
    if (*c->license && !strstr(c->license, "://") && strcmp(c->license, "LICENSE") != 0) {
        fprintf(out, "license: %s\n", c->license);
    }
    fputs("authors:\n", out);
    for (size_t i = 0; i < c->people_count; i++) {
        const struct crate_person *p = &c->people[i];
        const char *comma = strchr(p->name, ',');
        if (comma) { /* "Lovelace, Ada" */
            char family[256];
            snprintf(family, sizeof family, "%.*s", (int)(comma - p->name), p->name);
            fputs("  - family-names: ", out);
            write_yaml(family, out);
            fputs("\n    given-names: ", out);
            write_yaml(comma + 1 + strspn(comma + 1, " "), out);
        } else {
            fputs("  - name: ", out);
            write_yaml(p->name, out);
        }
        fputc('\n', out);
        if (*p->orcid) {
            fprintf(out, "    orcid: %s\n", p->orcid);
        }
        if (*p->affiliation) {
            fputs("    affiliation: ", out);
            write_yaml(p->affiliation, out);
            fputc('\n', out);
        }
    }
    if (!c->people_count) {
        fputs("  - name: unknown\n", out);
    }
}

/* Writes the distinct values of a field of the run records, separated by commas. */
static void write_distinct(const struct archive_text *t, const char *group, const char *name, FILE *out) {
    const struct crate *c = t->crate;
    size_t written = 0;
    for (size_t i = 0; i < c->step_count; i++) {
        bool again = false;
        const struct record *r = lineage_find(c->lineage, c->steps[i].key);
        const char *text = *group ? record_member(r, group, name) : record_text(r, name);
        for (size_t j = 0; j < i && !again; j++) {
            const struct record *other = lineage_find(c->lineage, c->steps[j].key);
            again = strcmp(*group ? record_member(other, group, name) : record_text(other, name), text) == 0;
        }
        if (!again && *text) {
            fprintf(out, "%s%s", written++ ? ", " : "", text);
        }
    }
    fputs(written ? "" : "unknown", out);
}

static void readme(const struct archive_text *t, FILE *out) {
    const struct crate *c = t->crate;
    const char *below = t->plan->root + strlen(t->request->results);
    double seconds = 0;
    for (size_t i = 0; i < c->step_count; i++) {
        const double s = record_seconds(lineage_find(c->lineage, c->steps[i].key));
        seconds += isfinite(s) ? s : 0;
    }
    fprintf(out, "# %s\n\n%s\n\nComputed by dmsq %s, experiment `%s`", c->title, c->description, c->version, c->name);
    if (strcmp(t->profile, "paper")) {
        fprintf(out, ", profile `%s`", t->profile);
    }
    if (*t->request->set) {
        fprintf(out, ", with SET=\"%s\"", t->request->set);
    }
    fputs(".\n\n## Check and recompute\n\n    make -C data\n\n"
          "in the folder that holds `bagit.txt`. This checks the SHA-256 of every file, installs missing packages "
          "(on Debian, as root; otherwise it names them) and builds the program from `data/source`. It checks every "
          "artifact against its run record and every run record against the ledger. Then it recomputes everything into "
          "`work/` and compares it byte by byte. ",
          out);
    fprintf(
        out,
        "The runs took %.0f %s in all on their machine. The last line says how many artifacts are identical; the "
        "exit status is 0 if all are. On another instruction set the last digits may differ.\n\n"
        "    make -C data check     # only the files; also: sha256sum -c manifest-sha256.txt\n"
        "    make -C data show      # the tables\n%s\n",
        seconds < 5400 ? ceil(seconds) : ceil(seconds / 3600), seconds < 5400 ? "s" : "h",
        has_quick(t)
            ? "    make -C data quick     # all steps at a reduced scale into work/, in minutes, without comparison\n"
            : "");
    fprintf(out,
            "## What is in it\n\n"
            "    data/results%s/%s/         tables and the numbers behind the figures\n"
            "    data/figures%s/            the figures\n"
            "    data/results%s/artifacts/  one folder for each step below: its files, run.json (the run that made "
            "them),\n"
            "                           runs/ (all attempts). `numpy.load` opens the .npz files.\n"
            "    data/results%s/ledger.sqlite   the same records as a database\n"
            "    data/experiments/      what is computed, as text\n"
            "    data/inputs/           files from outside the source that it reads, if any\n"
            "    data/source/           the program\n"
            "    data/environment/packages.tsv  packages of the machine that made the archive: name, version, "
            "architecture\n"
            "    data/ro-crate-metadata.json    all of it in machine-readable form: RO-Crate 1.1, Provenance Run Crate "
            "0.5\n\n",
            below, c->name, below, below, below);
    fprintf(out, "| step | stage | artifact |\n|---|---|---|\n");
    for (size_t i = 0; i < c->step_count; i++) {
        fprintf(out, "| %s | %s | %s |\n", c->steps[i].name, c->steps[i].stage, c->steps[i].key);
    }
    fputs("\n## Provenance\n\n- Source: commit ", out);
    fprintf(out, "%s%s\n- Commit of the programs that ran: ", c->commit,
            t->dirty ? ", with changes that are not committed" : "");
    write_distinct(t, "", "git_commit", out);
    fputs("\n- Instruction set: ", out);
    write_distinct(t, "environment", "instruction set", out);
    fputs("\n- Processor: ", out);
    write_distinct(t, "environment", "processor", out);
    fputs("\n- oneDNN: ", out);
    write_distinct(t, "environment", "oneDNN", out);
    fprintf(out, "\n- Licence: %s\n", *c->license ? c->license : "none was given: all rights are reserved");
    for (size_t i = 0; i < c->people_count; i++) {
        fprintf(out, "- Author: %s%s%s\n", c->people[i].name, *c->people[i].affiliation ? ", " : "",
                c->people[i].affiliation);
    }
    if (*c->funder) {
        fprintf(out, "- Funding: %s%s%s\n", c->funder, *c->grant ? ", " : "", c->grant);
    }
}

static enum status write_text(const struct archive_text *t, const char *name,
                              void (*write)(const struct archive_text *text, FILE *out), struct error *e) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const char *path = pool_print(t->plan->pool, "%s/%s", t->folder, name);
    if (!out || !path) {
        return pool_exhausted(e);
    }
    write(t, out);
    const enum status status = fclose(out) == 0 ? tree_write(path, text, e) : pool_exhausted(e);
    free(text);
    return status;
}

enum status archive_texts(const struct archive_text *t, struct error *e) {
    enum status status = write_text(t, "README.md", readme, e);
    THEN(status, write_text(t, "Makefile", makefile, e));
    THEN(status, write_text(t, "CITATION.cff", citation, e));
    return status;
}
