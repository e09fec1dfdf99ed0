/* SPDX-License-Identifier: MIT */
/* doctor.h: the parts of `keratin events doctor`. Each looks at one side of a log and says what it finds: one sentence
 * what is, one what to do.
 */
#ifndef KERATIN_CLI_EVENTS_DOCTOR_H
#define KERATIN_CLI_EVENTS_DOCTOR_H

#include "events.h"

typedef struct doctor {
    kt_logdir *log; /* NULL where the logdir is missing */
    const char *logdir;
    bool json;
    int found;   /* what makes the dashboard empty or wrong */
    int noted;   /* what is worth knowing and no mistake */
} doctor;

typedef enum doctor_weight { DOCTOR_WRONG, DOCTOR_NOTE } doctor_weight;

/* Prints a finding. `format` makes the sentence that says what is, `advice` is the one that says what to do. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void doctor_says(doctor *d, doctor_weight weight, const char *advice, const char *format, ...);

/* Names of things of one kind, the first three kept: "a, b, c and 14 more". */
typedef struct doctor_names {
    int64_t count;
    char text[1000];
} doctor_names;

void doctor_name(doctor_names *names, const char *run, const char *tag); /* tag may be NULL */
const char *doctor_list(doctor_names *names);

/* Whether there are event files where the user looks, and where they are if not: doctor_place.c. */
void doctor_place(doctor *d);
void doctor_missing(doctor *d); /* the logdir does not exist */

/* Files: readable, sound, with records, one writer at a time: doctor_files.c. */
void doctor_files(doctor *d);

/* Series: steps, clock, values, kinds: doctor_series.c. */
void doctor_series(doctor *d);

#endif
