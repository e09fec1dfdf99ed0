/* SPDX-License-Identifier: MIT */
/* train/logs.c: see logs.h. */
#include "train/logs.h"

#include <math.h>
#include <string.h>

static void logs_release(kt_context *kt, kt_object *object)
{
    kt_logs *logs = (kt_logs *)object;
    kt_give(kt, logs->at);
    kt_give(kt, logs);
}

kt_logs *kt_logs_new(kt_context *kt)
{
    kt_logs *logs = kt ? kt_take_zeroed(kt, 1, sizeof *logs) : NULL;
    if (!logs) return NULL;
    logs->kt = kt;
    kt_own(kt, &logs->object, logs_release);
    return logs;
}

void kt_logs_free(kt_logs *logs)
{
    if (!logs) return;
    kt_disown(&logs->object);
    logs_release(logs->kt, &logs->object);
}

void kt_logs_clear(kt_logs *logs)
{
    logs->count = 0;
    logs->stale = false;
}

static void look(kt_logs *logs)
{
    if (!logs->stale) return;
    logs->stale = false; /* first: fill sets entries */
    logs->count = 0;
    logs->fill(logs, logs->source);
}

/* Where `name` stands; else where it goes: before the first that is greater. */
static size_t place(const kt_logs *logs, const char *name, bool *found)
{
    size_t sorted = logs->count;
    for (size_t i = logs->count; i-- > 0;) {
        int order = strcmp(logs->at[i].name, name);
        *found = order == 0;
        if (order == 0) return i;
        if (order > 0) sorted = i;
    }
    *found = false;
    return sorted;
}

static kt_status insert(kt_logs *logs, size_t i, const char *interned, double value)
{
    if (!kt_grow(&logs->kt->heap, &logs->at, &logs->capacity, logs->count + 1, sizeof *logs->at))
        return kt_no_memory(logs->kt);
    memmove(logs->at + i + 1, logs->at + i, (logs->count - i) * sizeof *logs->at);
    logs->at[i] = (kt_log_entry){ interned, value };
    logs->count++;
    return KT_OK;
}

kt_status kt_logs_put_kept(kt_logs *logs, const char *interned, double value)
{
    bool found;
    size_t i = place(logs, interned, &found);
    if (!found) return insert(logs, i, interned, value);
    logs->at[i].value = value;
    return KT_OK;
}

kt_status kt_logs_put(kt_logs *logs, const char *name, double value)
{
    bool found;
    size_t i = place(logs, name, &found);
    if (!found) {
        const char *kept = kt_intern(logs->kt, name);
        return kept ? insert(logs, i, kept, value) : logs->kt->status;
    }
    logs->at[i].value = value;
    return KT_OK;
}

kt_status kt_logs_copy(kt_logs *to, kt_logs *from)
{
    look(from);
    kt_logs_clear(to);
    kt_status status = KT_OK;
    for (size_t i = 0; i < from->count && status == KT_OK; i++)
        status = insert(to, i, from->at[i].name, from->at[i].value);
    return status;
}

int64_t kt_logs_count(kt_logs *logs)
{
    if (!logs) return 0;
    look(logs);
    return (int64_t)logs->count;
}

const char *kt_logs_name(kt_logs *logs, int64_t i)
{
    return i >= 0 && i < kt_logs_count(logs) ? logs->at[i].name : NULL;
}

double kt_logs_value(kt_logs *logs, int64_t i)
{
    return i >= 0 && i < kt_logs_count(logs) ? logs->at[i].value : (double)NAN;
}

bool kt_logs_get(kt_logs *logs, const char *name, double *value)
{
    if (!logs || !name) return false;
    look(logs);
    bool found;
    size_t i = place(logs, name, &found);
    if (found && value) *value = logs->at[i].value;
    return found;
}

kt_status kt_logs_set(kt_logs *logs, const char *name, double value)
{
    if (!logs) return KT_ERR_VALUE;
    if (!name || !name[0])
        return kt_fail(logs->kt, KT_ERR_VALUE, "logs: expected a name, got %s; give the entry a name",
                       name ? "\"\"" : "NULL");
    look(logs);
    bool found;
    size_t i = place(logs, name, &found);
    if (found) {
        logs->at[i].value = value;
        return KT_OK;
    }
    const char *kept = kt_intern(logs->kt, name);
    return kept ? insert(logs, logs->count, kept, value) : logs->kt->status; /* behind the others, as a Python dict */
}
