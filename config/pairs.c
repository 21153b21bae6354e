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

/* Puts a pair into a list, over an earlier one of that key. Its place, or -1: the list is full. */
static int pair_put(struct config_pair *pairs, unsigned *nr, unsigned max, struct config_pair pair)
{
    unsigned i = 0;
    while (i < *nr && strcmp(pairs[i].key, pair.key) != 0)
        i++;
    if (i == max)
        return -1;
    pairs[i] = pair;
    *nr += i == *nr;
    return (int)i;
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
            pair_put(c->otlp.headers, &c->otlp.nr_headers, CONFIG_MAX_HEADERS, pair) < 0)
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

/* ---- attributes ---- */

static const struct {
    const char *type;
    enum attribute_kind kind;
} attribute_types[] = {
    { "string", ATTRIBUTE_TEXT },
    { "bool", ATTRIBUTE_BOOL },
    { "int", ATTRIBUTE_INT },
    { "double", ATTRIBUTE_DOUBLE },
    { "string_array", ATTRIBUTE_TEXT_LIST },
    { "bool_array", ATTRIBUTE_BOOL_LIST },
    { "int_array", ATTRIBUTE_INT_LIST },
    { "double_array", ATTRIBUTE_DOUBLE_LIST },
};
#define NR_TYPES (sizeof attribute_types / sizeof attribute_types[0])

int config_attribute_kind(const char *type)
{
    for (size_t i = 0; i < NR_TYPES; i++)
        if (strcmp(attribute_types[i].type, type) == 0)
            return (int)attribute_types[i].kind;
    return -1;
}

const char *config_attribute_type(unsigned kind)
{
    for (size_t i = 0; i < NR_TYPES; i++)
        if ((unsigned)attribute_types[i].kind == kind)
            return attribute_types[i].type;
    return "string";
}

/* `TYPE;…` to its kind, and the value to what is behind. Texts of a file have no `;`. */
static uint8_t take_type(struct slice *value)
{
    size_t end = slice_find(*value, ';');
    for (size_t i = 0; i < NR_TYPES && end < value->len; i++) {
        if (slice_is(slice_until(*value, end), attribute_types[i].type)) {
            *value = slice_from(*value, end + 1);
            return (uint8_t)attribute_types[i].kind;
        }
    }
    return ATTRIBUTE_TEXT;
}

/* NULL, or what is wrong with the item. A list stays as it is: its reader decodes it. */
static const char *attribute_parse(struct slice item, bool typed, struct config_pair *out,
                                   uint8_t *kind)
{
    size_t equals = slice_find(item, '='), key_len = 0, value_len = 0;
    if (equals == item.len)
        return "has no `=`";
    struct slice value = slice_trim(slice_from(item, equals + 1));
    *kind = typed ? take_type(&value) : ATTRIBUTE_TEXT;
    bool is_list = *kind >= 'A' && *kind <= 'Z';
    char *key = decoded_copy(slice_trim(slice_until(item, equals)), &key_len);
    char *text =
        is_list ? arena_copy(value.at, value_len = value.len) : decoded_copy(value, &value_len);
    if (key == NULL || text == NULL)
        return "has a malformed %-escape";
    if (key_len == 0)
        return "has no key";
    if (!utf8_is_valid(key, key_len) || !utf8_is_valid(text, value_len))
        return "is not UTF-8";
    *out = (struct config_pair){ key, text };
    return NULL;
}

void load_attributes(struct config *c, const char *variable, struct slice value, bool typed)
{
    struct slice item;
    unsigned over = 0;
    c->nr_resource = 0;
    while (parse_list_next(&value, &item)) {
        struct config_pair pair;
        uint8_t kind;
        const char *fault = attribute_parse(item, typed, &pair, &kind);
        if (fault != NULL) {
            char shown[SHOWN_BYTES];
            text_shown(item, shown);
            diag_config_mistake("%s: \"%s\" %s; the whole value is ignored", variable, shown,
                                fault);
            c->nr_resource = 0;
            return;
        }
        int place = pair_put(c->resource, &c->nr_resource, CONFIG_MAX_RESOURCE_ATTRIBUTES, pair);
        if (place < 0)
            over++;
        else
            c->resource_kind[place] = kind;
    }
    if (over > 0)
        diag_config_mistake("%s: more than %u attributes; %u left out", variable,
                            CONFIG_MAX_RESOURCE_ATTRIBUTES, over);
}
