/* SPDX-License-Identifier: MIT */
/* tests/ops/test_rows.c: what every row must have, the one row that only the fusion pass makes, and
 * that the expansion of each fused row has the same derivatives as the row itself.
 */
#include "check.h"

static void test_table(void **state)
{
    (void)state;
    assert_null(kt_op_of(0));
    assert_null(kt_op_of(-1));
    assert_null(kt_op_of(KT_OP_COUNT));
    for (int id = 1; id < KT_OP_COUNT; id++) {
        const kt_op *op = kt_op_of(id);
        assert_non_null(op);
        assert_int_equal(op->id, id);
        assert_int_equal(op->size, sizeof(kt_op));
        assert_non_null(op->infer);
        assert_true(op->kernel || op->expand);
        assert_in_range(op->n_out, 1, KT_MAX_OUT);
        for (int other = 1; other < id; other++)
            assert_string_not_equal(op->name, kt_op_of(other)->name);
        if (op->flags & KT_OP_RANDOM) assert_true(op->n_slots >= 2 && !op->grad);
        bool leaf = op == &kt_op_scalar || op == &kt_op_fill || op == &kt_op_cast;
        if (op->flags & KT_OP_ELEMENTWISE && !leaf)
            assert_true(op->attr_size == 0 && op->n_slots == 0); /* or it could not be fused */
        for (int i = 0; i < KT_MAX_OUT; i++)
            assert_true(op->inplace[i] <= (op->n_in < 0 ? 0 : op->n_in));
    }
}

/* Each row has its lines of manual: in keratin/ops.h under its own name, with a comment on the line
 * or above it; or it is one of these, which other functions record. */
static void test_manual(void **state)
{
    (void)state;
    static const char *const internal[] = {
        "relu_grad",      "sigmoid_grad",
        "tanh_grad",      "binary_ce",
        "scalar",         "fill",
        "dense",          "scatter_add",
        "softmax_grad",   "log_softmax_grad",
        "sparse_ce",      "sparse_ce_grad",
        "categorical_ce", "categorical_ce_grad",
        "sgd_update",     "momentum_update",
        "adam_update",    "adam_amsgrad_update",
        "histogram",      "statistics",
        NULL,
    };
    static char text[1 << 16];
    char path[1024];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*s/../../include/keratin/ops.h",
             slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".");
    FILE *file = fopen(path, "r");
    if (!file) skip(); /* the sources are not here */
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    for (int id = 1; id < KT_OP_COUNT; id++) {
        char prototype[96];
        const char *name = kt_op_of(id)->name;
        bool listed = false;
        for (int i = 0; internal[i]; i++) listed = listed || strcmp(internal[i], name) == 0;
        snprintf(prototype, sizeof prototype, "*kt_%s(", name);
        const char *at = strstr(text, prototype);
        if (!at != listed)
            fail_msg("%s: %s", name,
                     at ? "stands in keratin/ops.h: take it off the list"
                        : "has no line in keratin/ops.h");
        if (!at) continue;
        const char *end = strchr(at, '\n'), *line = at, *comment = strstr(at, "/*");
        while (line > text && line[-1] != '\n') line--;
        bool beside =
            comment && comment<end, above = line> text + 3 && strncmp(line - 3, "*/", 2) == 0;
        if (!beside && !above) fail_msg("%s: its line in keratin/ops.h says nothing", name);
    }
}

/* dense is matmul, add, relu: to the bit on ref. */
static void test_dense(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *x = kt_random_normal(kt, KT_SHAPE(4, 7), 0, 1),
              *w = kt_random_normal(kt, KT_SHAPE(7, 5), 0, 1);
    kt_tensor *b = kt_random_normal(kt, KT_SHAPE(5), 0, 1), *all[4];
    for (int relu = 0; relu < 2; relu++) {
        for (int transposed = 0; transposed < 2; transposed++) {
            kt_tensor *a = transposed ? kt_transpose(x) : x, *c = transposed ? kt_transpose(w) : w;
            kt_tensor *dense =
                kt_apply3(&kt_op_dense, a, c, b, &(kt_dense_attr){ transposed, transposed, relu });
            kt_tensor *apart = kt_add(kt_matmul(x, w), b);
            all[2 * relu + transposed] =
                kt_sum(kt_cast(kt_not_equal(dense, relu ? kt_relu(apart) : apart), KT_INT32));
        }
    }
    EXPECT(kt_concatenate((kt_tensor *[]){ kt_expand_dims(all[0], 0), kt_expand_dims(all[1], 0),
                                           kt_expand_dims(all[2], 0), kt_expand_dims(all[3], 0) },
                          4, 0),
           0, 0, 0, 0);
    kt_tensor *nan =
        kt_apply3(&kt_op_dense, kt_fill_like(x, NAN), w, b, &(kt_dense_attr){ 0, 0, 1 });
    EXPECT(kt_sum(kt_cast(kt_isnan(nan), KT_INT32)), 20);
    assert_null(kt_apply3(&kt_op_dense, x, w, kt_fill_like(w, 0), &(kt_dense_attr){ 0, 0, 0 }));
    assert_int_equal(kt_error(kt), KT_ERR_SHAPE);
    kt_context_free(kt);
}

/* A row that has only the expansion of `row`: its gradient is the expansion's. */
static kt_op twin_of(const kt_op *row)
{
    kt_op twin = *row;
    twin.grad = NULL;
    twin.id = 0;
    assert_non_null(twin.expand);
    return twin;
}

static void same_gradients(kt_context *kt, const kt_op *row, kt_tensor **in, int n)
{
    kt_op twin = twin_of(row);
    kt_tensor *y = kt_apply(row, in, n, NULL, NULL), *z = kt_apply(&twin, in, n, NULL, NULL);
    kt_tensor *weight = kt_random_uniform_like(y, 0.5, 1.5);
    for (int i = 0; i < n; i++) {
        if (!kt_is_float(kt_dtype_of(in[i]))) continue;
        kt_tensor *d = kt_gradient(kt_mul(y, weight), in[i]),
                  *e = kt_gradient(kt_mul(z, weight), in[i]);
        if (!d || !e)
            fail_msg("%s: no gradient for input %d by its %s: %s", row->name, i,
                     d ? "expansion" : "grad", kt_message(kt));
        double difference = kt_item(kt_max(kt_abs(kt_sub(d, e)))),
               size = kt_item(kt_max(kt_abs(d)));
        if (!(difference <= 1e-13 * (1 + size)) || size == 0)
            fail_msg("%s: gradients of input %d differ by %g", row->name, i, difference);
    }
}

static void test_expansions(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *x = kt_random_normal(kt, KT_SHAPE(4, 3), 0, 1),
              *g = kt_random_normal(kt, KT_SHAPE(4, 3), 0, 1);
    kt_tensor *t = kt_random_uniform(kt, KT_SHAPE(4, 3), 0, 1),
              *one = kt_random_normal(kt, KT_SHAPE(4), 0, 1);
    kt_tensor *label = W(0, 2, 1, 1);
    same_gradients(kt, &kt_op_softmax, (kt_tensor *[]){ x }, 1);
    same_gradients(kt, &kt_op_log_softmax, (kt_tensor *[]){ x }, 1);
    same_gradients(kt, &kt_op_softmax_grad, (kt_tensor *[]){ t, g }, 2);
    same_gradients(kt, &kt_op_log_softmax_grad, (kt_tensor *[]){ t, g }, 2);
    same_gradients(kt, &kt_op_sparse_ce, (kt_tensor *[]){ x, label }, 2);
    same_gradients(kt, &kt_op_sparse_ce_grad, (kt_tensor *[]){ x, label, one }, 3);
    same_gradients(kt, &kt_op_categorical_ce, (kt_tensor *[]){ x, t }, 2);
    same_gradients(kt, &kt_op_categorical_ce_grad, (kt_tensor *[]){ x, t, one }, 3);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_expansions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
