/* SPDX-License-Identifier: MIT */
/* gemm.c: matrix products: how one is cut, packed and run. The arithmetic is in gemm_tiles.h and
 * gemm_rows.h.
 *
 * A product is cut into chunks of mc rows by nc columns, each computed from first to last term by
 * whoever claims it. Inside a chunk: blocks of kc terms; inside those, panels of nv vectors of
 * columns, whose part of B is packed into contiguous memory when that pays (it is then read once
 * per row tile from the first-level cache); inside those, tiles of mr rows.
 *
 *   one output row or column    gemm_rows.h: dot products, or sums of scaled rows
 *   one term (k == 1)           an outer product, bound by its stores
 *   small                       tiles straight on the operands: packing would cost more than it
 *       saves
 *   the rest                    panels of B packed; A packed too where its stride maps rows to the
 *       same cache sets, or where
 *                               the sheer size calls for a second level of blocks
 *
 * No packing is shared between chunks, so chunks need no phases and no barrier; a panel packed
 * again for another block of rows costs under three per cent (mc is large). The order of the sum
 * depends on kc and the form, which follow from the shape: never on threads.
 */
#include "gemm_rows.h"
#include "gemm_tiles.h"

enum { FORM_EMPTY, FORM_OUTER, FORM_DOTS, FORM_SCALED_ROWS, FORM_TILES };

enum {
    BLOCK_K = 256,          /* terms of a block */
    FAR_K = 64,             /* fetch C ahead in sums this long */
    PACKED_A_COLUMNS = 512, /* columns that share one packing of A */
    /* Elements of A to keep in the second-level cache, of which AVX-512 machines have more. */
    L2_ELEMENTS = (KT_VECTOR_BYTES == 64 ? 512 : 192) * 1024 / (int)sizeof(real)
};
static const double chunk_flops = 4e6;       /* some 25 us: enough to be worth claiming */
static const int64_t chunk_stream = 1 << 17; /* elements of a matrix that is read once */

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

/* n cut into equal parts of at most `most`, each a multiple of `unit` (the last may be short). */
static int64_t even_part(int64_t n, int64_t most, int64_t unit)
{
    int64_t parts = ceil_div(n, most);
    return ceil_div(ceil_div(n, parts), unit) * unit;
}

/* Widens chunks until each has enough work, first in columns (a packed panel serves all rows),
 * then in rows. */
static void tiles_cut(kt_gemm *g)
{
    int64_t panel = g->nv * VL;
    int64_t fit = max_i64(1, L2_ELEMENTS / g->kc / g->mr); /* row tiles whose A stays there */
    int64_t rows = even_part(g->m, fit * g->mr, g->mr);
    double panel_flops = 2.0 * (double)rows * (double)panel * (double)g->k;
    double wanted = chunk_flops / panel_flops;
    int64_t panels = wanted < 1 ? 1 : wanted > 1e9 ? (int64_t)1e9 : (int64_t)wanted;

    if (g->pack_a)
        panels = max_i64(panels, PACKED_A_COLUMNS / panel);
    g->nc = min_i64(even_part(g->n, panels * panel, panel), ceil_div(g->n, panel) * panel);
    if (g->nc >= g->n && !g->pack_a) { /* narrow: rows give the parallel work */
        double row_flops = 2.0 * (double)g->n * (double)g->k;
        double most = chunk_flops / row_flops;
        if (most < (double)rows)
            rows = max_i64(1, (int64_t)most / g->mr) * g->mr;
    }
    g->mc = rows;
    g->row_chunks = ceil_div(g->m, g->mc);
    g->chunks = g->row_chunks * ceil_div(g->n, g->nc);
}

static void tiles_prepare(kt_gemm *g)
{
    g->form = FORM_TILES;
    g->nv = g->n <= VL ? 1 : g->n > 2 * VL && g->m <= tile_max_rows[4] ? 4 : 2;
    int64_t tiles = ceil_div(g->m, tile_max_rows[g->nv]);
    g->mr = (int)ceil_div(g->m, tiles);
    g->kc = g->k ? even_part(g->k, BLOCK_K, 1) : 1;

    int64_t panel = g->nv * VL;
    bool b_transposed = g->b_cs != 1 && g->n > 1;
    g->pack_b = b_transposed || (!KT_MASKED && g->n % VL != 0) ||
                (g->n > panel && g->m > 3 * tile_max_rows[g->nv] && g->k > 32);
    /* A: rows 4 KiB apart share one set of the first-level cache; a transposed A far apart also
     * takes a page per term. */
    int64_t stride = (g->a_cs == 1 ? g->a_rs : g->a_cs) * (int64_t)sizeof(real);
    g->pack_a = g->n > 4 * panel && g->m > g->mr && stride >= 4096 &&
                (stride % 2048 == 0 || g->a_cs != 1);
    tiles_cut(g);

    int64_t packed_b = g->pack_b ? g->kc * panel : 0;
    int64_t width = ceil_div(g->mr, VL) * VL;
    int64_t packed_a = g->pack_a ? g->mc / g->mr * width * g->kc : 0;
    g->scratch_bytes = (size_t)(packed_a + packed_b) * sizeof(real);
}

/* One output row from a vector and a matrix; one output column is the same with A and B
 * exchanged. False when the operands' strides want tiles after all. */
static bool row_prepare(kt_gemm *g)
{
    g->column = g->m != 1;
    int64_t outputs = g->column ? g->m : g->n;
    int64_t x_stride = g->column ? g->b_rs : g->a_cs;
    int64_t along_k = g->column ? g->a_cs : g->b_rs, along_outputs = g->column ? g->a_rs : g->b_cs;

    if (g->k > 0 && (along_outputs == 1 || outputs == 1) && !(outputs == 1 && along_k == 1))
        g->form = FORM_SCALED_ROWS;
    else if (g->k > 0 && along_k == 1 && x_stride == 1)
        g->form = FORM_DOTS;
    else
        return false;
    int64_t unit = g->form == FORM_DOTS ? VL : 4 * VL;
    g->nc = even_part(outputs, max_i64(1, chunk_stream / g->k), unit);
    g->chunks = ceil_div(outputs, g->nc);
    return true;
}

void KT_REAL_NAME(kt_gemm_prepare)(kt_gemm *g)
{
    g->flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    g->chunks = 1;
    g->scratch_bytes = 0;
    g->row_chunks = 1;
    g->mr = g->nv = 0;
    g->pack_a = g->pack_b = g->column = false;
    g->kc = g->mc = g->nc = 0;

    if (g->m <= 0 || g->n <= 0) {
        g->form = FORM_EMPTY;
        g->chunks = 0;
    } else if ((g->m == 1 || (g->n == 1 && g->ldc == 1)) && row_prepare(g)) {
        return;
    } else if (g->k == 1 && g->b_cs == 1) {
        g->form = FORM_OUTER;
        g->mc = max_i64(1, min_i64(g->m, chunk_stream / g->n));
        g->chunks = ceil_div(g->m, g->mc);
    } else {
        tiles_prepare(g);
    }
}

/* C = a outer b, chunk by rows. */
static void outer_run(const kt_gemm *g, const real *a, const real *b, real *c, const real *bias,
                      int64_t chunk)
{
    const int64_t first = chunk * g->mc, last = min_i64(first + g->mc, g->m), ra = g->a_rs,
                  ldc = g->ldc;
    for (int64_t j = 0; j < g->n; j += VL) {
        int64_t n = min_i64(VL, g->n - j);
        vec y = n == VL ? vload(b + j) : vload_n(b + j, vmask_of(n));
        if (g->flags == 0 && n == VL) {
            const real *x = a + first * ra;
            real *row = c + first * ldc + j;
            for (int64_t i = first; i < last; i++, x += ra, row += ldc)
                vstore(row, vset1(*x) * y);
            continue;
        }
        for (int64_t i = first; i < last; i++)
            row_put(g, vset1(a[i * g->a_rs]) * y, c + i * g->ldc + j, bias ? bias + j : NULL, false,
                    n);
    }
}

/* dst[p * width + j] = src(p, j) for p < terms, j < n, zero for the rest of width; src(p, j) =
 * src[p * ps + j * js]. */
static void pack(const real *src, int64_t ps, int64_t js, int64_t terms, int64_t n, int64_t width,
                 real *dst)
{
    if (js == 1) {
        for (int64_t p = 0; p < terms; p++)
            for (int64_t j = 0; j < width; j += VL) {
                const real *s = src + p * ps + j;
                int64_t left = n - j;
                vstore(dst + p * width + j,
                       left >= VL ? vload(s) : vload_n(s, vmask_of(max_i64(left, 0))));
            }
        return;
    }
    for (int64_t j = 0; j < width; j += VL) {
        int64_t rows = max_i64(0, min_i64(VL, n - j));
        for (int64_t p = 0; p < terms; p += VL) {
            int64_t cols = min_i64(VL, terms - p);
            vmask mask = vmask_of(cols);
            const real *s = src + j * js + p;
            vec r[VL];
            if (rows == VL && cols == VL)
                for (int q = 0; q < VL; q++)
                    r[q] = vload(s + q * js);
            else
                for (int q = 0; q < VL; q++)
                    r[q] = q < rows ? vload_n(s + q * js, mask) : (vec){ 0 };
            vtranspose(r);
            if (cols == VL)
                for (int q = 0; q < VL; q++)
                    vstore(dst + (p + q) * width + j, r[q]);
            else
                for (int q = 0; q < cols; q++)
                    vstore(dst + (p + q) * width + j, r[q]);
        }
    }
}

static void tiles_run(const kt_gemm *g, const real *a, const real *b, real *c, const real *bias,
                      real *scratch, int64_t chunk)
{
    int64_t i0 = chunk % g->row_chunks * g->mc, i1 = min_i64(i0 + g->mc, g->m);
    int64_t j0 = chunk / g->row_chunks * g->nc, j1 = min_i64(j0 + g->nc, g->n);
    int64_t mr = g->mr, panel = g->nv * VL, width = ceil_div(mr, VL) * VL;
    real *packed_b = scratch, *packed_a = scratch + (g->pack_b ? g->kc * panel : 0);
    int64_t ra = g->pack_a ? 1 : g->a_rs, ca = g->pack_a ? width : g->a_cs;

    for (int64_t p = 0; p == 0 || p < g->k; p += g->kc) {
        int64_t terms = min_i64(g->kc, g->k - p);
        unsigned flags = p + g->kc < g->k ? 0 : g->flags & (KT_GEMM_BIAS | KT_GEMM_RELU);
        flags |= p ? KT_GEMM_ADD : g->flags & KT_GEMM_ADD;
        flags |= g->k >= FAR_K ? TILE_FAR : 0;
        if (g->pack_a)
            for (int64_t i = i0; i < i1; i += mr)
                pack(a + i * g->a_rs + p * g->a_cs, g->a_cs, g->a_rs, terms, min_i64(mr, i1 - i),
                     width, packed_a + (i - i0) / mr * width * g->kc);
        for (int64_t j = j0, n; j < j1; j += n) {
            n = min_i64(panel, j1 - j);
            if (n > 2 * VL && n <= 3 * VL)
                n = 2 * VL; /* there are no tiles of three vectors: two, then one */
            int64_t nv = ceil_div(n, VL);
            const real *bp = b + p * g->b_rs + j * g->b_cs;
            int64_t ldb = g->b_rs;
            if (g->pack_b) {
                pack(bp, g->b_rs, g->b_cs, terms, n, nv * VL, packed_b);
                bp = packed_b;
                ldb = nv * VL;
            }
            bool edge = n != nv * VL;
            vmask mask = vmask_of(n - (nv - 1) * VL);
            for (int64_t i = i0; i < i1; i += mr) {
                const real *ap = g->pack_a ? packed_a + (i - i0) / mr * width * g->kc
                                           : a + i * g->a_rs + p * g->a_cs;
                tile_table[edge][nv][min_i64(mr, i1 - i)](terms, ap, ra, ca, bp, ldb,
                                                          c + i * g->ldc + j, g->ldc, mask,
                                                          bias ? bias + j : NULL, flags);
            }
        }
    }
}

void KT_REAL_NAME(kt_gemm_run)(const kt_gemm *g, const real *a, const real *b, real *c,
                               const real *bias, void *scratch, int64_t chunk)
{
    switch (g->form) {
    case FORM_OUTER:
        outer_run(g, a, b, c, bias, chunk);
        break;
    case FORM_DOTS:
    case FORM_SCALED_ROWS:
        (g->form == FORM_DOTS ? dots_run : scaled_rows_run)(g, a, b, c, bias, chunk);
        break;
    case FORM_TILES:
        tiles_run(g, a, b, c, bias, scratch, chunk);
        break;
    default:
        break;
    }
}
