/* SPDX-License-Identifier: MIT */
/* examples/summary_only.c: TensorBoard logs from a program that trains nothing.
 *
 * A pendulum is simulated; its angle is logged at every hundredth step and the distribution of its
 * speed at every thousandth. It needs libkeratin-summary alone, and is C and C++:
 *
 *     cc summary_only.c -lkeratin-summary -lm -o summary_only && ./summary_only logs/pendulum
 *     tensorboard --logdir logs
 */
#include <keratin/summary.h>

#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    kt_events *log = kt_events_open(argc > 1 ? argv[1] : "logs/pendulum");
    if (!log) return fprintf(stderr, "summary_only: cannot write a log there\n"), 1;

    float speeds[1000];
    double angle = 3, speed = 0, time_step = 0.001;
    for (int step = 0; step < 20000; step++) {
        speed -= time_step * (9.81 * sin(angle) + 0.1 * speed);
        angle += time_step * speed;
        speeds[step % 1000] = (float)speed;
        if (step % 100 == 0) kt_events_scalar(log, "pendulum/angle", angle, step);
        if (step % 1000 == 999) kt_events_histogram(log, "pendulum/speed", speeds, 1000, step);
    }

    kt_events_flush(log); /* so that the sentence, if there is one, is whole */
    if (kt_events_status(log) != KT_OK)
        fprintf(stderr, "summary_only: %s\n", kt_events_message(log));
    printf("written: %s\n", kt_events_path(log));
    return kt_events_close(log) == KT_OK ? 0 : 1;
}
