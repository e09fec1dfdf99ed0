/* SPDX-License-Identifier: MIT */
/* forced_isa.c: lets a whole test program run on one instruction set, without a word about it in the tests.
 *
 * The library chooses its kernels by the processor and by `.isa` of the context, never by the environment. The tests are
 * linked with --wrap=kt_context_new_with, so each context they make comes past here: where it is left to the library to
 * choose, the set named by KERATIN_TEST_ISA is chosen. Contexts of other back-ends are left as they are.
 */
#include <stdlib.h>
#include <string.h>

#include <keratin/context.h>

kt_context *__real_kt_context_new_with(const kt_context_config *config);
kt_context *__wrap_kt_context_new_with(const kt_context_config *config);

kt_context *__wrap_kt_context_new_with(const kt_context_config *config)
{
    const char *isa = getenv("KERATIN_TEST_ISA");
    if (!isa || !*isa || !config || config->size != sizeof *config || config->isa ||
        (config->backend && strcmp(config->backend, "cpu") != 0))
        return __real_kt_context_new_with(config);
    kt_context_config forced = *config;
    forced.isa = isa;
    return __real_kt_context_new_with(&forced);
}
