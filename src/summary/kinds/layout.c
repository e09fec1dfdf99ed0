/* SPDX-License-Identifier: MIT */
/* summary/kinds/layout.c: which scalars the Custom Scalars tab draws into one chart.
 *
 *     Layout    { 2 category { 1 title, 2 chart, 3 closed } }
 *     Chart     { 1 title, 2 multiline { 1 tag } | 3 margin { 1 series { 1 value, 2 lower, 3 upper } } }
 *
 * The message is a string, the value of one tag at step 0. Tags are regular expressions for TensorBoard's server and
 * texts here: nobody checks them, as they may name scalars of runs to come.
 */
#include "summary/kinds/plugins.h"

enum { LAYOUT_MOST = 10000 }; /* of anything in a list */

static void layout_chart_encode(kt_wire *w, const kt_chart *chart)
{
    kt_wire_mark outer = kt_wire_open(w, 2, 80);
    kt_wire_text(w, 1, chart->title);
    if (chart->n_margins > 0) {
        kt_wire_mark margin = kt_wire_open(w, 3, 60);
        for (int i = 0; i < chart->n_margins; i++) {
            kt_wire_mark series = kt_wire_open(w, 1, 50);
            kt_wire_text(w, 1, chart->margins[i].value);
            kt_wire_text(w, 2, chart->margins[i].lower);
            kt_wire_text(w, 3, chart->margins[i].upper);
            kt_wire_close(w, series);
        }
        kt_wire_close(w, margin);
    } else {
        kt_wire_mark lines = kt_wire_open(w, 2, 60);
        for (int i = 0; i < chart->n_tags; i++) kt_wire_text_always(w, 1, chart->tags[i]);
        kt_wire_close(w, lines);
    }
    kt_wire_close(w, outer);
}

void kt_layout_encode(kt_wire *w, const void *what)
{
    const kt_layout *layout = what;
    for (int i = 0; i < layout->n_categories; i++) {
        const kt_chart_category *category = &layout->categories[i];
        kt_wire_mark outer = kt_wire_open(w, 2, 200);
        kt_wire_text(w, 1, category->title);
        for (int k = 0; k < category->n_charts; k++) layout_chart_encode(w, &category->charts[k]);
        if (category->closed) kt_wire_int(w, 3, 1);
        kt_wire_close(w, outer);
    }
}

static bool layout_list_is_sound(const void *list, int count)
{
    return count >= 0 && count <= LAYOUT_MOST && (count == 0 || list);
}

/* What is wrong with a chart: what was expected, what it got and what to do. NULL: nothing. */
static const char *layout_chart_wrong(const kt_chart *c)
{
    if (!layout_list_is_sound(c->tags, c->n_tags) || !layout_list_is_sound(c->margins, c->n_margins))
        return "expected 0 to 10000 tags or margins, got another number or NULL; give each array with its length";
    if ((c->n_tags > 0) == (c->n_margins > 0))
        return "expected tags or margins, got both or none; make two charts, or give it something to draw";
    for (int i = 0; i < c->n_tags; i++)
        if (!c->tags[i] || !c->tags[i][0]) return "expected tags, got an empty one; name each";
    for (int i = 0; i < c->n_margins; i++) {
        const kt_margin *m = &c->margins[i];
        if (!m->value || !m->value[0] || !m->lower || !m->lower[0] || !m->upper || !m->upper[0])
            return "expected three tags for a margin, got fewer; name value, lower and upper";
    }
    return NULL;
}

kt_status kt_events_layout(kt_events *log, const kt_layout *layout)
{
    static const char caller[] = "kt_events_layout";
    if (!layout || !layout_list_is_sound(layout->categories, layout->n_categories))
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected 0 to %d categories, got %s; give the array with its "
                              "length", caller, LAYOUT_MOST, layout ? "another number or NULL" : "NULL");
    for (int i = 0; i < layout->n_categories; i++) {
        const kt_chart_category *category = &layout->categories[i];
        if (!layout_list_is_sound(category->charts, category->n_charts))
            return kt_events_fail(log, KT_ERR_VALUE, "%s: category %d: expected 0 to %d charts, got another number or "
                                  "NULL; give the array with its length", caller, i, LAYOUT_MOST);
        for (int k = 0; k < category->n_charts; k++) {
            const char *wrong = layout_chart_wrong(&category->charts[k]);
            if (wrong)
                return kt_events_fail(log, KT_ERR_VALUE, "%s: category %d, chart %d: %s", caller, i, k, wrong);
        }
    }
    kt_built built;
    kt_status status = kt_build(log, caller, kt_layout_encode, layout, &built);
    if (status != KT_OK) return status;
    kt_event_tensor value = { .strings = &built.bytes, .count = 1 };
    status = kt_events_append(log, caller, KT_KIND_LAYOUT, "custom_scalars__config__", 0, &value);
    kt_built_free(log, &built);
    return status;
}
