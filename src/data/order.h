/* SPDX-License-Identifier: MIT */
/* data/order.h: the order of rows in an epoch: a pure function of (seed, epoch, rows).
 *
 * Fisher and Yates's shuffle (Durstenfeld's form) with Philox words, each brought into its range by Lemire's unbiased
 * multiplication. Neither threads nor the place from which an epoch is entered can change it, so a position is two
 * numbers.
 */
#ifndef KT_DATA_ORDER_H
#define KT_DATA_ORDER_H

#include <stdint.h>

#define KT_ORDER_ROWS_MOST UINT32_MAX

typedef struct kt_order {
    uint32_t *row; /* room for all rows */
    int64_t epoch; /* whose order `row` holds; -1: none */
} kt_order;

/* Makes `order` that of this epoch, if it is not. */
void kt_order_enter(kt_order *order, uint64_t seed, int64_t epoch, uint32_t rows);

#endif
