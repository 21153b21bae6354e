/* See file.h: bytes to a document to settings. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file_keys.h"
#include "yaml_memory.h"

/* ---- document to settings ---- */

static bool finish(struct file *f, const yaml_node_t *root)
{
    if (!f->has_format)
        return file_fault(f, root, "`file_format` is missing");
    const yaml_node_t *provider = f->provider != NULL ? f->provider : root;
    const yaml_node_t *propagator = f->propagator != NULL ? f->propagator : root;
    /* Without a tracer provider nothing is told, without a propagator nothing is handed on. */
    return file_set(f, provider, "tracer_provider", "OTEL_TRACES_EXPORTER",
                    *f->exporters != '\0' ? f->exporters : "none") &&
           file_set(f, propagator, "propagator", "OTEL_PROPAGATORS",
                    *f->propagators != '\0' ? f->propagators : "none");
}

static bool read_document(struct file *f)
{
    const yaml_node_t *root = yaml_document_get_root_node(f->document);
    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return file_fault(f, root, "it is not a mapping");
    return file_map(f, root, file_top_keys) && finish(f, root);
}

/* ---- text to document ---- */

static bool syntax_fault(struct file *f, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return file_fault(f, NULL, "it is too large");
    char shown[SHOWN_BYTES];
    text_shown(slice_of(parser->problem != NULL ? parser->problem : "it is no YAML"), shown);
    yaml_node_t at = { .start_mark = parser->problem_mark };
    return file_fault(f, &at, "%s", shown);
}

static bool parse(struct file *f, const char *text, size_t len)
{
    yaml_parser_t parser;
    static yaml_document_t document; /* constructor only */
    if (yaml_assertion_failed())
        return file_fault(f, NULL, "it is YAML that cannot be read");
    if (!yaml_parser_initialize(&parser))
        return file_fault(f, NULL, "no memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load(&parser, &document))
        return syntax_fault(f, &parser);
    f->document = &document;
    return read_document(f);
}

bool file_parse(struct config *c, const char *path, const char *text, size_t len,
                char *const envp[])
{
    static struct file file; /* constructor only: as if on the stack */
    file = (struct file){ .config = c, .path = path, .envp = envp };
    if (!yaml_memory_begin())
        return file_fault(&file, NULL, "no memory");
    bool good = parse(&file, text, len);
    yaml_memory_end();
    return good && !file.failed;
}

/* ---- file to text ---- */

/* Raw system calls: our own hooks have no business here. */
static size_t read_all(int fd, char *to, size_t room)
{
    size_t n = 0;
    while (n < room) {
        long got = syscall(SYS_read, fd, to + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n;
}

/* NULL, or what is wrong with it. Not opened for long: a pipe would make the program wait. */
static const char *read_file(const char *path, char *to, size_t *len)
{
    struct stat status;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT   ? "there is no such file"
               : errno == EACCES ? "it may not be read"
                                 : "it cannot be opened";
    bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    *len = regular ? read_all(fd, to, FILE_MAX_BYTES + 1) : 0;
    syscall(SYS_close, fd);
    if (!regular)
        return "it is not a regular file";
    return *len > FILE_MAX_BYTES ? "it is larger than 256 KB" : NULL;
}

/* A path for messages: the end of a long one is what tells it from others. */
static void path_shown(const char *path, char out[static SHOWN_BYTES])
{
    size_t len = strlen(path), skip = len < SHOWN_BYTES ? 0 : len - SHOWN_BYTES + 1, n = 0;
    for (const char *at = path + skip; *at != '\0'; at++)
        out[n++] = *at >= 0x20 && *at < 0x7f ? *at : '?';
    out[n] = '\0';
}

bool file_read(struct config *c, const char *path, char *const envp[])
{
    int saved_errno = errno;
    size_t len = 0;
    char shown[SHOWN_BYTES];
    void *text =
        mmap(NULL, FILE_MAX_BYTES + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const char *fault = text != MAP_FAILED ? read_file(path, text, &len) : "no memory";
    path_shown(path, shown);
    if (fault != NULL)
        diag_config_mistake("%s: %s; telemetry is off", shown, fault);
    bool good = fault == NULL && file_parse(c, shown, text, len, envp);
    if (text != MAP_FAILED)
        munmap(text, FILE_MAX_BYTES + 1);
    errno = saved_errno;
    return good;
}
