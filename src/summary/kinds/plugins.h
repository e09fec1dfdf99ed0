/* SPDX-License-Identifier: MIT */
/* summary/kinds/plugins.h: the encoders of the structured plugins, without a log.
 *
 * Each writes the body of one message into bounded memory, the same bytes each time (build.h). They check nothing:
 * the public functions beside them have done so. Here, and not static, so that tests compare their bytes with the
 * format's own, whatever the time is.
 */
#ifndef KERATIN_SUMMARY_KINDS_PLUGINS_H
#define KERATIN_SUMMARY_KINDS_PLUGINS_H

#include <keratin/summary_plugins.h>

#include "summary/kinds/build.h"

/* HParamsPluginData with a session_start_info. "" and 0 are left out. */
typedef struct kt_session_start {
    const kt_hparam *hparams;
    int count;
    const char *group;
    double time;
} kt_session_start;
kt_encoder kt_session_start_encode;

/* HParamsPluginData with an experiment. */
typedef struct kt_experiment {
    const kt_hparams_config *config;
    double time;
} kt_experiment;
kt_encoder kt_experiment_encode;

/* GraphDef; RunMetadata. */
typedef struct kt_graph {
    const kt_graph_node *nodes;
    int count;
} kt_graph;
kt_encoder kt_graph_encode;
kt_encoder kt_run_metadata_encode; /* of a kt_run_metadata */

kt_encoder kt_layout_encode; /* Layout, of a kt_layout */

/* TensorShapeProto's body: dimensions of 0 are empty messages, -1 is unknown. */
void kt_graph_shape_encode(kt_wire *w, const kt_graph_shape *shape);

#endif
