/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/profile.c: profile_batch: training batches traced op by op.
 *
 * Between the beginning of batch profile_begin and the end of batch profile_end (or of the training) each plan that runs
 * tells how long its steps took. The result is what Keras's profiling gives, and a file that needs no plugin:
 *
 *     <log_dir>/train/plugins/profile/<time>/<host>.xplane.pb    for the Profile tab
 *     <log_dir>/train/plugins/profile/<time>/trace.json          for chrome://tracing and https://ui.perfetto.dev
 *
 * and in the run train the last traced step under the tag batch_<profile_end>, in the Graphs tab (not with run_eagerly, where
 * a step is no plan). Other batches are run as without this part. What cannot be written is told to the log hook and stops nothing.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "train/callbacks/tensorboard/plan_graph.h"
#include "train/summary.h"

enum { MAX_SEEN = 16 }; /* a training runs a handful */

typedef struct profile_part {
    int64_t begin, end;      /* global train batches */
    bool tracing;
    int64_t batch_start;     /* of the batch that runs */
    kt_context *kt;
    kt_trace *trace;
    kt_profiler profiler;
    kt_step_watch watch;
    kt_seen_plan *seen[MAX_SEEN]; /* plans met, the newest last */
    int n_seen;
} profile_part;

static kt_status profile_check(kt_board *b, void *self)
{
    profile_part *p = self;
    const kt_tensorboard_config *c = &b->config;
    p->kt = b->kt;
    p->begin = c->profile_begin;
    p->end = c->profile_end ? c->profile_end : c->profile_begin;
    if (p->begin >= 1 && p->end >= p->begin) return KT_OK;
    return kt_fail(b->kt, KT_ERR_VALUE,
                   "TensorBoard: expected profile_begin of 1 or more and profile_end not before it, got %lld and %lld; batches are "
                   "counted from 1, .profile_begin = 10, .profile_end = 20 traces ten to twenty",
                   (long long)c->profile_begin, (long long)c->profile_end);
}

/* ---- spans ---- */

static kt_seen_plan *seen_plan(profile_part *p, const kt_plan *plan)
{
    for (int i = p->n_seen; i-- > 0;)
        if (p->seen[i]->serial == kt_plan_serial(plan)) return p->seen[i];
    kt_seen_plan *seen = kt_plan_look(plan);
    if (!seen) return NULL;
    if (p->n_seen == MAX_SEEN) {
        kt_plan_look_end(p->kt, p->seen[0]);
        memmove(p->seen, p->seen + 1, (MAX_SEEN - 1) * sizeof *p->seen);
        p->n_seen--;
    }
    return p->seen[p->n_seen++] = seen;
}

static void add_step(profile_part *p, const kt_seen_step *step, int64_t start, int64_t end)
{
    static const char *const directions[] = { "forward", "backward", "update" };
    char shape[160], name[512];
    kt_text text = kt_text_in(shape, sizeof shape);
    kt_trace_arg args[5];
    kt_plan_step_name(step, name, sizeof name);
    kt_span span = { .name = name, .category = directions[step->direction], .start_ns = start, .duration_ns = end - start,
                     .bytes = (int64_t)step->bytes, .args = args };
    if (step->n_out) {
        kt_text_add(&text, "%s", kt_dtype_name(step->out[0].desc.dtype));
        kt_text_desc(&text, &step->out[0].desc);
        args[span.n_args++] = (kt_trace_arg){ .name = "result", .text = shape };
    }
    if (step->path[0]) args[span.n_args++] = (kt_trace_arg){ .name = "layer", .text = step->path };
    if (step->parts[0]) args[span.n_args++] = (kt_trace_arg){ .name = "fused", .text = step->parts };
    args[span.n_args++] = (kt_trace_arg){ .name = "op", .text = step->op };
    args[span.n_args++] = (kt_trace_arg){ .name = "provider", .text = step->provider };
    kt_trace_add(p->trace, &span); /* what does not fit is counted there */
}

static void plan_ran(void *user, const kt_plan *plan, const int64_t *moments)
{
    profile_part *p = user;
    const kt_seen_plan *seen = p->kt->status == KT_OK ? seen_plan(p, plan) : NULL;
    for (int i = 0; seen && i < seen->n_steps; i++) add_step(p, &seen->steps[i], moments[i], moments[i + 1]);
}

/* ---- the range ---- */

static int64_t wall_now(void)
{
    struct timespec t = { 0, 0 };
    timespec_get(&t, TIME_UTC);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static kt_status begin_trace(kt_board *b, profile_part *p)
{
    p->trace = kt_trace_new(.epoch_ns = wall_now() - kt_profile_now(), .allocator = kt_summary_allocator(b->kt));
    if (!p->trace) return kt_no_memory(b->kt);
    kt_trace_thread(p->trace, 0, "training");
    p->tracing = true;
    p->profiler.ran = plan_ran;
    p->profiler.user = p;
    kt_profile_begin(b->kt, &p->profiler);
    if (!b->kt->config.run_eagerly) kt_step_watch_begin(b->kt, &p->watch); /* there each op is a plan */
    return KT_OK;
}

static void session_name(char *to, size_t size)
{
    time_t now = time(NULL);
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    gmtime_r(&now, &parts);
    strftime(to, size, "%Y_%m_%d_%H_%M_%S", &parts);
}

static void write_files(kt_board *b, const profile_part *p)
{
    char session[64], run[4096], path[4200];
    kt_events_error error = { KT_OK, "" };
    session_name(session, sizeof session);
    snprintf(run, sizeof run, "%s/train", b->log_dir);
    if (kt_trace_write_profile(p->trace, run, session, &error) != KT_OK)
        kt_remark(b->kt, "TensorBoard: the profile was not written: %s", error.message);
    snprintf(path, sizeof path, "%s/plugins/profile/%s/trace.json", run, session);
    if (kt_trace_write_json(p->trace, path, &error) != KT_OK)
        kt_remark(b->kt, "TensorBoard: the trace was not written: %s", error.message);
    if (kt_trace_dropped(p->trace))
        kt_remark(b->kt, "TensorBoard: the profile has room for %lld ops, %lld more were left out; profile fewer batches",
                  (long long)kt_trace_count(p->trace), (long long)kt_trace_dropped(p->trace));
}

static kt_status end_trace(kt_board *b, profile_part *p)
{
    char tag[64];
    p->tracing = false;
    kt_profile_end(b->kt, &p->profiler);
    kt_step_watch_pause(&p->watch);
    write_files(b, p);
    snprintf(tag, sizeof tag, "batch_%lld", (long long)p->end);
    kt_status status = kt_step_watch_write(&p->watch, b->train, false, tag, p->end);
    kt_step_watch_end(&p->watch);
    kt_trace_free(p->trace);
    p->trace = NULL;
    return status;
}

/* ---- hooks ---- */

static kt_status profile_batch_begin(kt_board *b, void *self, int64_t batch)
{
    (void)batch;
    profile_part *p = self;
    if (b->train_batch == p->begin && begin_trace(b, p) != KT_OK) return b->kt->status;
    if (p->tracing) p->batch_start = kt_profile_now();
    return KT_OK;
}

static kt_status profile_batch_end(kt_board *b, void *self, int64_t batch, kt_logs *logs)
{
    (void)batch, (void)logs;
    profile_part *p = self;
    if (!p->tracing) return KT_OK;
    kt_trace_arg number = { .name = "step", .number = (double)b->train_batch };
    kt_span span = { .name = "batch", .category = "batch", .start_ns = p->batch_start, .args = &number, .n_args = 1 };
    span.duration_ns = kt_profile_now() - p->batch_start;
    kt_trace_add(p->trace, &span);
    return b->train_batch >= p->end ? end_trace(b, p) : KT_OK;
}

static kt_status profile_train_end(kt_board *b, void *self)
{
    profile_part *p = self;
    return p->tracing ? end_trace(b, p) : KT_OK;
}

static void profile_release(kt_board *b, void *self)
{
    profile_part *p = self;
    if (p->kt) kt_profile_end(b->kt, &p->profiler);
    kt_step_watch_end(&p->watch);
    kt_trace_free(p->trace);
    for (int i = 0; i < p->n_seen; i++) kt_plan_look_end(b->kt, p->seen[i]);
}

static bool profile_wanted(const kt_tensorboard_config *c) { return c->profile_begin != 0 || c->profile_end != 0; }

const kt_board_part kt_board_profile = {
    .name = "profile", .wanted = profile_wanted, .state_size = sizeof(profile_part), .begin = profile_check,
    .release = profile_release, .train_end = profile_train_end, .batch_begin = profile_batch_begin,
    .batch_end = profile_batch_end,
};
