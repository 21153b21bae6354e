/* The public API in C++: says what each function does; nothing is there without the shim. */
#include <otelshim.h>

#include <climits>
#include <cstdio>
#include <cstring>
#include <stdexcept>

// Ends with its scope, also when an exception leaves it.
class Span
{
  public:
    explicit Span(const char *name)
    {
        otelshim_span_start(&span, name, OTELSHIM_CONSUMER);
    }
    ~Span()
    {
        otelshim_span_end(&span);
    }
    Span(const Span &) = delete;
    Span &operator=(const Span &) = delete;
    otelshim_span span;
};

static void step(const otelshim_context &other)
{
    Span step("step");
    const otelshim_attribute attributes[] = { otelshim_string("text", "value"),
                                              otelshim_int("big", LLONG_MIN),
                                              otelshim_double("share", 0.25),
                                              otelshim_bool("last", false) };
    otelshim_span_set_all(&step.span, attributes, 4);
    otelshim_span_link(&step.span, &other);
    otelshim_event("thrown", nullptr, 0);
    otelshim_status(OTELSHIM_OK, nullptr);
    throw std::runtime_error("step");
}

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
    const bool said = otelshim_set(otelshim_string("language", "C++")) == 1;
    try {
        step(context);
    } catch (const std::runtime_error &) {
    }
    char after[OTELSHIM_TRACEPARENT_SIZE];
    otelshim_current_traceparent(after);
    std::printf("%s\n",
                (said == found || !found) && std::strcmp(text, after) == 0 ? "both" : "not");
    std::fprintf(stderr, "%s\n", text);
    return 0;
}
