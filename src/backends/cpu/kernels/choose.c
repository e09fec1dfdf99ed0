/* SPDX-License-Identifier: MIT */
/* choose.c: which kernels this machine can run.
 *
 * Asked of the processor directly (cpuid, and xgetbv for what the operating system saves at a
 * context switch): the compilers' own helper keeps its answer in a writable global, of which the
 * library has none. Compiled without any instruction-set switch.
 */
#include "kernels.h"

#include <string.h>

#ifdef KT_KERNELS_X86
#include <cpuid.h>

enum { AVX2_WORKS = 1, AVX512_WORKS = 2 };

static uint64_t saved_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(unsigned word, unsigned bits)
{
    return (word & bits) == bits;
}

static unsigned what_works(void)
{
    unsigned a, b, c, d, works = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, bit_OSXSAVE | bit_AVX | bit_FMA))
        return 0;
    uint64_t saved = saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    if ((saved & 0x06) == 0x06 && has(b, bit_AVX2)) /* xmm and ymm registers */
        works |= AVX2_WORKS;
    if (works && (saved & 0xe6) == 0xe6 &&
        has(b, bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL))
        works |= AVX512_WORKS; /* besides, mask registers and both halves of the zmm */
    return works;
}

const kt_kernels *kt_kernels_choose(const char *force)
{
    unsigned works = what_works();
    if (!force)
        return works & AVX512_WORKS ? &kt_kernels_avx512
               : works & AVX2_WORKS ? &kt_kernels_avx2
                                    : &kt_kernels_portable;
    if (!strcmp(force, "avx512"))
        return works & AVX512_WORKS ? &kt_kernels_avx512 : NULL;
    if (!strcmp(force, "avx2"))
        return works & AVX2_WORKS ? &kt_kernels_avx2 : NULL;
    return strcmp(force, "portable") ? NULL : &kt_kernels_portable;
}

#else

const kt_kernels *kt_kernels_choose(const char *force)
{
    return !force || !strcmp(force, "portable") ? &kt_kernels_portable : NULL;
}

#endif
