/* SPDX-License-Identifier: MIT */
/* summary/kinds/hparams.c: hyperparameters, in the metadata of values that are empty.
 *
 *     HParamsPluginData  { 2 experiment | 3 session_start_info | 4 session_end_info }
 *     SessionStartInfo   { 1 hparams { 1 key, 2 value { 2 number | 3 string | 4 bool } }, 4 group_name, 5 start_time }
 *     SessionEndInfo     { 1 status, 2 end_time }
 *     Experiment         { 1 description, 2 user, 3 time_created, 4 hparam_infos, 5 metric_infos }
 *     HParamInfo         { 1 name, 2 display_name, 3 description, 4 type, 5 discrete { 1 value } | 6 interval { 1 min, 2 max } }
 *     MetricInfo         { 1 name { 1 group, 2 tag }, 3 display_name, 4 description, 5 dataset }
 *
 * Such a message is the plugin's content; the tensor beside it is of floats and has none. Because TensorBoard keeps the
 * first content of a tag, one run can tell its hyperparameters once.
 *
 * The group is hashed as tensorboard/plugins/hparams/summary_v2.py does it: json.dumps(hparams, sort_keys=True,
 * separators=(",", ":")). The keys are found in order by asking again for the next greater one: no memory, and a
 * quadratic that 4,096 names bound.
 */
#include <math.h>

#include "base/json.h"
#include "base/repr.h"
#include "summary/kinds/plugins.h"
#include "summary/kinds/sha256.h"

enum { HPARAM_NAME_MAX = 1024 };

static kt_hparam_type hparam_type(const kt_hparam *h)
{
    return h->text ? KT_HPARAM_TEXT : h->type;
}

/* The next name in order behind `after`; NULL: the first. NULL at the end. Bytes of UTF-8 are ordered as Python orders
 * characters. */
static const kt_hparam *hparam_next(const kt_hparam *hparams, int count, const kt_hparam *after)
{
    const kt_hparam *next = NULL;
    for (int i = 0; i < count; i++) {
        if (after && strcmp(hparams[i].name, after->name) <= 0) continue;
        if (!next || strcmp(hparams[i].name, next->name) < 0) next = &hparams[i];
    }
    return next;
}

/* What is wrong with these values as a sentence in the log, which may be NULL. */
static kt_status hparams_check(kt_events *log, const char *caller, const kt_hparam *hparams, int count)
{
    if (count < 0 || count > KT_HPARAMS_MAX || (count > 0 && !hparams))
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected 0 to %d hyperparameters, got %d%s; log fewer", caller,
                              KT_HPARAMS_MAX, count, hparams ? "" : " at NULL");
    for (int i = 0; i < count; i++) {
        const kt_hparam *h = &hparams[i];
        size_t n = h->name ? strnlen(h->name, HPARAM_NAME_MAX + 1) : 0;
        if (n == 0 || n > HPARAM_NAME_MAX)
            return kt_events_fail(log, KT_ERR_VALUE, "%s: hyperparameter %d: expected a name of 1 to %d bytes, got %s; "
                                  "name it", caller, i, HPARAM_NAME_MAX, n > 0 ? "a longer one" : "none");
        kt_hparam_type type = hparam_type(h);
        if (type == KT_HPARAM_TEXT && !h->text)
            return kt_events_fail(log, KT_ERR_VALUE, "%s: hyperparameter \"%.100s\": expected a text, got NULL; set "
                                  ".text", caller, h->name);
        if ((type == KT_HPARAM_NUMBER || type == KT_HPARAM_INTEGER) && !isfinite(h->number))
            return kt_events_fail(log, KT_ERR_VALUE, "%s: hyperparameter \"%.100s\": expected a finite number, got %s; "
                                  "TensorBoard would drop it without a word: give it as a text", caller, h->name,
                                  isnan(h->number) ? "nan" : h->number < 0 ? "-inf" : "inf");
        if (type == KT_HPARAM_INTEGER && (fabs(h->number) >= 0x1p63 || h->number != (double)(int64_t)h->number))
            return kt_events_fail(log, KT_ERR_VALUE, "%s: hyperparameter \"%.100s\": expected a whole number of 64 "
                                  "bits, got another; make it a KT_HPARAM_NUMBER", caller, h->name);
    }
    int distinct = 0;
    for (const kt_hparam *h = NULL; (h = hparam_next(hparams, count, h)) != NULL;) distinct++;
    for (int i = 0; distinct < count && i < count; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(hparams[i].name, hparams[k].name) == 0)
                return kt_events_fail(log, KT_ERR_VALUE, "%s: hyperparameter \"%.100s\": expected it once, got it twice; "
                                      "take one out", caller, hparams[i].name);
    return KT_OK;
}

/* ---- The group --------------------------------------------------------------------------------- */

static void hparams_hash(void *sha, const char *bytes, size_t n)
{
    kt_sha256_feed(sha, bytes, n);
}

static void hparams_group(const kt_hparam *hparams, int count, char group[KT_HPARAM_GROUP_BYTES])
{
    kt_sha256 sha = kt_sha256_begin();
    kt_json_sink sink = { hparams_hash, &sha };
    kt_sha256_feed(&sha, "{", 1);
    for (const kt_hparam *h = NULL, *before = NULL; (h = hparam_next(hparams, count, h)) != NULL; before = h) {
        char number[KT_REPR_BYTES];
        if (before) kt_sha256_feed(&sha, ",", 1);
        kt_json_string(&sink, h->name);
        kt_sha256_feed(&sha, ":", 1);
        switch (hparam_type(h)) {
        case KT_HPARAM_TEXT: kt_json_string(&sink, h->text); break;
        case KT_HPARAM_BOOL: kt_sha256_feed(&sha, h->truth ? "true" : "false", h->truth ? 4 : 5); break;
        case KT_HPARAM_INTEGER: kt_sha256_feed(&sha, number, kt_repr_int((int64_t)h->number, number)); break;
        default: kt_sha256_feed(&sha, number, kt_repr_double(h->number, number)); break;
        }
    }
    kt_sha256_feed(&sha, "}", 1);
    kt_sha256_end(&sha, group);
}

kt_status kt_hparams_group(const kt_hparam *hparams, int count, char group[KT_HPARAM_GROUP_BYTES])
{
    group[0] = '\0';
    /* the log would only keep the sentence; without one every mistake is KT_ERR_STATE */
    if (hparams_check(NULL, "kt_hparams_group", hparams, count) != KT_OK) return KT_ERR_VALUE;
    hparams_group(hparams, count, group);
    return KT_OK;
}

/* ---- Encoding ---------------------------------------------------------------------------------- */

static void hparam_number_encode(kt_wire *w, double number)
{
    kt_wire_double(w, 2, number);
}

static void hparam_bool_encode(kt_wire *w, bool truth)
{
    kt_wire_int(w, 4, truth);
}

void kt_session_start_encode(kt_wire *w, const void *what)
{
    const kt_session_start *s = what;
    kt_wire_mark info = kt_wire_open(w, 3, 200);
    for (int i = 0; i < s->count; i++) {
        const kt_hparam *h = &s->hparams[i];
        kt_wire_mark entry = kt_wire_open(w, 1, 40);
        kt_wire_text_always(w, 1, h->name);
        kt_wire_mark value = kt_wire_open(w, 2, 10);
        kt_hparam_type type = hparam_type(h);
        if (type == KT_HPARAM_TEXT) kt_wire_text_always(w, 3, h->text);
        else if (type == KT_HPARAM_BOOL) hparam_bool_encode(w, h->truth);
        else hparam_number_encode(w, h->number);
        kt_wire_close(w, value);
        kt_wire_close(w, entry);
    }
    kt_wire_text(w, 4, s->group);
    if (s->time != 0) kt_wire_double(w, 5, s->time);
    kt_wire_close(w, info);
}

static bool hparam_info_is_text(const kt_hparam_info *h)
{
    return h->texts || h->type == KT_HPARAM_TEXT;
}

/* How many discrete values the domain has. */
static int hparam_info_count(const kt_hparam_info *h)
{
    return hparam_info_is_text(h) ? (h->texts ? h->count : 0)
           : h->type == KT_HPARAM_BOOL ? 2
           : h->values ? h->count : 0;
}

static void hparam_info_encode(kt_wire *w, const kt_hparam_info *h)
{
    bool text = hparam_info_is_text(h), number = !text && h->type != KT_HPARAM_BOOL;
    int values = hparam_info_count(h);
    bool interval = number && values == 0 && h->min < h->max;
    kt_wire_mark info = kt_wire_open(w, 4, 100);
    kt_wire_text(w, 1, h->name);
    kt_wire_text(w, 2, h->display_name);
    kt_wire_text(w, 3, h->description);
    if (values > 0 || interval) kt_wire_int(w, 4, text ? 1 : number ? 3 : 2); /* without a domain none, as Python */
    if (values > 0) {
        kt_wire_mark list = kt_wire_open(w, 5, 100);
        for (int i = 0; i < values; i++) {
            kt_wire_mark value = kt_wire_open(w, 1, 10);
            if (text) kt_wire_text_always(w, 3, h->texts[i]);
            else if (number) hparam_number_encode(w, h->values[i]);
            else hparam_bool_encode(w, i == 1);
            kt_wire_close(w, value);
        }
        kt_wire_close(w, list);
    }
    if (interval) {
        kt_wire_mark range = kt_wire_open(w, 6, 20);
        if (h->min != 0) kt_wire_double(w, 1, h->min);
        if (h->max != 0) kt_wire_double(w, 2, h->max);
        kt_wire_close(w, range);
    }
    kt_wire_close(w, info);
}

static void metric_info_encode(kt_wire *w, const kt_metric_info *m)
{
    kt_wire_mark info = kt_wire_open(w, 5, 100), name = kt_wire_open(w, 1, 50);
    kt_wire_text(w, 1, m->group);
    kt_wire_text(w, 2, m->tag);
    kt_wire_close(w, name);
    kt_wire_text(w, 3, m->display_name);
    kt_wire_text(w, 4, m->description);
    if (m->dataset != KT_DATASET_UNKNOWN) kt_wire_int(w, 5, m->dataset);
    kt_wire_close(w, info);
}

void kt_experiment_encode(kt_wire *w, const void *what)
{
    const kt_experiment *e = what;
    kt_wire_mark experiment = kt_wire_open(w, 2, 500);
    kt_wire_text(w, 1, e->config->description);
    kt_wire_text(w, 2, e->config->user);
    if (e->time != 0) kt_wire_double(w, 3, e->time);
    for (int i = 0; i < e->config->n_hparams; i++) hparam_info_encode(w, &e->config->hparams[i]);
    for (int i = 0; i < e->config->n_metrics; i++) metric_info_encode(w, &e->config->metrics[i]);
    kt_wire_close(w, experiment);
}

/* ---- Logging ----------------------------------------------------------------------------------- */

static kt_status hparams_append(kt_events *log, const char *caller, const char *tag, kt_event_string content)
{
    kt_event_tensor none = { .rank = 1, .dim = { 0 }, .content = content };
    return kt_events_append(log, caller, KT_KIND_HPARAMS, tag, 0, &none);
}

static kt_status hparams_build(kt_events *log, const char *caller, const char *tag, kt_encoder *encode,
                               const void *what)
{
    kt_built built;
    kt_status status = kt_build(log, caller, encode, what, &built);
    if (status != KT_OK) return status;
    status = hparams_append(log, caller, tag, built.bytes);
    kt_built_free(log, &built);
    return status;
}

kt_status kt_events_hparams(kt_events *log, const kt_hparam *hparams, int count, const char *group)
{
    static const char caller[] = "kt_events_hparams";
    kt_status status = hparams_check(log, caller, hparams, count);
    if (status != KT_OK || !log) return log ? status : KT_ERR_STATE;
    char hashed[KT_HPARAM_GROUP_BYTES];
    if (!group) {
        hparams_group(hparams, count, hashed);
        group = hashed;
    }
    kt_session_start start = { hparams, count, group, kt_events_now(log) };
    return hparams_build(log, caller, "_hparams_/session_start_info", kt_session_start_encode, &start);
}

kt_status kt_events_hparams_end(kt_events *log, kt_session_status ended)
{
    static const char caller[] = "kt_events_hparams_end";
    if ((int)ended < KT_SESSION_UNKNOWN || ended > KT_SESSION_RUNNING)
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected a KT_SESSION_ constant, got %d; say how it ended", caller,
                              (int)ended);
    if (!log) return KT_ERR_STATE;
    unsigned char content[256];
    kt_wire w = { content, content + sizeof content, false };
    kt_wire_mark info = kt_wire_open(&w, 4, 0);
    if (ended != KT_SESSION_UNKNOWN) kt_wire_int(&w, 1, ended);
    kt_wire_double(&w, 2, kt_events_now(log));
    kt_wire_close(&w, info);
    return hparams_append(log, caller, "_hparams_/session_end_info",
                          (kt_event_string){ content, (size_t)(w.at - content) });
}

static kt_status experiment_check(kt_events *log, const char *caller, const kt_hparams_config *c)
{
    if (!c || c->n_hparams < 0 || c->n_hparams > KT_HPARAMS_MAX || (c->n_hparams > 0 && !c->hparams) ||
        c->n_metrics < 0 || c->n_metrics > KT_HPARAMS_MAX || (c->n_metrics > 0 && !c->metrics))
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected 0 to %d hyperparameters and metrics, got %s; give each "
                              "array with its length", caller, KT_HPARAMS_MAX, c ? "another number or NULL" : "NULL");
    for (int i = 0; i < c->n_hparams; i++) {
        const kt_hparam_info *h = &c->hparams[i];
        int values = hparam_info_count(h);
        const char *wrong = !h->name || !h->name[0] ? "a name, got none" : NULL;
        if (values < 0 || values > KT_HPARAMS_MAX) wrong = "at most 4096 values, got another number";
        for (int k = 0; !wrong && k < values; k++)
            if (hparam_info_is_text(h) ? !h->texts[k] : h->values && !isfinite(h->values[k]))
                wrong = "texts or finite values in the domain, got another";
        if (!wrong && values == 0 && h->min < h->max && !(isfinite(h->min) && isfinite(h->max)))
            wrong = "a finite interval, got an endless one";
        if (wrong)
            return kt_events_fail(log, KT_ERR_VALUE, "%s: hyperparameter %d (\"%.100s\"): expected %s; correct its "
                                  "kt_hparam_info", caller, i, h->name ? h->name : "", wrong);
    }
    for (int i = 0; i < c->n_metrics; i++)
        if (!c->metrics[i].tag || !c->metrics[i].tag[0])
            return kt_events_fail(log, KT_ERR_VALUE, "%s: metric %d: expected the tag of a scalar, got none; name it",
                                  caller, i);
    return KT_OK;
}

kt_status kt_events_hparams_config(kt_events *log, const kt_hparams_config *config)
{
    static const char caller[] = "kt_events_hparams_config";
    kt_status status = experiment_check(log, caller, config);
    if (status != KT_OK || !log) return log ? status : KT_ERR_STATE;
    kt_experiment experiment = { config, kt_events_now(log) };
    return hparams_build(log, caller, "_hparams_/experiment", kt_experiment_encode, &experiment);
}
