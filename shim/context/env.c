/*
 * Builds a child's environment in two passes over the program's: one that decides
 * (scan), one that writes pointers and the few new strings (build). Memory is
 * used from both ends: the pointer array grows up, strings grow down.
 */
#include "context/env.h"

#include <stdint.h>

#include "context/propagator.h"

struct memory {
    char **pointers; /* next free entry */
    char *strings;   /* lowest byte in use */
    bool full;
};

/* What the program's own environment holds. */
struct findings {
    const char *context[CONTEXT_FIELD_COUNT], *ld_preload; /* values, NULL = missing */
    bool set_context, set_baggage, set_preload, add_variables, has_run_id;
};

/* The value of "NAME=value" when the name is `name`; else NULL. */
static const char *value_of(const char *entry, const char *name, size_t name_len)
{
    if (strncmp(entry, name, name_len) != 0 || entry[name_len] != '=')
        return NULL;
    return entry + name_len + 1;
}

#define VALUE_OF(entry, name) value_of(entry, name, sizeof(name) - 1)

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Calls it with each entry of a list; the loader separates by colons and blanks. */
static const char *next_library(const char *list, size_t *len)
{
    list += strspn(list, ": ");
    *len = strcspn(list, ": ");
    return *len > 0 ? list : NULL;
}

static bool is_our_library(const char *path, size_t len)
{
    size_t n = sizeof ENV_LIBRARY - 1;
    return len >= n && memcmp(path + len - n, ENV_LIBRARY, n) == 0 &&
           (len == n || path[len - n - 1] == '/');
}

bool env_preloads_us(const char *list)
{
    size_t len;
    for (const char *at = list; at != NULL && (at = next_library(at, &len)) != NULL; at += len) {
        if (is_our_library(at, len))
            return true;
    }
    return false;
}

/* Ours is there, but by a relative path: it would be searched in the child's directory. */
static bool preloads_us_relatively(const char *list)
{
    size_t len;
    for (const char *at = list; at != NULL && (at = next_library(at, &len)) != NULL; at += len) {
        if (is_our_library(at, len) && at[0] != '/' && memchr(at, '/', len) != NULL)
            return true;
    }
    return false;
}

/* The context's field that an entry is, of those that travel, and its value; else NULL. */
static const char *context_value_of(const char *entry, enum context_field *field)
{
    for (unsigned i = 0; i < CONTEXT_FIELD_COUNT; i++) {
        if (!(propagation.reads & CONTEXT_BIT(i)))
            continue;
        const char *name = context_variable(i), *value = value_of(entry, name, strlen(name));
        if (value != NULL) {
            *field = i;
            return value;
        }
    }
    return NULL;
}

/* Whether a name with this first letter may be a context's: most are not looked at. */
static bool may_be_context(char first)
{
    return first == 'T' || first == 'B' || first == 'X' || first == 'U';
}

static struct findings scan(char *const envp[], const struct env_inputs *in)
{
    struct findings f = { 0 };
    enum context_field field;
    for (; *envp != NULL; envp++) {
        const char *entry = *envp, *value;
        if (may_be_context(entry[0]) && (value = context_value_of(entry, &field)) != NULL &&
            f.context[field] == NULL)
            f.context[field] = value;
        else if (entry[0] == 'L' && (value = VALUE_OF(entry, "LD_PRELOAD")) && !f.ld_preload)
            f.ld_preload = value;
        else if (entry[0] == 'O' && VALUE_OF(entry, CONFIG_RUN_ID))
            f.has_run_id = true;
    }
    const struct config *c = in->config;
    bool own_parent = false;
    for (unsigned i = 0; i < CONTEXT_FIELD_COUNT; i++)
        own_parent |= (propagation.context & CONTEXT_BIT(i)) && f.context[i] != NULL &&
                      !is_same(f.context[i], c->came_in[i]);
    f.set_context = in->context != NULL && propagation.context != 0 && !own_parent;
    const char *baggage = f.context[CONTEXT_BAGGAGE];
    bool own_baggage = baggage != NULL && !is_same(baggage, c->came_in[CONTEXT_BAGGAGE]);
    f.set_baggage = in->context != NULL && propagation.baggage && in->context->baggage != NULL &&
                    !own_baggage && !is_same(in->context->baggage, baggage);
    if (in->refused) {
        f.set_preload = env_preloads_us(f.ld_preload);
    } else if (c->follow_children && in->library != NULL) {
        f.add_variables = !env_preloads_us(f.ld_preload);
        f.set_preload = f.add_variables || preloads_us_relatively(f.ld_preload);
    }
    return f;
}

static void add_pointer(struct memory *m, char *entry)
{
    /* One entry is kept for the terminating NULL. */
    if (m->full || (size_t)(m->strings - (char *)m->pointers) < 2 * sizeof(char *)) {
        m->full = true;
        return;
    }
    *m->pointers++ = entry;
}

/* Room for a string of `len` bytes and its zero; NULL when there is none. */
static char *add_string(struct memory *m, size_t len)
{
    if (m->full || (size_t)(m->strings - (char *)m->pointers) < len + 1 + 2 * sizeof(char *)) {
        m->full = true;
        return NULL;
    }
    m->strings -= len + 1;
    m->strings[len] = 0;
    return m->strings;
}

static void add_copy(struct memory *m, const char *entry)
{
    size_t len = strlen(entry);
    char *text = add_string(m, len);
    if (text == NULL)
        return;
    memcpy(text, entry, len);
    add_pointer(m, text);
}

/* NAME=value of a context's field. */
static void add_field(struct memory *m, enum context_field field, struct field_text value)
{
    const char *name = context_variable(field);
    size_t name_len = strlen(name);
    char *text = add_string(m, name_len + 1 + value.len);
    if (text == NULL)
        return;
    memcpy(text, name, name_len);
    text[name_len] = '=';
    memcpy(text + name_len + 1, value.at, value.len);
    add_pointer(m, text);
}

static void add_context(struct memory *m, const struct span_context *context)
{
    struct injected i;
    for (unsigned at = 0; propagation_inject(&at, context, CONTEXT_BIT(CONTEXT_BAGGAGE), &i);)
        add_field(m, i.field, i.value);
}

/*
 * The program's list with our object in it once, by its absolute path, at the end.
 * `library` NULL: the list without us, if anything is left of it.
 */
static void add_preload(struct memory *m, const char *list, const char *library)
{
    static const char name[] = "LD_PRELOAD=";
    size_t library_len = library != NULL ? strlen(library) : 0;
    size_t room = sizeof name - 1 + library_len + 1 + (list ? strlen(list) : 0);
    char *text = add_string(m, room);
    if (text == NULL)
        return;
    char *to = text;
    memcpy(to, name, sizeof name - 1);
    to += sizeof name - 1;
    size_t len;
    for (const char *at = list; at != NULL && (at = next_library(at, &len)) != NULL; at += len) {
        if (is_our_library(at, len))
            continue;
        memcpy(to, at, len);
        to += len;
        *to++ = ':';
    }
    if (library != NULL)
        memcpy(to, library, library_len);
    else if (to[-1] == ':')
        to--;
    to[library_len] = 0;
    if (to + library_len > text + sizeof name - 1)
        add_pointer(m, text);
}

static bool is_set(char *const envp[], const char *entry)
{
    size_t name_len = strcspn(entry, "=");
    for (; *envp != NULL; envp++) {
        if (value_of(*envp, entry, name_len) != NULL)
            return true;
    }
    return false;
}

/* An entry of the program's that the new ones replace. */
static bool is_replaced(const struct findings *f, const char *entry)
{
    enum context_field field;
    if (entry[0] == 'L')
        return f->set_preload && VALUE_OF(entry, "LD_PRELOAD");
    if (!may_be_context(entry[0]) || context_value_of(entry, &field) == NULL)
        return false;
    return field == CONTEXT_BAGGAGE ? f->set_baggage : f->set_context;
}

char **env_for_child(char *const envp[], const struct env_inputs *in, void *memory, size_t size)
{
    static char *const nothing[] = { NULL };
    if (envp == NULL) /* Linux takes it for an empty one */
        envp = nothing;
    struct findings f = scan(envp, in);
    bool set_run_id = !f.has_run_id && in->config->run_entry != NULL;
    if (!f.set_context && !f.set_baggage && !f.set_preload && !set_run_id)
        return NULL;

    size_t align = -(uintptr_t)memory % sizeof(char *);
    if (size < align + sizeof(char *))
        return NULL;
    char **built = (char **)((char *)memory + align);
    struct memory m = { built, (char *)memory + size, false };

    for (char *const *e = envp; *e != NULL; e++) {
        if (!is_replaced(&f, *e))
            add_pointer(&m, *e);
    }
    if (f.set_context)
        add_context(&m, in->context);
    if (f.set_baggage)
        add_field(&m, CONTEXT_BAGGAGE,
                  (struct field_text){ in->context->baggage, strlen(in->context->baggage) });
    if (f.set_preload)
        add_preload(&m, f.ld_preload, in->refused ? NULL : in->library);
    if (set_run_id)
        add_copy(&m, in->config->run_entry);
    for (unsigned i = 0; f.add_variables && i < in->config->nr_follow_vars; i++) {
        const char *entry = in->config->follow_vars[i];
        if (!is_set(envp, entry) && !VALUE_OF(entry, CONFIG_RUN_ID))
            add_copy(&m, entry);
    }
    if (m.full)
        return NULL;
    *m.pointers = NULL;
    return built;
}
