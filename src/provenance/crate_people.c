/* The people of an archive's metadata: its authors with their affiliations, and the funding. */
#include "provenance/crate_internal.h"

#include <string.h>

static json_t *person_reference(const struct crate *c, size_t i) {
    return *c->people[i].orcid ? crate_reference("%s", c->people[i].orcid) : crate_reference("#author-%zu", i + 1);
}

json_t *crate_people(struct crate_writer *w) {
    json_t *list = json_array();
    for (size_t i = 0; i < w->crate->people_count; i++) {
        crate_append(w, list, person_reference(w->crate, i));
    }
    return list;
}

void crate_write_people(struct crate_writer *w) {
    const struct crate *c = w->crate;
    for (size_t i = 0; i < c->people_count; i++) {
        const struct crate_person *p = &c->people[i];
        json_t *id = person_reference(c, i);
        json_t *person = crate_entity(w, "Person", "%s", json_string_value(json_object_get(id, "@id")));
        json_decref(id);
        crate_put_text(w, person, "name", p->name);
        if (*p->affiliation) {
            char place[CRATE_ID];
            const char *where = *p->ror ? p->ror : crate_identifier(p->affiliation, place);
            crate_put(w, person, "affiliation", crate_reference(*p->ror ? "%s" : "#%s", where));
            bool written = false; /* for an earlier author */
            for (size_t j = 0; j < i; j++) {
                written = written || (strcmp(c->people[j].affiliation, p->affiliation) == 0 &&
                                      strcmp(c->people[j].ror, p->ror) == 0);
            }
            if (!written) {
                crate_put_text(w, crate_entity(w, "Organization", *p->ror ? "%s" : "#%s", where), "name",
                               p->affiliation);
            }
        }
    }
    if (*c->funder) {
        crate_put_text(w, crate_entity(w, "Organization", "#funder"), "name", c->funder);
    }
    if (*c->grant) {
        json_t *grant = crate_entity(w, "Grant", "#grant");
        crate_put_text(w, grant, "name", c->grant);
        if (*c->funder) {
            crate_put(w, grant, "funder", crate_reference("#funder"));
        }
    }
}
