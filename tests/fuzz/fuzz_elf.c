/*
 * libFuzzer entry for cli/elf_file.c and shim/context/exec_target.c: the file
 * of a program that somebody else has made, as `otelshim doctor` and the hooks
 * of exec look at it.
 *
 * Holds: no read beyond the file, whatever its offsets say; every text and note
 * that is found lies within it; a script's interpreter is a text within the
 * bytes that were read.
 */
#include <stdint.h>
#include <stdlib.h>

#include <string.h>

#include "../../cli/elf_file.c"
#include "context/exec_target.h"

#define HEAD_BYTES 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void require_text(const struct elf_file *elf, const char *text)
{
    const char *at = (const char *)elf->at;
    if (text != NULL)
        require(text >= at && text < at + elf->size &&
                strlen(text) < (size_t)(at + elf->size - text));
}

static void look_up(const struct elf_file *elf)
{
    static const char *const names[] = { "main", "connect", "__tsan_init", "" };
    Elf64_Xword value;
    size_t len = 0;
    require_text(elf, elf->interpreter);
    elf_dynamic(elf, DT_FLAGS_1, &value);
    require_text(elf, elf_dynamic_text(elf, DT_SONAME, 0));
    for (unsigned i = 0; i < 4; i++)
        require_text(elf, elf_dynamic_text(elf, DT_NEEDED, i));
    const char *note = elf_note(elf, "Go", 4, &len);
    if (note != NULL)
        require(note >= (const char *)elf->at &&
                len <= (size_t)((const char *)elf->at + elf->size - note));
    elf_has_section(elf, ".go.buildinfo");
    elf_search(elf, "libcurl", 7);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        elf_symbol(elf, names[i]);
}

/* As the file is mapped, but with nothing behind its end. */
static void doctor(const uint8_t *data, size_t size)
{
    struct elf_file elf = { .at = data, .size = size };
    if (size < sizeof elf.head || !read_head(&elf))
        return;
    look_up(&elf);
}

static void before_exec(const uint8_t *data, size_t size)
{
    const char *interpreter = NULL;
    size_t len = size < HEAD_BYTES ? size : HEAD_BYTES;
    unsigned char *head = malloc(HEAD_BYTES);
    memcpy(head, data, len);
    if (elf_verdict(head, len, &interpreter) == ELF_SCRIPT) {
        require(interpreter >= (char *)head && interpreter < (char *)head + HEAD_BYTES);
        require(strlen(interpreter) < HEAD_BYTES);
    }
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    doctor(data, size);
    before_exec(data, size);
    return 0;
}
