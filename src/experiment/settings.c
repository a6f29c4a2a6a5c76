/* Strict reading of experiment files, based on libinih: see settings.h. */
#include "experiment/settings.h"

#include <ctype.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { LONGEST_SECTION = 49 }; /* libinih truncates longer names */

struct reader {
    struct pool *pool;
    struct settings *settings;
    struct error *e;
    const char *next; /* the text not yet passed to libinih */
    size_t line;      /* number of the line passed last */
    bool indented;    /* that line begins with a blank */
    bool failed;      /* e holds the first error; reading stops */
};

static void fail(struct reader *r, const char *text) {
    if (!r->failed) {
        error_set(r->e, STATUS_BAD_INPUT, "%s:%zu: %s", r->settings->path, r->line, text);
    }
    r->failed = true;
}

static void fail_memory(struct reader *r) {
    if (!r->failed) {
        pool_exhausted(r->e);
    }
    r->failed = true;
}

static const char *where(struct reader *r) {
    return pool_print(r->pool, "%s:%zu", r->settings->path, r->line);
}

/* Adds the section of a line "[name]". */
static void open_section(struct reader *r, const char *line, const char *end) {
    const char *close = memchr(line, ']', (size_t)(end - line));
    if (!close) {
        fail(r, "expected ']' after the name of the section");
        return;
    }
    const char *rest = close + 1;
    while (rest < end && isspace((unsigned char)*rest)) {
        rest++;
    }
    if (rest < end && *rest != ';' && *rest != '#') {
        fail(r, "expected nothing after ']'");
        return;
    }
    size_t length = (size_t)(close - line - 1);
    if (length == 0 || length > LONGEST_SECTION) {
        fail(r, length ? "the name of a section may have at most 49 bytes" : "expected a name between '[' and ']'");
        return;
    }
    struct settings *s = r->settings;
    char *name = pool_copy(r->pool, line + 1, length);
    const char *place = where(r);
    struct section *sections = pool_extend(r->pool, s->sections, s->count, sizeof *sections);
    if (!name || !place || !sections) {
        fail_memory(r);
        return;
    }
    s->sections = sections;
    const struct section *other = settings_find(s, name);
    if (other) {
        error_set(r->e, STATUS_BAD_INPUT, "%s: section [%s] already exists, at %s; expected each section once", place,
                  name, other->where);
        r->failed = true;
        return;
    }
    sections[s->count++] = (struct section){name, place, NULL, 0};
}

/* True if an indented text looks like "name = value" or "[section]", so that the indentation is probably a mistake. */
static bool looks_like_setting(const char *text, const char *end) {
    if (text < end && *text == '[') {
        return true;
    }
    const char *c = text;
    while (c < end && (islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '.' || *c == '-')) {
        c++;
    }
    bool word = c > text;
    while (c < end && *c == ' ') {
        c++;
    }
    return word && c < end && *c == '=';
}

/* Called by libinih for the next line, like fgets. */
static char *next_line(char *line, int size, void *state) {
    struct reader *r = state;
    if (r->failed || !*r->next) {
        return NULL;
    }
    const char *end = strchr(r->next, '\n');
    end = end ? end + 1 : r->next + strlen(r->next);
    size_t length = (size_t)(end - r->next);
    r->line++;
    if (length >= (size_t)size || length > 199) {
        fail(r, "the line is too long; expected at most 198 bytes (a value may continue in an indented line)");
        return NULL;
    }
    memcpy(line, r->next, length);
    line[length] = '\0';
    r->next = end;

    const char *text = line, *stop = line + length;
    while (text < stop && isspace((unsigned char)*text)) {
        text++;
    }
    if (text == stop || *text == ';' || *text == '#') { /* blank or comment */
        return line;
    }
    r->indented = text > line;
    if (r->indented && looks_like_setting(text, stop)) {
        fail(r, "expected a section or a setting to begin in the first column (an indented line continues "
                "the value above)");
        return NULL;
    }
    if (*text == '[') {
        open_section(r, text, stop);
        return r->failed ? NULL : line;
    }
    return line;
}

static bool add_setting(struct reader *r, const char *name, const char *value) {
    struct settings *s = r->settings;
    if (!s->count) {
        fail(r, "expected a section, as [experiment], before the first setting");
        return false;
    }
    struct section *section = &s->sections[s->count - 1];
    if (r->indented) {
        struct setting *last = section->count ? &section->settings[section->count - 1] : NULL;
        if (!last || strcmp(last->name, name)) {
            fail(r, "expected a setting above for an indented line to continue");
            return false;
        }
        size_t length = strlen(value); /* libinih does not remove a comment at the end of such a line */
        for (const char *c = value; *c; c++) {
            if (*c == ';' && (c == value || isspace((unsigned char)c[-1]))) {
                length = (size_t)(c - value);
                break;
            }
        }
        while (length && isspace((unsigned char)value[length - 1])) {
            length--;
        }
        last->value = pool_print(r->pool, "%s%s%.*s", last->value, *last->value ? " " : "", (int)length, value);
        if (!last->value) {
            fail_memory(r);
        }
        return !r->failed;
    }
    const struct setting *other = section_find(section, name);
    if (other) {
        error_set(r->e, STATUS_BAD_INPUT, "%s:%zu: '%s' is already set, at %s; expected it once", s->path, r->line,
                  name, other->where);
        r->failed = true;
        return false;
    }
    struct setting *settings = pool_extend(r->pool, section->settings, section->count, sizeof *settings);
    struct setting added = {pool_copy(r->pool, name, strlen(name)), pool_copy(r->pool, value, strlen(value)), where(r)};
    if (!settings || !added.name || !added.value || !added.where) {
        fail_memory(r);
        return false;
    }
    section->settings = settings;
    settings[section->count++] = added;
    return true;
}

static int on_setting(void *state, const char *section, const char *name, const char *value) {
    struct reader *r = state;
    (void)section; /* that of the last open_section() */
    if (r->failed) {
        return 0;
    }
    if (!*name) {
        fail(r, "expected a name before '='");
        return 0;
    }
    return add_setting(r, name, value ? value : "");
}

enum status settings_read(struct pool *pool, const char *path, struct settings *settings, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    *settings = (struct settings){.path = pool_copy(pool, path, strlen(path))};
    if (!settings->path) {
        return pool_exhausted(e);
    }
    TRY(file_read(path, &text, &size, e));
    struct reader r = {.pool = pool, .settings = settings, .e = e, .next = text};
    if (strlen(text) != size) {
        for (const char *c = text; *c; c++) {
            r.line += *c == '\n';
        }
        r.line++;
        fail(&r, "found a zero byte; expected text");
    } else {
        int line = ini_parse_stream(next_line, &r, on_setting, &r);
        if (line > 0 && !r.failed) {
            r.line = (size_t)line;
            fail(&r, "expected 'name = value' or '[section]'");
        } else if (line < 0 && !r.failed) {
            fail_memory(&r);
        }
    }
    free(text);
    return r.failed ? e->status : STATUS_OK;
}

const struct section *settings_find(const struct settings *settings, const char *section) {
    for (size_t i = 0; i < settings->count; i++) {
        if (!strcmp(settings->sections[i].name, section)) {
            return &settings->sections[i];
        }
    }
    return NULL;
}

const struct setting *section_find(const struct section *section, const char *name) {
    for (size_t i = 0; i < section->count; i++) {
        if (!strcmp(section->settings[i].name, name)) {
            return &section->settings[i];
        }
    }
    return NULL;
}
