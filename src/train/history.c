/* SPDX-License-Identifier: MIT */
/* train/history.c: see history.h. A key that is absent in an epoch (validation_freq) just has a shorter series. */
#include "train/history.h"

#include <math.h>
#include <string.h>

void kt_history_init(kt_history *history, kt_context *kt)
{
    *history = (kt_history){ .kt = kt };
}

void kt_history_clear(kt_history *history)
{
    for (size_t i = 0; i < history->count; i++) kt_give(history->kt, history->series[i].at);
    history->count = 0;
    history->epochs = 0;
}

void kt_history_end(kt_history *history)
{
    kt_history_clear(history);
    kt_give(history->kt, history->series);
    history->series = NULL;
    history->capacity = 0;
}

static kt_history_series *series_of(const kt_history *history, const char *key)
{
    for (size_t i = 0; history && key && i < history->count; i++)
        if (strcmp(history->series[i].key, key) == 0) return &history->series[i];
    return NULL;
}

kt_status kt_history_add(kt_history *history, kt_logs *logs)
{
    kt_context *kt = history->kt;
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++) {
        const char *key = kt_logs_name(logs, i);
        kt_history_series *series = series_of(history, key);
        if (!series) {
            if (!kt_grow(&kt->heap, &history->series, &history->capacity, history->count + 1, sizeof *history->series))
                return kt_no_memory(kt);
            series = &history->series[history->count++];
            *series = (kt_history_series){ .key = kt_intern(kt, key) };
            if (!series->key) {
                history->count--;
                return kt->status;
            }
        }
        if (!kt_grow(&kt->heap, &series->at, &series->capacity, series->count + 1, sizeof *series->at))
            return kt_no_memory(kt);
        series->at[series->count++] = kt_logs_value(logs, i);
    }
    history->epochs++;
    return KT_OK;
}

int64_t kt_history_epochs(const kt_history *history)
{
    return history ? history->epochs : 0;
}

int64_t kt_history_count(const kt_history *history)
{
    return history ? (int64_t)history->count : 0;
}

const char *kt_history_key(const kt_history *history, int64_t i)
{
    return history && i >= 0 && i < (int64_t)history->count ? history->series[i].key : NULL;
}

int64_t kt_history_length(const kt_history *history, const char *key)
{
    const kt_history_series *series = series_of(history, key);
    return series ? (int64_t)series->count : 0;
}

double kt_history_value(const kt_history *history, const char *key, int64_t i)
{
    const kt_history_series *series = series_of(history, key);
    return series && i >= 0 && i < (int64_t)series->count ? series->at[i] : (double)NAN;
}
