/* SPDX-License-Identifier: MIT */
/* train/overview.c: kt_summary: the table that Keras's model.summary() prints, through the context's print hook.
 *
 * Widths are those of a terminal of 80 columns. A chain has three columns; a drawn graph that is no chain gets a
 * fourth, the layers each one is connected to. Totals include the optimizer's variables, as in Keras.
 */
#include <stdio.h>
#include <string.h>

#include "train/model.h"
#include "train/numbers.h"

enum { MAX_COLUMNS = 4, MAX_CELL = 512 };

typedef struct table {
    kt_context *kt;
    int columns;
    int width[MAX_COLUMNS]; /* of cells, padding included */
    bool right[MAX_COLUMNS];
} table;

static void rule(const table *t, const char *left, const char *line, const char *cross, const char *right)
{
    char buffer[1024];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    for (int c = 0; c < t->columns; c++) {
        kt_text_add(&text, "%s", c ? cross : left);
        for (int i = 0; i < t->width[c]; i++) kt_text_add(&text, "%s", line);
    }
    kt_text_add(&text, "%s\n", right);
    kt_say(t->kt, buffer);
}

/* How much of `cell` goes on one line of `width` characters: up to the last space that fits, else cut. */
static size_t piece(const char *cell, size_t width)
{
    size_t n = strlen(cell);
    if (n <= width) return n;
    for (size_t i = width; i > 0; i--)
        if (cell[i] == ' ') return i;
    return width;
}

static void row(const table *t, const char *bar, char cells[MAX_COLUMNS][MAX_CELL])
{
    const char *rest[MAX_COLUMNS];
    for (int c = 0; c < t->columns; c++) rest[c] = cells[c];
    for (bool more = true; more;) {
        char buffer[2048];
        kt_text text = kt_text_in(buffer, sizeof buffer);
        more = false;
        for (int c = 0; c < t->columns; c++) {
            int width = t->width[c] - 2;
            size_t n = piece(rest[c], (size_t)width);
            kt_text_add(&text, t->right[c] ? "%s %*.*s " : "%s %-*.*s ", bar, width, (int)n, rest[c]);
            rest[c] += n;
            while (*rest[c] == ' ') rest[c]++;
            more = more || *rest[c];
        }
        kt_text_add(&text, "%s\n", bar);
        kt_say(t->kt, buffer);
    }
}

static void shape_cell(char *cell, const kt_desc *desc)
{
    kt_text text = kt_text_in(cell, MAX_CELL);
    if (!desc) {
        kt_text_add(&text, "?");
        return;
    }
    kt_desc any = *desc;
    if (any.rank) any.dim[0] = -1;
    kt_text_desc(&text, &any);
}

static int64_t parameters(kt_tensors list)
{
    int64_t count = 0;
    for (int64_t i = 0; i < list.count; i++) count += kt_desc_count(kt_desc_of(list.at[i]));
    return count;
}

static void layer_cells(kt_layer *layer, char cells[MAX_COLUMNS][MAX_CELL])
{
    snprintf(cells[0], MAX_CELL, "%.250s (%.250s)", kt_layer_name(layer), kt_layer_class_name(layer));
    shape_cell(cells[1], kt_layer_output_desc(layer));
    kt_text count = kt_text_in(cells[2], MAX_CELL);
    if (kt_layer_built(layer)) kt_text_thousands(&count, parameters(kt_layer_weights(layer)));
    else kt_text_add(&count, "0 (unbuilt)");
    snprintf(cells[3], MAX_CELL, "-");
}

/* ---- drawn graphs ---- */

/* The layers whose outputs reach this value through ops alone. */
static void sources(const kt_functional *f, int value, kt_text *text)
{
    if (value < 0) return;
    if ((size_t)value < f->n_inputs) {
        kt_text_add(text, "%s%s[0][0]", text->length ? ", " : "", f->input_names[value]);
        return;
    }
    for (size_t s = 0; s < f->n_steps; s++) {
        const kt_graph_step *step = &f->steps[s];
        if (value < step->out || value >= step->out + step->n_out) continue;
        if (step->layer) {
            int call = 0; /* the ordinal of this call of the layer */
            for (size_t earlier = 0; earlier < s; earlier++) call += f->steps[earlier].layer == step->layer;
            kt_text_add(text, "%s%s[%d][%d]", text->length ? ", " : "", kt_layer_name(step->layer), call,
                        value - step->out);
        } else {
            for (int i = 0; i < step->n_in; i++) sources(f, step->in[i], text);
        }
        return;
    }
}

static bool is_chain(const kt_functional *f)
{
    if (f->n_inputs != 1) return false;
    for (size_t s = 0; s < f->n_steps; s++)
        if (!f->steps[s].layer || f->steps[s].n_in != 1 || f->steps[s].in[0] != (int)s) return false;
    return true;
}

static void graph_rows(const table *t, const kt_functional *f)
{
    char cells[MAX_COLUMNS][MAX_CELL];
    for (size_t i = 0; i < f->n_inputs; i++) {
        snprintf(cells[0], MAX_CELL, "%.250s (InputLayer)", f->input_names[i]);
        shape_cell(cells[1], &f->inputs[i]);
        snprintf(cells[2], MAX_CELL, "0");
        snprintf(cells[3], MAX_CELL, "-");
        if (i) rule(t, "├", "─", "┼", "┤");
        row(t, "│", cells);
    }
    for (size_t s = 0; s < f->n_steps; s++) {
        const kt_graph_step *step = &f->steps[s];
        bool seen = false;
        for (size_t earlier = 0; earlier < s; earlier++)
            seen = seen || (step->layer && f->steps[earlier].layer == step->layer);
        if (seen || !step->n_in) continue;
        if (step->layer) {
            layer_cells(step->layer, cells);
        } else {
            snprintf(cells[0], MAX_CELL, "%.250s (op)", step->op->name);
            snprintf(cells[2], MAX_CELL, "0");
        }
        shape_cell(cells[1], &step->desc);
        kt_text connected = kt_text_in(cells[3], MAX_CELL);
        for (int i = 0; i < step->n_in; i++) sources(f, step->in[i], &connected);
        if (!connected.length) kt_text_add(&connected, "-");
        rule(t, "├", "─", "┼", "┤");
        row(t, "│", cells);
    }
}

/* ---- the whole ---- */

static void total(kt_context *kt, const char *what, int64_t count, double bytes)
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB", "PB" };
    char buffer[128];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    int unit = 0;
    while (bytes >= 1024 && unit < 5) {
        bytes /= 1024;
        unit++;
    }
    kt_text_add(&text, " %s: ", what);
    kt_text_thousands(&text, count);
    kt_text_add(&text, " (");
    kt_text_fixed(&text, bytes, 2);
    kt_text_add(&text, " %s)\n", units[unit]);
    kt_say(kt, buffer);
}

static double bytes_of(kt_tensors list)
{
    double bytes = 0;
    for (int64_t i = 0; i < list.count; i++) {
        const kt_desc *desc = kt_desc_of(list.at[i]);
        bytes += (double)kt_desc_count(desc) * (double)kt_dtype_size(desc->dtype);
    }
    return bytes;
}

static void totals(kt_model *model)
{
    kt_context *kt = model->kt;
    kt_tensors none = { NULL, 0 }, all = kt_weights(model), learned = kt_trainable(model);
    kt_optimizer *optimizer = kt_model_optimizer(model);
    kt_tensors own = optimizer ? kt_optimizer_variables(optimizer) : none;
    if (own.count <= 2) own = none; /* only iteration and rate: not built */
    total(kt, "Total params", parameters(all) + parameters(own), bytes_of(all) + bytes_of(own));
    total(kt, "Trainable params", parameters(learned), bytes_of(learned));
    total(kt, "Non-trainable params", parameters(all) - parameters(learned), bytes_of(all) - bytes_of(learned));
    if (own.count) total(kt, "Optimizer params", parameters(own), bytes_of(own));
}

kt_status kt_summary(kt_model *model)
{
    kt_status status = kt_model_ready(model);
    if (status != KT_OK) return status;
    kt_context *kt = model->kt;
    const kt_functional *f = kt_functional_of(model->root);
    bool graph = f && !is_chain(f);
    table t = { .kt = kt, .columns = graph ? 4 : 3, .right = { false, false, true, false } };
    static const int chain_widths[] = { 33, 24, 15, 0 }, graph_widths[] = { 21, 19, 12, 19 };
    memcpy(t.width, graph ? graph_widths : chain_widths, sizeof t.width);
    char line[300], cells[MAX_COLUMNS][MAX_CELL] = { "Layer (type)", "Output Shape", "Param #", "Connected to" };
    snprintf(line, sizeof line, "\033[1mModel: \"%.200s\"\033[0m\n", kt_model_name(model));
    kt_say(kt, line);
    rule(&t, "┏", "━", "┳", "┓");
    row(&t, "┃", cells);
    rule(&t, "┡", "━", "╇", "┩");
    if (f) {
        graph_rows(&t, f);
    } else {
        for (int64_t i = 0; i < kt_layer_children(model->root); i++) {
            layer_cells(kt_layer_child(model->root, i), cells);
            if (i) rule(&t, "├", "─", "┼", "┤");
            row(&t, "│", cells);
        }
    }
    rule(&t, "└", "─", "┴", "┘");
    totals(model);
    return kt->status;
}
