/* SPDX-License-Identifier: MIT */
/* version.c: `keratin version`: what this build is and what it found on this machine. */
#include <keratin/keratin.h>
#include <string.h>

#include "command.h"

static const char help[] =
    "usage: keratin version [--json]\n"
    "\n"
    "Prints the version, what was built in, and the kernels chosen on this machine.\n"
    "\n"
    "example: keratin version --json\n";

/* Which optional library a reader answers for: its status on a file that cannot exist tells. */
static bool built_in(kt_context *kt, kt_arrays *(*read)(kt_context *kt, const char *path))
{
    read(kt, "");
    bool missing = kt_error(kt) == KT_ERR_MISSING;
    kt_clear_error(kt);
    return !missing;
}

/* The sets of kernels that can run here: "portable, avx2, avx512", as JSON strings in quotes. */
static void instruction_sets(char *to, size_t size, bool json)
{
    static const char *const names[] = { "portable", "avx2", "avx512" };
    size_t n = 0;
    to[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        kt_context_config config = { .size = sizeof config, .isa = names[i] };
        if (kt_context_check(&config, NULL, 0) != KT_OK) continue;
        const char *quote = json ? "\"" : "";
        int wrote = snprintf(to + n, size - n, "%s%s%s%s", n ? ", " : "", quote, names[i], quote);
        if (wrote < 0 || (size_t)wrote >= size - n) return;
        n += (size_t)wrote;
    }
}

static int run(int argc, char **argv)
{
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) json = true;
        else return cli_unknown("keratin version", "option", argv[i], (const char *const[]){ "--json", "--help", NULL });
    }
    char why[256];
    kt_context *kt = kt_context_new(.threads = 1);
    if (!kt) {
        kt_context_check(&(kt_context_config){ .size = sizeof(kt_context_config), .threads = 1 }, why, sizeof why);
        fprintf(stderr, "keratin version: no context could be made: %s\n", why);
        return CLI_FAILED;
    }
    const char *npz = built_in(kt, kt_read_npz) ? "true" : "false";
    char sets[64];
    instruction_sets(sets, sizeof sets, json);
    printf(json ? "{\"version\": \"%s\", \"backend\": \"%s\", \"isa\": \"%s\", \"isas\": [%s], \"npz\": %s, "
                  "\"backends\": [\"cpu\", \"ref\"]}\n"
                : "keratin %s\nback-end: %s (%s kernels)\ninstruction sets of this machine: %s\nNPZ files: %s\n"
                  "back-ends: cpu, ref (float64 reference)\n",
           kt_version(), kt_backend_name(kt), kt_isa_name(kt), sets, npz);
    kt_context_free(kt);
    return CLI_DONE;
}

const cli_command cli_version = { "version", "version, build options, kernels in use", help, run, NULL };
