/* SPDX-License-Identifier: MIT */
/* train/numbers.h: numbers as Python prints them, the same in any locale: for the progress bar, the CSV log and
 * messages.
 *
 * printf follows the host's locale; these do not. Knows nothing of training.
 */
#ifndef KT_TRAIN_NUMBERS_H
#define KT_TRAIN_NUMBERS_H

#include "base/text.h"

void kt_text_fixed(kt_text *text, double value, int decimals);      /* "{:.4f}": "0.1230", "nan", "inf" */
void kt_text_scientific(kt_text *text, double value, int decimals); /* "{:.4e}": "1.2300e-05" */
void kt_text_repr(kt_text *text, double value); /* repr: the shortest that reads back: "0.1", "1e-05", "3.0" */
void kt_text_thousands(kt_text *text, int64_t value);               /* "{:,}": "1,234,567" */

#endif
