/* SPDX-License-Identifier: MIT */
/* summary/gate.c: every N steps, every S seconds, at steps that are spaced like a logarithm's.
 *
 * `every` looks at the step alone, as everybody's update frequency does, so that all tags and all
 * runs keep the same steps. `per_decade` divides the steps into cells and opens at the first step
 * seen in each: the same as naming the steps when they come one by one, and still useful when only
 * each hundredth comes.
 */
#include <keratin/summary.h>

/* Which of the cells a step is in: a decade 10^k has per_decade of them, all of equal width. Counted
 * in doubles: steps above 2^53 are rounded, which moves a border by a step in 10^15. */
static int64_t gate_cell(int64_t step, int64_t per_decade)
{
    if (step < 1) return -1;
    int64_t decade = 0;
    double start = 1;
    while ((double)step >= 10 * start) {
        start *= 10;
        decade++;
    }
    /* A quotient that is a whole number comes out exactly: a step on a border belongs to the upper cell. */
    int64_t cell = (int64_t)(((double)step - start) * (double)per_decade / (9 * start));
    return decade * per_decade + (cell < per_decade ? cell : per_decade - 1);
}

bool kt_gate_opens(const kt_gate *gate, kt_gate_state *state, int64_t step, double now)
{
    if (!gate || !state) return true;
    if (gate->every > 0 && step % gate->every != 0) return false;
    if (gate->seconds > 0 && state->begun) {
        double age = now - state->opened_at;
        if (age >= 0 && age < gate->seconds) return false; /* below 0: the clock was set back */
    }
    int64_t cell = 0;
    if (gate->per_decade > 0) {
        /* more cells than 10^9 in a decade are as good as all steps, and would overflow */
        cell = gate_cell(step, gate->per_decade < 1000000000 ? gate->per_decade : 1000000000);
        if (state->begun && cell == state->cell) return false;
    }
    *state = (kt_gate_state){ .opened_at = now, .cell = cell, .begun = true };
    return true;
}
