/* SPDX-License-Identifier: MIT */
/* kt_model_json against what real Keras's model.to_json() wrote (tests/golden/json_cases.py), byte for byte; numbers and texts
 * of base/json.h; what happens without memory. `test_json FOLDER` writes the models there instead, as NAME.json and in
 * the form for TensorBoard as NAME.board, for check_json.py and tests/tensorboard/check_graph.py. */
#include "testing.h"

#include <float.h>

#include <keratin/ops.h>

#include "base/json.h"
#include "base/repr.h"
#include "train/json.h"
#include "failing.h"

/* ---- the models of json_cases.py ---- */

typedef struct scale_config {
    size_t size;
    double factor;
    int64_t times;
    const char *label;
    bool on;
    const char *name;
} scale_config;

static const kt_field scale_fields[] = {
    { "factor", KT_FIELD_DOUBLE, offsetof(scale_config, factor) },
    { "times", KT_FIELD_INT, offsetof(scale_config, times) },
    { "label", KT_FIELD_STRING, offsetof(scale_config, label) },
    { "on", KT_FIELD_BOOL, offsetof(scale_config, on) },
    { "name", KT_FIELD_STRING, offsetof(scale_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

static kt_status scale_build(kt_layer *self, const kt_desc *x)
{
    kt_weight(self, "gain", KT_SHAPE(x->dim[x->rank - 1]));
    return KT_OK;
}

static kt_tensor *scale_call(kt_layer *self, kt_tensor *x) { return kt_mul(x, kt_w(self, "gain")); }

static const kt_layer_class scale_class = {
    .name = "Scale", .config_size = sizeof(scale_config), .fields = scale_fields, .build = scale_build, .call = scale_call,
};

static kt_tensor *mean_of_squares(kt_tensor *y_true, kt_tensor *y_pred) { return kt_mean(kt_square(kt_sub(y_true, y_pred))); }

static kt_model *plain(kt_context *kt) { return kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1)); }

static kt_model *compiled(kt_context *kt)
{
    kt_model *m = plain(kt);
    kt_compile(m, .optimizer_name = "adam", .loss = "mse", .metrics = { "mae" });
    return m;
}

static kt_model *not_built(kt_context *kt) { return kt_sequential(kt, kt_dense(3), kt_dropout(0.25)); }

static kt_model *built_later(kt_context *kt)
{
    kt_model *m = kt_sequential(kt, kt_dense(3), kt_dropout(0.25), kt_dense(1));
    kt_model_build(m, KT_SHAPE(1, 4));
    return m;
}

static kt_model *stock(kt_context *kt)
{
    static const double mean[] = { 1.0, 2.5, 0.1 }, variance[] = { 1.0, 4.0, 1e-8 };
    return kt_sequential(
        kt, kt_input(4, 3, .name = "pixels"), kt_normalization(),
        kt_normalization(.axis = 2, .mean = mean, .variance = variance, .count = 3),
        kt_normalization(.axis = KT_AXIS_NONE, .invert = true), kt_flatten(), kt_activation("tanh"), kt_dropout(0.5, .seed = 7),
        kt_dense(5, .activation = "swish", .no_bias = true, .frozen = true, .name = "no bias \xc3\xa9\xf0\x9f\x99\x82\"\\"),
        kt_dense(5, .kernel_regularizer_spec = kt_l1(0.01), .bias_regularizer_spec = kt_l1_l2(0.02, 0.03),
                 .kernel_initializer_spec = kt_variance_scaling(2.0, "fan_avg", "uniform", 3),
                 .bias_initializer_spec = kt_constant_of(0.1)),
        kt_dense(5, .kernel_regularizer = "l2", .kernel_initializer = "he_normal", .bias_initializer_spec = kt_normal_of(0, 0.1)),
        kt_dense(5, .kernel_initializer = "identity", .bias_initializer_spec = kt_uniform_of(-1.0, 2.0)),
        kt_dense(5, .kernel_initializer_spec = kt_orthogonal(1.5, 4), .bias_initializer = "ones"),
        kt_dense(5, .kernel_initializer_spec = kt_truncated_normal_of(.seed = 5), .activation = "softmax"),
        kt_dense(2, .kernel_initializer_spec = kt_lecun_uniform(6), .activation = "exponential"));
}

static kt_model *functional(kt_context *kt)
{
    kt_tensor *x = kt_symbol(kt, kt_input(4));
    kt_layer *shared = kt_layer_new(kt, kt_dense(4, .activation = "relu"));
    kt_tensor *h = kt_call_layer(shared, kt_call_layer(shared, x));
    h = kt_apply_layer(kt_dropout(0.5), h);
    return kt_model_new(x, kt_apply_layer(kt_dense(2), kt_add(h, x)));
}

static kt_model *many(kt_context *kt)
{
    kt_tensor *a = kt_symbol(kt, kt_input(4, .name = "a")), *b = kt_symbol(kt, kt_input(4, .name = "b"));
    kt_tensor *unused = kt_symbol(kt, kt_input(2, .name = "unused")), *inside = kt_symbol(kt, kt_input(4));
    kt_layer *inner = kt_model_layer(kt_model_new(inside, kt_apply_layer(kt_dense(2), inside)));
    kt_layer *chain = kt_model_layer(kt_sequential(kt, kt_input(4), kt_dense(2, .activation = "tanh")));
    kt_tensor *two = kt_symbol(kt, kt_input(4)), *other = kt_symbol(kt, kt_input(4));
    kt_layer *pair = kt_model_layer(kt_model_new_many(kt, (kt_tensors){ (kt_tensor *[]){ two, other }, 2 }, kt_sub(two, other)));
    kt_tensor *h = kt_add(kt_call_layer(inner, a), kt_call_layer(chain, b));
    kt_tensor *last = kt_call_layer_many(pair, (kt_tensor *[]){ b, a }, 2);
    h = kt_concatenate((kt_tensor *[]){ h, kt_call_layer(inner, b), last }, 3, 1);
    return kt_model_new_many(kt, (kt_tensors){ (kt_tensor *[]){ a, b, unused }, 3 }, kt_apply_layer(kt_dense(1), h));
}

static kt_model *operations(kt_context *kt)
{
    kt_tensor *x = kt_symbol(kt, kt_input(4));
    kt_tensor *h = kt_log(kt_add(kt_abs(x), kt_scalar(x, 1e-9)));
    h = kt_where(kt_greater(x, kt_scalar(x, 0.5)), h, kt_mul(h, kt_scalar(h, 2.0)));
    h = kt_maximum(h, kt_sum_axes(h, KT_AXES(1), true));
    h = kt_transpose_axes(kt_reshape(h, KT_SHAPE(-1, 2, 2)), KT_AXES(0, 2, 1));
    h = kt_mean_axes(h, KT_AXES(2), false);
    h = kt_softmax(kt_neg(kt_cast(kt_less(h, kt_scalar(h, 0.5)), KT_FLOAT32)), -1);
    return kt_model_new(x, h);
}

static kt_model *nested(kt_context *kt)
{
    kt_layer *inner = kt_model_layer(kt_sequential(kt, kt_dense(3, .activation = "relu"), kt_dense(2)));
    kt_tensor *x = kt_symbol(kt, kt_input(2));
    kt_layer *drawn = kt_model_layer(kt_model_new(x, kt_apply_layer(kt_dense(2), x)));
    return kt_sequential(kt, kt_input(4), kt_existing(inner), kt_existing(drawn), kt_dense(1));
}

static kt_model *ends_in_a_model(kt_context *kt)
{
    kt_tensor *inside = kt_symbol(kt, kt_input(4));
    kt_layer *inner = kt_model_layer(kt_model_new(inside, kt_apply_layer(kt_dense(2), inside)));
    kt_tensor *x = kt_symbol(kt, kt_input(4));
    return kt_model_new(x, kt_call_layer(inner, kt_apply_layer(kt_activation("relu"), x)));
}

static kt_model *sgd(kt_context *kt)
{
    kt_model *m = plain(kt);
    kt_compile(m, kt_sgd(0.1, 0.9, true, .weight_decay = 0.004, .global_clipnorm = 1),
               .loss_spec = kt_binary_crossentropy_loss(.from_logits = true, .label_smoothing = 0.1, .reduction = KT_REDUCTION_SUM),
               .metrics = { "accuracy" },
               .metric_specs = { kt_binary_accuracy(0.25), kt_root_mean_squared_error(.name = "rmse") },
               .weighted_metrics = { "mse" });
    return m;
}

static kt_model *adam(kt_context *kt)
{
    kt_model *m = plain(kt);
    kt_compile(m, kt_adam(0.01, .beta_1 = 0.8, .epsilon = 1e-8, .amsgrad = true, .clipvalue = 0.5, .name = "mine"),
               .loss_fn = mean_of_squares, .metric_specs = { kt_metric_of_fn(mean_of_squares, "my_metric") });
    return m;
}

static kt_model *sparse(kt_context *kt)
{
    kt_model *m = plain(kt);
    kt_compile(m, kt_adam(), .loss_spec = kt_sparse_categorical_crossentropy_loss(),
               .weighted_metric_specs = { kt_sparse_categorical_accuracy() });
    return m;
}

static kt_model *mae(kt_context *kt)
{
    char name[] = "distance"; /* what compile is given need not last */
    kt_model *m = plain(kt);
    kt_compile(m, kt_sgd(), .loss_spec = kt_mean_absolute_error_loss(.reduction = KT_REDUCTION_WEIGHTED_MEAN, .name = name));
    memset(name, 'x', sizeof name - 1);
    return m;
}

static kt_model *own_layer(kt_context *kt)
{
    return kt_sequential(kt, kt_input(2),
                         kt_custom(&scale_class, &(scale_config){ sizeof(scale_config), 3.5, 4, "a\tb", true, NULL }),
                         kt_custom(&scale_class, &(scale_config){ sizeof(scale_config), 2, 1, NULL, false, "second" }), kt_dense(1));
}

#define MODEL(name) { #name, name }
static const struct {
    const char *name;
    kt_model *(*make)(kt_context *kt);
} models[] = { MODEL(plain), MODEL(compiled), MODEL(not_built), MODEL(built_later), MODEL(stock), MODEL(functional), MODEL(many),
               MODEL(operations), MODEL(nested), MODEL(ends_in_a_model), MODEL(sgd), MODEL(adam), MODEL(sparse), MODEL(mae),
               MODEL(own_layer) };
enum { N_MODELS = sizeof models / sizeof *models };

/* ---- the goldens ---- */

static char *golden_file(void)
{
    FILE *f = fopen(KT_TEST_DATA "/models_json.txt", "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    text[size] = 0;
    fclose(f);
    return text;
}

static void the_bytes_of_keras(void **state)
{
    (void)state;
    char *goldens = golden_file(), *at = goldens;
    int bad = 0, lines = 0;
    for (char *line = strtok(at, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        char *want = strchr(line, ' ');
        *want++ = 0;
        int i = 0;
        while (i < N_MODELS && strcmp(models[i].name, line) != 0) i++;
        if (i == N_MODELS) fail_msg("no model '%s' in this test", line);
        kt_context *kt = kt_context_new();
        const char *got = kt_model_json(models[i].make(kt));
        if (!got) fail_msg("%s: %s", line, kt_message(kt));
        size_t n = 0;
        while (got[n] && got[n] == want[n]) n++;
        if (got[n] || want[n]) {
            size_t from = n > 200 ? n - 200 : 0;
            print_message("%s differs at %zu\n got  ...%.400s\n want ...%.400s\n", line, n, got + from, want + from);
            bad++;
        }
        kt_context_free(kt);
    }
    free(goldens);
    assert_int_equal(lines, N_MODELS);
    assert_int_equal(bad, 0);
}

/* ---- others ---- */

static void it_is_the_models_and_stays_equal(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_model *m = compiled(kt);
    char *first = strdup(kt_model_json(m));
    const char *second = kt_model_json(m);
    assert_string_equal(first, second);
    free(first);
    assert_null(kt_model_json(NULL));
    kt_fail(kt, KT_ERR_VALUE, "an error before");
    assert_null(kt_model_json(m));
    kt_context_free(kt);
}

static void for_the_board(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    char *text = kt_model_json_text(operations(kt), true);
    assert_non_null(strstr(text, "{\"class_name\": \"__tensor__\", \"config\": {\"value\": 1e-09, \"dtype\": \"float32\"}}"));
    kt_give(kt, text);
    text = kt_model_json_text(nested(kt), true);
    assert_non_null(strstr(text, "\"input_layers\": [[\"input_layer_1\", 0, 0]]"));
    kt_give(kt, text);
    kt_context_free(kt);
}

/* Rows that Keras has not, and the host's data in a graph. */
static void what_keras_has_not(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *x = kt_symbol(kt, kt_input(2)), *w = kt_variable(kt, "w", kt_floats(((float[]){ 1, 2.5f, 3, 4 }), 2, 2));
    const char *text = kt_model_json(kt_model_new(x, kt_matmul_transposed(x, false, kt_mul(w, kt_scalar(w, 2)), true)));
    if (!text) fail_msg("%s", kt_message(kt));
    assert_non_null(strstr(text, "{\"module\": null, \"class_name\": \"matmul\", \"config\": {\"name\": \"matmul\"}, "
                                 "\"registered_name\": \"Custom>matmul\""));
    assert_non_null(strstr(text, "{\"class_name\": \"__tensor__\", \"config\": {\"value\": [[1.0, 2.5], [3.0, 4.0]], "
                                 "\"dtype\": \"float32\"}}"));
    kt_context_free(kt);
}

static void no_memory_is_said(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        bool done = false;
        for (long nth = 1; nth < 400 && !done; nth++) {
            counter c = { 0 };
            kt_context *kt = kt_context_new(.allocator = { count_allocate, count_resize, count_release, &c });
            kt_model *m = models[i].make(kt);
            assert_non_null(m);
            c.fail_at = c.requests + nth;
            const char *text = kt_model_json(m);
            done = c.requests < c.fail_at;
            if (!done) {
                assert_null(text);
                assert_int_equal(kt_error(kt), KT_ERR_MEMORY);
            } else assert_non_null(text);
            kt_context_free(kt);
            assert_int_equal(c.out, 0);
        }
        assert_true(done);
    }
}

static void numbers_as_python_prints_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0.0" }, { -0.0, "-0.0" }, { 1, "1.0" }, { 0.1, "0.1" }, { 1e-7, "1e-07" }, { 0.0001, "0.0001" }, { 1e-5, "1e-05" },
        { 1e15, "1000000000000000.0" }, { 1e16, "1e+16" }, { 123456.75, "123456.75" }, { 1e100, "1e+100" }, { 1.5e300, "1.5e+300" },
        { (double)0.001f, "0.0010000000474974513" }, { 0x1p-44, "5.684341886080802e-14" }, { 5e-324, "5e-324" },
        { DBL_MAX, "1.7976931348623157e+308" }, { 9007199254740993.0, "9007199254740992.0" }, { 1 / 3.0, "0.3333333333333333" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[KT_REPR_BYTES];
        assert_int_equal(kt_repr_double(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    char buffer[64];
    kt_json j = kt_json_in(buffer, sizeof buffer);
    kt_json_array(&j, NULL);
    kt_json_number(&j, NULL, (double)NAN);
    kt_json_number(&j, NULL, -(double)INFINITY);
    kt_json_text(&j, NULL, "\x01\x7f\xff\xe2\x82\xac\xed\xa0\x80");
    kt_json_end_array(&j);
    assert_string_equal(buffer, "[NaN, -Infinity, \"\\u0001\\u007f\\ufffd\\u20ac\\ufffd\\ufffd\\ufffd\"]");
    char few[8];
    j = kt_json_in(few, sizeof few);
    kt_json_text(&j, NULL, "longer than it");
    assert_int_equal(j.length, 16);
    assert_string_equal(few, "\"longer");
}

static int write_them(const char *folder)
{
    for (int i = 0; i < 2 * N_MODELS; i++) {
        char path[1024];
        kt_context *kt = kt_context_new();
        char *text = kt_model_json_text(models[i / 2].make(kt), i % 2);
        snprintf(path, sizeof path, "%s/%s.%s", folder, models[i / 2].name, i % 2 ? "board" : "json");
        FILE *f = text ? fopen(path, "wb") : NULL;
        if (!f || fputs(text, f) < 0 || fclose(f) != 0) return 1;
        kt_give(kt, text);
        kt_context_free(kt);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2) return write_them(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_keras), cmocka_unit_test(it_is_the_models_and_stays_equal), cmocka_unit_test(for_the_board),
        cmocka_unit_test(what_keras_has_not), cmocka_unit_test(no_memory_is_said), cmocka_unit_test(numbers_as_python_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
