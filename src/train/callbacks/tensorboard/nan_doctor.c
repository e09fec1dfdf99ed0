/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/nan_doctor.c: when the loss is not finite: which op made it so, as one text and one status.
 *
 * Under fit the steps tell their loss to the outlet (KT_LOOK_LOSS), one number each; when it is NaN or infinite the
 * doctor (train/nan_doctor.h) finds the op, and the training ends with KT_ERR_NAN and a sentence. The text
 * "nan_doctor" in the training run says the same at more length, with the op's inputs as a table. In a hand-written
 * loop nobody but the program could repeat the step: there the logged loss is looked at, and the sentence says how to
 * go on.
 */
#include <math.h>
#include <string.h>

#include "train/callbacks/tensorboard/board.h"
#include "train/nan_doctor.h"
#include "train/summary.h"

typedef struct doctor {
    kt_nan_doctor doctor;
    bool called; /* the training is ending */
} doctor;

static bool doctor_wanted(const kt_tensorboard_config *c) { return c->nan_doctor; }

static kt_status doctor_begin(kt_board *b, void *self)
{
    doctor *d = self;
    d->doctor = (kt_nan_doctor){ .kt = b->kt, .model = b->loop->model, .feed = b->loop->feed };
    return KT_OK;
}

/* ---- words ---- */

static const char *direction_name(int direction)
{
    return direction == KT_UPDATE ? "update" : direction == KT_BACKWARD ? "backward" : "forward";
}

/* What most often makes this op do so. */
static const char *advice(const kt_fault *f)
{
    static const struct {
        const char *op, *advice;
    } known[] = {
        { "log", "a logarithm of 0 or less: clip its input from below, or let the loss work from logits" },
        { "log2", "a logarithm of 0 or less: clip its input from below" },
        { "log10", "a logarithm of 0 or less: clip its input from below" },
        { "log1p", "a logarithm of 0 or less: keep its input above -1" },
        { "sqrt", "a square root below 0: clip its input from below" },
        { "rsqrt", "a division by a root of 0: add an epsilon under the root" },
        { "div", "a division by 0: add an epsilon to the divisor, or use kt_divide_no_nan. (The derivative of a square "
                 "root divides by it: at 0 it is infinite)" },
        { "reciprocal", "a division by 0: add an epsilon" },
        { "exp", "an exponential of too large a number: subtract the greatest first, or lower the learning rate" },
        { "expm1", "an exponential of too large a number: lower the learning rate" },
        { "power", "a power beyond the range of floats, or a root of a negative number" },
        { "square", "numbers too large to be squared: lower the learning rate, clip the gradients or scale the data" },
        { "matmul", "products too large for floats: lower the learning rate, clip the gradients or scale the data" },
        { "sum", "a sum too large for floats: lower the learning rate, clip the gradients or scale the data" },
    };
    for (size_t i = 0; f->finite_inputs && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].op, f->op) == 0) return known[i].advice;
    return f->finite_inputs ? "look at the range of its inputs; large ones call for a lower learning rate, clipped "
                              "gradients or scaled data"
                            : "it was given numbers that were not finite already: look at the data and the weights";
}

static void add_row(kt_text *text, const char *what, const kt_fault_value *v)
{
    char dims[128];
    kt_text shape = kt_text_in(dims, sizeof dims);
    kt_text_desc(&shape, &v->desc);
    kt_text_add(text, "| %s | %s %s | %g | %g | %g | %lld | %lld |\n", what, kt_dtype_name(v->desc.dtype), dims, v->min,
                v->max, v->mean, (long long)v->nans, (long long)v->infinities);
}

static const char *what_became(double loss) { return isnan(loss) ? "the loss became NaN" : "the loss became infinite"; }

static void describe(kt_text *text, const kt_board *b, const char *what, const kt_diagnosis *d)
{
    const kt_fault *f = &d->fault;
    kt_text_add(text, "At step %lld (epoch %lld, batch %lld) **%s**.\n\n", (long long)b->train_batch,
                (long long)b->loop->epoch, (long long)b->loop->batch, what);
    if (d->data)
        kt_text_add(text,
                    "The data is ill: `%s` of batch %lld of epoch %lld (step %lld) holds %lld NaN and %lld infinite "
                    "numbers, the first in row %lld of the batch.\n\n",
                    d->data, (long long)d->batch, (long long)d->epoch, (long long)d->step, (long long)d->data_nans,
                    (long long)d->data_infinities, (long long)d->data_row);
    if (!d->found) {
        if (d->obstacle[0]) kt_text_add(text, "The steps before could not be run again: %s\n", d->obstacle);
        else if (!d->data)
            kt_text_add(text,
                        "The steps before were run again and no op made a number that is not finite: something that is "
                        "no part of them (a callback, a data set that gives other batches the second time) had changed "
                        "between them. Make the context with `.check_numerics = true` and train again.\n");
        return;
    }
    kt_text_add(text,
                "The first op whose result is not finite is **%s** in **%s**, **%s**, at step %lld (epoch %lld, batch "
                "%lld of the data): %s.\n\n| | shape | min | max | mean | NaN | infinite |\n"
                "|---|---|---|---|---|---|---|\n",
                f->op, f->path[0] ? f->path : "no layer", direction_name(f->direction), (long long)d->step,
                (long long)d->epoch, (long long)d->batch, advice(f));
    for (int i = 0; i < f->n_inputs && i < KT_FAULT_INPUTS; i++) {
        char input[240];
        kt_text name = kt_text_in(input, sizeof input);
        kt_text_add(&name, f->input[i].variable[0] ? "input %d: `%s`" : "input %d%s", i, f->input[i].variable);
        add_row(text, input, &f->input[i]);
    }
    add_row(text, "result", &f->result);
    kt_text_add(text,
                "\nMin, max and mean are those of the finite numbers. The weights are those of before that step.\n");
}

/* ---- hooks ---- */

static kt_status report(kt_board *b, const char *what, const kt_diagnosis *d)
{
    char words[4096];
    kt_text text = kt_text_in(words, sizeof words);
    const kt_fault *f = &d->fault;
    describe(&text, b, what, d);
    kt_events_text(b->train, "nan_doctor", words, b->train_batch);
    if (d->found && d->data)
        return kt_fail(b->kt, KT_ERR_NAN,
                       "TensorBoard (NaN doctor): expected a finite loss, but %s at step %lld: the data is ill, '%s' "
                       "of batch %lld of epoch %lld holds %lld NaN and %lld infinite numbers, the first in row %lld, "
                       "and %s in %s made the first such result; clean the data",
                       what, (long long)b->train_batch, d->data, (long long)d->batch, (long long)d->epoch,
                       (long long)d->data_nans, (long long)d->data_infinities, (long long)d->data_row, f->op,
                       f->path[0] ? f->path : "no layer");
    if (d->found)
        return kt_fail(b->kt, KT_ERR_NAN,
                       "TensorBoard (NaN doctor): expected a finite loss, but %s at step %lld: the first op with a "
                       "bad result was %s in %s, %s, of step %lld (epoch %lld, batch %lld): %s",
                       what, (long long)b->train_batch, f->op, f->path[0] ? f->path : "no layer",
                       direction_name(f->direction), (long long)d->step, (long long)d->epoch, (long long)d->batch,
                       advice(f));
    return kt_fail(b->kt, KT_ERR_NAN,
                   "TensorBoard (NaN doctor): expected a finite loss, but %s at step %lld, and running the steps again "
                   "%s%s; make the context with .check_numerics = true",
                   what, (long long)b->train_batch, d->obstacle[0] ? "was not possible: " : "found no op that made it",
                   d->obstacle);
}

/* `step` is at fault, or the one before it. */
static kt_status examine(kt_board *b, doctor *d, int64_t step, const char *what)
{
    kt_diagnosis diagnosis;
    d->called = true;
    kt_status status = kt_nan_doctor_examine(&d->doctor, step, b->config.nan_batch, &diagnosis);
    return status == KT_OK ? report(b, what, &diagnosis) : status;
}

static kt_status doctor_batch_begin(kt_board *b, void *self, int64_t batch)
{
    (void)batch;
    doctor *d = self;
    kt_outlet *outlet = b->kt->summary;
    if (outlet) outlet->loss = 0;
    if (!d->doctor.feed || !b->loop->host) return KT_OK;
    kt_status status = kt_nan_doctor_keep(&d->doctor, b->train_batch, b->loop->host);
    if (status != KT_ERR_NAN || b->kt->status != KT_OK) return status;
    return examine(b, d, b->train_batch - 1, "the weights were no longer finite");
}

static kt_status doctor_batch_end(kt_board *b, void *self, int64_t batch, kt_logs *logs)
{
    (void)batch;
    doctor *d = self;
    const kt_outlet *outlet = b->kt->summary;
    double loss = 0;
    if (d->called || !outlet) return KT_OK;
    if (d->doctor.feed)
        return isfinite(outlet->loss) ? KT_OK : examine(b, d, b->train_batch, what_became(outlet->loss));
    if (!kt_logs_get(logs, "loss", &loss) || isfinite(loss)) return KT_OK;
    char words[512];
    kt_text text = kt_text_in(words, sizeof words);
    kt_text_add(&text,
                "At step %lld **%s**. In a hand-written loop only a context with `.check_numerics = true` can say "
                "which op made it so.\n",
                (long long)b->train_batch, what_became(loss));
    kt_events_text(b->train, "nan_doctor", words, b->train_batch);
    return kt_fail(b->kt, KT_ERR_NAN,
                   "TensorBoard (NaN doctor): expected a finite loss, but %s at step %lld; make the "
                   "context with .check_numerics = true to see which op made it so",
                   what_became(loss), (long long)b->train_batch);
}

static void doctor_release(kt_board *b, void *self)
{
    (void)b;
    kt_nan_doctor_end(&((doctor *)self)->doctor);
}

const kt_board_part kt_board_nan_doctor = {
    .name = "nan_doctor",
    .wanted = doctor_wanted,
    .state_size = sizeof(doctor),
    .begin = doctor_begin,
    .release = doctor_release,
    .batch_begin = doctor_batch_begin,
    .batch_end = doctor_batch_end,
};
