/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/speed.c: how fast the training goes and how much memory it takes, under speed/ and memory/.
 *
 * A point at each batch that the watch gate lets through and at the end of each epoch, with the batch as its step;
 * rates are means since the point before, of training alone: the time of evaluations does not count. Memory is in MiB,
 * what the process has resident and what the context has taken now and at most; where the system does not tell the
 * first, it is left out.
 */
#include <fcntl.h>
#include <unistd.h>

#include "train/callbacks/tensorboard/board.h"

typedef struct speed {
    double since;        /* when the point before was written, or the epoch began */
    double waited;       /* of the loop, at the point before */
    int64_t batch, rows; /* likewise */
} speed;

/* Pages of the process that are in memory: the second number of /proc/self/statm, in MiB; 0: not known. No stdio, whose
 * buffers would be the host's memory. */
static double resident_mib(void)
{
    char text[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t n = read(file, text, sizeof text - 1);
    close(file);
    if (n <= 0) return 0;
    text[n] = 0;
    const char *at = text;
    while (*at && *at != ' ') at++;
    double pages = 0;
    for (at += *at == ' '; *at >= '0' && *at <= '9'; at++) pages = 10 * pages + (*at - '0');
    return pages * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static void write_speed(kt_board *b, speed *s, double now)
{
    const kt_loop *loop = b->loop;
    double seconds = now - s->since, steps = (double)(b->train_batch - s->batch);
    if (seconds > 0) {
        kt_events_scalar(b->train, "speed/steps_per_second", steps / seconds, b->train_batch);
        if (loop->rows > s->rows) { /* fit knows them, and what it waited */
            kt_events_scalar(b->train, "speed/samples_per_second", (double)(loop->rows - s->rows) / seconds,
                             b->train_batch);
            kt_events_scalar(b->train, "speed/data_wait_share", (loop->waited - s->waited) / seconds, b->train_batch);
        }
    }
    *s = (speed){ .since = now, .waited = loop->waited, .batch = b->train_batch, .rows = loop->rows };
}

static void write_memory(kt_board *b)
{
    kt_memory_use use = kt_memory(b->kt);
    double resident = resident_mib(), mib = 1024 * 1024;
    if (resident > 0) kt_events_scalar(b->train, "memory/process_mib", resident, b->train_batch);
    kt_events_scalar(b->train, "memory/context_mib", (double)use.bytes / mib, b->train_batch);
    kt_events_scalar(b->train, "memory/context_peak_mib", (double)use.peak_bytes / mib, b->train_batch);
}

static kt_status speed_train_begin(kt_board *b, void *self)
{
    *(speed *)self = (speed){ .batch = b->train_batch, .rows = b->loop->rows, .waited = b->loop->waited };
    b->loop->timed = b->loop->timed || b->config.write_speed;
    return KT_OK;
}

static kt_status speed_epoch_begin(kt_board *b, void *self, int64_t epoch)
{
    (void)epoch;
    speed *s = self;
    s->since = kt_loop_now(b->loop);
    s->waited = b->loop->waited;
    return KT_OK;
}

static void write_point(kt_board *b, speed *s)
{
    if (b->train_batch == s->batch) return; /* written, or no batch since */
    if (b->config.write_memory) write_memory(b);
    if (b->config.write_speed) write_speed(b, s, kt_loop_now(b->loop));
    s->batch = b->train_batch;
}

static kt_status speed_batch_end(kt_board *b, void *self, int64_t batch, kt_logs *logs)
{
    (void)batch, (void)logs;
    if (b->watching) write_point(b, self);
    return KT_OK;
}

/* The last batch is over when the evaluation begins, or, without one, at the epoch's end. */
static kt_status speed_test_begin(kt_board *b, void *self)
{
    if (b->training) write_point(b, self);
    return KT_OK;
}

static kt_status speed_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)epoch, (void)logs;
    write_point(b, self);
    return KT_OK;
}

static bool speed_wanted(const kt_tensorboard_config *c) { return c->write_speed || c->write_memory; }

const kt_board_part kt_board_speed = {
    .name = "speed",
    .wanted = speed_wanted,
    .state_size = sizeof(speed),
    .train_begin = speed_train_begin,
    .epoch_begin = speed_epoch_begin,
    .batch_end = speed_batch_end,
    .test_begin = speed_test_begin,
    .epoch_end = speed_epoch_end,
};
