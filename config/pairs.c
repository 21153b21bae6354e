/*
 * Comma lists of key=value: headers for the collector, resource attributes.
 *
 * Headers: an item that breaks the grammar is left out, the others hold
 * (OpenTelemetry Python's liberal mode: a value with blanks is taken as it is,
 * undecoded). Attributes: one bad item discards the whole variable, as the
 * specification wants.
 */
#include <string.h>

#include "arena.h"
#include "load.h"

/* RFC 7230 token characters: names of headers. */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return len > 0;
}

enum octets { OCTETS_STRICT, OCTETS_BLANKS, OCTETS_BAD };

/* Whether `s` is a W3C baggage value, one but for blanks, or neither. */
static enum octets value_octets(struct slice s)
{
    enum octets kind = OCTETS_STRICT;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == ' ' || c == '\t')
            kind = OCTETS_BLANKS;
        else if (c < 0x21 || c > 0x7e || c == '"' || c == ',' || c == ';' || c == '\\')
            return OCTETS_BAD;
    }
    return kind;
}

/* A decoded copy with its length, NULL: malformed or no memory. */
static char *decoded_copy(struct slice s, size_t *len)
{
    char *copy = arena_alloc(s.len + 1);
    long n = copy != NULL ? percent_decode(s, copy) : -1;
    if (n < 0)
        return NULL;
    copy[n] = '\0';
    *len = (size_t)n;
    return copy;
}

/* Puts a pair into a list, over an earlier one of that key. False: the list is full. */
static bool pair_put(struct config_pair *pairs, unsigned *nr, unsigned max, struct config_pair pair)
{
    for (unsigned i = 0; i < *nr; i++) {
        if (strcmp(pairs[i].key, pair.key) == 0) {
            pairs[i] = pair;
            return true;
        }
    }
    if (*nr == max)
        return false;
    pairs[(*nr)++] = pair;
    return true;
}

/* NULL, or what is wrong with the item. */
static const char *header_parse(struct slice item, struct config_pair *out)
{
    size_t equals = slice_find(item, '='), name_len, value_len;
    struct slice value = slice_trim(slice_from(item, equals + 1));
    if (equals == item.len)
        return "has no `=`";
    char *name = decoded_copy(slice_trim(slice_until(item, equals)), &name_len);
    if (name == NULL || !is_token(name, name_len))
        return "has a bad name";
    for (size_t i = 0; i < name_len; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] + 32);
    enum octets octets = value_octets(value);
    char *text = octets == OCTETS_STRICT ? decoded_copy(value, &value_len)
                                         : arena_copy(value.at, value_len = value.len);
    if (octets == OCTETS_BAD || text == NULL)
        return "has a bad value";
    for (size_t i = 0; i < value_len; i++) /* nothing may end the header line */
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
            return "has a control character";
    *out = (struct config_pair){ name, text };
    return NULL;
}

void load_headers(struct config *c, const char *variable, struct slice value)
{
    struct slice item;
    const char *first_fault = NULL;
    unsigned faults = 0, number = 0, first_number = 0;
    c->otlp.nr_headers = 0;
    while (parse_list_next(&value, &item)) {
        struct config_pair pair;
        number++;
        const char *fault = header_parse(item, &pair);
        if (fault == NULL &&
            !pair_put(c->otlp.headers, &c->otlp.nr_headers, CONFIG_MAX_HEADERS, pair))
            fault = "is one too many";
        if (fault != NULL && faults++ == 0) {
            first_fault = fault;
            first_number = number;
        }
    }
    if (faults > 0)
        diag_config_mistake("%s: item %u %s; %u of %u items left out (values are not shown)",
                            variable, first_number, first_fault, faults, number);
}

static const char *attribute_parse(struct slice item, struct config_pair *out)
{
    size_t equals = slice_find(item, '='), key_len, value_len;
    if (equals == item.len)
        return "has no `=`";
    char *key = decoded_copy(slice_trim(slice_until(item, equals)), &key_len);
    char *text = decoded_copy(slice_trim(slice_from(item, equals + 1)), &value_len);
    if (key == NULL || text == NULL)
        return "has a malformed %-escape";
    if (key_len == 0)
        return "has no key";
    if (!utf8_is_valid(key, key_len) || !utf8_is_valid(text, value_len))
        return "is not UTF-8";
    *out = (struct config_pair){ key, text };
    return NULL;
}

void load_attributes(struct config *c, const char *variable, struct slice value)
{
    struct slice item;
    unsigned over = 0;
    c->nr_resource = 0;
    while (parse_list_next(&value, &item)) {
        struct config_pair pair;
        const char *fault = attribute_parse(item, &pair);
        if (fault != NULL) {
            char shown[SHOWN_BYTES];
            text_shown(item, shown);
            diag_config_mistake("%s: \"%s\" %s; the whole value is ignored", variable, shown,
                                fault);
            c->nr_resource = 0;
            return;
        }
        over += !pair_put(c->resource, &c->nr_resource, CONFIG_MAX_RESOURCE_ATTRIBUTES, pair);
    }
    if (over > 0)
        diag_config_mistake("%s: more than %u attributes; %u left out", variable,
                            CONFIG_MAX_RESOURCE_ATTRIBUTES, over);
}
