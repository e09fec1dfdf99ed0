/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/text.c: the model's summary as kt_summary prints it, and a table of what it was compiled with.
 *
 * Under TEXT as model/summary and model/compile, step 0 (a resumed run: the step it begins with), once per training:
 * before it, or, when the model learns its shapes only from the first batch, at the end of the first epoch. The table
 * has the settings that somebody chose; what stands at its default is left out, but for the learning rate.
 */
#include <string.h>

#include "train/callbacks/tensorboard/board.h"
#include "train/model.h"
#include "train/numbers.h"

typedef struct writing {
    bool written;
    int64_t step;
} writing;

/* ---- the summary: what goes to the print hook, taken on its way ---- */

typedef struct printed {
    kt_heap *heap;
    char *at;
    size_t length, room;
    bool cut; /* memory was short */
} printed;

static void take(const char *text, void *user)
{
    printed *p = user;
    size_t n = strlen(text);
    if (p->cut || !kt_grow(p->heap, &p->at, &p->room, p->length + n + 1, 1)) {
        p->cut = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\033') { /* bold and plain, for terminals: up to the letter that ends it */
            while (i < n && text[i] != 'm') i++;
            continue;
        }
        p->at[p->length++] = text[i];
    }
    p->at[p->length] = 0;
}

static kt_status write_summary(kt_board *b, int64_t step)
{
    kt_context *kt = b->kt;
    printed p = { .heap = &kt->heap };
    void (*print)(const char *text, void *user) = kt->config.print;
    void *user = kt->config.print_user;
    take("```\n", &p);
    kt->config.print = take;
    kt->config.print_user = &p;
    kt_status status = kt_summary(b->loop->model);
    kt->config.print = print;
    kt->config.print_user = user;
    take("```\n", &p);
    if (status == KT_OK && p.cut) status = kt_no_memory(kt);
    if (status == KT_OK) kt_events_text(b->train, "model/summary", p.at, step);
    kt_heap_give(&kt->heap, p.at);
    return status;
}

/* ---- the table ---- */

enum { MAX_ROWS = 40, CELL = 256 };

typedef struct rows {
    char cells[MAX_ROWS][2][CELL];
    const char *at[MAX_ROWS][2];
    int n;
} rows;

/* The value of a new row, to be written by the caller. The last row is never shown: it takes what does not fit. */
static kt_text row(rows *r, const char *name)
{
    int i = r->n < MAX_ROWS - 1 ? r->n++ : r->n;
    kt_text text = kt_text_in(r->cells[i][0], CELL);
    kt_text_add(&text, "%s", name);
    for (int k = 0; k < 2; k++) r->at[i][k] = r->cells[i][k];
    return kt_text_in(r->cells[i][1], CELL);
}

static void word(rows *r, const char *name, const char *value)
{
    kt_text text = row(r, name);
    kt_text_add(&text, "%s", value);
}

static void whole(rows *r, const char *name, int64_t value)
{
    kt_text text = row(r, name);
    kt_text_thousands(&text, value);
}

static void number(rows *r, const char *name, double value)
{
    kt_text text = row(r, name);
    kt_text_repr(&text, value);
}

/* The settings of an optimizer that are not left at zero, which means the default. */
static void fields(rows *r, const kt_field *field, const void *config)
{
    for (; field && field->name; field++) {
        const char *at = (const char *)config + field->offset;
        if (strcmp(field->name, "learning_rate") == 0 || strcmp(field->name, "name") == 0) continue;
        if (field->kind == KT_FIELD_DOUBLE) {
            double value;
            memcpy(&value, at, sizeof value);
            double low = kt_setting(value, -1), high = kt_setting(value, 1); /* not set: they differ */
            if (!(low < high)) number(r, field->name, low);
        } else if (field->kind == KT_FIELD_INT) {
            int64_t value;
            memcpy(&value, at, sizeof value);
            if (value) whole(r, field->name, value);
        } else if (field->kind == KT_FIELD_BOOL && *(const bool *)at) word(r, field->name, "true");
    }
}

static void losses(rows *r, const kt_compiled *c)
{
    static const char *const reductions[] = { "sum_over_batch_size", "sum", "mean_with_sample_weight" };
    kt_loss_config config;
    memcpy(&config, &c->loss.config, sizeof config);
    word(r, "loss",
         c->loss.cls    ? c->loss.cls->short_name
         : c->loss_fn   ? "a function"
         : c->loss_name ? c->loss_name
                        : "none");
    if (!c->loss.cls) return;
    if (config.from_logits) word(r, "from_logits", "true");
    if (kt_setting(config.label_smoothing, 0) > 0) number(r, "label_smoothing", config.label_smoothing);
    if (config.reduction) word(r, "reduction", reductions[config.reduction]);
}

static void metrics(rows *r, const kt_compiled *c, bool weighted, const char *name)
{
    int n = 0;
    for (int i = 0; i < c->n_metrics; i++) n += c->metrics[i].weighted == weighted;
    if (!n) return;
    kt_text text = row(r, name);
    for (int i = 0; i < c->n_metrics; i++)
        if (c->metrics[i].weighted == weighted)
            kt_text_add(&text, "%s%s", text.length ? ", " : "", c->metrics[i].label);
}

static void fill(kt_board *b, rows *r)
{
    kt_context *kt = b->kt;
    const kt_loop *loop = b->loop;
    const kt_compiled *c = loop->model->compiled;
    const kt_optimizer *optimizer = loop->optimizer;
    word(r, "setting", "value");
    if (optimizer) {
        word(r, "optimizer", kt_optimizer_class_of(optimizer)->name);
        double given = kt_optimizer_common_of(optimizer)->learning_rate, rate = kt_learning_rate(loop->optimizer);
        if (kt_optimizer_scheduled(optimizer)) word(r, "learning_rate", "a schedule");
        else number(r, "learning_rate", (double)(float)given == rate ? given : rate); /* it is kept as a float */
        fields(r, kt_optimizer_class_of(optimizer)->fields, kt_optimizer_config(optimizer));
    }
    if (c) {
        losses(r, c);
        metrics(r, c, false, "metrics");
        metrics(r, c, true, "weighted_metrics");
    }
    whole(r, "parameters", kt_model_parameters(loop->model, false));
    whole(r, "trainable parameters", kt_model_parameters(loop->model, true));
    whole(r, "epochs", loop->epochs);
    if (loop->initial_epoch) whole(r, "initial_epoch", loop->initial_epoch);
    if (loop->steps > 0) whole(r, "steps per epoch", loop->steps);
    word(r, "float type", kt_dtype_name(kt->config.floatx));
    kt_text place = row(r, "back-end");
    kt_text_add(&place, "%s %s, %d %s", kt_backend_name(kt), kt_isa_name(kt), kt_threads(kt),
                kt_threads(kt) == 1 ? "thread" : "threads");
    kt_text seed = row(r, "seed");
    kt_text_add(&seed, "%llu", (unsigned long long)kt->config.seed);
    if (kt->config.run_eagerly) word(r, "run_eagerly", "true");
    word(r, "keratin", kt_version());
}

static kt_status write_table(kt_board *b, int64_t step)
{
    rows *r = kt_take_zeroed(b->kt, 1, sizeof *r);
    if (!r) return b->kt->status;
    fill(b, r);
    kt_events_markdown_table(b->train, "model/compile", r->at[0], r->n, 2, step);
    kt_give(b->kt, r);
    return b->kt->status;
}

/* ---- hooks ---- */

static kt_status write_all(kt_board *b, writing *w)
{
    w->written = true;
    kt_status status = write_summary(b, w->step);
    return status == KT_OK ? write_table(b, w->step) : status;
}

static kt_status text_train_begin(kt_board *b, void *self)
{
    kt_model *model = b->loop->model;
    writing *w = self;
    *w = (writing){ .written = !model, .step = b->train_batch };
    return model && kt_layer_built(model->root) ? write_all(b, w) : KT_OK;
}

static kt_status text_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)epoch, (void)logs;
    writing *w = self;
    return w->written ? KT_OK : write_all(b, w);
}

static bool text_wanted(const kt_tensorboard_config *c) { return c->write_text; }

const kt_board_part kt_board_text = {
    .name = "text",
    .wanted = text_wanted,
    .state_size = sizeof(writing),
    .train_begin = text_train_begin,
    .epoch_end = text_epoch_end,
};
