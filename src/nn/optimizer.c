/* SPDX-License-Identifier: MIT */
/* nn/optimizer.c: what all optimizers share: Keras's order of clipping, weight decay, the rule, iteration + 1.
 *
 * A rule sees one variable at a time and records its update. iteration and learning_rate are variables, so that
 * a captured step reads them when it runs. The number of steps is mirrored on the host, so that a schedule
 * needs no reading back; when the variables have been lent out (kt_optimizer_variables), they may have been
 * set, and the mirror is read from them once.
 */
#include "nn/optimizer.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include <keratin/ops.h>

#include "ops/ops.h"

enum { MAX_SLOTS = 4 };

typedef struct bound_variable {
    kt_tensor *variable;
    kt_tensor *slots[MAX_SLOTS];
} bound_variable;

struct kt_optimizer {
    kt_object object;
    kt_context *kt;
    const kt_optimizer_class *cls;
    kt_box config;
    kt_optimizer_common common;
    const char *name;
    const char *slot_names[MAX_SLOTS];
    int n_slots;
    kt_tensor *iteration, *learning_rate;
    int64_t steps; /* mirrors iteration */
    bool lent;     /* the variables may have been set from outside */
    bound_variable *bound;
    size_t n_bound, bound_capacity;
    kt_tensor **listed;
    size_t listed_capacity;
};

static const kt_optimizer_class *const classes[] = {
#define KT_OPTIMIZER(cls) &cls,
#include "nn/optimizers.def"
#undef KT_OPTIMIZER
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

kt_optimizer_spec kt_optimizer_find(kt_context *kt, const char *name)
{
    char lower[N_CLASSES][32];
    const char *names[N_CLASSES + 1] = { NULL };
    for (int i = 0; i < N_CLASSES; i++) {
        size_t n = 0;
        for (; classes[i]->name[n] && n + 1 < sizeof lower[i]; n++)
            lower[i][n] = (char)tolower((unsigned char)classes[i]->name[n]);
        lower[i][n] = 0;
        names[i] = lower[i];
        bool same = name && strlen(name) == n;
        for (size_t j = 0; same && j < n; j++) same = tolower((unsigned char)name[j]) == lower[i][j];
        kt_optimizer_spec spec = { .cls = classes[i] };
        memset(&spec.config, 0, sizeof spec.config);
        spec.config.u.size = classes[i]->config_size;
        if (same) return spec;
    }
    kt_fail_name(kt, "optimizer", name, names);
    return (kt_optimizer_spec){ .cls = NULL };
}

/* ---- life ---- */

static void end(kt_optimizer *optimizer, bool variables)
{
    kt_context *kt = optimizer->kt;
    for (size_t i = 0; variables && i < optimizer->n_bound; i++)
        for (int j = 0; j < optimizer->n_slots; j++) kt_variable_free(optimizer->bound[i].slots[j]);
    if (variables) {
        kt_variable_free(optimizer->iteration);
        kt_variable_free(optimizer->learning_rate);
    }
    kt_give(kt, optimizer->bound);
    kt_give(kt, optimizer->listed);
    kt_give(kt, optimizer);
}

static void optimizer_release(kt_context *kt, kt_object *object)
{
    (void)kt;
    end((kt_optimizer *)object, false);
}

void kt_optimizer_free(kt_optimizer *optimizer)
{
    if (!optimizer) return;
    kt_disown(&optimizer->object);
    end(optimizer, true);
}

static kt_status check_common(kt_context *kt, const char *name, const kt_optimizer_common *c)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        { "learning_rate", c->learning_rate }, { "weight_decay", c->weight_decay },       { "clipnorm", c->clipnorm },
        { "clipvalue", c->clipvalue },         { "global_clipnorm", c->global_clipnorm },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(numbers[i].value >= 0) || isinf(numbers[i].value))
            return kt_fail_at(kt, KT_ERR_VALUE, name, "expected a %s of 0 or more, got %g", numbers[i].name,
                              numbers[i].value);
    if ((c->clipnorm > 0) + (c->clipvalue > 0) + (c->global_clipnorm > 0) > 1)
        return kt_fail_at(kt, KT_ERR_VALUE, name,
                          "expected at most one of clipnorm, clipvalue and global_clipnorm, got clipnorm %g, clipvalue "
                          "%g, global_clipnorm %g",
                          c->clipnorm, c->clipvalue, c->global_clipnorm);
    return KT_OK;
}

static bool make_variables(kt_optimizer *optimizer)
{
    kt_context *kt = optimizer->kt;
    char path[128];
    kt_text text = kt_text_in(path, sizeof path);
    kt_text_add(&text, "%.64s/iteration", optimizer->name);
    optimizer->iteration = kt_variable_zeros(kt, path, KT_INT64, KT_SCALAR_SHAPE);
    text = kt_text_in(path, sizeof path);
    kt_text_add(&text, "%.64s/learning_rate", optimizer->name);
    optimizer->learning_rate = kt_variable_zeros(kt, path, KT_DTYPE_DEFAULT, KT_SCALAR_SHAPE);
    double rate = optimizer->common.schedule ? optimizer->common.schedule(0, optimizer->common.schedule_user)
                                             : optimizer->common.learning_rate;
    return optimizer->learning_rate && kt_variable_fill(optimizer->learning_rate, rate) == KT_OK;
}

kt_optimizer *kt_optimizer_new(kt_context *kt, kt_optimizer_spec spec)
{
    if (!kt || kt->status != KT_OK) return NULL;
    const kt_optimizer_class *cls = spec.cls;
    if (!cls || spec.config.u.size == 0 || !cls->common || !cls->update) {
        kt_fail_at(kt, KT_ERR_VALUE, cls ? cls->name : "optimizer",
                   cls && spec.config.u.size ? "expected a class with `common` and `update`, got one without"
                                             : "expected a description such as kt_adam(), got an empty one");
        return NULL;
    }
    kt_optimizer *optimizer = kt_take_zeroed(kt, 1, sizeof *optimizer);
    if (!optimizer) return NULL;
    kt_status status;
    optimizer->kt = kt;
    optimizer->cls = cls;
    optimizer->config = spec.config;
    kt_own(kt, &optimizer->object, optimizer_release);
    if (kt_own_fields(kt, cls->fields, &optimizer->config) != KT_OK) goto fail;
    if (cls->check && (status = cls->check(kt, &optimizer->config)) != KT_OK) {
        kt_fail_at(kt, status, cls->name, "its check refused the configuration without saying why; call kt_fail there");
        goto fail;
    }
    cls->common(&optimizer->config, &optimizer->common);
    if (check_common(kt, cls->name, &optimizer->common) != KT_OK) goto fail;
    optimizer->name = optimizer->common.name ? kt_intern(kt, optimizer->common.name) : kt_nn_name(kt, cls->name);
    optimizer->n_slots = cls->slots ? cls->slots(&optimizer->config, optimizer->slot_names) : 0;
    if (optimizer->n_slots < 0 || optimizer->n_slots > MAX_SLOTS) {
        kt_fail_at(kt, KT_ERR_VALUE, cls->name, "its configuration was refused: expected 0 to %d slots, got %d",
                   MAX_SLOTS, optimizer->n_slots);
        goto fail;
    }
    if (optimizer->name && make_variables(optimizer)) return optimizer;
fail:
    kt_optimizer_free(optimizer);
    return NULL;
}

const kt_optimizer_class *kt_optimizer_class_of(const kt_optimizer *optimizer) { return optimizer->cls; }
const kt_optimizer_common *kt_optimizer_common_of(const kt_optimizer *optimizer) { return &optimizer->common; }
const void *kt_optimizer_config(const kt_optimizer *optimizer) { return &optimizer->config; }
const char *kt_optimizer_name(const kt_optimizer *optimizer) { return optimizer->name; }

/* ---- slots ---- */

static kt_status bind(kt_optimizer *optimizer, kt_tensor *variable)
{
    kt_context *kt = optimizer->kt;
    const kt_desc *desc = kt_desc_of(variable);
    if (!kt_is_variable(variable) || !kt_is_float(desc->dtype))
        return kt_fail_at(kt, KT_ERR_VALUE, optimizer->name, "expected variables of float type, got %s '%s'",
                          kt_is_variable(variable) ? kt_dtype_name(desc->dtype) : "the result of an op",
                          kt_is_variable(variable) ? kt_variable_name(variable) : "tensor");
    if (!kt_grow(&kt->heap, &optimizer->bound, &optimizer->bound_capacity, optimizer->n_bound + 1,
                 sizeof *optimizer->bound))
        return kt_no_memory(kt);
    bound_variable *bound = &optimizer->bound[optimizer->n_bound];
    memset(bound, 0, sizeof *bound);
    bound->variable = variable;
    char path[1400], own[1100];
    const char *name = kt_variable_name(variable);
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof own; n++) own[n] = name[n] == '/' ? '_' : name[n];
    own[n] = 0;
    for (int i = 0; i < optimizer->n_slots; i++) {
        kt_text text = kt_text_in(path, sizeof path);
        kt_text_add(&text, "%.64s/%s_%.64s", optimizer->name, own, optimizer->slot_names[i]);
        bound->slots[i] = kt_variable_zeros(kt, path, desc->dtype, kt_shape_of(desc));
        if (!bound->slots[i]) return kt->status;
    }
    optimizer->n_bound++;
    return KT_OK;
}

/* `at`: where it stood last time. */
static bound_variable *bound_of(kt_optimizer *optimizer, kt_tensor *variable, size_t at)
{
    if (at < optimizer->n_bound && optimizer->bound[at].variable == variable) return &optimizer->bound[at];
    for (size_t i = 0; i < optimizer->n_bound; i++)
        if (optimizer->bound[i].variable == variable) return &optimizer->bound[i];
    return bind(optimizer, variable) == KT_OK ? &optimizer->bound[optimizer->n_bound - 1] : NULL;
}

kt_status kt_optimizer_build(kt_optimizer *optimizer, kt_tensors variables)
{
    if (!optimizer) return KT_ERR_VALUE;
    for (int64_t i = 0; i < variables.count && optimizer->kt->status == KT_OK; i++)
        if (variables.at[i]) bound_of(optimizer, variables.at[i], (size_t)i);
    return optimizer->kt->status;
}

/* ---- a step ---- */

static kt_tensor *as_dtype(kt_tensor *x, kt_tensor *like)
{
    return kt_dtype_of(x) == kt_dtype_of(like) ? x : kt_cast(x, kt_dtype_of(like));
}

static kt_status update_one(kt_optimizer *optimizer, const bound_variable *bound, kt_tensor *gradient)
{
    kt_tensor *variable = bound->variable, *rate = as_dtype(optimizer->learning_rate, variable);
    double decay = optimizer->common.weight_decay;
    if (decay > 0) kt_assign(variable, kt_sub(variable, kt_mul(kt_mul(variable, kt_scalar(variable, decay)), rate)));
    kt_update update = {
        .config = &optimizer->config,
        .variable = variable,
        .gradient = gradient,
        .slots = bound->slots,
        .learning_rate = rate,
        .iteration = optimizer->iteration,
    };
    kt_status status = optimizer->cls->update(&update);
    return status == KT_OK ? optimizer->kt->status
                           : kt_fail_at(optimizer->kt, status, optimizer->name, "its update failed without saying why; call kt_fail there");
}

static kt_status check_gradients(kt_optimizer *optimizer, kt_tensors gradients, kt_tensors variables)
{
    kt_context *kt = optimizer->kt;
    bool any = false;
    if (kt->status != KT_OK) return kt->status;
    if (gradients.count != variables.count)
        return kt_fail_at(kt, KT_ERR_VALUE, optimizer->name, "expected a gradient for each of %lld variables, got %lld",
                          (long long)variables.count, (long long)gradients.count);
    if (variables.count && (!gradients.at || !variables.at))
        return kt_fail_at(kt, KT_ERR_VALUE, optimizer->name, "expected two lists of %lld tensors, got NULL; give what kt_gradients and "
                          "kt_trainable answer", (long long)variables.count);
    for (int64_t i = 0; i < variables.count; i++) {
        kt_tensor *g = gradients.at[i], *v = variables.at[i];
        if (!g) continue;
        any = true;
        if (!v || kt_context_of(v) != kt || kt_context_of(g) != kt)
            return kt_fail_at(kt, KT_ERR_VALUE, optimizer->name,
                              "expected variables and gradients of the optimizer's context, got %s",
                              v ? "others" : "NULL");
        if (!kt_desc_same_shape(kt_desc_of(g), kt_desc_of(v)))
            return kt_fail_at(kt, KT_ERR_SHAPE, optimizer->name,
                              "expected a gradient of the shape of variable '%s', got another; give "
                              "gradients and variables in the same order",
                              kt_variable_name(v));
    }
    if (!any)
        return kt_fail_at(kt, KT_ERR_VALUE, optimizer->name,
                          "expected gradients, got none: the loss depends on none of the %lld variables",
                          (long long)variables.count);
    return KT_OK;
}

kt_status kt_optimizer_record(kt_optimizer *optimizer, kt_tensors gradients, kt_tensors variables)
{
    enum { FEW = 64 };
    kt_tensor *few[FEW], **clipped = few;
    if (!optimizer) return KT_ERR_VALUE;
    kt_context *kt = optimizer->kt;
    if (check_gradients(optimizer, gradients, variables) != KT_OK) return kt->status;
    if (gradients.count > FEW) {
        clipped = kt_take_zeroed(kt, (size_t)gradients.count, sizeof(kt_tensor *));
        if (!clipped) return kt->status;
    }
    for (int64_t i = 0; i < gradients.count; i++)
        clipped[i] = gradients.at[i] ? as_dtype(gradients.at[i], variables.at[i]) : NULL;
    uint8_t direction = kt->frame.direction;
    kt->frame.direction = KT_UPDATE;
    const kt_watch *watch = kt_watch_of(kt);
    if (watch && watch->rate) watch->rate(watch->user, optimizer->learning_rate);
    kt_clip_gradients(&optimizer->common, clipped, gradients.count);
    const kt_optimizer_common *c = &optimizer->common;
    bool clips = c->clipnorm > 0 || c->clipvalue > 0 || c->global_clipnorm > 0;
    int64_t last = gradients.count - 1;
    while (last > 0 && !clipped[last]) last--;
    for (int64_t i = 0; i < gradients.count && kt->status == KT_OK; i++) {
        if (!clipped[i]) continue;
        kt_tensor *variable = variables.at[i];
        const bound_variable *bound = bound_of(optimizer, variable, (size_t)i);
        if (!bound) break;
        kt_tensor *before = watch && watch->update ? kt_as_is(variable) : NULL;
        if (update_one(optimizer, bound, clipped[i]) != KT_OK || !before) continue;
        kt_tensor *given = clips ? as_dtype(gradients.at[i], variable) : clipped[i];
        watch->update(watch->user, &(kt_watched_update){ .variable = variable, .before = before,
                                                         .after = kt_as_is(variable), .gradient = given,
                                                         .applied = clipped[i], .last = i == last });
    }
    if (kt->status == KT_OK) kt_assign_add(optimizer->iteration, kt_ones(kt, KT_INT64, KT_SCALAR_SHAPE));
    kt->frame.direction = direction;
    if (clipped != few) kt_give(kt, clipped);
    return kt->status;
}

/* The mirror after the variables were lent out. */
static kt_status refresh(kt_optimizer *optimizer)
{
    if (!optimizer->lent) return optimizer->kt->status;
    optimizer->lent = false;
    return kt_read(optimizer->iteration, &optimizer->steps, KT_INT64, 1);
}

kt_status kt_optimizer_before_step(kt_optimizer *optimizer)
{
    if (!optimizer) return KT_ERR_VALUE;
    kt_context *kt = optimizer->kt;
    const kt_optimizer_common *c = &optimizer->common;
    if (refresh(optimizer) != KT_OK) return kt->status;
    if (c->schedule) {
        double rate = c->schedule(optimizer->steps, c->schedule_user);
        kt_variable_set(optimizer->learning_rate, kt_array_of(&rate, KT_FLOAT64, KT_SCALAR_SHAPE));
    }
    optimizer->steps++;
    return kt->status;
}

void kt_optimizer_step_failed(kt_optimizer *optimizer)
{
    if (optimizer) optimizer->lent = true; /* the variable knows how many steps there were */
}

kt_status kt_apply_gradients(kt_optimizer *optimizer, kt_tensors gradients, kt_tensors variables)
{
    if (!optimizer) return KT_ERR_VALUE;
    kt_context *kt = optimizer->kt;
    const kt_optimizer_common *c = &optimizer->common;
    if (kt->status != KT_OK || refresh(optimizer) != KT_OK) return kt->status;
    if (c->schedule) { /* recorded: what is pending still sees the old rate */
        double rate = c->schedule(optimizer->steps, c->schedule_user);
        kt_assign(optimizer->learning_rate, kt_scalar_new(kt, kt_dtype_of(optimizer->learning_rate), rate));
    }
    if (kt_optimizer_record(optimizer, gradients, variables) == KT_OK) optimizer->steps++;
    return kt->status;
}

/* ---- small answers ---- */

double kt_learning_rate(kt_optimizer *optimizer)
{
    if (!optimizer) return (double)NAN;
    const kt_optimizer_common *c = &optimizer->common;
    if (!c->schedule) return kt_item(optimizer->learning_rate);
    return refresh(optimizer) == KT_OK ? c->schedule(optimizer->steps, c->schedule_user) : (double)NAN;
}

kt_status kt_set_learning_rate(kt_optimizer *optimizer, double rate)
{
    if (!optimizer) return KT_ERR_VALUE;
    kt_context *kt = optimizer->kt;
    if (kt->status != KT_OK) return kt->status;
    if (optimizer->common.schedule)
        return kt_fail_at(kt, KT_ERR_STATE, optimizer->name,
                          "its learning rate follows a schedule: make the optimizer with .learning_rate "
                          "to set it by hand");
    if (!isfinite(rate))
        return kt_fail_at(kt, KT_ERR_VALUE, optimizer->name, "expected a finite learning rate, got %g", rate);
    return kt_variable_fill(optimizer->learning_rate, rate);
}

int64_t kt_iterations(kt_optimizer *optimizer)
{
    if (!optimizer) return 0;
    refresh(optimizer);
    return optimizer->steps;
}

kt_tensors kt_optimizer_variables(kt_optimizer *optimizer)
{
    if (!optimizer) return (kt_tensors){ NULL, 0 };
    kt_context *kt = optimizer->kt;
    size_t most = 2 + optimizer->n_bound * (size_t)optimizer->n_slots, n = 0;
    if (!kt_grow(&kt->heap, &optimizer->listed, &optimizer->listed_capacity, most, sizeof *optimizer->listed)) {
        kt_no_memory(kt);
        return (kt_tensors){ NULL, 0 };
    }
    optimizer->lent = true;
    optimizer->listed[n++] = optimizer->iteration;
    if (!optimizer->common.schedule) optimizer->listed[n++] = optimizer->learning_rate;
    for (size_t i = 0; i < optimizer->n_bound; i++)
        for (int j = 0; j < optimizer->n_slots; j++) optimizer->listed[n++] = optimizer->bound[i].slots[j];
    return (kt_tensors){ optimizer->listed, (int64_t)n };
}

bool kt_optimizer_scheduled(const kt_optimizer *optimizer) { return optimizer && optimizer->common.schedule; }
