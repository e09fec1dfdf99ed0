/* SPDX-License-Identifier: MIT */
/* summary/kinds/projector_config.c: the text form of ProjectorConfig, as far as keeping what others wrote needs it.
 *
 *     model_checkpoint_path: "..."
 *     embeddings { tensor_name: "emb" tensor_path: "emb.tsv" sprite { image_path: "s.png" single_image_dim: 8 } }
 *
 * The fields of a message are: a name, then ':' and a value, or a message in {} or <> (before which a ':' may stand).
 * Fields may be parted by ',' or ';', comments run from '#' to the line's end, strings stand in either kind of
 * quotes, and strings one after the other are one. Nothing is understood beyond that: a field that stays, stays byte
 * for byte. The text is somebody else's: every step is bounded by its end, and messages by a depth.
 */
#include "projector_config.h"

#include <stdio.h>
#include <string.h>

enum { CONFIG_DEPTH_MAX = 32 };

typedef struct config_text {
    const char *at, *end;
} config_text;

/* ---- Reading --------------------------------------------------------------------------------- */

static void config_skip_blanks(config_text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\r' || *t->at == '\n')) t->at++;
}

/* Blanks and comments. */
static void config_skip_space(config_text *t)
{
    for (config_skip_blanks(t); t->at < t->end && *t->at == '#'; config_skip_blanks(t))
        while (t->at < t->end && *t->at != '\n') t->at++;
}

static bool config_is(const config_text *t, const char *any) { return t->at < t->end && *t->at && strchr(any, *t->at); }

/* Names, numbers, and the signs within them. */
static bool config_word(config_text *t, const char **word, size_t *n)
{
    *word = t->at;
    for (; t->at < t->end; t->at++) {
        char c = *t->at;
        bool in = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                  c == '-' || c == '+';
        if (!in) break;
    }
    *n = (size_t)(t->at - *word);
    return *n > 0;
}

/* One or more strings, unescaped into `out` (which may be NULL), cut to its room. False when one does not end. */
static bool config_string(config_text *t, char *out, size_t room)
{
    size_t n = 0;
    const char *behind = t->at; /* the last string; a comment there belongs to what follows */
    for (; config_is(t, "\"'"); config_skip_space(t)) {
        char quote = *t->at++;
        for (; t->at < t->end && *t->at != quote; t->at++) {
            unsigned char c = (unsigned char)*t->at;
            if (c == '\n') return false;
            if (c == '\\' && t->at + 1 < t->end) {
                static const char letters[] = "abfnrtv", meant[] = "\a\b\f\n\r\t\v";
                c = (unsigned char)*++t->at;
                const char *letter = c ? strchr(letters, c) : NULL;
                unsigned code = 0;
                int digits = 0;
                if (letter) {
                    c = (unsigned char)meant[letter - letters];
                } else if (c >= '0' && c <= '7') {
                    for (; digits < 3 && t->at < t->end && *t->at >= '0' && *t->at <= '7'; digits++, t->at++)
                        code = code * 8 + (unsigned)(*t->at - '0');
                    t->at--;
                    c = (unsigned char)code;
                }
            }
            if (out && n + 1 < room) out[n++] = (char)c;
        }
        if (t->at == t->end) return false;
        behind = ++t->at;
    }
    t->at = behind;
    if (out && room > 0) out[n] = '\0';
    return true;
}

/* Passes over a value or a message, which begins at t. In an entry, `name` takes the string of tensor_name. Messages
 * are followed by a stack of what closes them, not by calls, so that depth costs no memory of the caller's. */
static bool config_value(config_text *t, bool message, char *name, size_t room)
{
    char closing[CONFIG_DEPTH_MAX];
    int depth = 0;
    if (message) closing[depth++] = *t->at++ == '{' ? '}' : '>';
    do {
        const char *word;
        size_t n = 0;
        config_skip_space(t);
        if (t->at == t->end) return false;
        if (depth > 0 && *t->at == closing[depth - 1]) {
            t->at++;
            depth--;
        } else if (config_is(t, "{<[")) {
            if (depth == CONFIG_DEPTH_MAX) return false;
            closing[depth++] = *t->at == '{' ? '}' : *t->at == '<' ? '>' : ']';
            t->at++;
        } else if (config_is(t, "\"'")) {
            if (!config_string(t, NULL, 0)) return false;
        } else if (depth > 0 && config_is(t, ":,;/")) { /* '/' stands in names of types */
            t->at++;
        } else if (!config_word(t, &word, &n)) {
            return false;
        } else if (name && depth == 1 && n == 11 && memcmp(word, "tensor_name", 11) == 0) {
            config_skip_space(t);
            if (!config_is(t, ":")) return false;
            t->at++;
            config_skip_space(t);
            if (!config_is(t, "\"'") || !config_string(t, name, room)) return false;
        }
    } while (depth > 0);
    return true;
}

int kt_projector_next(const char *text, size_t size, size_t *at, size_t *from, size_t *to, bool *entry, char *name,
                      size_t room)
{
    config_text t = { text + *at, text + size };
    const char *word;
    size_t n;
    name[0] = '\0';
    *entry = false;
    do config_skip_blanks(&t);
    while (config_is(&t, ",;") && t.at++ < t.end);
    *from = (size_t)(t.at - text);
    if (t.at == t.end) return 0;
    if (*t.at == '#') {
        while (t.at < t.end && *t.at != '\n') t.at++;
        *at = *to = (size_t)(t.at - text);
        return 1;
    }
    if (config_is(&t, "[")) { /* an extension's name */
        if (!config_value(&t, false, NULL, 0)) return -1;
        word = "", n = 0;
    } else if (!config_word(&t, &word, &n)) {
        return -1;
    }
    config_skip_space(&t);
    bool colon = config_is(&t, ":");
    if (colon) t.at++;
    config_skip_space(&t);
    bool message = config_is(&t, "{<");
    *entry = message && n == 10 && memcmp(word, "embeddings", 10) == 0;
    if (n == 10 && memcmp(word, "embeddings", 10) == 0 && !message) return -1; /* a list of them: nobody writes it */
    if ((!message && !colon) || !config_value(&t, message, *entry ? name : NULL, room)) return -1;
    *at = *to = (size_t)(t.at - text);
    return 1;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void config_add_string(kt_new_file *file, const char *field, const char *value)
{
    if (!value) return;
    kt_new_file_text(file, field);
    kt_new_file_text(file, ": \"");
    for (const char *at = value; *at; at++) {
        unsigned char c = (unsigned char)*at;
        char piece[8];
        bool plain = c >= 32 && c < 127 && c != '"' && c != '\\' && c != '\'';
        snprintf(piece, sizeof piece, plain ? "%c" : "\\%03o", c);
        kt_new_file_text(file, piece);
    }
    kt_new_file_text(file, "\"\n");
}

static void config_add_number(kt_new_file *file, const char *field, int64_t value)
{
    char line[96];
    snprintf(line, sizeof line, "%s: %lld\n", field, (long long)value);
    kt_new_file_text(file, line);
}

void kt_projector_add_entry(kt_new_file *file, const kt_projector_entry *entry)
{
    kt_new_file_text(file, "embeddings {\n");
    config_add_string(file, "  tensor_name", entry->tensor_name);
    config_add_string(file, "  metadata_path", entry->metadata_path);
    config_add_number(file, "  tensor_shape", entry->rows);
    config_add_number(file, "  tensor_shape", entry->columns);
    if (entry->image_path) {
        kt_new_file_text(file, "  sprite {\n");
        config_add_string(file, "    image_path", entry->image_path);
        config_add_number(file, "    single_image_dim", entry->image_width);
        config_add_number(file, "    single_image_dim", entry->image_height);
        kt_new_file_text(file, "  }\n");
    }
    config_add_string(file, "  tensor_path", entry->tensor_path);
    kt_new_file_text(file, "}\n");
}
