/* SPDX-License-Identifier: MIT */
/* summary/kinds/audio.c: sounds: WAV files of 16-bit samples, byte for byte as TensorFlow encodes them.
 *
 *     RIFF  u32 36 + n  WAVE   fmt_ u32 16  u16 1 (PCM), channels; u32 rate, bytes a second; u16 bytes a frame, 16
 *     data  u32 n              n bytes: i16 samples, channel after channel, frame after frame; all little end first
 *
 * A sample is round(32768 x), halves away from zero, and then clipped, so that 1.0 is 32767. TensorBoard's value is a
 * table of (file, label) with a row per clip; labels are empty, because no reader shows them. The plugin's content says
 * that the encoding is WAV (11): without it the server would not hand the sound out.
 */
#include <keratin/summary_media.h>

#include <math.h>

#include "summary/writer.h"

enum { AUDIO_OUTPUTS = 3, AUDIO_HEAD = 44, AUDIO_CLIPS_MAX = 65536, AUDIO_CHANNELS_MAX = 32767 };

static const int64_t audio_bytes_max = (int64_t)1 << 30;

static int16_t audio_sample(float x)
{
    float value = roundf(x * 32768.0f);
    if (isnan(value)) return 0;
    return value >= 32767 ? 32767 : value <= -32768 ? -32768 : (int16_t)value;
}

static unsigned char *audio_wav(unsigned char *to, const float *x, const kt_audio *audio)
{
    uint64_t channels = (uint64_t)audio->channels, rate = (uint64_t)audio->rate;
    uint64_t n = (uint64_t)audio->frames * channels * 2;
    memcpy(to, "RIFF\0\0\0\0WAVEfmt ", 16);
    kt_wire_put_le(to + 4, 36 + n, 4);
    kt_wire_put_le(to + 16, 16, 4);
    kt_wire_put_le(to + 20, 1, 2);
    kt_wire_put_le(to + 22, channels, 2);
    kt_wire_put_le(to + 24, rate, 4);
    kt_wire_put_le(to + 28, rate * channels * 2, 4);
    kt_wire_put_le(to + 32, channels * 2, 2);
    kt_wire_put_le(to + 34, 16, 2);
    memcpy(to + 36, "data", 4);
    kt_wire_put_le(to + 40, n, 4);
    to += AUDIO_HEAD;
    for (uint64_t i = 0; i < n / 2; i++, to += 2) kt_wire_put_le(to, (uint16_t)audio_sample(x[i]), 2);
    return to;
}

/* KT_OK and the clips to take, or the log's failure. */
static kt_status audio_check(kt_events *log, const char *caller, const kt_audio *audio, int64_t *taken)
{
    if (!audio || audio->clips < 0 || audio->frames < 0 || audio->max_outputs < 0 ||
        (!audio->samples && audio->clips > 0 && audio->frames > 0))
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected samples of shape (clips, frames, channels), got %s; set samples, clips and "
                              "frames",
                              caller,
                              !audio            ? "NULL"
                              : !audio->samples ? "none"
                                                : "a negative size");
    if (audio->channels < 1 || audio->channels > AUDIO_CHANNELS_MAX || audio->rate < 1 ||
        audio->rate > UINT32_MAX / 2 / audio->channels)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected 1 to %d channels and a rate above 0 with fewer than 2^32 bytes a second, "
                              "got "
                              "%lld channels and %lld; set both as a WAV file can hold them",
                              caller, AUDIO_CHANNELS_MAX, (long long)audio->channels, (long long)audio->rate);
    int64_t most = audio->max_outputs > 0 ? audio->max_outputs : AUDIO_OUTPUTS;
    *taken = audio->clips < most ? audio->clips : most;
    if (*taken > AUDIO_CLIPS_MAX || audio->frames > audio_bytes_max / 2 / audio->channels ||
        (AUDIO_HEAD + audio->frames * audio->channels * 2) > audio_bytes_max / (*taken > 0 ? *taken : 1))
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected at most %d clips and 1 GiB, got %lld clips of %lld frames; log fewer or "
                              "shorter ones",
                              caller, AUDIO_CLIPS_MAX, (long long)*taken, (long long)audio->frames);
    return KT_OK;
}

kt_status kt_events_audio(kt_events *log, const char *tag, const kt_audio *audio, int64_t step)
{
    const char *caller = "kt_events_audio";
    if (!log) return KT_ERR_STATE;
    int64_t taken = 0;
    kt_status status = audio_check(log, caller, audio, &taken);
    if (status != KT_OK) return status;

    const kt_allocator *a = kt_events_allocator(log);
    size_t file = (size_t)(AUDIO_HEAD + audio->frames * audio->channels * 2), clips = (size_t)taken;
    size_t table = 2 * clips * sizeof(kt_event_string);
    kt_event_string *cells = a->allocate(table + clips * file + 1, a->user); /* the files stand behind the table */
    if (!cells)
        return kt_events_fail(log, KT_ERR_MEMORY,
                              "%s: out of memory for %lld clips of %lld frames; free some or log shorter ones", caller,
                              (long long)taken, (long long)audio->frames);
    unsigned char *to = (unsigned char *)cells + table;
    for (size_t i = 0; i < clips; i++) {
        cells[2 * i] = (kt_event_string){ to, file };
        cells[2 * i + 1] = (kt_event_string){ "", 0 };
        size_t samples = (size_t)(audio->frames * audio->channels);
        to = audio_wav(to, samples > 0 ? audio->samples + i * samples : NULL, audio);
    }
    static const unsigned char wav[] = { 2 << 3, 11 }; /* AudioPluginData { 2 encoding } */
    kt_event_tensor value = {
        .rank = 2, .dim = { taken, 2 }, .strings = cells, .count = 2 * clips, .content = { wav, sizeof wav }
    };
    status = kt_events_append(log, caller, KT_KIND_AUDIO, tag, step, &value);
    a->release(cells, a->user);
    return status;
}
