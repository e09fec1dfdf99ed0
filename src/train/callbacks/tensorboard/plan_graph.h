/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/plan_graph.h: the plan of a training step as TensorBoard's graph, and the latest times of its steps.
 *
 * Nodes are the plan's steps, its variables and what is brought in. Their names are paths, which the Graphs tab folds into
 * boxes: sequential/dense/dense (a step of that layer), gradients/sequential/dense/matmul (its gradient), update/sequential_
 * dense_kernel (the optimizer's step on that weight), step/... (loss, metrics, what stands outside of layers); variables
 * under their own path, data under inputs/.
 */
#ifndef KT_CALLBACKS_TENSORBOARD_PLAN_GRAPH_H
#define KT_CALLBACKS_TENSORBOARD_PLAN_GRAPH_H

#include <keratin/summary_plugins.h>

#include "graph/record.h"
#include "train/callbacks/tensorboard/board.h"

typedef struct kt_plan_graph {
    kt_arena memory;
    kt_graph_node *nodes;
    int n_nodes, first_step; /* the node of step i is nodes[first_step + i] */
} kt_plan_graph;

/* The context's error when memory is short; kt_plan_graph_end is due in any case. */
kt_status kt_plan_graph_make(kt_context *kt, const kt_seen_plan *seen, kt_plan_graph *graph);
void kt_plan_graph_end(kt_plan_graph *graph);

/* A step's name, before it is made unique. */
void kt_plan_step_name(const kt_seen_step *step, char *name, size_t size);

/* Listens to plans and keeps the training step that ran last, with the moments of its steps. */
typedef struct kt_step_watch {
    kt_profiler profiler;
    kt_context *kt;
    kt_seen_plan *seen;      /* NULL: none yet */
    bool updates;            /* an optimizer updates in it */
    int64_t *moments;        /* n_steps + 1 */
    size_t moments_capacity;
} kt_step_watch;

void kt_step_watch_begin(kt_context *kt, kt_step_watch *watch);
void kt_step_watch_pause(kt_step_watch *watch); /* stops listening, keeps what it has */
void kt_step_watch_end(kt_step_watch *watch);   /* fine for a zeroed one */

/* Its graph, if `graph`, and its times as a step profiled under this tag; nothing when nothing was seen. */
kt_status kt_step_watch_write(kt_step_watch *watch, kt_events *events, bool graph, const char *tag, int64_t step);

#endif
