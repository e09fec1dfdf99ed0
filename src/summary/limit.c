/* SPDX-License-Identifier: MIT */
/* summary/limit.c: which gate a tag has.
 *
 * Limits are few and tags many, so the prefixes are compared once for each tag, when it is first used
 * or when a limit is added, and the tag keeps the index. A tag that cannot be remembered has no
 * state and is not limited.
 *
 * The list of limits is replaced by a longer copy when one is added, and the old one freed after
 * that: a child of fork() finds one or the other.
 */
#include "log.h"

int kt_logger_limit_of(const kt_events *log, const char *tag)
{
    int best = -1;
    for (int i = 0; i < log->limit_count; i++)
        if (strncmp(tag, log->limits[i].prefix, log->limits[i].size) == 0 &&
            (best < 0 || log->limits[i].size > log->limits[best].size))
            best = i;
    return best;
}

static kt_status limit_add(kt_events *log, const char *prefix, size_t n, kt_gate gate)
{
    enum { LIMITS_MAX = 1000 };
    for (int i = 0; i < log->limit_count; i++)
        if (log->limits[i].size == n && memcmp(log->limits[i].prefix, prefix, n) == 0) {
            log->limits[i].gate = gate;
            return KT_OK;
        }
    if (log->limit_count == LIMITS_MAX)
        return kt_logger_fail(log, KT_ERR_VALUE,
                              "kt_events_limit: expected at most %d prefixes, got one more; choose shorter ones "
                              "that fit more tags",
                              LIMITS_MAX);
    const kt_allocator *a = &log->allocator;
    char *copy = a->allocate(n + 1, a->user);
    kt_limit *more = copy ? a->allocate((size_t)(log->limit_count + 1) * sizeof *more, a->user) : NULL;
    if (!more) {
        a->release(copy, a->user);
        return kt_logger_fail(log, KT_ERR_MEMORY, "kt_events_limit: out of memory for a prefix; free some");
    }
    memcpy(copy, prefix, n);
    copy[n] = '\0';
    kt_limit *old = log->limits;
    if (old) memcpy(more, old, (size_t)log->limit_count * sizeof *more);
    more[log->limit_count] = (kt_limit){ copy, n, gate };
    log->limits = more; /* before the count, for a child of fork() */
    log->limit_count++;
    a->release(old, a->user);
    return KT_OK;
}

kt_status kt_events_limit(kt_events *log, const char *prefix, kt_gate gate)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    const char *end = prefix ? memchr(prefix, '\0', KT_TAG_MAX + 1) : NULL;
    if (!end || gate.every < 0 || !(gate.seconds >= 0) || gate.per_decade < 0)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "kt_events_limit: expected %s, got %s; %s",
                              end ? "numbers of 0 or more" : "a prefix of at most 1024 bytes",
                              end ? "a negative one or NaN" : prefix ? "a longer one" : "NULL",
                              end ? "0 switches a part of a gate off" : "\"\" means all tags");
    kt_lock_take(&log->lock);
    kt_status status = limit_add(log, prefix, (size_t)(end - prefix), gate);
    const kt_tag_table *table = kt_tags_table(&log->tags);
    for (size_t i = 0; status == KT_OK && table && i < table->capacity; i++) {
        kt_tag *tag = kt_tags_at(table, i);
        if (!tag) continue;
        tag->limit = kt_logger_limit_of(log, tag->text);
        tag->gate_state = (kt_gate_state){ 0 };
    }
    kt_lock_give(&log->lock);
    return status;
}

/* Whether a record would pass. `lock` is held. */
static bool limit_wants(kt_events *log, const char *tag, int64_t step)
{
    if (log->limit_count == 0) return true;
    const char *end = memchr(tag, '\0', KT_TAG_MAX + 1);
    const kt_tag *known = end ? kt_tags_find(&log->tags, tag, (size_t)(end - tag)) : NULL;
    int limit = known ? known->limit : kt_logger_limit_of(log, tag);
    kt_gate_state state = known ? known->gate_state : (kt_gate_state){ 0 };
    return limit < 0 || kt_gate_opens(&log->limits[limit].gate, &state, step, kt_logger_now(log));
}

bool kt_events_wants(kt_events *log, const char *tag, int64_t step)
{
    if (!log || !tag || kt_forked(&log->guard)) return false;
    kt_lock_take(&log->lock);
    bool wants = limit_wants(log, tag, step);
    kt_lock_give(&log->lock);
    return wants;
}

bool kt_events_holds_back(kt_events *log, const char *tag, int64_t step)
{
    if (!log || !tag || kt_forked(&log->guard)) return false;
    kt_lock_take(&log->lock);
    bool wants = limit_wants(log, tag, step);
    if (!wants) log->held++;
    kt_lock_give(&log->lock);
    return !wants;
}
