/* HTML of the report: escapes, pictures, Markdown and columns of numbers as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/html.h"

static char *text;
static size_t length;

static FILE *begin(void) {
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    return out;
}

static void expect(FILE *out, const char *expected) {
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void escapes(void **state) {
    (void)state;
    FILE *out = begin();
    html_text("a < b && \"c\" > d", out);
    expect(out, "a &lt; b &amp;&amp; &quot;c&quot; &gt; d");
    out = begin();
    html_inline("`x<y` and \\|M\\|, one ` alone", out);
    expect(out, "<code>x&lt;y</code> and |M|, one ` alone");
}

static void pictures(void **state) {
    (void)state;
    FILE *out = begin();
    html_svg("<svg/>", 6, "a \"b\"", out); /* base64 by hand: PHN2Zy8+ */
    expect(out, "<img alt=\"a &quot;b&quot;\" src=\"data:image/svg+xml;base64,PHN2Zy8+\">\n");
    /* A long file is encoded in pieces, with padding only at the end. */
    char svg[10000];
    memset(svg, 'a', sizeof svg);
    out = begin();
    html_svg(svg, sizeof svg, "", out);
    fclose(out);
    const char *data = strstr(text, "base64,") + 7, *end = strchr(data, '"');
    assert_int_equal(end - data, (sizeof svg + 2) / 3 * 4);
    assert_ptr_equal(memchr(data, '=', (size_t)(end - data)), end - 2);
    free(text);
}

static void markdown(void **state) {
    (void)state;
    struct error e;
    FILE *out = begin();
    assert_int_equal(
        html_markdown(
            "# A <title>\n\nSome `code`\nmore.\n\nOurs:\n\n| name   | chi2 |\n|:-------|-----:|\n| HMC    | 1(2) |\n"
            "| - pull | +1.4 |\n\n- `M`: mean\n- b\n",
            out, &e),
        STATUS_OK);
    expect(out,
           "<h5>A &lt;title&gt;</h5>\n<p>Some <code>code</code>\nmore.\n</p>\n"
           "<div class=\"wide\" tabindex=\"0\"><table><caption>Ours:</caption><thead>\n<tr><th scope=\"col\">name</th>"
           "<th scope=\"col\" class=\"n\"><abbr title=\"two-point susceptibility,  V(&lt;M^2&gt; - &lt;M&gt;^2) "
           "\">χ₂</abbr></th></tr>\n"
           "</thead><tbody>\n<tr><th scope=\"row\">HMC</th><td class=\"n\">1(2)</td></tr>\n"
           "<tr class=\"sub\"><th scope=\"row\">pull</th><td class=\"n\">+1.4</td></tr>\n</tbody></table></div>\n"
           "<ul class=\"small\">\n<li><code>M</code>: mean</li>\n<li>b</li>\n</ul>\n");
    /* A line that looks like a caption is text if no table follows. */
    out = begin();
    assert_int_equal(html_markdown("So:\n\nNothing.\n\nAnd:\n", out, &e), STATUS_OK);
    expect(out, "<p>So:\n</p>\n<p>Nothing.\n</p>\n<p>And:\n</p>\n");
    /* A line that only looks like a table is text; a table at the very end is closed. */
    out = begin();
    assert_int_equal(html_markdown("| a |\ntext\n\n| b |\n|--:|\n| 1 |", out, &e), STATUS_OK);
    expect(out, "<p>| a |\ntext\n</p>\n<div class=\"wide\" tabindex=\"0\"><table><thead>\n<tr><th scope=\"col\" "
                "class=\"n\">b</th></tr>\n"
                "</thead><tbody>\n<tr><td class=\"n\">1</td></tr>\n</tbody></table></div>\n");
}

static void columns(void **state) {
    (void)state;
    struct error e;
    FILE *out = begin();
    assert_int_equal(html_tsv("curve\tx\na & b\t0.123456789\n\t-3e-20\nc\t4\n", 2, out, &e), STATUS_OK);
    expect(out,
           "<div class=\"wide\" tabindex=\"0\"><table><thead>\n<tr><th scope=\"col\">curve</th><th "
           "scope=\"col\">x</th></tr>\n</thead><tbody>\n"
           "<tr><td>a &amp; b</td><td class=\"n\">0.12346</td></tr>\n<tr><td></td><td class=\"n\">-3e-20</td></tr>\n"
           "</tbody></table></div>\n<p class=\"soft small\">The first 2 of 3 rows; the .tsv file beside the figure has "
           "all.</p>\n");
    /* Numbers are rounded according to their errors in the next column; other columns named "error" are shown. */
    out = begin();
    assert_int_equal(
        html_tsv("curve\tx\tchi2\tchi2_error\terror\na\t1\t2.51623\t0.0457\t7\nb\t1\t2.5\t0\t7\n", 9, out, &e),
        STATUS_OK);
    expect(out, "<div class=\"wide\" tabindex=\"0\"><table><thead>\n<tr><th scope=\"col\">curve</th><th "
                "scope=\"col\">x</th><th scope=\"col\">"
                "<abbr title=\"two-point susceptibility,  V(&lt;M^2&gt; - &lt;M&gt;^2) \">χ₂</abbr></th><th "
                "scope=\"col\">error</th></tr>\n"
                "</thead><tbody>\n<tr><td>a</td><td class=\"n\">1</td><td class=\"n\">2.516(46)</td><td "
                "class=\"n\">7</td></tr>\n"
                "<tr><td>b</td><td class=\"n\">1</td><td class=\"n\">2.5</td><td "
                "class=\"n\">7</td></tr>\n</tbody></table></div>\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(pictures),
        cmocka_unit_test(markdown),
        cmocka_unit_test(columns),
    };
    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
