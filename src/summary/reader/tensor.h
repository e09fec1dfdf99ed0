/* SPDX-License-Identifier: MIT */
/* summary/reader/tensor.h: TensorProto: numbers of every dtype as double, in every form they are written in.
 *
 * Numbers stand dense in tensor_content, or listed in a field of their dtype, packed or not. A list of one number
 * means that number everywhere, an empty one zeros: so a shape says nothing about how much there is, and is never
 * trusted: kt_tensor_count is what the record holds.
 */
#ifndef KERATIN_SUMMARY_READER_TENSOR_H
#define KERATIN_SUMMARY_READER_TENSOR_H

#include "summary/reader/fields.h"

enum { KT_TENSOR_RANK = 8, KT_TENSOR_FLOAT = 1, KT_TENSOR_DOUBLE = 2, KT_TENSOR_STRING = 7 };

typedef struct kt_tensor_view {
    unsigned dtype; /* of a value, also where it was written as a reference */
    bool shaped;    /* has a shape whose rank is known */
    int64_t rank;   /* as claimed: may be above KT_TENSOR_RANK */
    int64_t dim[KT_TENSOR_RANK];
    kt_blob content;
    kt_pieces pieces; /* of the TensorProto */
} kt_tensor_view;

/* false: broken. */
bool kt_tensor_parse(kt_pieces pieces, kt_tensor_view *tensor);

/* "float32", "string"...; NULL for one that is unknown. */
const char *kt_tensor_dtype(const kt_tensor_view *tensor);

/* Numbers per element: 1, complex ones 2; 0: strings and what is unknown. */
int kt_tensor_parts(const kt_tensor_view *tensor);

/* The elements that the record holds, strings too; -1 when the content does not hold whole ones. */
int64_t kt_tensor_count(const kt_tensor_view *tensor);

/* The product of the dimensions; -1: negative or beyond int64. Only when shaped and of a rank that fits. */
int64_t kt_tensor_claims(const kt_tensor_view *tensor);

/* At most `most` numbers; returns how many. *at (may be NULL): where the only one lies, if it is a float of four
 * bytes. */
int64_t kt_tensor_numbers(const kt_tensor_view *tensor, double *to, int64_t most, const unsigned char **at);

/* At most `most` strings. */
int64_t kt_tensor_strings(const kt_tensor_view *tensor, kt_blob *to, int64_t most);

/* The tensor as one number, as a scalar is read: one element, and a shape that does not contradict. */
bool kt_tensor_scalar(kt_pieces pieces, double *value, const unsigned char **at);

#endif
