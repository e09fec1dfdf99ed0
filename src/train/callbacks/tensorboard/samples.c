/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/samples.c: at the end of each epoch, what a classifier says about the given samples.
 *
 * The samples are predicted once for all that is made of them, in batches, by the same step that predict runs: nothing
 * of the training changes by it. Targets are class numbers or one row of zeros and a one; predictions (n, classes), or
 * (n, 1) for two classes. They are taken as probabilities, or as logits where the compiled loss says from_logits.
 * Shapes are checked before training begins, so that no epoch is lost to a mistake.
 */
#include "train/callbacks/tensorboard/samples.h"

#include <math.h>
#include <string.h>

#include "train/feed.h"
#include "train/run.h"
#include "train/step.h"

enum { BATCH = 256, MAX_CURVES = 64 };

typedef struct samples {
    kt_samples s;
    bool logits;
    void *raw; /* (BATCH, columns) of the context's float type */
    float *column;
    uint8_t *labels;
    bool told;
} samples;

double kt_sample_value(const kt_array *array, int64_t i)
{
    switch (array->dtype) {
    case KT_FLOAT32: return (double)((const float *)array->data)[i];
    case KT_FLOAT64: return ((const double *)array->data)[i];
    case KT_INT32: return (double)((const int32_t *)array->data)[i];
    case KT_INT64: return (double)((const int64_t *)array->data)[i];
    default: return (double)((const uint8_t *)array->data)[i];
    }
}

void kt_class_name(const kt_board *b, const kt_samples *s, int64_t class_number, char to[KT_CLASS_NAME_MAX])
{
    kt_text text = kt_text_in(to, KT_CLASS_NAME_MAX);
    if (class_number < s->n_names) kt_text_add(&text, "%s", b->config.class_names[class_number]);
    else kt_text_add(&text, "%lld", (long long)class_number);
}

/* ---- before training ---- */

static kt_status samples_begin(kt_board *b, void *self)
{
    kt_samples *s = &((samples *)self)->s;
    const kt_tensorboard_config *c = &b->config;
    const char *place = "TensorBoard (samples)";
    if (!c->samples_x.data || !c->samples_y.data)
        return kt_fail(b->kt, KT_ERR_VALUE,
                       "%s: confusion_matrix, prediction_grid and pr_curves need samples_x and samples_y, got none; "
                       "give "
                       "some rows of the validation data",
                       place);
    if (!b->loop->model)
        return kt_fail(b->kt, KT_ERR_VALUE,
                       "%s: expected a model to predict samples with, got a loop without one; give .model to "
                       "kt_loop_new",
                       place);
    kt_array none = { .data = NULL };
    if (kt_check_rows(b->kt, place, &c->samples_x, &c->samples_y, &none, &s->rows) != KT_OK ||
        kt_run_ready(b->loop->model, place, false) != KT_OK)
        return b->kt->status;
    s->x = c->samples_x;
    for (s->n_names = 0; c->class_names && c->class_names[s->n_names];) s->n_names++;
    return c->prediction_grid ? kt_check_grid(b, &s->x) : KT_OK;
}

static kt_status wrong_shapes(kt_board *b, const kt_desc *out)
{
    char got[128], of[128];
    kt_text one = kt_text_in(got, sizeof got), other = kt_text_in(of, sizeof of);
    kt_text_desc(&one, out);
    kt_text_dims(&other, b->config.samples_y.dim, b->config.samples_y.rank);
    return kt_fail(b->kt, KT_ERR_SHAPE,
                   "TensorBoard (samples): expected predictions (n, classes) or (n, 1), and samples_y as class numbers "
                   "or "
                   "(n, classes), got predictions %s and samples_y %s; these options are for classifiers",
                   got, of);
}

/* The class of each row. */
static kt_status read_truth(kt_board *b, samples *p, const kt_desc *out)
{
    kt_samples *s = &p->s;
    const kt_array *y = &b->config.samples_y;
    bool numbers = y->rank == 1 || (y->rank == 2 && y->dim[1] == 1);
    if (!numbers && (y->rank != 2 || y->dim[1] != s->columns)) return wrong_shapes(b, out);
    for (int64_t i = 0; i < s->rows; i++) {
        int64_t best = 0;
        double value = kt_sample_value(y, numbers ? i : i * s->columns);
        if (numbers) {
            double last = (double)(s->classes - 1);
            if (!(value >= 0 && value <= last))
                return kt_fail(b->kt, KT_ERR_VALUE,
                               "TensorBoard (samples): expected classes from 0 to %lld in samples_y, got %g in row "
                               "%lld; "
                               "the model's predictions have %lld columns",
                               (long long)s->classes - 1, value, (long long)i, (long long)s->columns);
            best = s->columns == 1 ? value >= 0.5 : (int64_t)value;
        }
        for (int64_t k = 1; !numbers && k < s->columns; k++)
            if (kt_sample_value(y, i * s->columns + k) > kt_sample_value(y, i * s->columns + best)) best = k;
        s->truth[i] = (int32_t)best;
    }
    return KT_OK;
}

static bool gives_logits(const kt_model *model)
{
    kt_loss_config config;
    if (!model->compiled || !model->compiled->loss.cls) return false;
    memcpy(&config, &model->compiled->loss.config, sizeof config);
    return config.from_logits;
}

/* A loss of the caller's own may want one thing and the metrics another; what the compiled loss says counts. */
static kt_status samples_train_begin(kt_board *b, void *self)
{
    samples *p = self;
    kt_samples *s = &p->s;
    kt_context *kt = b->kt;
    kt_desc out;
    int64_t first = s->rows < BATCH ? s->rows : BATCH, cells;
    kt_host_batch batch = { .x = kt_rows_of(&s->x, 0, first) };
    if (kt_step_output(b->loop->model, &batch, &out) != KT_OK) return kt->status;
    if (out.rank != 2 || out.dim[0] != first || out.dim[1] < 1 || out.dim[1] > INT32_MAX) return wrong_shapes(b, &out);
    if (s->probabilities) return KT_OK;
    s->columns = out.dim[1];
    s->classes = s->columns == 1 ? 2 : s->columns;
    if (!kt_mul_int64(s->rows, s->columns, &cells) || cells > INT64_MAX / 16) return kt_no_memory(kt);
    s->probabilities = kt_take_zeroed(kt, (size_t)cells, sizeof *s->probabilities);
    s->truth = kt_take_zeroed(kt, (size_t)s->rows, sizeof *s->truth);
    s->guess = kt_take_zeroed(kt, (size_t)s->rows, sizeof *s->guess);
    p->raw = kt_take_zeroed(kt, (size_t)(first * s->columns), kt_dtype_size(kt->config.floatx));
    p->column = kt_take_zeroed(kt, (size_t)s->rows, sizeof *p->column);
    p->labels = kt_take_zeroed(kt, (size_t)s->rows, sizeof *p->labels);
    if (!s->probabilities || !s->truth || !s->guess || !p->raw || !p->column || !p->labels) return kt->status;
    return read_truth(b, p, &out);
}

/* ---- predicting ---- */

static double raw_at(const samples *p, const kt_context *kt, int64_t i)
{
    return kt->config.floatx == KT_FLOAT64 ? ((const double *)p->raw)[i] : (double)((const float *)p->raw)[i];
}

/* One row of predictions: its probabilities and its class. */
static void take_row(samples *p, const kt_context *kt, int64_t row, int64_t from)
{
    kt_samples *s = &p->s;
    float *to = s->probabilities + row * s->columns;
    int64_t best = 0;
    for (int64_t k = 1; k < s->columns; k++)
        if (raw_at(p, kt, from + k) > raw_at(p, kt, from + best)) best = k;
    double most = raw_at(p, kt, from + best), sum = 0;
    for (int64_t k = 0; k < s->columns; k++) {
        double value = raw_at(p, kt, from + k);
        if (p->logits && s->columns > 1) sum += value = exp(value - most);
        else if (p->logits) value = 1 / (1 + exp(-value));
        to[k] = (float)value;
    }
    for (int64_t k = 0; sum > 0 && k < s->columns; k++) to[k] = (float)((double)to[k] / sum);
    s->guess[row] = (int32_t)(s->columns == 1 ? to[0] >= 0.5f : best);
}

static kt_status predict(kt_board *b, samples *p)
{
    kt_samples *s = &p->s;
    kt_status status = KT_OK;
    for (int64_t at = 0; at < s->rows && status == KT_OK; at += BATCH) {
        int64_t rows = s->rows - at < BATCH ? s->rows - at : BATCH;
        kt_host_batch batch = { .x = kt_rows_of(&s->x, at, rows) };
        status = kt_step_predict(b->loop->model, &batch, p->raw, rows * s->columns);
        for (int64_t i = 0; i < rows && status == KT_OK; i++) take_row(p, b->kt, at + i, i * s->columns);
    }
    return status;
}

/* ---- after each epoch ---- */

/* A curve for each class against all others; of one column, of its class alone. */
static void write_curves(kt_board *b, samples *p, int64_t epoch)
{
    const kt_samples *s = &p->s;
    int64_t shown = s->columns < MAX_CURVES ? s->columns : MAX_CURVES;
    if (shown < s->columns && !p->told)
        kt_remark(b->kt, "TensorBoard (pr_curves): the curves of the first %d of %lld classes are written", MAX_CURVES,
                  (long long)s->columns);
    p->told = true;
    for (int64_t k = 0; k < shown; k++) {
        int32_t positive = s->columns == 1 ? 1 : (int32_t)k;
        char name[KT_CLASS_NAME_MAX], tag[KT_BOARD_TAG_MAX];
        for (int64_t i = 0; i < s->rows; i++) {
            p->column[i] = s->probabilities[i * s->columns + k];
            p->labels[i] = s->truth[i] == positive;
        }
        kt_class_name(b, s, positive, name);
        kt_text text = kt_text_in(tag, sizeof tag);
        kt_text_add(&text, "pr_curves/%s", name);
        kt_events_pr_curve(b->train, tag, p->column, p->labels, NULL, s->rows, 0, epoch);
    }
}

static kt_status samples_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)logs;
    samples *p = self;
    const kt_tensorboard_config *c = &b->config;
    p->logits = gives_logits(b->loop->model);
    kt_status status = predict(b, p);
    if (status == KT_OK && c->confusion_matrix) status = kt_write_confusion(b, &p->s, epoch);
    if (status == KT_OK && c->prediction_grid) status = kt_write_grid(b, &p->s, epoch);
    if (status == KT_OK && c->pr_curves) write_curves(b, p, epoch);
    return status;
}

static void samples_release(kt_board *b, void *self)
{
    samples *p = self;
    kt_give(b->kt, p->labels);
    kt_give(b->kt, p->column);
    kt_give(b->kt, p->raw);
    kt_give(b->kt, p->s.guess);
    kt_give(b->kt, p->s.truth);
    kt_give(b->kt, p->s.probabilities);
}

static bool samples_wanted(const kt_tensorboard_config *c)
{
    return c->confusion_matrix || c->prediction_grid || c->pr_curves;
}

const kt_board_part kt_board_samples = {
    .name = "samples",
    .wanted = samples_wanted,
    .state_size = sizeof(samples),
    .begin = samples_begin,
    .train_begin = samples_train_begin,
    .epoch_end = samples_epoch_end,
    .release = samples_release,
};
