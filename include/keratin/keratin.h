/* SPDX-License-Identifier: MIT */
/* keratin.h: all a user needs. It only includes the others, and holds the two functions that touch stdio, inline, so
 * that the library itself never does.
 */
#ifndef KERATIN_KERATIN_H
#define KERATIN_KERATIN_H

#include <keratin/callbacks.h>
#include <keratin/context.h>
#include <keratin/data.h>
#include <keratin/layers.h>
#include <keratin/model.h>
#include <keratin/op.h>
#include <keratin/ops.h>
#include <keratin/reader.h>
#include <keratin/status.h>
#include <keratin/summary.h>
#include <keratin/tensor.h>
#include <keratin/training.h>
#include <keratin/writer.h>

#include <stdio.h>

/* A print hook: kt_context_new(.print = kt_print_stdout). */
static inline void kt_print_stdout(const char *text, void *user)
{
    (void)user;
    fputs(text, stdout);
    fflush(stdout);
}

/* Runs what is pending and frees the context. 0, or the first error's sentence on stderr and its status: for `return` in
 * main. NULL means that the context could not be made. */
static inline int kt_finish(kt_context *kt)
{
    if (kt == NULL) {
        fputs("keratin: no context: out of memory, or a configuration that kt_context_check explains\n", stderr);
        return (int)KT_ERR_MEMORY;
    }
    kt_flush(kt);
    kt_status status = kt_error(kt);
    if (status != KT_OK) fprintf(stderr, "keratin: %s: %s\n", kt_status_name(status), kt_message(kt));
    kt_context_free(kt);
    return (int)status;
}

#endif
