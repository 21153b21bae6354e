/* Requests signed for AWS (signature version 4, by libcurl): OTEL_SHIM_OTLP_AWS_SIGV4. */
#ifndef OTELSHIM_AWS_H
#define OTELSHIM_AWS_H

#include "curl.h"

/*
 * Has `easy` sign its requests for `scope`, "region:service", with the credentials of AWS's own
 * variables, which are read now. NULL, or why it cannot: it must not be sent unsigned.
 */
const char *aws_sign(const struct curl_api *curl, CURL *easy, const char *scope);
/* The header of temporary credentials, "" without them. */
#define AWS_TOKEN_HEADER "X-Amz-Security-Token"
const char *aws_session_token(void);

#endif
