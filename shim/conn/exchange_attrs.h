/*
 * What a span says of its exchange, and whether there is one: attributes by the HTTP
 * conventions, exclusion by URL.
 */
#ifndef OTELSHIM_CONN_EXCHANGE_ATTRS_H
#define OTELSHIM_CONN_EXCHANGE_ATTRS_H

#include "conn/conn_internal.h"

/* Constructor, after config_load(). */
void exchange_attrs_init(void);
/* Fields of the request's head that are wanted (HTTP1_FIELD_BIT), of requests that may be
 * recorded or of those that never are. After exchange_attrs_init(). */
uint32_t exchange_attrs_keep(bool server, bool recorded);
/* Whether its URL is excluded. */
bool exchange_is_excluded(struct conn *c, const struct exchange *e);
/* OTEL_SHIM_SAMPLING_RULES for its span, which has just started. */
void exchange_decide(struct conn *c, struct exchange *e);
void exchange_attrs_write(struct conn *c, const struct exchange *e, const char *error,
                          struct span_writer *w);

#endif
