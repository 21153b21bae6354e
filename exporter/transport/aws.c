/* See aws.h. */
#include "aws.h"

#include <stdio.h>
#include <stdlib.h>

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

const char *aws_sign(const struct curl_api *curl, CURL *easy, const char *scope)
{
    const char *key = variable("AWS_ACCESS_KEY_ID"), *secret = variable("AWS_SECRET_ACCESS_KEY");
    char provider[128];
    if (!*key || !*secret)
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set";
    snprintf(provider, sizeof provider, "aws:amz:%s", scope);
    curl->easy_setopt(easy, CURLOPT_USERNAME, key);
    curl->easy_setopt(easy, CURLOPT_PASSWORD, secret);
    if (curl->easy_setopt(easy, CURLOPT_AWS_SIGV4, provider) != CURLE_OK)
        return "libcurl cannot sign requests for AWS";
    return NULL;
}

const char *aws_session_token(void)
{
    return variable("AWS_SESSION_TOKEN");
}
