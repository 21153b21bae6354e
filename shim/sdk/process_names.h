/*
 * Texts of error.type for processes. Pure, async-signal-safe.
 */
#ifndef OTELSHIM_SDK_PROCESS_NAMES_H
#define OTELSHIM_SDK_PROCESS_NAMES_H

#define PROCESS_CODE_TEXT 12u
/* An exit code or number as text. */
void process_code_text(int code, char out[static PROCESS_CODE_TEXT]);
/* "SIGKILL", "ENOENT"; the number where there is no name. `out` is used or not. */
const char *process_signal_text(int signal, char out[static PROCESS_CODE_TEXT]);
const char *process_errno_text(int error, char out[static PROCESS_CODE_TEXT]);

#endif
