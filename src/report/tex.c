/* Texts and numbers in TeX: see tex.h. */
#include "report/tex.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tex_number tex_number_read(const char *text) {
    struct tex_number n = {.kind = TEX_NOTHING};
    const char *at = text, *end = text + strlen(text);
    n.sign = *at == '-' || *at == '+';
    at += n.sign;
    if (!isdigit((unsigned char)*at)) {
        return n; /* "", "nan", "inf" */
    }
    n.kind = TEX_PLAIN;
    size_t used = (size_t)snprintf(n.text, sizeof n.text, "%.1s", n.sign ? text : "");
    for (; isdigit((unsigned char)*at); n.before++) {
        n.text[used++] = *at++;
    }
    if (*at == '.') {
        n.text[used++] = *at++;
        for (; isdigit((unsigned char)*at); n.after++) {
            n.text[used++] = *at++;
        }
    }
    const char *close = *at == '(' ? strchr(at, ')') : NULL;
    if (close && strspn(at + 1, "0123456789.") == (size_t)(close - at - 1)) { /* without the point: 475.6(2.6) becomes
                                                                                 475.6(26) */
        n.text[used++] = '(';
        for (at++; at < close; at++) {
            if (*at != '.') {
                n.text[used++] = *at;
                n.uncertainty++;
            }
        }
        n.text[used++] = ')';
        at++;
    } else if (close) { /* "(1.0e-30)" and "(inf)" are omitted */
        at = close + 1;
    }
    n.text[used] = '\0';
    if (at < end && *at == 'e') {
        snprintf(n.text + used, sizeof n.text - used, "\\times 10^{%ld}", strtol(at + 1, NULL, 10));
        n.kind = TEX_OTHER;
        n.width = used + 4;
    }
    return n;
}

struct tex_number tex_number(double value, double error, int max_decimals) {
    char text[REPORT_NUMBER];
    if (isnan(value) || isinf(value)) {
        return (struct tex_number){.kind = TEX_NOTHING};
    }
    if (value != 0.0 && fabs(value) < 1e-99) {
        return (struct tex_number){.kind = TEX_OTHER, .text = "<10^{-99}", .width = 5};
    }
    report_value(value, error > 0.0 && isfinite(error) ? error : NAN, max_decimals, text);
    return tex_number_read(text);
}

/* Words and formulas of our sentences, and their mathematical form. */
static const struct {
    const char *word, *tex;
} words[] = {
    {"kappa", "\\kappa"},
    {"lambda", "\\lambda"},
    {"phi", "\\phi"},
    {"sigma", "\\sigma"},
    {"tau", "\\tau"},
    {"tau_int", "\\tau_\\mathrm{int}"},
    {"chi2", "\\chi_2"},
    {"R2", "R^2"},
    {"S_eff", "S_\\mathrm{eff}"},
    {"U_L", "U_L"},
    {"xi", "\\xi"},
    {"S/V", "S/V"},
    {"Z", "Z"},
    {"S", "S"},
    {"M", "M"},
    {"|M|", "|M|"},
    {"|phi|", "|\\phi|"},
    {"log", "\\log"},
    {"<M>", "\\langle M\\rangle"},
};

static bool in_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '/';
}

/* The mathematical form of the word at `text`, or NULL; its length, and the power that follows it, as "^{4}" or "". */
static const char *find_word(const char *text, size_t *length, char power[8]) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t n = strlen(words[i].word);
        if (strncmp(text, words[i].word, n) != 0 || in_word(text[n])) {
            continue;
        }
        size_t digits = text[n] == '^' ? strspn(text + n + 1, "0123456789") : 0;
        digits = digits > 3 ? 0 : digits;
        snprintf(power, 8, digits ? "^{%.*s}" : "%.*s", (int)digits, text + n + 1);
        *length = n + (digits ? digits + 1 : 0);
        return words[i].tex;
    }
    return NULL;
}

/* The length of a lattice like "32x32" at the beginning of the text; 0 if there is none. */
static size_t lattice_length(const char *text) {
    size_t length = strspn(text, "0123456789"), crosses = 0;
    while (length > 0 && text[length] == 'x' && isdigit((unsigned char)text[length + 1])) {
        crosses++;
        length += 1 + strspn(text + length + 1, "0123456789");
    }
    return crosses > 0 && !in_word(text[length]) ? length : 0;
}

static void escape(const char *text, size_t length, FILE *out) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '<' || text[i] == '>' || text[i] == '|') { /* other glyphs in the OT1 encoding */
            fprintf(out, "$%c$", text[i]);
        } else {
            report_tex((const char[]){text[i], '\0'}, out);
        }
    }
}

void tex_text(const char *text, FILE *out) {
    for (bool start = true; *text != '\0';) {
        char power[8];
        size_t length = 0;
        const char *tex = start ? find_word(text, &length, power) : NULL,
                   *end = *text == '`' ? strchr(text + 1, '`') : NULL;
        const size_t lattice = start ? lattice_length(text) : 0, mark = strlen(REPORT_MARK);
        if (tex) {
            fprintf(out, "$%s%s$", tex, power);
        } else if (lattice > 0) {
            fputc('$', out);
            for (size_t i = 0; i < lattice; i++) {
                fputs(text[i] == 'x' ? "\\times " : (const char[]){text[i], '\0'}, out);
            }
            fputc('$', out);
            length = lattice;
        } else if (end) {
            fputs("\\texttt{", out);
            escape(text + 1, (size_t)(end - text - 1), out);
            fputc('}', out);
            length = (size_t)(end - text + 1);
        } else if (strncmp(text, REPORT_MARK, mark) == 0) {
            fputs("$^\\dagger$", out);
            length = mark;
        } else {
            escape(text, 1, out);
            length = 1;
        }
        start = !in_word(text[length - 1]) || tex || lattice > 0;
        text += length;
    }
}

void tex_macro_name(const char *name, FILE *out) {
    static const char *const digits[] = {"Zero", "One", "Two",   "Three", "Four",
                                         "Five", "Six", "Seven", "Eight", "Nine"};
    bool capital = true;
    for (; *name != '\0'; name++) {
        if (isdigit((unsigned char)*name)) {
            fputs(digits[*name - '0'], out);
            capital = true;
        } else if (isalpha((unsigned char)*name)) {
            fputc(capital ? toupper((unsigned char)*name) : *name, out);
            capital = false;
        } else {
            capital = true;
        }
    }
}
