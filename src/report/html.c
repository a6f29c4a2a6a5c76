/* Pages, text and pictures in HTML: see html.h. */
#include "report/html.h"

#include <openssl/evp.h>
#include <string.h>

static const char styles[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c1f23;--soft:#59616b;--page:#fff;--card:#f5f6f8;--line:#d5d9df;--link:#0057a8;"
    "--bad:#a3260f;--bad-card:#fdeeea;--good:#1d6b3a;--figure:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a3abb5;--page:#15181c;--card:#1f242a;--line:#39414a;"
    "--link:#7db8f5;--bad:#ff9c85;--bad-card:#3a1f1a;--good:#83cf9e;--figure:#191919}"
    /* in dark mode: inverts brightness and keeps hues, as a picture has no styles of the page */
    "figure img{filter:invert(.9) hue-rotate(180deg)}}"
    "*{box-sizing:border-box}"
    "html{-webkit-text-size-adjust:100%;scroll-padding-top:4rem}"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,"
    "\"DejaVu Sans\",sans-serif;overflow-wrap:anywhere}"
    "main{max-width:62rem;margin:0 auto;padding:1.25rem 1rem 4rem;min-width:0}"
    /* contents: a bar that stays at the top, or at the left on a wide screen */
    "nav{position:sticky;top:0;z-index:1;background:var(--page);border-bottom:1px solid var(--line);padding:.4rem "
    "1rem;display:flex;gap:.9rem;overflow-x:auto;white-space:nowrap;font-size:.88rem}nav "
    "ul{display:flex;gap:.9rem;list-style:none;margin:0;padding:0}nav li{margin:0}nav a{text-decoration:none}nav "
    "a.soft{color:var(--soft)}nav fieldset{display:flex;gap:.7rem;border:0;margin:0;padding:0}nav "
    "legend{display:none}nav fieldset{order:1}nav label{cursor:pointer}nav input{margin:0 .3em 0 "
    "0}@media(min-width:76rem){body{display:grid;grid-template-columns:14rem "
    "minmax(0,1fr)}nav{align-self:start;height:100vh;display:block;overflow:auto;border-bottom:0;border-right:1px "
    "solid var(--line);padding:1.5rem 1rem;white-space:normal}nav ul,nav fieldset{display:block}nav "
    "label{display:block}nav fieldset{margin-bottom:1rem}nav legend{display:block;color:var(--soft)}nav "
    "li{padding:.15rem 0}html{scroll-padding-top:1rem}}"
    /* the filter in the contents hides parts of the page, without scripts */
    "body:has(#show-computed:checked) .missing,body:has(#show-tables:checked) figure,body:has(#show-tables:checked) "
    ".missing,body:has(#show-figures:checked) .missing,body:has(#show-figures:checked) "
    ".tables,body:has(#show-figures:checked) .words,body:has(#show-tables:checked) "
    ".words,body:has(#show-tables:checked) .numbers{display:none}h1{font-size:1.75rem;line-height:1.2;margin:.5rem "
    "0}h2{font-size:1.4rem;line-height:1.25;margin:3rem 0 .5rem;padding-top:1rem;border-top:2px solid "
    "var(--line)}h3{font-size:1.12rem;margin:1.8rem 0 .5rem}h4,h5{font-size:1rem;margin:1.3rem 0 "
    ".4rem}p,ul,ol{margin:.6rem 0}li{margin:.25rem "
    "0}a{color:var(--link)}abbr{text-decoration:none;cursor:help}code{font:.88em/1.4 ui-monospace,\"DejaVu Sans "
    "Mono\",monospace;background:var(--card);padding:.1em "
    ".3em;border-radius:3px}.soft{color:var(--soft)}.small{font-size:.88rem}.bad{color:var(--bad);font-weight:600}."
    "good{color:var(--good)}.warn{background:var(--bad-card);border-left:4px "
    "solid var(--bad);padding:.6rem .9rem;margin:1rem 0}.warn p,.warn ul{margin:.25rem "
    "0}.wide{overflow-x:auto;margin:.8rem "
    "0;max-width:100%}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}caption{text-"
    "align:left;color:var(--soft);padding:.2rem "
    ".65rem}th,td{padding:.28rem .65rem;border-bottom:1px solid "
    "var(--line);text-align:left;vertical-align:top;white-space:nowrap}thead th{border-bottom:2px solid "
    "var(--line)}tbody "
    "th{font-weight:400}td.n,th.n{text-align:right}td.wrap{white-space:normal;min-width:16rem}.list td,.list "
    "th{padding-right:.4rem;padding-left:.2rem;overflow-wrap:break-word}tr.sub td,tr.sub th{color:var(--soft)}tr.sub "
    "th{padding-left:1.5rem}sub{line-height:0}figure{margin:1.2rem 0;background:var(--figure);border:1px solid "
    "var(--line);border-radius:6px;padding:.75rem;max-width:44rem}figure .wide{margin:0}figure "
    "img{display:block;width:100%;min-width:27rem;height:auto}figcaption{font-size:.92rem;margin-top:.5rem}details{"
    "margin:.7rem "
    "0}summary{cursor:pointer;color:var(--link);padding:.2rem 0}.runs "
    "td.wrap{min-width:34rem}@media(max-width:38rem){td:first-child,th:first-child{white-space:normal;min-width:8.5rem}"
    "}@media(max-width:38rem){.list "
    "td,.list th{white-space:normal}.list td:first-child,.list th:first-child{min-width:0}.list "
    "td.wrap{min-width:6rem}.list td.n{white-space:nowrap}.list table{font-size:.82rem}.list .wrap "
    ".soft{display:none}}@media print{details{display:block}h2{break-before:page}nav{display:none}}";

void html_open(const char *title, FILE *out) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    html_text(title, out);
    fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n", styles);
}

void html_main(FILE *out) {
    fputs("<main>\n", out);
}

void html_close(FILE *out) {
    fputs("</main>\n</body>\n</html>\n", out);
}

static void write_character(char c, FILE *out) {
    switch (c) {
    case '&':
        fputs("&amp;", out);
        break;
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    default:
        fputc(c, out);
    }
}

void html_text(const char *text, FILE *out) {
    for (; *text != '\0'; text++) {
        write_character(*text, out);
    }
}

void html_inline(const char *text, FILE *out) {
    for (; *text != '\0'; text++) {
        const char *end = *text == '`' ? strchr(text + 1, '`') : NULL;
        if (end != NULL) {
            fputs("<code>", out);
            while (++text < end) {
                write_character(*text, out);
            }
            fputs("</code>", out);
        } else if (*text != '\\' || strchr("\\|*_`<", text[1]) == NULL || text[1] == '\0') {
            write_character(*text, out);
        }
    }
}

void html_svg(const void *svg, size_t size, const char *alternative, FILE *out) {
    enum { BYTES = 3 * 1024 };
    const unsigned char *at = svg;
    unsigned char text[BYTES / 3 * 4 + 1];
    fputs("<img alt=\"", out);
    html_text(alternative, out);
    fputs("\" src=\"data:image/svg+xml;base64,", out);
    for (size_t n; size > 0; at += n, size -= n) {
        n = size < BYTES ? size : BYTES;
        fwrite(text, 1, (size_t)EVP_EncodeBlock(text, at, (int)n), out);
    }
    fputs("\">\n", out);
}
