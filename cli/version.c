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
    printf(json ? "{\"version\": \"%s\", \"backend\": \"%s\", \"isa\": \"%s\", \"npz\": %s, \"backends\": [\"cpu\", \"ref\"]}\n"
                : "keratin %s\nback-end: %s (%s kernels)\nNPZ files: %s\nback-ends: cpu, ref (float64 reference)\n",
           kt_version(), kt_backend_name(kt), kt_isa_name(kt), npz);
    kt_context_free(kt);
    return CLI_DONE;
}

const cli_command cli_version = { "version", "version, build options, kernels in use", help, run };
