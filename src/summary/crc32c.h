/* SPDX-License-Identifier: MIT */
/* summary/crc32c.h: the checksum of event files, CRC-32C (Castagnoli).
 *
 * Each record carries two: of its length and of its payload, both "masked" (rotated and shifted by
 * a constant), so that a checksum inside checked data does not check itself to a fixed value. A
 * record is some sixty bytes, so the start-up cost per call matters more than the speed on long
 * data. Values are the same on every machine and byte order.
 */
#ifndef KERATIN_SUMMARY_CRC32C_H
#define KERATIN_SUMMARY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of the bytes, by the processor's instruction where there is one. */
uint32_t kt_crc32c(const void *bytes, size_t n);

/* The same by tables: for processors without the instruction, and for tests. */
uint32_t kt_crc32c_portable(const void *bytes, size_t n);

/* What the file holds: rotated right by 15, plus a constant. */
static inline uint32_t kt_crc32c_mask(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

#endif
