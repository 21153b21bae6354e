/*
 * A program that says what it does, step by step: spans of its own with attributes, events
 * and a status; a step that another thread does; what it worked on, on the span of the whole
 * process. Runs the same with and without otelshim.
 *
 *     cc -o spans spans.c -lpthread && otelshim run --console -- ./spans 3
 */
#include <otelshim.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* One entry: a span below the current one. */
static void bake(int number)
{
    struct otelshim_span span;
    otelshim_span_start(&span, "bake", OTELSHIM_INTERNAL);
    otelshim_span_set(&span, otelshim_int("loaf.number", number));
    otelshim_span_set(&span, otelshim_double("loaf.weight", 0.5 + number / 4.0));
    if (number == 2) {
        const struct otelshim_attribute seen[] = { otelshim_string("colour", "black"),
                                                   otelshim_bool("smoke", 1) };
        otelshim_span_event(&span, "smelled", seen, 2);
        otelshim_span_status(&span, OTELSHIM_ERROR, "it burnt");
        otelshim_span_set(&span, otelshim_string("error.type", "burnt"));
    }
    otelshim_span_end(&span);
}

/* A span that one thread starts and another one ends. */
struct delivery {
    struct otelshim_span span;
    int loaves;
};

static void *deliver(void *data)
{
    struct delivery *d = data;
    struct otelshim_context context, before;
    otelshim_span_context(&d->span, &context);
    otelshim_context_attach(&context, &before);
    otelshim_set(otelshim_int("delivery.loaves", d->loaves)); /* the current one: the delivery */
    printf("delivered %d\n", d->loaves);
    otelshim_context_detach(&before);
    otelshim_span_end(&d->span);
    return NULL;
}

int main(int argc, char **argv)
{
    int loaves = argc > 1 ? atoi(argv[1]) : 3;
    struct otelshim_span day;
    struct delivery delivery = { .loaves = loaves };
    pthread_t driver;

    otelshim_set(otelshim_string("bakery.name", "Zum alten Ofen")); /* of the process */
    otelshim_span_start(&day, "day", OTELSHIM_INTERNAL);
    for (int i = 1; i <= loaves; i++)
        bake(i);
    otelshim_span_start_detached(&delivery.span, "deliver", OTELSHIM_PRODUCER, NULL);
    if (pthread_create(&driver, NULL, deliver, &delivery) == 0)
        pthread_join(driver, NULL);
    otelshim_span_status(&day, OTELSHIM_OK, NULL);
    otelshim_span_end(&day);
    return 0;
}
