/* What a program whose spans we send is called (export_client_identity.c). */
#ifndef OTELSHIM_CLI_EXPORT_CLIENT_IDENTITY_H
#define OTELSHIM_CLI_EXPORT_CLIENT_IDENTITY_H

#include <stdbool.h>

#include "exporter.h"
#include "spool/leftover.h"

/* Makes the identity in the file whole, once. `l` is open. False: it could not be written. */
bool client_complete_identity(struct leftover *l, const struct exporter_ops *exporter);

#endif
