/*
 * libFuzzer entry for config/file*.c: a configuration file's bytes.
 *
 * Holds: it ends, within its memory and a bounded number of lines; a file that cannot be used
 * says so; whatever it said, the configuration is one that the rest can use. The arena is
 * this target's own, so that each input begins with an empty one.
 */
#include "config_arena.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char a[] = "A=one", n[] = "N=7", text[] = "LONG=01234567890123456789012345678901234567";
    char *const envp[] = { a, n, text, NULL };
    config_begin();
    struct config *c = (struct config *)(uintptr_t)config_load(NULL);
    require(nr_lines == 0);
    if (size > FILE_MAX_BYTES)
        return 0;
    bool good = file_parse(c, "f.yaml", (const char *)data, size, envp);
    require(nr_lines <= FILE_MAX_NOTES + 1);
    require(good || nr_lines > 0);
    require(c->nr_file_vars <= CONFIG_MAX_FILE_VARS);
    return 0;
}
