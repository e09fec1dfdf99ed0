/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/board.h: the inside of the TensorBoard callback: its runs, and the parts that write to them.
 *
 * A part is what one group of options writes (scalars.c, weights.c...): a struct of hooks, all optional, one file, one
 * line in parts.def. A part that the configuration does not ask for is not there: it costs nothing. Parts know the
 * board and not each other.
 *
 * Laws for parts: what fails on the disk stops nothing (the log counts it); an error of the context is returned. A hook
 * that runs at each batch takes no memory and makes no text.
 */
#ifndef KT_CALLBACKS_TENSORBOARD_BOARD_H
#define KT_CALLBACKS_TENSORBOARD_BOARD_H

#include <keratin/summary.h>

#include "train/loop.h"

enum { KT_BOARD_TAG_MAX = 1024, KT_BOARD_MAX_PARTS = 32 };

typedef struct kt_board kt_board;

typedef struct kt_board_part {
    const char *name;                                  /* for sentences: "TensorBoard (weights)" */
    bool (*wanted)(const kt_tensorboard_config *c);    /* NULL: always */
    size_t state_size;                                 /* zeroed memory: `self` */
    kt_status (*begin)(kt_board *b, void *self);       /* checks the configuration; the loop and the model are known */
    void (*release)(kt_board *b, void *self);          /* also when begin failed */
    kt_status (*train_begin)(kt_board *b, void *self);
    kt_status (*train_end)(kt_board *b, void *self);
    kt_status (*epoch_begin)(kt_board *b, void *self, int64_t epoch);
    kt_status (*epoch_end)(kt_board *b, void *self, int64_t epoch, kt_logs *logs);
    kt_status (*batch_begin)(kt_board *b, void *self, int64_t batch); /* of training; b->train_batch is the step */
    kt_status (*batch_end)(kt_board *b, void *self, int64_t batch, kt_logs *logs);
    kt_status (*test_begin)(kt_board *b, void *self); /* b->training: inside a training */
    kt_status (*test_end)(kt_board *b, void *self, kt_logs *logs);    /* the validation run is open, or cannot be */
    void (*failed)(kt_board *b, void *self); /* instead of train_end, when an error ended the training */
} kt_board_part;

struct kt_board {
    kt_context *kt;
    kt_loop *loop;
    kt_tensorboard_config config;  /* defaults resolved; its texts belong to the caller until train_end */
    char *log_dir;
    int64_t update_every;          /* 0: "epoch" */
    kt_events *train, *validation; /* the runs; opened when first needed; may be NULL in test hooks */
    bool no_validation;            /* it could not be opened */
    int64_t train_batch;           /* since training began, 1-based: the step of what batches write */
    int64_t test_batch;            /* since the callback was made */
    kt_gate watch;                 /* at which batches watch_* look, resolved */
    kt_gate_state watch_state;
    bool watches, watching;        /* some option needs the gate; it is open at this batch */
    bool training;                 /* between train_begin and train_end */
    const kt_board_part *parts[KT_BOARD_MAX_PARTS];
    void *state[KT_BOARD_MAX_PARTS];
    int n_parts;
};

/* The run of training, opened at first use; when that fails it is an error of the context. train_begin does it; a part
 * whose Keras counterpart writes before (set_model) may ask earlier. */
kt_status kt_board_open_train(kt_board *b);

/* The run of validation, opened at first use; NULL when that fails, which has been told to the log hook. */
kt_events *kt_board_validation(kt_board *b);

/* A run of a part's own below log_dir ("": log_dir itself). NULL when that fails, which has been told to the log hook.
 * Closing says what was lost, and sets *events to NULL. */
kt_events *kt_board_open_run(kt_board *b, const char *run);
void kt_board_close_run(kt_board *b, kt_events **events, const char *run);

/* before + name + after as the tag of a scalar. `events` may be NULL. */
void kt_board_scalar(kt_events *events, const char *before, const char *name, const char *after, double value,
                     int64_t step);

/* Is this an epoch at which histograms and in-layer summaries with update_freq "epoch" are written? */
bool kt_board_epoch_fires(const kt_board *b, int64_t epoch);

#define KT_BOARD_PART(part) extern const kt_board_part part;
#include "train/callbacks/tensorboard/parts.def"
#undef KT_BOARD_PART

#endif
