/*
 * The configuration in force: first what it comes to, then variable by variable with the
 * source of each value. No credential is printed.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "table.h"
#include "variables.h"

/* Appends to a text of bounded size. */
static void append(char *out, size_t size, const char *text, size_t len)
{
    size_t used = strlen(out);
    if (used + 1 < size)
        snprintf(out + used, size - used, "%.*s", (int)len, text);
}

/* "name=***,other=***" */
static void mask_list(const char *text, char *out, size_t size)
{
    for (size_t len; *text != '\0'; text += len) {
        len = strcspn(text, ",");
        size_t key = strcspn(text, "=,");
        if (key < len) /* a text without a name may be the secret itself */
            append(out, size, text, key + 1);
        append(out, size, "***", 3);
        append(out, size, ",", text[len] == ',');
        len += text[len] == ',';
    }
}

/* "?key=***&other=***": keys of services are given like this. A word without a name is masked, too. */
static void mask_query(const char *text, char *out, size_t size)
{
    while (*text != '\0') {
        append(out, size, text++, 1); /* '?' or '&' */
        size_t len = strcspn(text, "&"), key = strcspn(text, "=&");
        if (key < len)
            append(out, size, text, key + 1);
        append(out, size, "***", len > 0 ? 3 : 0);
        text += len;
    }
}

void check_masked(const char *text, bool secret, char *out, size_t size)
{
    out[0] = '\0';
    if (secret) {
        mask_list(text, out, size);
        return;
    }
    const char *scheme_end = strstr(text, "://");
    size_t begin = scheme_end != NULL ? (size_t)(scheme_end - text) + 3 : 0;
    size_t len = strcspn(text + begin, scheme_end != NULL ? "/?#" : "/?#=, ");
    const char *at = memrchr(text + begin, '@', len);
    if (at != NULL && scheme_end == NULL && memchr(text, ':', (size_t)(at - text)) == NULL)
        at = NULL; /* not user:password@host */
    append(out, size, text, begin);
    if (at != NULL)
        append(out, size, "***", 3);
    text = at != NULL ? at : text + begin;
    size_t before_query = scheme_end != NULL ? strcspn(text, "?") : strlen(text);
    append(out, size, text, before_query);
    mask_query(text + before_query, out, size);
}

void check_words(int set, unsigned value, bool flags, char *out, size_t size)
{
    unsigned left = value;
    out[0] = '\0';
    for (const struct word *w = config_words; w->text != NULL; w++) {
        bool fits = flags ? w->value != 0 && (left & w->value) == w->value : left == w->value;
        if ((int)w->set != set || !fits)
            continue;
        if (*out != '\0')
            append(out, size, ",", 1);
        append(out, size, w->text, strlen(w->text));
        left &= ~w->value;
        if (!flags || left == 0)
            return;
    }
    if (*out == '\0')
        append(out, size, "none", 4);
}

static void show_destination(const struct config *c)
{
    char words[256], url[2048], compression[64];
    check_words(WORDS_EXPORTER, c->exporters, true, words, sizeof words);
    report_row("exporters", "%s", words);
    if (!(c->exporters & EXPORTER_OTLP))
        return;
    check_words(WORDS_PROTOCOL, c->otlp.protocol, false, words, sizeof words);
    check_words(WORDS_COMPRESSION, c->otlp.compression, false, compression, sizeof compression);
    if (c->otlp.url_valid)
        check_masked(c->otlp.traces_url, false, url, sizeof url);
    report_row("otlp", "%s%s%s as %s, compression %s, %u ms for one attempt",
               c->otlp.url_valid ? url : "nowhere (the endpoint is no URL)",
               c->otlp.unix_path != NULL ? " over the socket " : "",
               c->otlp.unix_path != NULL ? c->otlp.unix_path : "", words, compression,
               c->otlp.timeout_ms);
    for (unsigned i = 0; i < c->otlp.nr_headers; i++)
        report_row(i == 0 ? "headers" : "", "%s%s: ***", i == 0 ? "" : "              ",
                   c->otlp.headers[i].key);
}

static void show_resource(const struct config *c)
{
    report_row("service.name", "%s",
               c->service_name != NULL
                   ? c->service_name
                   : "of OTEL_RESOURCE_ATTRIBUTES, else each executable's name");
    for (unsigned i = 0; i < c->nr_resource; i++)
        report_row(c->resource[i].key, "%s%s%s", c->resource[i].value,
                   c->resource_kind[i] != ATTRIBUTE_TEXT ? ", " : "",
                   c->resource_kind[i] != ATTRIBUTE_TEXT
                       ? config_attribute_type(c->resource_kind[i])
                       : "");
}

static void show_sampler(const struct config *c)
{
    char words[128];
    unsigned value = (unsigned)c->sampler | (c->sampler_parent_based ? SAMPLER_PARENT_BASED : 0);
    check_words(WORDS_SAMPLER, value, false, words, sizeof words);
    if (c->sampler == SAMPLER_RATIO)
        report_row("sampler", "%s, %g of all traces", words, c->sampler_ratio);
    else
        report_row("sampler", "%s", words);
    if (c->sampler_asks_below)
        report_row("below parents", "%s", row_setting(row_find("OTEL_SHIM_PARENT_SAMPLERS"))->text);
}

/* In their order, which counts. */
static void show_propagators(const struct config *c)
{
    char words[256] = "", word[32];
    for (unsigned i = 0; i < CONFIG_MAX_PROPAGATORS && c->propagator_order[i] != 0; i++) {
        check_words(WORDS_PROPAGATOR, c->propagator_order[i], false, word, sizeof word);
        if (i > 0)
            append(words, sizeof words, ",", 1);
        append(words, sizeof words, word, strlen(word));
    }
    report_row("propagators", "%s", *words != 0 ? words : "none");
}

static void show_sum(const struct config *c)
{
    puts("otelshim " OTELSHIM_VERSION);
    report_section("In force");
    report_row("telemetry", "%s", c->disabled ? "off" : "on");
    if (c->disabled)
        report_advise("Telemetry is off: OTEL_SDK_DISABLED, or a mistake or a rule above.");
    show_destination(c);
    show_resource(c);
    show_sampler(c);
    show_propagators(c);
    if (c->disabled_instrumentations != NULL)
        report_row("off", "%s", c->disabled_instrumentations);
}

/* "FILE:LINE:COLUMN" of "FILE:LINE:COLUMN: key" */
static const char *place(const char *where, char out[static 256])
{
    const char *end = strstr(where, ": ");
    snprintf(out, 256, "%.*s", end != NULL ? (int)(end - where) : 255, where);
    return out;
}

static const char *source_text(const struct config_effective *e, char out[static 256])
{
    switch (e->source) {
    case SOURCE_ENVIRONMENT: return "environment";
    case SOURCE_PROFILE: return "profile";
    case SOURCE_FILE: return place(e->where, out);
    case SOURCE_DEFAULT: break;
    }
    return "default";
}

static void show_rows(bool given)
{
    struct config_effective e;
    report_section(given ? "Given" : "Defaults");
    unsigned shown = 0;
    for (unsigned i = 0; config_effective(i, &e); i++) {
        char value[512], source[256];
        if ((e.text != NULL) != given || (!given && *variable_not_read(&variables[i]) != '\0'))
            continue;
        shown++;
        if (given)
            check_masked(e.text, e.secret, value, sizeof value);
        else
            snprintf(value, sizeof value, "%s",
                     *variables[i].default_text ? variables[i].default_text : "unset");
        report_row("", "%s = %s  (%s%s)", e.name, value, source_text(&e, source),
                   e.refused ? ", not used: see the mistakes" : "");
    }
    if (shown == 0)
        report_row("", "nothing: every default holds");
}

void check_show(const struct config *c)
{
    show_sum(c);
    show_rows(true);
    show_rows(false);
}
