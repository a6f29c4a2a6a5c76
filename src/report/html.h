/* HTML of the report: one self-contained page with its own styles and with pictures as data URIs, which loads no files
 * and has no scripts. All text is escaped. Functions write to a stream; the caller checks for errors when closing
 * it. */
#ifndef DMSQ_REPORT_HTML_H
#define DMSQ_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Parts of a page: html_open writes title, styles (light or dark as the reader's system is set; wide tables scroll in a
 * box) and opens <body>. After it comes the <nav> with the contents, which stays in sight; then html_main opens <main>,
 * and html_close ends the page. */
void html_open(const char *title, FILE *out);
void html_main(FILE *out);
void html_close(FILE *out);

/* Text with &, <, > and quotes escaped, for content and quoted attributes. */
void html_text(const char *text, FILE *out);

/* The same, with text between grave accents as <code>, and without the backslash of Markdown's escapes. */
void html_inline(const char *text, FILE *out);

/* An SVG file as <img> with a data URI, so that its ids and styles cannot interfere with those of the page.
 * `alternative` is the text that describes the picture. */
void html_svg(const void *svg, size_t size, const char *alternative, FILE *out);

/* Converts the Markdown of table_write_markdown(): headings (as <h5>), tables (each in a box that scrolls; a preceding
 * line that ends with ':' is its caption), lists, paragraphs. Names of observables at the heads of columns become
 * symbols. STATUS_FAILED: out of memory. */
enum status html_markdown(const char *markdown, FILE *out, struct error *e);

/* The symbol of an observable, with its meaning as title; any other text as by html_inline(). */
void html_observable(const char *name, FILE *out);

/* Converts a table of numbers: columns separated by tabs, the first line with their names. Numbers are rounded
 * according to their errors, if the next column is named "...error", else to five digits. Only the first `most` rows
 * are shown, with a line that states the number of rows. STATUS_FAILED: out of memory. */
enum status html_tsv(const char *tsv, size_t most, FILE *out, struct error *e);

#endif
