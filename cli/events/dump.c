/* SPDX-License-Identifier: MIT */
/* dump.c: `keratin events dump`: one line per point, with its value in full.
 *
 * What a point is printed as depends on its series: a number, buckets, text, or else shape and bytes. Strings of bytes
 * (pictures, sounds, graphs) are base64; numbers of a tensor (PR curves, meshes) are the bytes that the tensor had,
 * little end first, with their dtype, so that NumPy takes them: frombuffer(b64decode(bytes), dtype).reshape(shape).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "events.h"

static const char help[] =
    "usage: keratin events dump LOGDIR [--run R] [--tag T] [--json | --csv]\n"
    "\n"
    "One line per point, in the order of the files.\n"
    "\n"
    "  --run R, --tag T   only these: a name, or a pattern with * ? [...]; the logdir itself is the run .\n"
    "  --json             lines of JSON: {\"run\",\"tag\",\"plugin\",\"step\",\"wall_time\",\"value\"}. Instead of \"value\":\n"
    "                     histograms have \"buckets\": [[left,right,count],...], texts \"text\" (a string, or nested lists),\n"
    "                     others \"shape\" and \"bytes\" in base64 (a list of them where the tensor holds several strings),\n"
    "                     and \"dtype\" where these are numbers. \"content\": what the plugin stores beside the tensor\n"
    "  --csv              scalars only: run,tag,plugin,step,wall_time,value\n"
    "\n"
    "example: keratin events dump . --json\n";

static const char command[] = "keratin events dump";

typedef enum form { FOR_PEOPLE, AS_JSON, AS_CSV } form;

/* ---- tensors ---- */

/* How the elements of a dtype are kept: NumPy's name, bytes of one, whether they are whole numbers. */
typedef struct element {
    const char *name;
    int width;
    bool whole;
} element;

static element element_of(int dtype)
{
    switch (dtype) { /* TensorFlow's DataType */
    case 1: return (element){ "float32", 4, false };
    case 3: return (element){ "int32", 4, true };
    case 4: return (element){ "uint8", 1, true };
    case 5: return (element){ "int16", 2, true };
    case 6: return (element){ "int8", 1, true };
    case 10: return (element){ "bool", 1, true };
    case 17: return (element){ "uint16", 2, true };
    case 22: return (element){ "uint32", 4, true };
    default: return (element){ "float64", 8, false }; /* halves, complex numbers...: as the reader gives them */
    }
}

static void put_element(unsigned char *to, double x, element e)
{
    uint64_t bits = 0;
    if (e.whole) bits = x >= -9e15 && x <= 9e15 ? (uint64_t)(int64_t)x : 0;
    else if (e.width == 8) memcpy(&bits, &x, 8);
    else {
        float narrow = (float)x;
        uint32_t half;
        memcpy(&half, &narrow, 4);
        bits = half;
    }
    for (int i = 0; i < e.width; i++) to[i] = (unsigned char)(bits >> (8 * i));
}

/* Whether NumPy has this dtype, so that the record's own bytes serve. */
static bool is_numpys(int dtype)
{
    static const char known[] = { 1, 2, 3, 4, 5, 6, 9, 10, 17, 19, 22, 23 };
    return dtype > 0 && dtype < 24 && memchr(known, dtype, sizeof known);
}

static bool print_numbers(const kt_value *v)
{
    if (v->content.size > 0 && is_numpys(v->dtype)) {
        printf("\"dtype\": \"%s\", \"bytes\": ", v->dtype_name);
        cli_json_base64(stdout, v->content.bytes, v->content.size);
        return true;
    }
    element e = element_of(v->dtype);
    size_t n = (size_t)v->count;
    unsigned char *bytes = n > 0 && n > SIZE_MAX / 8 ? NULL : malloc(n * (size_t)e.width + 1);
    if (!bytes) return false;
    for (size_t i = 0; i < n; i++) put_element(bytes + i * (size_t)e.width, v->numbers[i], e);
    printf("\"dtype\": \"%s\", \"bytes\": ", e.name);
    cli_json_base64(stdout, bytes, n * (size_t)e.width);
    free(bytes);
    return true;
}

static void print_string(const kt_blob *string, bool text)
{
    if (text) cli_json_text(stdout, string->bytes, string->size);
    else cli_json_base64(stdout, string->bytes, string->size);
}

/* Elements from *at on as lists nested by the dimensions from `axis` on. */
static void print_nested(const kt_value *v, int axis, int64_t *at, bool text)
{
    if (axis == v->rank) {
        print_string(&v->strings[(*at)++], text);
        return;
    }
    putchar('[');
    for (int64_t i = 0; i < v->dim[axis] && *at < v->count; i++) {
        if (i > 0) fputs(", ", stdout);
        print_nested(v, axis + 1, at, text);
    }
    putchar(']');
}

/* Whether the shape has exactly as many elements as there are: a file may claim another one. */
static bool shape_fits(const kt_value *v)
{
    int64_t n = 1;
    for (int i = 0; i < v->rank; i++) {
        if (v->dim[i] < 0 || (v->dim[i] > 0 && n > INT64_MAX / v->dim[i])) return false;
        n *= v->dim[i];
    }
    return n == v->count;
}

static void print_shape(const kt_value *v)
{
    fputs("\"shape\": [", stdout);
    for (int i = 0; i < v->rank; i++) printf(i ? ", %lld" : "%lld", (long long)v->dim[i]);
    putchar(']');
}

static void print_strings(const kt_value *v, bool text)
{
    int64_t at = 0;
    if (shape_fits(v)) {
        print_nested(v, 0, &at, text);
        return;
    }
    putchar('[');
    for (; at < v->count; at++) {
        if (at > 0) fputs(", ", stdout);
        print_string(&v->strings[at], text);
    }
    putchar(']');
}

static void print_buckets(const kt_value *v)
{
    fputs("\"buckets\": [", stdout);
    for (int64_t i = 0; i < v->count; i++) {
        fputs(i ? ", [" : "[", stdout);
        cli_json_double(stdout, v->buckets[i].left);
        fputs(", ", stdout);
        cli_json_double(stdout, v->buckets[i].right);
        fputs(", ", stdout);
        cli_json_double(stdout, v->buckets[i].count);
        putchar(']');
    }
    putchar(']');
}

/* ---- one point ---- */

static bool value_as_json(const kt_series *s, const kt_value *v)
{
    bool text = strcmp(s->plugin, "text") == 0, whole = true;
    if (v->why && v->count == 0) {
        fputs("\"value\": null", stdout);
    } else if (v->kind == KT_VALUE_BUCKETS) {
        print_buckets(v);
    } else if (v->kind == KT_VALUE_NUMBERS && strcmp(s->plugin, "scalars") == 0 && v->count == 1) {
        fputs("\"value\": ", stdout);
        cli_json_double(stdout, v->numbers[0]);
    } else if (text && v->kind == KT_VALUE_STRINGS) {
        fputs("\"text\": ", stdout);
        print_strings(v, true);
    } else {
        print_shape(v);
        fputs(", ", stdout);
        if (v->kind == KT_VALUE_NUMBERS) whole = print_numbers(v);
        else {
            fputs("\"bytes\": ", stdout);
            if (v->kind == KT_VALUE_BYTES) print_string(&v->strings[0], false);
            else print_strings(v, false);
        }
    }
    if (s->content_size > 0 && !events_is_scalar(s)) {
        fputs(", \"content\": ", stdout);
        cli_json_base64(stdout, s->content, s->content_size);
    }
    if (v->why) {
        fputs(", \"why\": ", stdout);
        cli_json_text(stdout, v->why, strlen(v->why));
    }
    return whole;
}

static void head_as_json(const kt_series *s, int64_t point)
{
    fputs("{\"run\": ", stdout);
    cli_json_text(stdout, s->run, strlen(s->run));
    fputs(", \"tag\": ", stdout);
    cli_json_text(stdout, s->tag, strlen(s->tag));
    fputs(", \"plugin\": ", stdout);
    cli_json_text(stdout, s->plugin, strlen(s->plugin));
    printf(", \"step\": %lld, \"wall_time\": ", (long long)s->steps[point]);
    cli_json_double(stdout, s->wall_times[point]);
    fputs(", ", stdout);
}

static void point_as_csv(const kt_series *s, int64_t point)
{
    cli_csv_text(stdout, s->run, strlen(s->run));
    putchar(',');
    cli_csv_text(stdout, s->tag, strlen(s->tag));
    putchar(',');
    cli_csv_text(stdout, s->plugin, strlen(s->plugin));
    printf(",%lld,", (long long)s->steps[point]);
    cli_csv_double(stdout, s->wall_times[point]);
    putchar(',');
    cli_csv_float(stdout, s->values[point]);
    putchar('\n');
}

static void shape_for_people(const kt_value *v, const char *noun)
{
    char count[32];
    size_t bytes = 0;
    for (int64_t i = 0; v->kind != KT_VALUE_NUMBERS && i < v->count; i++) bytes += v->strings[i].size;
    printf("%s of shape (", noun);
    for (int i = 0; i < v->rank; i++) printf(i ? ", %lld" : "%lld", (long long)v->dim[i]);
    fputs(v->rank == 1 ? ",)" : ")", stdout);
    if (v->kind != KT_VALUE_NUMBERS) printf(", %s bytes", cli_count(count, (int64_t)bytes));
}

static void value_for_people(const kt_series *s, const kt_value *v)
{
    char count[32];
    if (v->why) {
        fputs(v->count > 0 ? "shown in part: " : "not shown: ", stdout);
        cli_plain(stdout, v->why, strlen(v->why));
    } else if (v->kind == KT_VALUE_BUCKETS) {
        double sum = 0, least = INFINITY, most = -INFINITY;
        for (int64_t i = 0; i < v->count; i++) {
            sum += v->buckets[i].count;
            if (v->buckets[i].count > 0 && v->buckets[i].left < least) least = v->buckets[i].left;
            if (v->buckets[i].count > 0 && v->buckets[i].right > most) most = v->buckets[i].right;
        }
        printf("%s buckets, %.15g values", cli_count(count, v->count), sum);
        if (least <= most) printf(" from %.6g to %.6g", least, most);
    } else if (v->kind == KT_VALUE_NUMBERS && v->count == 1) {
        cli_csv_double(stdout, v->numbers[0]);
    } else if (v->kind == KT_VALUE_STRINGS && strcmp(s->plugin, "text") == 0) {
        for (int64_t i = 0; i < v->count; i++) {
            if (i > 0) fputs(" | ", stdout);
            cli_plain(stdout, v->strings[i].bytes, v->strings[i].size);
        }
    } else shape_for_people(v, v->kind == KT_VALUE_NUMBERS ? "numbers" : "bytes");
}

static void head_for_people(const kt_series *s, int64_t point)
{
    cli_plain_padded(stdout, s->run, 12);
    fputs("  ", stdout);
    cli_plain_padded(stdout, s->tag, 24);
    printf("  step %-8lld  ", (long long)s->steps[point]);
    cli_time(stdout, s->wall_times[point]);
    fputs("  ", stdout);
}

/* false: memory is short, or the file cannot be read any more; the log knows which. */
static bool print_series(kt_logdir *log, const kt_series *s, form as)
{
    bool scalar = events_is_scalar(s);
    if (as == AS_CSV && !scalar) return true;
    for (int64_t i = 0; i < s->count; i++) {
        kt_value value = { 0 };
        if (as == AS_CSV) {
            point_as_csv(s, i);
            continue;
        }
        if (!scalar && kt_logdir_value(log, s, i, &value) != KT_OK) return false;
        if (as == AS_JSON) {
            head_as_json(s, i);
            if (scalar) {
                fputs("\"value\": ", stdout);
                cli_json_float(stdout, s->values[i]);
            } else if (!value_as_json(s, &value)) return false;
            fputs("}\n", stdout);
        } else {
            head_for_people(s, i);
            if (scalar) cli_plain_float(stdout, s->values[i]);
            else value_for_people(s, &value);
            putchar('\n');
        }
    }
    return true;
}

static int run(int argc, char **argv)
{
    events_choice choice = { 0 };
    bool json = false, csv = false;
    const cli_option options[] = {
        { .name = "--run", .kind = CLI_TEXT, .to = &choice.run },
        { .name = "--tag", .kind = CLI_TEXT, .to = &choice.tag },
        { .name = "--json", .kind = CLI_FLAG, .to = &json },
        { .name = "--csv", .kind = CLI_FLAG, .to = &csv },
        { .name = NULL },
    };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    if (json && csv) return cli_misused(command, "expects --json or --csv, received both");
    kt_logdir *log = events_open(command, argv[1], NULL);
    if (!log) return CLI_FAILED;
    status = events_check_choice(command, log, argv[1], &choice);
    int64_t count = status == CLI_DONE ? kt_logdir_series_count(log) : 0;
    if (csv && status == CLI_DONE) fputs("run,tag,plugin,step,wall_time,value\n", stdout);
    for (int64_t i = 0; i < count && status == CLI_DONE; i++) {
        const kt_series *s = kt_logdir_series(log, i);
        if (!events_chosen(&choice, s) || print_series(log, s, csv ? AS_CSV : json ? AS_JSON : FOR_PEOPLE)) continue;
        status =
            cli_fail(command, "%s", kt_logdir_message(log)[0] ? kt_logdir_message(log) : "not enough memory for a value");
    }
    if (status == CLI_DONE) status = cli_finish(command);
    if (status == CLI_DONE) events_say_damage(command, log, argv[1]);
    if (status == CLI_DONE && count == 0) events_say_empty(command, argv[1]);
    kt_logdir_close(log);
    return status;
}

const cli_command events_dump = { "dump", "one line per point, with its value", help, run, NULL };
