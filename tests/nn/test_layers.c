/* SPDX-License-Identifier: MIT */
/* tests/nn/test_layers.c: the machinery of layers: names, paths, order of weights, freezing, sharing, added
 * losses, random streams, symbols, and what happens to wrong descriptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "graph/record.h"
#include "nn/layer.h"

#include <keratin/ops.h>

static kt_context *new_context(void)
{
    kt_context *kt = kt_context_new(.backend = "ref", .seed = 7);
    assert_non_null(kt);
    return kt;
}

static kt_tensor *some_data(kt_context *kt, kt_shape shape)
{
    float values[256];
    for (int i = 0; i < 256; i++) values[i] = (float)((i * 37 + 11) % 101) / 50.0f - 1.0f;
    assert_true(kt_shape_count(shape) <= 256);
    return kt_constant(kt, kt_array_of(values, KT_FLOAT32, shape));
}

static void expect_error(kt_context *kt, kt_status status, const char *part)
{
    if (kt_error(kt) != status || !strstr(kt_message(kt), part))
        fail_msg("expected %s with '%s', got %s: %s", kt_status_name(status), part, kt_status_name(kt_error(kt)),
                 kt_message(kt));
    kt_clear_error(kt);
}

/* ---- names and paths ---- */

static kt_status block_build(kt_layer *self, const kt_desc *x)
{
    kt_sublayer_new(self, "first", kt_dense(x->dim[1]));
    kt_sublayer_new(self, NULL, kt_dense(3));
    kt_weight(self, "offset", KT_SHAPE(3), .not_trainable = true, .initializer = "ones");
    kt_weight(self, "gain", KT_SHAPE(3), .initializer = "ones", .regularizer = "l2");
    return KT_OK;
}
static kt_tensor *block_call(kt_layer *self, kt_tensor *x)
{
    kt_tensor *y = kt_call_layer(kt_sublayer(self, "first"), x);
    y = kt_call_layer(kt_layer_child(self, 1), y);
    return kt_add(kt_mul(y, kt_w(self, "gain")), kt_w(self, "offset"));
}
static const kt_layer_class block_class = { .name = "MyBlock2D", .build = block_build, .call = block_call };

static void test_names(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_dense(1))), "dense");
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_dense(1, .name = "mine"))), "mine");
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_dense(1))), "dense_1");
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_flatten())), "flatten");
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_dense(1))), "dense_2");
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_input(3))), "input_layer");
    assert_string_equal(kt_layer_name(kt_layer_new(kt, kt_custom(&block_class))), "my_block2d");
    assert_string_equal(kt_layer_class_name(kt_layer_new(kt, kt_custom(&block_class, .name = "own"))), "MyBlock2D");
    kt_context *other = new_context(); /* counted per context */
    assert_string_equal(kt_layer_name(kt_layer_new(other, kt_dense(1))), "dense");
    kt_context_free(other);
    assert_null(kt_layer_new(kt, kt_dense(1, .name = "a/b")));
    expect_error(kt, KT_ERR_VALUE, "without '/'");
    kt_context_free(kt);
}

static void test_weights(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    kt_layer *block = kt_layer_new(kt, kt_custom(&block_class, .name = "block"));
    assert_int_equal(kt_layer_weights(block).count, 0);
    kt_tensor *y = kt_call_layer(block, some_data(kt, KT_SHAPE(4, 5)));
    assert_non_null(y);
    assert_int_equal(kt_dim(y, 1), 3);
    static const char *const expected[] = { "block/gain",       "block/offset",       "block/first/kernel",
                                            "block/first/bias", "block/dense/kernel", "block/dense/bias" };
    kt_tensors all = kt_layer_weights(block), trainable = kt_layer_trainable(block);
    assert_int_equal(all.count, 6);
    assert_int_equal(trainable.count, 5);
    for (int i = 0; i < 6; i++) assert_string_equal(kt_variable_name(all.at[i]), expected[i]);
    assert_string_equal(kt_variable_name(trainable.at[1]), "block/first/kernel");

    kt_layer_set_trainable(kt_sublayer(block, "first"), false);
    assert_int_equal(kt_layer_trainable(block).count, 3);
    assert_int_equal(kt_layer_weights(block).count, 6);
    kt_layer_set_trainable(block, false);
    assert_int_equal(kt_layer_trainable(block).count, 0);
    assert_null(kt_layer_losses(block)); /* a frozen weight is not regularized */
    kt_layer_set_trainable(block, true);
    assert_int_equal(kt_layer_trainable(block).count, 5);
    assert_true(fabs(kt_item(kt_layer_losses(block)) - 0.03) < 1e-7); /* 0.01 * (1 + 1 + 1) */

    kt_w(block, "gian");
    expect_error(kt, KT_ERR_NAME, "did you mean 'gain'?");
    assert_null(kt_sublayer(block, "frist"));
    expect_error(kt, KT_ERR_NAME, "did you mean 'first'?");
    kt_layer_free(block);
    kt_context_free(kt);
}

static void test_frozen_and_shared(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    kt_layer *frozen = kt_layer_new(kt, kt_dense(2, .frozen = true, .kernel_regularizer = "l1"));
    kt_layer *shared = kt_layer_new(kt, kt_dense(3, .kernel_regularizer = "l2"));
    kt_layer *outer = kt_layer_new(kt, kt_custom(&block_class, .frozen = true));
    kt_tensor *x = some_data(kt, KT_SHAPE(2, 3));
    kt_call_layer(frozen, x);
    assert_int_equal(kt_layer_trainable(frozen).count, 0);
    assert_int_equal(kt_layer_weights(frozen).count, 2);
    assert_null(kt_layer_losses(frozen));
    kt_call_layer(outer, x); /* sub-layers made later are frozen with it */
    assert_int_equal(kt_layer_trainable(outer).count, 0);

    kt_call_layer(shared, kt_call_layer(shared, x));
    assert_int_equal(kt_layer_weights(shared).count, 2);
    kt_layer *parent = kt_layer_new(kt, kt_custom(&block_class));
    assert_int_equal(kt_layer_adopt(parent, "a", shared, false), KT_OK);
    assert_int_equal(kt_layer_adopt(parent, "b", shared, false), KT_OK);
    assert_int_equal(kt_layer_weights(parent).count, 2); /* each once */
    double alone = kt_item(kt_layer_losses(shared)), both = kt_item(kt_layer_losses(parent));
    assert_true(alone > 0 && alone == both);
    assert_ptr_equal(kt_layer_new(kt, kt_existing(shared)), shared);
    assert_null(kt_layer_new(kt, kt_existing(NULL)));
    expect_error(kt, KT_ERR_VALUE, "got NULL");
    kt_context_free(kt);
}

/* ---- configurations, state ---- */

typedef struct power_config {
    size_t size;
    int64_t exponent;
    const char *label;
} power_config;
static const kt_field power_fields[] = {
    { "exponent", KT_FIELD_INT, offsetof(power_config, exponent) },
    { "label", KT_FIELD_STRING, offsetof(power_config, label) },
    { NULL, KT_FIELD_INT, 0 },
};
static int released;
static void power_release(kt_layer *self)
{
    assert_non_null(kt_config(self));
    released++;
}
static kt_tensor *power_call(kt_layer *self, kt_tensor *x)
{
    const power_config *c = kt_config(self);
    int *calls = kt_layer_state(self, sizeof *calls);
    ++*calls;
    kt_tensor *y = x;
    for (int64_t i = 1; i < c->exponent; i++) y = kt_mul(y, x);
    return y;
}
static const kt_layer_class power_class = {
    .name = "Power",
    .config_size = sizeof(power_config),
    .fields = power_fields,
    .call = power_call,
    .release = power_release,
};

static kt_layer_spec power_of(int64_t exponent) /* a description may be returned: its configuration is inside */
{
    char label[16] = "temporary";
    power_config config = { sizeof config, exponent, label };
    (void)label;
    config.label = "kept";
    return kt_custom(&power_class, .config = &config);
}

static void test_configuration(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    released = 0;
    char label[16] = "mine";
    power_config config = { sizeof config, 2, label };
    kt_layer *square = kt_layer_new(kt, kt_custom(&power_class, .config = &config));
    kt_layer *cube = kt_layer_new(kt, power_of(3));
    strcpy(label, "gone");
    config.exponent = 17;
    assert_string_equal(((const power_config *)kt_config(square))->label, "mine");
    float two = 2;
    kt_tensor *x = kt_constant(kt, kt_floats(&two, 1, 1));
    assert_true(kt_item(kt_call_layer(square, x)) == 4);
    assert_true(kt_item(kt_call_layer(cube, x)) == 8);
    kt_call_layer(cube, x);
    assert_int_equal(*(int *)kt_layer_state(cube, sizeof(int)), 2);
    assert_null(kt_layer_state(cube, 64));
    expect_error(kt, KT_ERR_VALUE, "same size");
    kt_layer_free(cube);
    assert_int_equal(released, 1);
    kt_context_free(kt);
    assert_int_equal(released, 2);
}

/* ---- added losses ---- */

static kt_tensor *penalty_call(kt_layer *self, kt_tensor *x)
{
    kt_add_loss(self, kt_square(x)); /* any shape: its sum counts */
    return x;
}
static const kt_layer_class penalty_class = { .name = "Penalty", .call = penalty_call };

static kt_status two_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "penalty", kt_custom(&penalty_class));
    return KT_OK;
}
static kt_tensor *two_call(kt_layer *self, kt_tensor *x)
{
    kt_layer *penalty = kt_sublayer(self, "penalty");
    return kt_call_layer(penalty, kt_add(kt_call_layer(penalty, x), kt_scalar(x, 1)));
}
static const kt_layer_class two_class = { .name = "Two", .build = two_build, .call = two_call };

static void test_add_loss(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float values[] = { 1, 2 };
    kt_layer *two = kt_layer_new(kt, kt_custom(&two_class));
    kt_scope *scope = kt_scope_begin(kt);
    kt_tensor *x = kt_constant(kt, kt_floats(values, 2, 1));
    kt_call_layer(two, x);
    assert_true(kt_item(kt_layer_losses(two)) == 1 + 4 + 4 + 9);
    kt_call_layer(two, kt_add(x, x)); /* the latest call alone counts */
    assert_true(kt_item(kt_layer_losses(two)) == 4 + 16 + 9 + 25);
    kt_scope_end(kt, scope);
    scope = kt_scope_begin(kt);
    assert_null(kt_layer_losses(two)); /* its tensors died with the pass */
    expect_error(kt, KT_ERR_STATE, "same loop pass");
    kt_add_loss(two, kt_scalar_new(kt, KT_FLOAT32, 1));
    expect_error(kt, KT_ERR_STATE, "outside of a layer's call");
    kt_scope_end(kt, scope);
    kt_context_free(kt);
}

/* ---- dropout and streams ---- */

static void read_dropout(kt_context *kt, kt_layer *layer, int times, float *to, int64_t n)
{
    kt_scope *scope = kt_scope_begin(kt);
    kt_tensor *ones = kt_ones(kt, KT_FLOAT32, KT_SHAPE(1, n)), *y[4];
    kt->training = true;
    for (int i = 0; i < times; i++) y[i] = kt_call_layer(layer, ones);
    for (int i = 0; i < times; i++) assert_int_equal(kt_read(y[i], to + i * n, KT_FLOAT32, n), KT_OK);
    kt_scope_end(kt, scope);
}

static void test_dropout(void **state)
{
    (void)state;
    enum { N = 4000 };
    static float first[2 * N], second[2 * N], again[2 * N];
    for (int seeded = 0; seeded < 2; seeded++) {
        kt_context *kt = new_context(), *twin = new_context();
        kt_layer *a = kt_layer_new(kt, kt_dropout(0.25, .seed = seeded ? 5 : 0));
        kt_layer *b = kt_layer_new(twin, kt_dropout(0.25, .seed = seeded ? 5 : 0));
        read_dropout(kt, a, 2, first, N);
        read_dropout(kt, a, 2, second, N);
        read_dropout(twin, b, 2, again, N);
        assert_memory_equal(first, again, sizeof first);              /* the same seed, the same numbers */
        assert_memory_not_equal(first, first + N, N * sizeof *first); /* another call of the step */
        assert_memory_not_equal(first, second, N * sizeof *first);    /* another step */
        int kept = 0;
        for (int i = 0; i < N; i++) {
            assert_true(first[i] == 0 || fabsf(first[i] - 1 / 0.75f) < 1e-6f);
            kept += first[i] != 0;
        }
        assert_in_range(kept, 2880, 3120); /* 3000, deviation 27 */
        kt_context_free(kt);
        kt_context_free(twin);
    }
    kt_context *kt = new_context();
    kt_tensor *x = some_data(kt, KT_SHAPE(3, 4));
    assert_ptr_equal(kt_call_layer(kt_layer_new(kt, kt_dropout(0.5)), x), x); /* inference */
    kt->training = true;
    assert_ptr_equal(kt_call_layer(kt_layer_new(kt, kt_dropout(KT_ZERO)), x), x);
    float infinite[2] = { INFINITY, NAN }, got[2];
    kt_tensor *none = kt_call_layer(kt_layer_new(kt, kt_dropout(1)), kt_constant(kt, kt_floats(infinite, 1, 2)));
    assert_int_equal(kt_read(none, got, KT_FLOAT32, 2), KT_OK);
    assert_true(got[0] == 0 && got[1] == 0);
    assert_null(kt_layer_new(kt, kt_dropout(1.5)));
    expect_error(kt, KT_ERR_VALUE, "between 0 and 1");
    kt_context_free(kt);
}

/* ---- symbols ---- */

static const kt_op symbol_op; /* defined below: a row without a kernel */
static kt_status symbol_infer(kt_infer *q)
{
    *kt_out(q, 0) = (kt_desc){ .dtype = KT_FLOAT32, .rank = 2, .dim = { 7, 5 } };
    return KT_OK;
}
static const kt_op symbol_op = {
    .name = "symbol", .n_in = 0, .n_out = 1, .flags = KT_OP_SYMBOL, .infer = symbol_infer
};

static void test_symbols(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    kt_layer *block = kt_layer_new(kt, kt_custom(&block_class));
    kt_tensor *x = kt_record(kt, &symbol_op, NULL, 0, NULL, NULL);
    assert_true(kt_is_symbol(x));
    kt_tensor *y = kt_call_layer(block, x);
    assert_true(kt_is_symbol(y));
    assert_int_equal(kt_dim(y, 0), 7);
    assert_int_equal(kt_dim(y, 1), 3);
    assert_ptr_equal(y->node->op, &kt_op_layer_call);
    assert_ptr_equal(((const kt_layer_call_attr *)y->node->attr)->layer, block);
    assert_ptr_equal(y->node->in[0], x);
    assert_true(kt_layer_built(block));
    assert_int_equal(kt_layer_output_desc(block)->dim[0], 7);
    kt_layer *dropout = kt_layer_new(kt, kt_dropout(0.5)); /* an identity is a node of its own too */
    assert_ptr_not_equal(kt_call_layer(dropout, x), x);
    assert_true(kt_item(kt_sum(kt_call_layer(block, some_data(kt, KT_SHAPE(2, 5))))) != 0);
    kt_context_free(kt);
}

/* ---- mistakes ---- */

static kt_tensor *null_call(kt_layer *self, kt_tensor *x)
{
    (void)self, (void)x;
    return NULL;
}
static kt_status late_build(kt_layer *self, const kt_desc *x)
{
    (void)self, (void)x;
    return KT_ERR_UNSUPPORTED;
}
static kt_tensor *late_call(kt_layer *self, kt_tensor *x)
{
    kt_weight(self, "late", KT_SHAPE(1));
    return x;
}
static kt_status twice_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_weight(self, "w", KT_SHAPE(1));
    kt_weight(self, "w", KT_SHAPE(1));
    return KT_OK;
}
static kt_tensor *sum_call(kt_layer *self, const kt_call_args *args)
{
    (void)self;
    kt_tensor *y = args->inputs[0];
    for (int i = 1; i < args->n_inputs; i++) y = kt_add(y, args->inputs[i]);
    return y;
}
static const kt_layer_class sum_class = { .name = "Sum", .call_with = sum_call };
static const kt_layer_class null_class = { .name = "Null", .call = null_call }, empty_class = { .name = "Empty" };
static const kt_layer_class late_class = { .name = "Late", .call = late_call };
static const kt_layer_class failing_class = { .name = "Failing", .build = late_build, .call = late_call };
static kt_status slash_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_weight(self, "a/b", KT_SHAPE(1));
    return KT_OK;
}
static const kt_layer_class slash_class = { .name = "Slash", .build = slash_build, .call = late_call };
static const kt_layer_class twice_class = { .name = "Twice", .build = twice_build, .call = late_call };
static const kt_layer_class large_class = { .name = "Large", .config_size = 601, .call = null_call };

static void test_mistakes(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    unsigned char large[601] = { 0 };
    kt_tensor *x = some_data(kt, KT_SHAPE(4, 5)), *rank_1 = some_data(kt, KT_SHAPE(4));
    const struct {
        kt_layer_spec spec;
        kt_tensor *x;
        kt_status status;
        const char *part;
    } rows[] = {
        { kt_dense(0), x, KT_ERR_VALUE, "units of 1 or more" },
        { kt_dense(-3), x, KT_ERR_VALUE, "got -3" },
        { kt_dense(3, .activation = "rellu"), x, KT_ERR_NAME, "did you mean 'relu'?" },
        { kt_dense(3, .activation = "relu", .activation_fn = kt_tanh), x, KT_ERR_VALUE, "one activation" },
        { kt_dense(3, .kernel_initializer = "glorot"), x, KT_ERR_NAME, "unknown initializer 'glorot'" },
        { kt_dense(3, .bias_regularizer = "l3"), x, KT_ERR_NAME, "unknown regularizer 'l3'" },
        { kt_dense(3), rank_1, KT_ERR_SHAPE, "rank 2 or more" },
        { kt_activation("tanhh"), x, KT_ERR_NAME, "did you mean 'tanh'?" },
        { kt_activation(NULL), x, KT_ERR_VALUE, "neither" },
        { kt_activation("tanh", .activation_fn = kt_tanh), x, KT_ERR_VALUE, "both" },
        { kt_dropout(-0.1), x, KT_ERR_VALUE, "between 0 and 1" },
        { kt_dropout(NAN), x, KT_ERR_VALUE, "between 0 and 1" },
        { kt_input(-1), x, KT_ERR_SHAPE, "sizes of 1 or more" },
        { kt_input(4), x, KT_ERR_SHAPE, "expected data of shape (None, 4), got (4, 5)" },
        { kt_normalization(.axis = 2), x, KT_ERR_SHAPE, "got axis 2" },
        { kt_normalization(.axis = -2), x, KT_ERR_SHAPE, "got axis -2" },
        { kt_normalization(.mean = (double[]){ 1 }, .count = 1), x, KT_ERR_VALUE, "together" },
        { kt_normalization(.mean = (double[]){ 1 }, .variance = (double[]){ 1 }, .count = 1), x, KT_ERR_SHAPE,
          "expected 5 numbers" },
        { kt_custom(NULL), x, KT_ERR_VALUE, "expected a class" },
        { kt_custom(&null_class), x, KT_ERR_VALUE, "gave no tensor" },
        { kt_custom(&empty_class), x, KT_ERR_STATE, "neither call nor call_with" },
        { kt_custom(&late_class), x, KT_ERR_STATE, "outside of build" },
        { kt_custom(&failing_class), x, KT_ERR_UNSUPPORTED, "without saying why" },
        { kt_custom(&twice_class), x, KT_ERR_NAME, "names must differ" },
        { kt_custom(&slash_class), x, KT_ERR_VALUE, "without '/', got 'a/b'" },
        { kt_custom(&large_class, .config = large), x, KT_ERR_VALUE, "at most 600 bytes, got 601" },
        { (kt_layer_spec){ .cls = &kt_dense_class }, x, KT_ERR_VALUE, "empty one" },
        { (kt_layer_spec){ .cls = NULL }, x, KT_ERR_VALUE, "empty one" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kt_layer *layer = kt_layer_new(kt, rows[i].spec);
        kt_tensor *y = layer ? kt_call_layer(layer, rows[i].x) : NULL;
        assert_null(y);
        expect_error(kt, rows[i].status, rows[i].part);
    }
    kt_layer *dense = kt_layer_new(kt, kt_dense(3, .name = "wide"));
    assert_non_null(kt_call_layer(dense, x));
    assert_null(kt_call_layer(dense, some_data(kt, KT_SHAPE(4, 6))));
    expect_error(kt, KT_ERR_SHAPE, "wide (Dense): the layer was built for 5 features in the last axis, got 6");
    kt_context *other = new_context();
    assert_null(kt_call_layer(dense, some_data(other, KT_SHAPE(4, 5))));
    expect_error(kt, KT_ERR_VALUE, "another context");
    assert_null(kt_layer_new(other, kt_existing(dense)));
    expect_error(other, KT_ERR_VALUE, "another context");
    kt_context_free(other);
    kt_tensor *pair[2] = { x, x };
    assert_null(kt_call_layer_many(dense, pair, 2));
    expect_error(kt, KT_ERR_VALUE, "expected one tensor, got 2");
    kt_call_layer_many(dense, pair, 0);
    expect_error(kt, KT_ERR_VALUE, "1 to 64 tensors");
    assert_int_equal(kt_layer_adopt(dense, NULL, dense, false), KT_ERR_VALUE);
    expect_error(kt, KT_ERR_VALUE, "cannot be inside itself");
    kt_layer *six = kt_layer_new(kt, kt_custom(&sum_class)), *inside = kt_layer_new(kt, kt_custom(&sum_class));
    assert_int_equal(kt_layer_adopt(six, "inside", inside, false), KT_OK);
    assert_int_equal(kt_layer_adopt(inside, "six", six, false), KT_ERR_VALUE);
    expect_error(kt, KT_ERR_VALUE, "cannot be inside itself");
    kt_tensor *six_inputs[6] = { x, x, x, x, x, x };
    float ones[20], sums[20];
    for (int i = 0; i < 20; i++) ones[i] = 1;
    for (int i = 0; i < 6; i++) six_inputs[i] = kt_constant(kt, kt_floats(ones, 4, 5));
    assert_int_equal(kt_read(kt_call_layer_many(six, six_inputs, 6), sums, KT_FLOAT32, 20), KT_OK);
    assert_true(sums[0] == 6 && sums[19] == 6);
    /* A build that failed may be tried again. */
    kt_layer *retry = kt_layer_new(kt, kt_dense(3));
    assert_null(kt_call_layer(retry, rank_1));
    kt_clear_error(kt);
    assert_non_null(kt_call_layer(retry, x));
    assert_int_equal(kt_layer_weights(retry).count, 2);
    kt_context_free(kt);
}

static void test_null(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    kt_layer *dense = kt_layer_new(kt, kt_dense(3));
    assert_null(kt_layer_new(NULL, kt_dense(3)));
    assert_null(kt_call_layer(NULL, NULL));
    assert_null(kt_call_layer(dense, NULL));
    assert_null(kt_call_layer_many(dense, (kt_tensor *[]){ NULL }, 1));
    assert_int_equal(kt_error(kt), KT_OK);
    assert_string_equal(kt_layer_name(NULL), "");
    assert_string_equal(kt_layer_class_name(NULL), "");
    assert_int_equal(kt_layer_weights(NULL).count, 0);
    assert_int_equal(kt_layer_trainable(NULL).count, 0);
    assert_int_equal(kt_layer_set_trainable(NULL, true), KT_ERR_VALUE);
    assert_int_equal(kt_adapt(NULL, (kt_array){ .data = NULL }), KT_ERR_VALUE);
    assert_null(kt_weight_with(NULL, "w", KT_SHAPE(1), NULL));
    assert_null(kt_w(NULL, "w"));
    assert_null(kt_sublayer_new(NULL, "a", kt_dense(1)));
    assert_null(kt_sublayer(NULL, "a"));
    assert_null(kt_config(NULL));
    assert_null(kt_layer_state(NULL, 4));
    assert_null(kt_layer_context(NULL));
    assert_false(kt_training(NULL));
    kt_add_loss(NULL, NULL);
    assert_null(kt_activate(NULL, "relu", NULL));
    assert_null(kt_activate(kt, "relu", NULL));
    assert_null(kt_layer_losses(NULL));
    kt_layer_free(NULL);
    kt_dense_init(NULL);
    kt_dense_config c;
    kt_dense_init(&c);
    c.units = 2;
    assert_non_null(kt_layer_new(kt, kt_dense_spec(&c)));
    assert_null(kt_layer_new(kt, kt_dense_spec(NULL)));
    kt_context_free(kt);
}

static void test_adapt(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float data[] = { 1, 10, 3, 10, 5, 10 };
    kt_layer *norm = kt_layer_new(kt, kt_normalization());
    assert_int_equal(kt_adapt(norm, kt_floats(data, 3, 2)), KT_OK);
    double mean[2], variance[2];
    kt_read(kt_w(norm, "mean"), mean, KT_FLOAT64, 2);
    kt_read(kt_w(norm, "variance"), variance, KT_FLOAT64, 2);
    assert_true(mean[0] == 3 && mean[1] == 10);
    assert_true(fabs(variance[0] - 8.0 / 3) < 1e-6 && variance[1] == 0);
    assert_int_equal(kt_layer_weights(norm).count, 3);
    assert_int_equal(kt_layer_trainable(norm).count, 0);
    int32_t whole[] = { 0, 4 };
    assert_int_equal(kt_adapt(norm, kt_ints(whole, 1, 2)), KT_OK); /* forgets what it knew */
    kt_read(kt_w(norm, "mean"), mean, KT_FLOAT64, 2);
    assert_true(mean[0] == 0 && mean[1] == 4);
    kt_adapt(norm, kt_floats(data, 2, 3));
    expect_error(kt, KT_ERR_SHAPE, "built for size 2 in axis 1, got 3");
    kt_adapt(norm, kt_floats(data, 0, 2));
    expect_error(kt, KT_ERR_VALUE, "at least one row");
    kt_adapt(kt_layer_new(kt, kt_dense(1)), kt_floats(data, 3, 2));
    expect_error(kt, KT_ERR_VALUE, "expected a Normalization layer");
    double numbers[] = { 1, 1 };
    kt_adapt(kt_layer_new(kt, kt_normalization(.mean = numbers, .variance = numbers, .count = 2)),
             kt_floats(data, 3, 2));
    expect_error(kt, KT_ERR_STATE, "leave them out");
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_weights),  cmocka_unit_test(test_frozen_and_shared),
        cmocka_unit_test(test_configuration), cmocka_unit_test(test_add_loss), cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_symbols),       cmocka_unit_test(test_mistakes), cmocka_unit_test(test_null),
        cmocka_unit_test(test_adapt),
    };
    return cmocka_run_group_tests_name("nn/layers", tests, NULL, NULL);
}
