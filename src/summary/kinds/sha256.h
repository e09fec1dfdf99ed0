/* SPDX-License-Identifier: MIT */
/* summary/kinds/sha256.h: SHA-256 (FIPS 180-4), fed piece by piece. For names, not for secrets. */
#ifndef KERATIN_SUMMARY_KINDS_SHA256_H
#define KERATIN_SUMMARY_KINDS_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct kt_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* fed so far */
    unsigned char block[64];
} kt_sha256;

kt_sha256 kt_sha256_begin(void);
void kt_sha256_feed(kt_sha256 *sha, const void *bytes, size_t n);

/* The hash as 64 digits and a final zero. */
void kt_sha256_end(kt_sha256 *sha, char hex[65]);

#endif
