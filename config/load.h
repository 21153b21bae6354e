/*
 * Parts of config_load() that have a file of their own. Constructor only.
 */
#ifndef OTELSHIM_LOAD_H
#define OTELSHIM_LOAD_H

#include "config.h"
#include "parse.h"

/*
 * pairs.c: comma lists of key=value. What cannot be used is reported by
 * variable; header values never are.
 */
void load_headers(struct config *c, const char *variable, struct slice value);
/* `typed`: of a file, whose values may be `TYPE;item;` (file_lists.c). */
void load_attributes(struct config *c, const char *variable, struct slice value, bool typed);

/*
 * endpoint.c: the URL that traces go to. A base endpoint gets /v1/traces, a
 * traces endpoint is used as it is. Reports what is no URL.
 */
void load_endpoint(struct config *c, const char *variable, struct slice value, bool is_base);
/* endpoint.c: gRPC's default, and what OTEL_EXPORTER_OTLP_INSECURE says of the scheme. */
void settle_endpoint(struct config *c);

/* endpoint.c: a copy of a URL that is used as it is; NULL after reporting what is none. */
const char *url_checked(const char *variable, struct slice value);

/* settle.c: what rows say together. */
void settle(struct config *c);

/* policy.c: a profile's defaults, for rows that nobody gave a value, before they are read;
 * and what must be there, after. */
void policy_profile(void);
void policy_settle(struct config *c);

/* run_id.c: the run's id, made if there is none. */
void run_id_settle(struct config *c);

/* urls.c: the value of a variable that was set at start and is kept by name, or NULL. */
const char *config_variable(const struct config *c, const char *name);

#endif
