/* HTML of the report: one self-contained page, whose pictures are data URIs, whose styles are its own, and which
 * loads and runs nothing. Text is escaped where it is written. Functions write to a stream; who closes it looks
 * whether that failed. */
#ifndef DMSQ_REPORT_HTML_H
#define DMSQ_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Head and opening of a page: title, the styles (light and dark as the reader's system wants, wide tables scroll
 * in their own box), and the opened <body>; then its contents, a <nav> that stays in sight; then the opened <main>. */
void html_open(const char *title, FILE *out);
void html_main(FILE *out);
void html_close(FILE *out);

/* Text with &, <, > and quotes escaped; fit for content and for quoted attributes. */
void html_text(const char *text, FILE *out);

/* The same, with `code` between grave accents as <code>, and \| as |. */
void html_inline(const char *text, FILE *out);

/* An SVG file as <img> with a data URI: nothing inside it can meet an id or a style of the page. `alternative` is
 * the text for who does not see it. */
void html_svg(const void *svg, size_t size, const char *alternative, FILE *out);

/* The Markdown that table_write_markdown() makes: headings (as <h5>), tables (each in a box that scrolls; a line before
 * it that ends with ':' is its caption), lists, paragraphs. Names of observables above columns are printed as
 * symbols. */
enum status html_markdown(const char *markdown, FILE *out, struct error *e);

/* The symbol of an observable with its meaning as title; another text as html_inline(). */
void html_observable(const char *name, FILE *out);

/* A table of numbers: lines, columns separated by tabs, the first line being the names. Numbers are rounded to their
 * errors, in the column "..error" behind, or to five digits; at most `most` rows, and a line says how many there are
 * when that is fewer. */
enum status html_tsv(const char *tsv, size_t most, FILE *out, struct error *e);

#endif
