/* SPDX-License-Identifier: MIT */
/* nn/optimizer.h: what the files of the optimizers share. */
#ifndef KT_NN_OPTIMIZER_H
#define KT_NN_OPTIMIZER_H

#include "nn/training.h"

/* Clips by the one setting that is set, as Keras's clip_by_norm, clip_by_value and global_clipnorm. NULL
 * gradients stay NULL. */
void kt_clip_gradients(const kt_optimizer_common *common, kt_tensor **gradients, int64_t count);

/* The common arguments as given, texts as they are. `c` is any stock configuration. */
#define KT_COMMON_OF(c, default_rate)                                                                                  \
    ((kt_optimizer_common){ .learning_rate = kt_setting((c)->learning_rate, default_rate),                             \
                            .schedule = (c)->schedule,                                                                 \
                            .schedule_user = (c)->schedule_user,                                                       \
                            .weight_decay = kt_setting((c)->weight_decay, 0),                                          \
                            .clipnorm = kt_setting((c)->clipnorm, 0),                                                  \
                            .clipvalue = kt_setting((c)->clipvalue, 0),                                                \
                            .global_clipnorm = kt_setting((c)->global_clipnorm, 0),                                    \
                            .name = (c)->name })

#endif
