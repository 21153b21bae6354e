/*
 * The rows of schema.h as they are read: one function per type, text to field.
 *
 * A value that a type cannot read leaves the field as it stood: at its default, or at what
 * a more general row said. Constructor only: no malloc, nothing but snprintf of stdio.
 */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "load.h"
#include "schema.h"
#include "sdk/rate.h"
#include "sdk/rules.h"
#include "sdk/sampler.h"

const struct word config_words[] = {
#define BUILT true
#define UNBUILT false
#define WORD(set, text, value, built) { WORDS_##set, text, value, built },
    CONFIG_WORDS(WORD)
#undef WORD
#undef UNBUILT
#undef BUILT
        { 0 }
};

static bool is_strict(const struct setting *s)
{
    return s->source == SOURCE_FILE;
}

/* Where the rules say "as unset": says so and leaves the field alone. Always false. */
static bool mistake(const struct setting *s, const char *fault, const char *used)
{
    char shown[SHOWN_BYTES];
    text_shown(slice_of(s->text), shown);
    if (is_strict(s))
        diag_config_mistake("%s=\"%s\" %s; telemetry is off", s->where, shown, fault);
    else
        diag_config_mistake("%s=\"%s\" %s; using %s", s->where, shown, fault, used);
    return false;
}

static void *field_of(struct config *c, const struct row *v)
{
    return (char *)c + v->field;
}

static bool load_BOOL(struct config *c, const struct row *v, const struct setting *s)
{
    bool on;
    if (!parse_bool(slice_of(s->text), &on))
        mistake(s, "is neither true nor false", "false");
    memcpy(field_of(c, v), &on, sizeof on);
    return true;
}

static bool load_number(struct config *c, const struct row *v, const struct setting *s,
                        uint32_t min)
{
    uint32_t number;
    memcpy(&number, field_of(c, v), sizeof number);
    if (!parse_uint(slice_of(s->text), min, PARSE_UINT_MAX, &number)) {
        char fault[64], used[16];
        snprintf(fault, sizeof fault, "is not a whole number from %u to %u", min, PARSE_UINT_MAX);
        snprintf(used, sizeof used, "%u", number);
        return mistake(s, fault, used);
    }
    memcpy(field_of(c, v), &number, sizeof number);
    return true;
}

static bool load_MS(struct config *c, const struct row *v, const struct setting *s)
{
    return load_number(c, v, s, 0);
}

static bool load_BYTES(struct config *c, const struct row *v, const struct setting *s)
{
    return load_number(c, v, s, 1);
}

static bool load_LIMIT(struct config *c, const struct row *v, const struct setting *s)
{
    return load_number(c, v, s, 0);
}

static bool load_COUNT(struct config *c, const struct row *v, const struct setting *s)
{
    return load_number(c, v, s, 1);
}

/* Values are our own copies already: the field may point into them. */
static bool load_PATH(struct config *c, const struct row *v, const struct setting *s)
{
    memcpy(field_of(c, v), &s->text, sizeof s->text);
    return true;
}

static bool load_NAMES(struct config *c, const struct row *v, const struct setting *s)
{
    return load_PATH(c, v, s);
}

static bool load_TEXT(struct config *c, const struct row *v, const struct setting *s)
{
    if (!utf8_is_valid(s->text, strlen(s->text)))
        return mistake(s, "is not UTF-8", "the default");
    return load_PATH(c, v, s);
}

static bool load_RUN_ID(struct config *c, const struct row *v, const struct setting *s)
{
    if (strlen(s->text) > CONFIG_MAX_RUN_ID)
        return mistake(s, "is longer than 256 bytes", "a random one");
    return load_TEXT(c, v, s);
}

static const struct word *word_find(enum word_set set, struct slice text)
{
    for (size_t i = 0; config_words[i].text != NULL; i++)
        if (config_words[i].set == set && slice_is_nocase(text, config_words[i].text))
            return &config_words[i];
    return NULL;
}

static const char *word_of(enum word_set set, uint32_t value)
{
    for (size_t i = 0; config_words[i].text != NULL; i++)
        if (config_words[i].set == set && config_words[i].built && config_words[i].value == value)
            return config_words[i].text;
    return "the default";
}

/* *chosen is what holds otherwise. */
static bool choose(const struct row *v, const struct setting *s, uint32_t *chosen)
{
    const struct word *word = word_find(v->words, slice_trim(slice_of(s->text)));
    if (word == NULL)
        return mistake(s, "is not known", word_of(v->words, *chosen));
    if (!word->built)
        return mistake(s, "is not supported by this version", word_of(v->words, *chosen));
    *chosen = word->value;
    return true;
}

static bool load_CHOICE(struct config *c, const struct row *v, const struct setting *s)
{
    uint32_t chosen;
    memcpy(&chosen, field_of(c, v), sizeof chosen);
    if (!choose(v, s, &chosen))
        return false;
    memcpy(field_of(c, v), &chosen, sizeof chosen);
    return true;
}

static bool load_SAMPLER(struct config *c, const struct row *v, const struct setting *s)
{
    uint32_t chosen = c->sampler | (c->sampler_parent_based ? SAMPLER_PARENT_BASED : 0);
    if (!choose(v, s, &chosen))
        return false;
    c->sampler = (enum sampler_kind)(chosen & ~SAMPLER_PARENT_BASED);
    c->sampler_parent_based = chosen & SAMPLER_PARENT_BASED;
    return true;
}

/* Means something to the samplers of shares and rates only, which no default names. */
static bool load_RATIO(struct config *c, const struct row *v, const struct setting *s)
{
    (void)v;
    if (c->sampler == SAMPLER_RATE)
        return parse_number(slice_of(s->text), RATE_MIN, RATE_MAX, &c->sampler_rate) ||
               mistake(s, "is not a number from 0.001 to 1000000", "100");
    if (c->sampler == SAMPLER_RATIO)
        return parse_ratio(slice_of(s->text), &c->sampler_ratio) ||
               mistake(s, "is not a number from 0 to 1", "1.0");
    return true;
}

/* Of the items of a list that are wrong. */
static const char *what_becomes_of(const struct setting *s, unsigned nr_bad)
{
    if (is_strict(s))
        return "telemetry is off";
    return nr_bad > 1 ? "it and others are left out" : "it is left out";
}

/* One `name=sampler`. */
static bool take_below(struct config *c, struct slice item)
{
    static const char *const names[PARENT_KINDS] = {
        [PARENT_LOCAL_NOT_SAMPLED] = "local_parent_not_sampled",
        [PARENT_LOCAL_SAMPLED] = "local_parent_sampled",
        [PARENT_REMOTE_NOT_SAMPLED] = "remote_parent_not_sampled",
        [PARENT_REMOTE_SAMPLED] = "remote_parent_sampled",
    };
    size_t equals = slice_find(item, '=');
    struct slice name = slice_trim(slice_until(item, equals));
    struct slice word = slice_trim(slice_from(item, equals + 1));
    double share = 1;
    if (slice_is_nocase(word, "always_off"))
        share = 0;
    else if (!slice_is_nocase(word, "always_on") && !parse_ratio(word, &share))
        return false;
    for (unsigned kind = 0; kind < PARENT_KINDS; kind++) {
        if (!slice_is_nocase(name, names[kind]))
            continue;
        c->below[kind] = (struct below_parent){ true, share >= 1, 0 };
        if (share < 1)
            c->below[kind].bound = sampler_bound_of(share);
        return true;
    }
    return false;
}

static bool load_BELOW_PARENTS(struct config *c, const struct row *v, const struct setting *s)
{
    struct slice item, bad = { "", 0 }, rest = slice_of(s->text);
    unsigned nr_bad = 0;
    char shown[SHOWN_BYTES];
    (void)v;
    while (parse_list_next(&rest, &item))
        if (!take_below(c, item) && nr_bad++ == 0)
            bad = item;
    if (nr_bad == 0)
        return true;
    text_shown(bad, shown);
    diag_config_mistake("%s: \"%s\" is not a kind of parents, `=` and always_on, always_off or a "
                        "share from 0 to 1; %s",
                        s->where, shown, what_becomes_of(s, nr_bad));
    return false;
}

static bool load_RULES(struct config *c, const struct row *v, const struct setting *s)
{
    struct rule_fault fault;
    char shown[SHOWN_BYTES];
    (void)v;
    c->rules = rules_make(s->text, &fault);
    if (fault.nr_bad == 0)
        return true;
    text_shown((struct slice){ fault.at, fault.len }, shown);
    diag_config_mistake("%s: \"%s\" %s; %s", s->where, shown, fault.what,
                        what_becomes_of(s, fault.nr_bad));
    return false;
}

/*
 * A list of words. `none` empties it; words not understood are left out; a list
 * in which nothing was understood counts as unset. A word that the specification
 * knows and we do not is understood: who asks for b3 alone does not get W3C.
 */
static bool load_FLAGS(struct config *c, const struct row *v, const struct setting *s)
{
    struct slice item, first_bad = { "", 0 }, rest = slice_of(s->text);
    uint32_t flags = 0;
    unsigned bad = 0, understood = 0;
    bool none = false;
    while (parse_list_next(&rest, &item)) {
        const struct word *word = word_find(v->words, item);
        if ((word == NULL || !word->built) && bad++ == 0)
            first_bad = item;
        if (word == NULL)
            continue;
        understood++;
        flags |= word->built ? word->value : 0;
        none |= strcmp(word->text, "none") == 0;
    }
    char shown[SHOWN_BYTES];
    text_shown(first_bad, shown);
    if (bad > 0 && v->words == WORDS_DETECTOR)
        /* Other SDKs have detectors of their own: that is no mistake. */
        c->unknown_detector = arena_copy(shown, strlen(shown));
    else if (bad > 0)
        diag_config_mistake("%s: \"%s\" is not supported by this version%s; %s", s->where, shown,
                            bad > 1 ? ", nor are others of the list" : "",
                            understood ? "left out" : "the default holds");
    if (understood == 0)
        return v->words == WORDS_DETECTOR; /* the default holds */
    if (none)
        flags = 0;
    memcpy(field_of(c, v), &flags, sizeof flags);
    return true;
}

/* The same where the order counts: the flags that load_FLAGS understands, in theirs. */
static bool load_PROPAGATORS(struct config *c, const struct row *v, const struct setting *s)
{
    struct slice item, rest = slice_of(s->text);
    uint32_t flags;
    unsigned n = 0;
    if (!load_FLAGS(c, v, s))
        return false;
    memcpy(&flags, c->propagator_order, sizeof flags);
    memset(c->propagator_order, 0, sizeof c->propagator_order);
    while (flags != 0 && parse_list_next(&rest, &item)) {
        const struct word *word = word_find(v->words, item);
        if (word == NULL || !(flags & word->value))
            continue;
        c->propagator_order[n++] = (uint8_t)word->value;
        flags &= ~word->value;
    }
    return true;
}

static bool load_URL(struct config *c, const struct row *v, const struct setting *s)
{
    const char *url = url_checked(s->where, slice_of(s->text));
    memcpy(field_of(c, v), &url, sizeof url);
    return true;
}

static bool load_ENDPOINT(struct config *c, const struct row *v, const struct setting *s)
{
    (void)v;
    load_endpoint(c, s->where, slice_of(s->text), true);
    return true;
}

static bool load_TRACES_ENDPOINT(struct config *c, const struct row *v, const struct setting *s)
{
    (void)v;
    load_endpoint(c, s->where, slice_of(s->text), false);
    return true;
}

static bool load_HEADERS(struct config *c, const struct row *v, const struct setting *s)
{
    (void)v;
    load_headers(c, s->where, slice_of(s->text));
    return true;
}

static bool load_ATTRIBUTES(struct config *c, const struct row *v, const struct setting *s)
{
    (void)v;
    load_attributes(c, s->where, slice_of(s->text), s->source == SOURCE_FILE);
    return true;
}

/* Looked up by config_url_filter(), with names that depend on the instrumentation. */
static bool load_PATTERNS(struct config *c, const struct row *v, const struct setting *s)
{
    (void)c, (void)v, (void)s;
    return true;
}

/* A row that stands in the table before what it means does. A file may say more than we do. */
static bool not_read(const struct setting *s)
{
    if (!is_strict(s))
        return mistake(s, "is not read by this version", "the default");
    diag_config_mistake("%s is not read by this version; left out", s->where);
    return true;
}

static bool is_unbuilt(const struct row *v)
{
    static const char *const names[] = {
#define NAME(name) name,
        CONFIG_UNBUILT_VARIABLES(NAME)
#undef NAME
            NULL
    };
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], v->name) == 0)
            return true;
    return false;
}

const struct row config_rows[] = {
#define VAR(name, type, field, set, default_text, effect) \
    { name, load_##type, offsetof(struct config, field), WORDS_##set },
    CONFIG_VARIABLES(VAR)
#undef VAR
};
const unsigned config_nr_rows = sizeof config_rows / sizeof config_rows[0];
_Static_assert(sizeof config_rows / sizeof config_rows[0] <= CONFIG_MAX_ROWS, "CONFIG_MAX_ROWS");

bool row_load(struct config *c, const struct row *v, const struct setting *s)
{
    return is_unbuilt(v) ? not_read(s) : v->load(c, v, s);
}

const struct row *row_find(const char *name)
{
    for (unsigned i = 0; i < config_nr_rows; i++)
        if (strcmp(config_rows[i].name, name) == 0)
            return &config_rows[i];
    return NULL;
}
