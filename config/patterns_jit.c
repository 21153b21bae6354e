/*
 * What PCRE2 asks its compiler to machine code for. We compile to none (a process may forbid
 * memory that is writable and executable, and matches are bounded by counted steps), and with
 * these here the linker leaves that compiler out: 240 KB of the object that every process maps.
 * Hidden names of the static library's own, as Debian 12 builds it.
 */
#include <stddef.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

void _pcre2_jit_free_8(void *code, void *memory);
int _pcre2_jit_check_exec_8(void *code);

void _pcre2_jit_free_8(void *code, void *memory)
{
    (void)code, (void)memory;
}

/* Both are asked only for compiled patterns: there are none. */
int _pcre2_jit_check_exec_8(void *code)
{
    (void)code;
    return 0;
}

int pcre2_jit_match(const pcre2_code *code, PCRE2_SPTR subject, PCRE2_SIZE length, PCRE2_SIZE start,
                    uint32_t options, pcre2_match_data *data, pcre2_match_context *context)
{
    (void)code, (void)subject, (void)length, (void)start, (void)options, (void)data, (void)context;
    return PCRE2_ERROR_JIT_BADOPTION;
}
