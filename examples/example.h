/* SPDX-License-Identifier: MIT */
/* example.h: what the examples share, so that each stays as short as its model: options, data, the report at the end.
 *
 * Data: a CSV file (header or not, text columns one-hot, target last or --target) with standardised inputs, or Friedman #1,
 * 2,000 rows. The last --validation-split of the rows is kept for validation.
 */
#ifndef KERATIN_EXAMPLE_H
#define KERATIN_EXAMPLE_H

#include <keratin/keratin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct example_options {
    const char *data, *target, *log_dir, *update_freq, *summary;
    long long epochs, batch_size, seed, histogram_freq;
    double validation_split;
    bool no_shuffle, quiet;
} example_options;

typedef struct example_data {
    kt_array x, y;                       /* all rows; (rows, inputs) and (rows, targets) */
    kt_array x_train, y_train, x_test, y_test;
} example_data;

static inline void example_usage(const char *program, int status)
{
    fprintf(status ? stderr : stdout,
            "usage: %s [--data FILE.csv] [--target COLUMN] [--epochs N] [--batch-size N] [--seed N]\n"
            "       [--validation-split F] [--no-shuffle] [--log-dir DIR] [--histogram-freq N]\n"
            "       [--update-freq epoch|batch|N] [--quiet] [--summary FILE]\n", program);
    exit(status);
}

/* The options given, over the program's own defaults. Ends the program with a sentence when they are wrong. */
static inline example_options example_parse(int argc, char **argv, example_options o)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--help") == 0) example_usage(argv[0], 0);
        if (strcmp(name, "--no-shuffle") == 0) o.no_shuffle = true;
        else if (strcmp(name, "--quiet") == 0) o.quiet = true;
        else {
            const struct { const char *name; const char **text; long long *whole; double *real; } known[] = {
                { "--data", &o.data, NULL, NULL }, { "--target", &o.target, NULL, NULL },
                { "--log-dir", &o.log_dir, NULL, NULL }, { "--update-freq", &o.update_freq, NULL, NULL },
                { "--summary", &o.summary, NULL, NULL }, { "--epochs", NULL, &o.epochs, NULL },
                { "--batch-size", NULL, &o.batch_size, NULL }, { "--seed", NULL, &o.seed, NULL },
                { "--histogram-freq", NULL, &o.histogram_freq, NULL },
                { "--validation-split", NULL, NULL, &o.validation_split } };
            size_t k = 0, n = sizeof known / sizeof *known;
            while (k < n && strcmp(known[k].name, name) != 0) k++;
            char *end = NULL;
            if (k < n && value && known[k].text) *known[k].text = value;
            else if (k < n && value && known[k].whole) *known[k].whole = strtoll(value, &end, 10);
            else if (k < n && value) *known[k].real = strtod(value, &end);
            if (k == n || !value || (end && (*end || end == value))) {
                fprintf(stderr, k == n ? "%s: unknown option '%s'\n" : "%s: option '%s' needs a value of its kind\n", argv[0], name);
                example_usage(argv[0], 2);
            }
            i++;
        }
    }
    return o;
}

static inline kt_array example_rows(kt_array a, int64_t from, int64_t to)
{
    int64_t row = 1;
    for (int i = 1; i < a.rank; i++) row *= a.dim[i];
    if (a.data) a.data = (const char *)a.data + (size_t)(from * row) * kt_dtype_size(a.dtype);
    a.dim[0] = to - from;
    return a;
}

/* Inputs are standardised when they come from a file; the target too where the program wants that. */
static inline example_data example_load(kt_context *kt, const example_options *o, bool standardise_target)
{
    kt_arrays *arrays = o->data ? kt_read_csv(kt, o->data, .target = o->target) : kt_friedman1(kt, 2000, 1.0, (uint64_t)o->seed);
    example_data d = { .x = kt_arrays_get(arrays, "x"), .y = kt_arrays_get(arrays, "y") };
    if (!d.x.data) return d; /* the context knows why */
    if (o->data) d.x = kt_standardise(kt, d.x, NULL, NULL);
    if (standardise_target) d.y = kt_standardise(kt, d.y, NULL, NULL);
    int64_t rows = d.x.dim[0], split = (int64_t)floor((double)rows * (1 - o->validation_split));
    d.x_train = example_rows(d.x, 0, split);
    d.y_train = example_rows(d.y, 0, split);
    d.x_test = example_rows(d.x, split, rows);
    d.y_test = example_rows(d.y, split, rows);
    return d;
}

/* The callback's update_freq: "epoch", "batch", or every so many batches. */
static inline kt_callback_spec example_board(const example_options *o)
{
    long long every = o->update_freq ? strtoll(o->update_freq, NULL, 10) : 0;
    kt_tensorboard_config c = { .size = sizeof c, .log_dir = o->log_dir, .histogram_freq = o->histogram_freq,
                                .update_freq = every > 0 ? NULL : o->update_freq, .update_every = every };
    return kt_callback_spec_of(&kt_tensorboard_class, &c, sizeof c);
}

/* First and last loss, and for `make demo` one line of numbers: name, then the loss of each epoch. */
static inline void example_report(const example_options *o, const char *name, const double *loss, long long epochs)
{
    if (epochs < 1) return;
    if (!o->quiet) printf("%s: loss %.4f in the first epoch, %.4f in the last; curves in %s\n", name, loss[0], loss[epochs - 1], o->log_dir);
    FILE *file = o->summary ? fopen(o->summary, "a") : NULL;
    if (!file) return;
    fprintf(file, "%s", name);
    for (long long i = 0; i < epochs; i++) fprintf(file, " %.9g", loss[i]);
    fprintf(file, "\n");
    fclose(file);
}

/* The same from a model's history, and the validation error. */
static inline void example_report_model(kt_model *model, const example_options *o, const char *name)
{
    const kt_history *history = kt_model_history(model);
    double loss[1000];
    int64_t n = kt_history_length(history, "loss"), kept = n < 1000 ? n : 1000;
    for (int64_t i = 0; i < kept; i++) loss[i] = kt_history_value(history, "loss", i);
    example_report(o, name, loss, kept);
    double error = kt_history_value(history, "val_mae", kt_history_length(history, "val_mae") - 1);
    if (!isnan(error)) printf("%s: validation error (mean absolute) %.4f\n", name, error);
}

#endif
