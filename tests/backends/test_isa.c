/* SPDX-License-Identifier: MIT */
/* test_isa.c: which kernels a context gets: the best the processor has, those asked for, or an error for sets that do not
 * exist. Run again with each KERATIN_TEST_ISA, it shows that the forced runs of all other tests really are forced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <keratin/context.h>

static void the_forced_set_is_used(void **state)
{
    (void)state;
    const char *forced = getenv("KERATIN_TEST_ISA");
    if (!forced) skip();
    kt_context *kt = kt_context_new(.seed = 1);
    assert_non_null(kt);
    assert_string_equal(kt_isa_name(kt), forced);
    kt_context_free(kt);
}

static void a_context_can_be_pinned(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new(.backend = "cpu", .isa = "portable");
    assert_non_null(kt);
    assert_string_equal(kt_isa_name(kt), "portable");
    kt_context_free(kt);
}

static void sets_that_do_not_exist_are_errors(void **state)
{
    (void)state;
    char why[256] = "";
    kt_context_config config = { .size = sizeof config, .isa = "avx3" };
    assert_null(kt_context_new_with(&config));
    assert_int_not_equal(kt_context_check(&config, why, sizeof why), KT_OK);
    assert_non_null(strstr(why, "avx3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forced_set_is_used),
        cmocka_unit_test(a_context_can_be_pinned),
        cmocka_unit_test(sets_that_do_not_exist_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
