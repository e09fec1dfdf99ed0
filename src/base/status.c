/* SPDX-License-Identifier: MIT */
/* base/status.c: the names of the status codes. */
#include <keratin/status.h>

const char *kt_status_name(kt_status status)
{
    switch (status) {
    case KT_OK: return "ok";
    case KT_ERR_MEMORY: return "out of memory";
    case KT_ERR_SHAPE: return "wrong shape";
    case KT_ERR_DTYPE: return "wrong element type";
    case KT_ERR_VALUE: return "wrong value";
    case KT_ERR_NAME: return "unknown name";
    case KT_ERR_STATE: return "call at the wrong time";
    case KT_ERR_IO: return "reading or writing failed";
    case KT_ERR_FORMAT: return "damaged or foreign file";
    case KT_ERR_MISSING: return "left out of this build";
    case KT_ERR_UNSUPPORTED: return "not supported";
    case KT_ERR_NAN: return "not a finite number";
    case KT_ERR_CANCELLED: return "cancelled";
    case KT_ERR_INTERNAL: return "defect of keratin";
    }
    return "unknown status";
}
