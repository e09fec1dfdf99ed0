/* SPDX-License-Identifier: MIT */
/* summary/reader/frame.c: see frame.h. */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include "summary/reader/frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void kt_window_on_file(kt_window *window, int fd, int64_t size)
{
    window->fd = fd;
    window->packed = NULL;
    window->end = size;
    window->bytes = window->buffer;
    window->base = 0;
    window->have = 0;
    window->error = 0;
    window->refused = false;
}

void kt_window_on_memory(kt_window *window, const void *bytes, int64_t size)
{
    kt_window_on_file(window, -1, size);
    window->bytes = bytes;
    window->have = (size_t)size;
}

void kt_window_on_packed(kt_window *window, int fd, kt_packed *packed, int64_t size)
{
    kt_window_on_file(window, fd, size >= 0 ? size : kt_packed_go(packed, INT64_MAX));
    window->packed = packed;
}

void kt_window_free(kt_window *window)
{
    kt_store_give(window->store, window->buffer);
    window->buffer = NULL;
    window->room = 0;
}

/* Room for n bytes; what is already there from `at` on moves to the front. */
static bool window_move(kt_window *window, int64_t at, size_t n)
{
    size_t keep = at >= window->base && at < window->base + (int64_t)window->have
                      ? (size_t)(window->base + (int64_t)window->have - at)
                      : 0;
    unsigned char *from = keep ? window->buffer + (at - window->base) : window->buffer;
    size_t room = window->end - at < KT_WINDOW_BYTES ? (size_t)(window->end - at) : KT_WINDOW_BYTES;
    if (room < n) room = n;
    if (window->room < room) {
        unsigned char *larger = kt_store_take(window->store, room);
        if (!larger) {
            window->refused = true;
            return false;
        }
        if (keep) memcpy(larger, from, keep);
        kt_store_give(window->store, window->buffer);
        window->buffer = larger;
        window->room = room;
    } else if (keep) {
        memmove(window->buffer, from, keep);
    }
    window->bytes = window->buffer;
    window->base = at;
    window->have = keep;
    return true;
}

/* Fills the window behind what it has; NULL when n bytes do not come. */
static const unsigned char *window_unpack(kt_window *window, size_t n)
{
    int64_t from = window->base + (int64_t)window->have, taken;
    if (kt_packed_go(window->packed, from) == from) {
        int64_t left = window->end - from;
        size_t more = window->room - window->have;
        if ((int64_t)more > left) more = (size_t)left;
        window->have += kt_packed_read(window->packed, window->buffer + window->have, more);
    }
    if (window->have >= n) return window->bytes;
    int error;
    kt_packed_end state = kt_packed_state(window->packed, &taken, &error);
    if (state == KT_PACKED_REFUSED) window->refused = true;
    else if (state == KT_PACKED_UNREAD) window->error = error;
    else window->end = window->base + (int64_t)window->have; /* it has become shorter */
    return NULL;
}

const unsigned char *kt_window_see(kt_window *window, int64_t at, size_t n)
{
    if (at >= window->base && n <= window->have && at - window->base <= (int64_t)(window->have - n))
        return window->bytes + (at - window->base);
    if ((window->fd < 0 && !window->packed) || window->error || at > window->end || n > (uint64_t)(window->end - at))
        return NULL;
    if (!window_move(window, at, n)) return NULL;
    if (window->packed) return window_unpack(window, n);
    while (window->have < n) {
        size_t more = window->room - window->have;
        int64_t left = window->end - at - (int64_t)window->have;
        if ((int64_t)more > left) more = (size_t)left;
        ssize_t got = pread(window->fd, window->buffer + window->have, more, (off_t)(at + (int64_t)window->have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            window->error = errno;
            return NULL;
        }
        if (got == 0) { /* it has become shorter */
            window->end = at + (int64_t)window->have;
            return NULL;
        }
        window->have += (size_t)got;
    }
    return window->bytes;
}

kt_frame kt_frame_at(kt_window *window, int64_t at, const unsigned char **payload, uint64_t *n)
{
    static const unsigned char zeros[KT_RECORD_HEAD];
    *n = 0;
    if (at >= window->end) return KT_FRAME_END;
    const unsigned char *head = kt_window_see(window, at, KT_RECORD_HEAD);
    if (!head) return window->error || window->refused ? KT_FRAME_UNREAD : KT_FRAME_CUT;
    uint64_t length = kt_read_le(head, 8);
    if (kt_read_le(head + 8, 4) != kt_crc32c_mask(kt_crc32c(head, 8)))
        return memcmp(head, zeros, sizeof zeros) == 0 ? KT_FRAME_ZEROS : KT_FRAME_HEAD;
    *n = length;
    if (length > KT_RECORD_MOST) return KT_FRAME_LONG;
    if (length + KT_RECORD_FRAME > (uint64_t)(window->end - at)) return KT_FRAME_CUT;
    const unsigned char *record = kt_window_see(window, at, (size_t)length + KT_RECORD_FRAME);
    if (!record) return window->error || window->refused ? KT_FRAME_UNREAD : KT_FRAME_CUT;
    *payload = record + KT_RECORD_HEAD;
    if (kt_read_le(*payload + length, 4) != kt_crc32c_mask(kt_crc32c(*payload, (size_t)length))) return KT_FRAME_DATA;
    return KT_FRAME_SOUND;
}

int64_t kt_frame_behind(kt_window *window, int64_t at, uint64_t n)
{
    const unsigned char *payload;
    int64_t next = at + (int64_t)(n & KT_RECORD_MOST) + KT_RECORD_FRAME;
    if (window->packed) { /* whoever searches on behind `at` must not have to begin anew: both are seen together */
        size_t both = (size_t)(next - at) + KT_RECORD_HEAD;
        const unsigned char *seen = kt_window_see(window, at, both);
        uint64_t length = seen ? kt_read_le(seen + (next - at), 8) : UINT64_MAX;
        if (length > KT_RECORD_MOST || !kt_window_see(window, at, both + (size_t)length + KT_RECORD_TAIL)) {
            window->refused = false;
            return -1;
        }
    }
    return kt_frame_at(window, next, &payload, &n) == KT_FRAME_SOUND ? next : -1;
}

int64_t kt_frame_search(kt_window *window, int64_t from, int64_t *resume)
{
    enum { SHORT = 4096 };
    const uint32_t empty = 0x07980329u; /* the checksum of length 0 */
    int64_t work = (1 << 26) + 16 * (window->end > INT64_MAX / 32 ? INT64_MAX / 32 : window->end);
    int64_t at = from, cut = -1;
    while (at + KT_RECORD_FRAME <= window->end) {
        const unsigned char *head = kt_window_see(window, at, KT_RECORD_FRAME);
        if (!head) break;
        size_t seen = window->have - (size_t)(at - window->base) - KT_RECORD_HEAD + 1, i = 0;
        for (; i < seen; i++) { /* most places cannot be a length: the upper half is not zero */
            if (kt_read_le(head + i + 4, 4) != 0) continue;
            uint64_t length = kt_read_le(head + i, 4), crc = kt_read_le(head + i + 8, 4);
            if (length > KT_RECORD_MOST || (length == 0 && crc != empty)) continue;
            if (crc == kt_crc32c_mask(kt_crc32c(head + i, 8))) break;
        }
        at += (int64_t)i;
        if (i == seen) continue;
        const unsigned char *payload;
        uint64_t n = kt_read_le(head + i, 4);
        kt_frame frame = KT_FRAME_DATA;
        if (n <= SHORT || work > 0) { /* checksums of content are paid from a purse, else they were quadratic */
            frame = kt_frame_at(window, at, &payload, &n);
            work -= (int64_t)n;
        }
        if (frame == KT_FRAME_SOUND) return at;
        if (frame == KT_FRAME_UNREAD && window->error) break;
        window->refused = false;
        if (frame == KT_FRAME_CUT && cut < 0) cut = at;
        at++;
    }
    *resume = cut >= 0 ? cut : at > from ? at : from;
    return -1;
}
