/* Job scripts for Slurm: see jobs.h. */
#include "experiment/jobs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "experiment/names.h"

static bool is_computed(const struct plan *plan, const struct node *node) {
    const char *artifact = plan_artifact(plan, node), *folder = plan_folder(plan, node);
    const char *pending = folder ? pool_print(plan->pool, "%s/pending-run.json", folder) : NULL;
    return artifact && pending && access(artifact, F_OK) == 0 && access(pending, F_OK) != 0;
}

/* --- resources ----------------------------------------------------------------------------------- */

/* Sites of the lattice of the node or its inputs; 0: unknown. */
static double volume_of(const struct node *node) {
    if (find_parameter(node->stage, "lattice")) {
        size_t dimensions;
        const int64_t *extents = parameters_integers(node->parameters, "lattice", &dimensions);
        double volume = dimensions ? 1 : 0;
        for (size_t mu = 0; mu < dimensions; mu++) {
            volume *= (double)extents[mu];
        }
        return volume;
    }
    for (size_t i = 0; i < node->stage->input_count; i++) {
        if (node->inputs[i].count) {
            return volume_of(node->inputs[i].nodes[0]);
        }
    }
    return 0;
}

/* Number of field values in the configurations of the node. */
static double values_of(const struct node *node) {
    return find_parameter(node->stage, "configurations")
               ? (double)parameters_integer(node->parameters, "configurations") * volume_of(node)
               : 0;
}

static int cores_of(const struct node *node, const struct jobs_request *request) {
    return node->stage->items || node->stage->uses_backend ? request->cores : 1;
}

/* Memory of a job in MB: for the fields that are read and written, as floats and with copies, and for the network, per
 * thread and site (measured: below 40 kB, by peak_memory_bytes of the run records). */
static unsigned long memory_of(const struct node *node, const struct jobs_request *request) {
    enum { PROGRAM = 256 };
    static const double field = 4 * sizeof(float), network = 48e3;
    double bytes =
        values_of(node) * field + (node->stage->uses_backend ? cores_of(node, request) * volume_of(node) * network : 0);
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            bytes += values_of(node->inputs[i].nodes[j]) * field;
        }
    }
    return PROGRAM + (unsigned long)(bytes / (1 << 20));
}

static size_t parts_of(const struct node *node, const struct jobs_request *request) {
    const size_t items = node->stage->items ? node->stage->items(&node->as_stage) : 1;
    return items > 0 && items < request->parts ? items : request->parts;
}

/* --- scripts ------------------------------------------------------------------------------------- */

static void option(FILE *out, const char *name, const char *value) {
    if (*value) {
        fprintf(out, "#SBATCH --%s=%s\n", name, value);
    }
}

/* Writes 'FOLDER/NAME', quoted for the shell, and a blank. */
static void write_path(FILE *out, const char *folder, const char *name) {
    fputc('\'', out);
    for (const char *c = folder; *c; c++) {
        fputs(*c == '\'' ? "'\\''" : (const char[]){*c, '\0'}, out);
    }
    fprintf(out, "/%s' ", name);
}

static enum status write_script(const struct plan *plan, const struct experiment *x, const struct node *node,
                                const struct jobs_request *r, const char *path, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *folder = plan_folder(plan, node);
    if (!out || !folder) {
        if (out) {
            fclose(out);
        }
        free(text);
        return pool_exhausted(e);
    }
    const size_t parts = parts_of(node, r);
    const char *isa = getenv("ONEDNN_MAX_CPU_ISA");
    fprintf(out, "#!/bin/sh\n# %s of %s: %s, in %zu parts. Written by make slurm.\n", node->name, x->name,
            node->stage->name, parts);
    fprintf(out, "#SBATCH --job-name=%s/%s\n#SBATCH --output=%s/%s-%%A_%%a.log\n#SBATCH --open-mode=append\n", x->name,
            node->name, r->folder, node->name);
    fprintf(out, "#SBATCH --ntasks=1\n#SBATCH --cpus-per-task=%d\n#SBATCH --mem=%luM\n", cores_of(node, r),
            memory_of(node, r));
    fputs("#SBATCH --requeue\n#SBATCH --signal=B:USR1@60\n", out);
    option(out, "partition", r->partition);
    option(out, "account", r->account);
    option(out, "time", r->time);
    if (isa && *isa) {
        fprintf(out, "export ONEDNN_MAX_CPU_ISA=%s\n", isa);
    }
    fputs("export OMP_WAIT_POLICY=passive\n", out);
    fprintf(out,
            "case $1 in\npart) set -- \"--part=$SLURM_ARRAY_TASK_ID/%zu\" ;;\nfinish) set -- --finish ;;\n*) set -- "
            ";;\nesac\n",
            parts);
    fputs("# Before the time limit, or if Slurm reclaims the node, the stage is interrupted: it saves what it has "
          "finished,\n"
          "# and the job, which is queued again, resumes from there.\n"
          "limit=\n"
          "trap 'limit=1; echo \"time limit is near, on $(hostname)\"; kill -TERM $stage' USR1\n"
          "trap 'kill -TERM $stage 2>/dev/null' TERM\n",
          out);
    fputs("saved() { ls -i ", out);
    write_path(out, folder, "checkpoint.npz");
    write_path(out, folder, "parts");
    fputs("2>/dev/null; }\nbefore=$(saved)\n", out);
    const bool fine = plan_command(plan, x, node, false, out);
    fputs(" --quiet --threads=\"$SLURM_CPUS_PER_TASK\" \"$@\" &\n"
          "stage=$!\n"
          "wait $stage\n"
          "status=$?\n"
          "while kill -0 $stage 2>/dev/null; do\n"
          "    wait $stage\n"
          "    status=$?\n"
          "done\n"
          "[ $status -eq 0 ] || echo \"exit status $status on $(hostname)\"\n"
          "if [ \"$limit\" ] && [ $status -ne 0 ]; then\n"
          "    if [ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] && [ \"$(saved)\" = \"$before\" ]; then\n"
          "        echo \"nothing was saved within the time limit: not queued again; TIME must be longer\"\n"
          "    else\n"
          "        echo \"queued again\"\n"
          "        scontrol requeue \"$SLURM_JOB_ID\" && sleep 300\n"
          "    fi\n"
          "fi\n"
          "exit $status\n",
          out);
    const bool failed = ferror(out);
    enum status status = fclose(out) || failed || !fine ? pool_exhausted(e) : file_write(path, text, size, e);
    free(text);
    return status;
}

static bool list_node(const struct node *node, size_t parts, const char *script, FILE *out) {
    fprintf(out, "%s\t%s\t%zu\t%s\t", node->name, node->key, parts, script);
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            fprintf(out, "%s ", node->inputs[i].nodes[j]->key);
        }
    }
    return fputc('\n', out) != EOF;
}

enum status jobs_write(const struct plan *plan, const struct experiment *x, const struct jobs_request *r,
                       struct error *e) {
    char *text = NULL;
    size_t size = 0;
    FILE *list = open_memstream(&text, &size);
    const char *path = pool_print(plan->pool, "%s/nodes", r->folder);
    enum status status = list && path ? STATUS_OK : pool_exhausted(e);
    for (size_t i = 0; i < x->node_count && status == STATUS_OK; i++) {
        const struct node *node = x->nodes[i];
        const char *script = is_computed(plan, node) ? "-" : pool_print(plan->pool, "%s/%s.sh", r->folder, node->name);
        if (!script) {
            status = pool_exhausted(e);
        } else if (strcmp(script, "-") != 0) {
            status = write_script(plan, x, node, r, script, e);
        }
        if (status == STATUS_OK && !list_node(node, parts_of(node, r), script, list)) {
            status = pool_exhausted(e);
        }
    }
    if (list && fclose(list) && status == STATUS_OK) {
        status = pool_exhausted(e);
    }
    THEN(status, file_write(path, text, size, e));
    free(text);
    return status;
}
