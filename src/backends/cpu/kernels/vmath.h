/* SPDX-License-Identifier: MIT */
/* vmath.h: elementary functions that compilers turn into vector code: no branches, no tables but
 * one, no calls.
 *
 * Written for one element; a loop over them vectorises under GCC and Clang at -O3 -fno-math-errno
 * -fno-trapping-math (checked in the disassembly). Every operation rounds (the files that use them
 * are compiled with -ffp-contract=off), so scalar, SSE2, AVX2 and AVX-512 code give the same bits.
 * Special values are those of C's Annex F: zeros keep their sign, infinities and NaN come out as
 * from libm, subnormal numbers are exact inputs and outputs.
 *
 * Largest error seen against a double-precision libm, in units in the last place, over all floats
 * in steps of 97:
 *
 *     exp 1.0   log 0.9   log1p 1.5   expm1 1.5   tanh 2.4   sigmoid 2.3   erf 1.4   pow 0.6
 *     sin 1.6   cos 1.6   tan 3.4     log2 1.0    log10 1.9  rsqrt 1.5
 *     round, floor, ceil, trunc, sqrt exact
 *
 * The other functions, and all double forms (which lack the trailing f), are libm's. Coefficients
 * are minimax fits (Remez) made for these files. kt_vm_max and kt_vm_min give NaN if either operand
 * is one; of equal operands the second.
 */
#ifndef KT_CPU_VMATH_H
#define KT_CPU_VMATH_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

static inline uint32_t kt_vm_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float kt_vm_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline uint64_t kt_vm_bits64(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline double kt_vm_double(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline float kt_vm_with_sign(float magnitude, float sign)
{
    return kt_vm_float((kt_vm_bits(magnitude) & 0x7fffffffu) | (kt_vm_bits(sign) & 0x80000000u));
}

/* 1.5 * 2^23: adding it rounds to an integer, half to even, and leaves that integer in the low
 * bits. */
#define KT_VM_SHIFT 12582912.0f

/* x = n ln 2 + r, |r| <= ln 2 / 2, for |x| < 2^20; e^r - 1 is returned, 2^n is what kt_vm_scale
 * multiplies by. */
static inline float kt_vm_reduced_exp(float x, uint32_t *n)
{
    float shifted = x * 1.44269504f + KT_VM_SHIFT, whole = shifted - KT_VM_SHIFT;
    *n = kt_vm_bits(shifted) - kt_vm_bits(KT_VM_SHIFT);
    /* ln 2 in two parts, the first of 15 bits, so that its product with n is exact. */
    float r = (x - whole * 0.693145752f) - whole * 1.42860677e-06f;
    float q = 0.000199184215f;
    q = q * r + 0.0013946119f;
    q = q * r + 0.00833326392f;
    q = q * r + 0.0416662693f;
    q = q * r + 0.166666672f;
    q = q * r + 0.5f;
    return r + (r * r) * q;
}

/* y 2^n for -300 < n < 300, in two steps, so that overflow and subnormal results come out as
 * they should. */
static inline float kt_vm_scale(float y, uint32_t n)
{
    uint32_t half = ((n + 512u) >> 1) - 256u;
    return y * kt_vm_float((half + 127u) << 23) * kt_vm_float((n - half + 127u) << 23);
}

static inline float kt_vm_expf(float x)
{
    x = x > 89.0f ? 89.0f : x; /* comparisons this way round let NaN through */
    x = x < -104.5f ? -104.5f : x;
    uint32_t n;
    float p = kt_vm_reduced_exp(x, &n);
    return kt_vm_scale(1.0f + p, n);
}

static inline float kt_vm_expm1f(float x)
{
    float y = x > 89.0f ? 89.0f : x;
    y = y < -20.0f ? -20.0f : y;
    uint32_t n;
    float p = kt_vm_reduced_exp(y, &n);
    uint32_t down = 127u - n;
    down = down > 0x7fffffffu ? 0u : down; /* 2^-128 would not be normal, and does not matter */
    float e = kt_vm_scale(p + (1.0f - kt_vm_float(down << 23)), n);
    return fabsf(x) < 1e-8f ? x : e;
}

/* x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); returns log(1 + f) - f. x > 0 and finite. */
static inline float kt_vm_log_parts(float x, float *f, float *e)
{
    float subnormal = x < FLT_MIN ? 1.0f : 0.0f;
    x = x < FLT_MIN ? x * 8388608.0f : x;
    uint32_t u = kt_vm_bits(x) + (0x3f800000u - 0x3f3504f3u);
    *e = (float)(int32_t)(u >> 23) - 127.0f - 23.0f * subnormal;
    *f = kt_vm_float((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float t = *f, t2 = t * t;
    float p = 0.0692096576f;
    p = p * t + -0.117806412f;
    p = p * t + 0.11865136f;
    p = p * t + -0.123855628f;
    p = p * t + 0.142200232f;
    p = p * t + -0.166692153f;
    p = p * t + 0.200021461f;
    p = p * t + -0.249999866f;
    p = p * t + 0.333333105f;
    return t * t2 * p - 0.5f * t2;
}

/* What a logarithm is where it is not the logarithm of a positive finite number. */
static inline float kt_vm_log_special(float x, float y)
{
    y = x > 0.0f ? y : x == 0.0f ? -INFINITY : NAN;
    return x <= FLT_MAX ? y : x;
}

static inline float kt_vm_logf(float x)
{
    float f, e, rest = kt_vm_log_parts(x, &f, &e);
    return kt_vm_log_special(x, e * 0.693145752f + (f + (rest + e * 1.42860677e-06f)));
}

static inline float kt_vm_log2f(float x)
{
    float f, e, rest = kt_vm_log_parts(x, &f, &e);
    /* log2(e) = 1.4375 + 0.0051...: the product of the high parts is exact. */
    float high = kt_vm_float(kt_vm_bits(f) & 0xfffff000u), low = (f - high) + rest;
    return kt_vm_log_special(x, (e + high * 1.4375f) + (low * 1.44269504f + high * 0.00519504089f));
}

static inline float kt_vm_log10f(float x)
{
    float f, e, rest = kt_vm_log_parts(x, &f, &e);
    float l = (f + rest) * 0.434294482f;
    return kt_vm_log_special(x, e * 0.301025391f + (l + e * 4.60503907e-06f));
}

static inline float kt_vm_log1pf(float x)
{
    float u = 1.0f + x, lost = x - (u - 1.0f);
    float y = kt_vm_logf(u);
    float z = y + lost / u;
    z = u > 0.0f && u <= FLT_MAX ? z : y;
    return fabsf(x) < 1e-8f ? x : z;
}

static inline float kt_vm_tanhf(float x)
{
    float a = fabsf(x) * 2.0f;
    a = a > 20.0f ? 20.0f : a;
    float t = kt_vm_expm1f(a);
    return kt_vm_with_sign(t / (t + 2.0f), x);
}

static inline float kt_vm_sigmoidf(float x)
{
    float z = kt_vm_expf(-fabsf(x));
    return (x >= 0.0f ? 1.0f : z) / (1.0f + z);
}

/* x P(x^2) up to 1; beyond, 1 - e^L(|x|) with L = log erfc. */
static inline float kt_vm_erff(float x)
{
    float a = fabsf(x), t = x * x;
    float p = 7.88911784e-05f;
    p = p * t + -0.000802084047f;
    p = p * t + 0.00518953521f;
    p = p * t + -0.0268544443f;
    p = p * t + 0.112836003f;
    p = p * t + -0.37612626f;
    p = p * t + 0.128379166f;
    float inner = x + x * p;
    a = a > 4.0f ? 4.0f : a;
    float l = -1.81039286e-05f;
    l = l * a + 0.000395312905f;
    l = l * a + -0.00395887205f;
    l = l * a + 0.0245008953f;
    l = l * a + -0.107230723f;
    l = l * a + -0.634385109f;
    l = l * a + -1.12895918f;
    l = l * a + 5.02832409e-05f;
    float outer = kt_vm_with_sign(1.0f - kt_vm_expf(l), x);
    return a <= 1.0f ? inner : outer;
}

/* x = k pi/2 + r, |r| <= pi/4, k modulo 4. 2/pi as a binary fraction times the 24-bit
 * significand of x, in integers (Payne and Hanek): exact enough for every float, with no branch
 * for large ones. Of the product only the bits from 2 downward matter, so 96 bits of 2/pi from
 * the right place suffice. */
static inline float kt_vm_reduce_angle(float x, uint32_t *k)
{
    static const uint32_t two_over_pi[8] = { 0x00000000u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                             0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu };
    uint32_t u = kt_vm_bits(x) & 0x7fffffffu, exponent = u >> 23;
    exponent = exponent < 126u ? 126u : exponent; /* below 1/2 nothing is reduced, see the end */
    uint64_t m = (u & 0x007fffffu) | 0x00800000u;
    uint32_t at = exponent - 120u, word = at >> 5, shift = at & 31u;
    word = word > 4u ? 4u : word; /* infinity and NaN */
    uint64_t w0 = two_over_pi[word], w1 = two_over_pi[word + 1];
    uint64_t w2 = two_over_pi[word + 2], w3 = two_over_pi[word + 3];
    uint64_t a = (((w0 << 32 | w1) << shift) >> 32), b = (((w1 << 32 | w2) << shift) >> 32);
    uint64_t c = (((w2 << 32 | w3) << shift) >> 32);
    /* Quarter turns, with two bits before the point. */
    uint64_t product = ((m * a) << 32) + m * b + ((m * c) >> 32);
    uint64_t rounded = product + ((uint64_t)1 << 61);
    /* The 52 bits after the point become a double in [2^52, 2^53) by writing them into one. */
    double turn = kt_vm_double(0x4330000000000000u | ((rounded & 0x3fffffffffffffffu) >> 10));
    double rest = turn - (4503599627370496.0 + 2251799813685248.0);
    float r = (float)(rest * 3.487868498008632e-16); /* pi/2 / 2^52 */
    float size = fabsf(x);
    uint32_t sign = kt_vm_bits(x) & 0x80000000u, quarter = (uint32_t)(rounded >> 62);
    quarter = sign ? 0u - quarter : quarter;
    *k = size < 0.75f ? 0u : quarter;
    return size < 0.75f ? x : size <= FLT_MAX ? kt_vm_float(kt_vm_bits(r) ^ sign) : NAN;
}

static inline float kt_vm_sin_poly(float r)
{
    float t = r * r;
    return r + (r * t) * (-0.166666552f + t * (0.00833217613f + t * -0.000195169501f));
}

static inline float kt_vm_cos_poly(float r)
{
    float t = r * r;
    float p = 0.0416666456f + t * (-0.00138873723f + t * 2.44387593e-05f);
    return 1.0f - (0.5f * t - (t * t) * p);
}

static inline float kt_vm_sinf(float x)
{
    uint32_t k;
    float r = kt_vm_reduce_angle(x, &k), s = kt_vm_sin_poly(r), c = kt_vm_cos_poly(r);
    float y = k & 1u ? c : s;
    return fabsf(x) < 1e-4f ? x : kt_vm_float(kt_vm_bits(y) ^ ((k & 2u) << 30));
}

static inline float kt_vm_cosf(float x)
{
    uint32_t k;
    float r = kt_vm_reduce_angle(x, &k), s = kt_vm_sin_poly(r), c = kt_vm_cos_poly(r);
    float y = k & 1u ? s : c;
    return kt_vm_float(kt_vm_bits(y) ^ (((k + 1u) & 2u) << 30));
}

static inline float kt_vm_tanf(float x)
{
    uint32_t k;
    float r = kt_vm_reduce_angle(x, &k), s = kt_vm_sin_poly(r), c = kt_vm_cos_poly(r);
    float y = (k & 1u ? -c : s) / (k & 1u ? s : c);
    return fabsf(x) < 1e-4f ? x : y;
}

/* 2^(y log2 |x|), in double inside; the rest is Annex F's list of special cases. */
static inline float kt_vm_powf(float x, float y)
{
    double size = fabs((double)x);
    uint64_t u = kt_vm_bits64(size) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    double e = kt_vm_double((u >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
    double m = kt_vm_double((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
    double s = (m - 1.0) / (m + 1.0), t = s * s;
    double l = 0.28295152713134625;
    l = l * t + 0.31990222409530306;
    l = l * t + 0.4122093339009527;
    l = l * t + 0.5770779415911959;
    l = l * t + 0.9617966941158818;
    l = l * t + 2.8853900817778486;
    l = e + s * l;
    /* Infinity and NaN are their own logarithms. */
    l = size == 0.0 ? -(double)INFINITY : size <= (double)FLT_MAX ? l : size;
    double p = (double)y * l;
    p = size == 1.0 && y == y ? 0.0 : p;
    p = p > 200.0 ? 200.0 : p;
    p = p < -200.0 ? -200.0 : p;
    double shifted = p + 6755399441055744.0, r = p - (shifted - 6755399441055744.0);
    double q = 1.3264079584142937e-06;
    q = q * r + 1.5310080736862573e-05;
    q = q * r + 0.00015403411582837233;
    q = q * r + 0.0013333450562304655;
    q = q * r + 0.009618129228563619;
    q = q * r + 0.05550410941212896;
    q = q * r + 0.24022650695467263;
    q = q * r + 0.6931471805459313;
    q = q * r + 1.000000000000027;
    uint64_t n = kt_vm_bits64(shifted) - kt_vm_bits64(6755399441055744.0);
    float z = (float)(q * kt_vm_double((n + 1023u) << 52));

    /* From 2^24 on, floats are even integers. */
    float ay = fabsf(y), small = ay < 16777216.0f ? ay : 0.0f;
    uint32_t whole = (uint32_t)(int32_t)small;
    float odd = (whole & 1u) != 0u && (float)(int32_t)small == small ? 1.0f : 0.0f;
    float integer = (float)(int32_t)small == small ? 1.0f : 0.0f;
    z = x < 0.0f && size <= (double)FLT_MAX && integer == 0.0f ? NAN : z;
    z = odd != 0.0f ? kt_vm_with_sign(z, x) : z;
    return x == 1.0f || y == 0.0f ? 1.0f : z;
}

static inline float kt_vm_roundf(float x) /* half to even */
{
    float a = fabsf(x), r = (a + 8388608.0f) - 8388608.0f;
    return kt_vm_with_sign(a < 8388608.0f ? r : a, x);
}

static inline double kt_vm_round(double x)
{
    double a = fabs(x), r = (a + 4503599627370496.0) - 4503599627370496.0;
    return copysign(a < 4503599627370496.0 ? r : a, x);
}

static inline double kt_vm_sigmoid(double x)
{
    double z = exp(-fabs(x));
    return (x >= 0 ? 1.0 : z) / (1.0 + z);
}

/* The same for both types. */
#define KT_VM_BOTH(real, f) \
    static inline real kt_vm_max##f(real a, real b) { return a > b || a != a ? a : b; } \
    static inline real kt_vm_min##f(real a, real b) { return a < b || a != a ? a : b; } \
    static inline real kt_vm_sign##f(real x) { return x > 0 ? 1 : x < 0 ? -1 : x != x ? x : 0; } \
    static inline real kt_vm_rsqrt##f(real x) { return 1 / sqrt##f(x); }
KT_VM_BOTH(float, f)
KT_VM_BOTH(double, )

/* libm under our names. */
#define KT_VM_LIBM(type, name) \
    static inline type kt_vm_##name(type x) { return name(x); }
#define KT_VM_LIBM_BOTH(name) KT_VM_LIBM(double, name) KT_VM_LIBM(float, name##f)
KT_VM_LIBM_BOTH(sqrt)
KT_VM_LIBM_BOTH(fabs)
KT_VM_LIBM_BOTH(floor)
KT_VM_LIBM_BOTH(ceil)
KT_VM_LIBM_BOTH(trunc)
KT_VM_LIBM_BOTH(asin)
KT_VM_LIBM_BOTH(acos)
KT_VM_LIBM_BOTH(atan)
KT_VM_LIBM_BOTH(sinh)
KT_VM_LIBM_BOTH(cosh)
KT_VM_LIBM_BOTH(asinh)
KT_VM_LIBM_BOTH(acosh)
KT_VM_LIBM_BOTH(atanh)
KT_VM_LIBM(double, exp)
KT_VM_LIBM(double, expm1)
KT_VM_LIBM(double, log)
KT_VM_LIBM(double, log2)
KT_VM_LIBM(double, log10)
KT_VM_LIBM(double, log1p)
KT_VM_LIBM(double, tanh)
KT_VM_LIBM(double, erf)
KT_VM_LIBM(double, sin)
KT_VM_LIBM(double, cos)
KT_VM_LIBM(double, tan)
static inline double kt_vm_pow(double x, double y) { return pow(x, y); }
static inline double kt_vm_atan2(double y, double x) { return atan2(y, x); }
static inline float kt_vm_atan2f(float y, float x) { return atan2f(y, x); }

#endif
