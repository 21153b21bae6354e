/*
 * Names that appear on spans, each with a small id.
 *
 * A record in a ring carries the id instead of the text: two bytes instead of
 * up to forty, and nothing to copy on the program's thread. The exporter turns
 * the id back into the name. Ids are private to one build: shim and exporter
 * are built together and check each other's EXPORTER_ABI.
 *
 * Reference: OpenTelemetry semantic conventions 1.44 unless a line says
 * otherwise; `otelshim.*` and `curl.*` are our own.
 */
#ifndef OTELSHIM_SDK_SEMCONV_H
#define OTELSHIM_SDK_SEMCONV_H

#define SEMCONV_SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* Attribute keys: ATTR(id suffix, text). Append only within a release. */
#define SEMCONV_ATTRIBUTES(ATTR)                                     \
    ATTR(ERROR_TYPE, "error.type")                                   \
    ATTR(SERVER_ADDRESS, "server.address")                           \
    ATTR(SERVER_PORT, "server.port")                                 \
    ATTR(URL_FULL, "url.full")                                       \
    ATTR(HTTP_REQUEST_METHOD, "http.request.method")                 \
    ATTR(HTTP_REQUEST_METHOD_ORIGINAL, "http.request.method_original") \
    ATTR(HTTP_RESPONSE_STATUS_CODE, "http.response.status_code")     \
    ATTR(HTTP_REQUEST_RESEND_COUNT, "http.request.resend_count")     \
    ATTR(HTTP_REQUEST_SIZE, "http.request.size")                     \
    ATTR(HTTP_RESPONSE_SIZE, "http.response.size")                   \
    ATTR(HTTP_REQUEST_BODY_SIZE, "http.request.body.size")           \
    ATTR(HTTP_RESPONSE_BODY_SIZE, "http.response.body.size")         \
    ATTR(NETWORK_PEER_ADDRESS, "network.peer.address")               \
    ATTR(NETWORK_PEER_PORT, "network.peer.port")                     \
    ATTR(NETWORK_PROTOCOL_NAME, "network.protocol.name")             \
    ATTR(NETWORK_PROTOCOL_VERSION, "network.protocol.version")       \
    ATTR(TLS_PROTOCOL_NAME, "tls.protocol.name")                     \
    ATTR(TLS_PROTOCOL_VERSION, "tls.protocol.version")               \
    ATTR(DB_SYSTEM_NAME, "db.system.name")                           \
    ATTR(DB_NAMESPACE, "db.namespace")                               \
    ATTR(DB_QUERY_TEXT, "db.query.text")                             \
    ATTR(DB_QUERY_SUMMARY, "db.query.summary")                       \
    ATTR(DB_RESPONSE_RETURNED_ROWS, "db.response.returned_rows")     \
    ATTR(DB_RESPONSE_STATUS_CODE, "db.response.status_code")         \
    ATTR(OTELSHIM_DB_STEP_TIME, "otelshim.db.step_time")             \
    ATTR(DNS_QUESTION_NAME, "dns.question.name")                     \
    ATTR(DNS_ANSWERS, "dns.answers")                                 \
    ATTR(PROCESS_EXECUTABLE_NAME, "process.executable.name")         \
    ATTR(PROCESS_PID, "process.pid")                                 \
    ATTR(PROCESS_PARENT_PID, "process.parent_pid")                   \
    ATTR(PROCESS_EXIT_CODE, "process.exit.code") \
    ATTR(URL_SCHEME, "url.scheme") \
    ATTR(URL_PATH, "url.path") \
    ATTR(URL_QUERY, "url.query") \
    ATTR(HTTP_ROUTE, "http.route") \
    ATTR(CLIENT_ADDRESS, "client.address") \
    ATTR(CLIENT_PORT, "client.port") \
    ATTR(USER_AGENT_ORIGINAL, "user_agent.original") \
    ATTR(TLS_NEXT_PROTOCOL, "tls.next_protocol") \
    ATTR(TLS_CIPHER, "tls.cipher") \
    ATTR(HTTP_REQUEST_HEADER, "http.request.header.") /* of FIELD_NAMED_ARRAY: a key's beginning */ \
    ATTR(HTTP_RESPONSE_HEADER, "http.response.header.") \
    ATTR(NETWORK_TRANSPORT, "network.transport") \
    ATTR(OTELSHIM_RUN_ID, "otelshim.run_id")

/* Span event names: EVENT(id suffix, text). */
#define SEMCONV_EVENTS(EVENT)                        \
    EVENT(CURL_NAME_RESOLVED, "curl.name_resolved")  \
    EVENT(CURL_CONNECTED, "curl.connected")          \
    EVENT(CURL_TLS_ESTABLISHED, "curl.tls_established") \
    EVENT(CURL_REQUEST_SENT, "curl.request_sent")    \
    EVENT(CURL_FIRST_BYTE, "curl.first_byte")

enum attr_key {
    ATTR_NONE, /* 0 is "the key stands in the field itself" */
#define X(id, text) ATTR_##id,
    SEMCONV_ATTRIBUTES(X)
#undef X
    ATTR_COUNT
};

enum event_name {
    EVENT_NONE,
#define X(id, text) EVENT_##id,
    SEMCONV_EVENTS(X)
#undef X
    EVENT_COUNT
};

#endif
