/* Lets the configuration link before the log exists: silent, and weak, so that
 * shim/diag.c replaces it. */
#include "diag.h"

__attribute__((weak)) void diag_config_mistake(const char *format, ...)
{
    (void)format;
}
