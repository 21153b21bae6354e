/* The public API in C++: says what each function does; nothing is there without the shim. */
#include <otelshim.h>

#include <cstdio>
#include <cstring>

int main()
{
    char text[OTELSHIM_TRACEPARENT_SIZE];
    otelshim_context context, before;
    const bool found = otelshim_current_traceparent(text) == 1;
    std::printf("%s\n", found == (std::strlen(text) == 55) ? "whole" : "cut");
    const bool captured = otelshim_context_capture(&context) == 1;
    const bool attached = otelshim_context_attach(&context, &before) == 1;
    otelshim_context_detach(&before);
    std::printf("%s\n", found == captured && captured == attached ? "alike" : "apart");
    std::fprintf(stderr, "%s\n", text);
    return 0;
}
