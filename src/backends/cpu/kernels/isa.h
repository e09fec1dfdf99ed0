/* SPDX-License-Identifier: MIT */
/* isa.h: which instruction set this compilation is for, and the names of what it exports.
 *
 * The build compiles each kernel source once per instruction set with -DKT_ISA=portable|avx2|avx512
 * and -DKT_VECTOR_BYTES=16|32|64 beside the compiler's own switches. Files that exist in a float
 * and a double form are compiled once more through a small *_f64.c that defines KT_F64 first. The
 * vector type and its handful of operations are in real.h; only that file and the transposition
 * know intrinsics.
 */
#ifndef KT_CPU_ISA_H
#define KT_CPU_ISA_H

#if !defined(KT_ISA) || !defined(KT_VECTOR_BYTES)
#error "compile kernels with -DKT_ISA=... and -DKT_VECTOR_BYTES=..., as sources.cmake says"
#endif

#define KT_PASTE_(a, b) a##_##b
#define KT_PASTE(a, b) KT_PASTE_(a, b)

/* KT_NAME(kt_softmax) is kt_softmax_avx2 in the AVX2 compilation. */
#define KT_NAME(name) KT_PASTE(name, KT_ISA)

/* The same for files compiled for float and double: kt_reduce_run_avx2 and
 * kt_reduce_run_f64_avx2. */
#ifdef KT_F64
#define KT_REAL_NAME(name) KT_PASTE(KT_PASTE(name, f64), KT_ISA)
#else
#define KT_REAL_NAME(name) KT_PASTE(name, KT_ISA)
#endif

/* For functions whose first argument chooses the operation: they must melt into their callers. */
#define KT_INLINE inline __attribute__((always_inline))

#define KT_STRING_(x) #x
#define KT_STRING(x) KT_STRING_(x)

#endif
