/* See project.h. */
#include "stages/project.h"

#include <string.h>
#include <unistd.h>

#include "experiment/names.h"
#include "experiment/settings.h"

struct known {
    const char *name;
    const char **value;
    const char *prefix; /* of an identifier; NULL: any text */
};

static enum status read_section(struct pool *pool, const struct section *section, const struct known *known,
                                struct error *e) {
    for (size_t i = 0; i < section->count; i++) {
        const struct setting *s = &section->settings[i];
        const struct known *k = known;
        while (k->name && strcmp(k->name, s->name) != 0) {
            k++;
        }
        if (!k->name) {
            const char *names[8];
            size_t count = 0;
            for (k = known; k->name; k++) {
                names[count++] = k->name;
            }
            return error_set(e, STATUS_BAD_INPUT, "%s: unknown setting '%s'%s", s->where, s->name,
                             suggestion(pool, s->name, names, count));
        }
        if (k->prefix && *s->value && !after_prefix(s->value, k->prefix)) {
            return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%s': expected a URL that begins with %s", s->where,
                             s->name, s->value, k->prefix);
        }
        *k->value = s->value;
    }
    return STATUS_OK;
}

enum status project_read(struct pool *pool, const char *path, struct project *p, struct error *e) {
    *p = (struct project){.title = "", .funder = "", .grant = ""};
    struct settings file;
    if (access(path, F_OK) != 0) {
        return STATUS_OK;
    }
    enum status status = settings_read(pool, path, &file, e);
    for (size_t i = 0; status == STATUS_OK && i < file.count; i++) {
        const struct section *section = &file.sections[i];
        if (strcmp(section->name, "project") == 0) {
            const struct known known[] = {
                {"title", &p->title, NULL}, {"funder", &p->funder, NULL}, {"grant", &p->grant, NULL}, {0}};
            status = read_section(pool, section, known, e);
        } else if (strcmp(section->name, "author") == 0 || after_prefix(section->name, "author.")) {
            p->people = pool_extend(pool, p->people, p->people_count, sizeof *p->people);
            if (!p->people) {
                return pool_exhausted(e);
            }
            struct crate_person *person = &p->people[p->people_count++];
            *person = (struct crate_person){"", "", "", ""};
            const struct known known[] = {{"name", &person->name, NULL},
                                          {"orcid", &person->orcid, "https://orcid.org/"},
                                          {"affiliation", &person->affiliation, NULL},
                                          {"ror", &person->ror, "https://ror.org/"},
                                          {0}};
            status = read_section(pool, section, known, e);
            if (status == STATUS_OK && !*person->name) {
                status = error_set(e, STATUS_BAD_INPUT, "%s: [%s]: expected a name", section->where, section->name);
            }
        } else {
            status = error_set(e, STATUS_BAD_INPUT, "%s: [%s]: expected [project], [author] or [author.N]",
                               section->where, section->name);
        }
    }
    return status;
}

void project_say_missing(const struct project *p, const char *path, FILE *out) {
    if (!p->people_count) {
        fprintf(out, "missing: %s names no author\n", path);
    }
    for (size_t i = 0; i < p->people_count; i++) {
        const struct crate_person *person = &p->people[i];
        if (!*person->orcid || !*person->affiliation) {
            fprintf(out, "missing: %s has no %s of %s\n", path,
                    !*person->orcid && !*person->affiliation ? "orcid and affiliation"
                    : *person->orcid                         ? "affiliation"
                                                             : "orcid",
                    person->name);
        }
    }
    if (!*p->funder) {
        fprintf(out, "missing: %s names no funder\n", path);
    }
}
