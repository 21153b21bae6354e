/* The service's instance: a random id for each process. */
#include "detector.h"
#include "uuid.h"

static void detect(const struct detection *d)
{
    char text[UUID_BYTES + 1];
    if (uuid_make(text))
        detected_string(d, "service.instance.id", text);
}

const struct detector detect_service = { "service", DETECT_SERVICE, detect };
