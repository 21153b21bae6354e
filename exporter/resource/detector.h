/*
 * Resource detectors: what can be learned of the process and of where it runs.
 * One file and one line in resource.c's list each. A detector that finds nothing adds
 * nothing. Background thread only.
 */
#ifndef OTELSHIM_DETECTOR_H
#define OTELSHIM_DETECTOR_H

#include "resource.h"
#include "uuid.h"

#define DETECTOR_MAX_FILE ((size_t)64 * 1024) /* bound: bytes of a file that are looked at */
#define CONTAINER_ID_BYTES 64u

struct detection {
    struct resource *resource;
    const struct config *config;
    const struct exporter_host *host;
    const char *root; /* before every path */
};

struct detector {
    const char *name;
    uint32_t bit; /* enum resource_detector */
    void (*detect)(const struct detection *detection);
};

extern const struct detector detect_process, detect_os, detect_host, detect_container, detect_k8s,
    detect_service;

/* Sets an attribute; a later value replaces an earlier one, an empty one is none. Copies. */
void detected_text(const struct detection *detection, const char *key, const char *text,
                   size_t len);
void detected_string(const struct detection *detection, const char *key, const char *text);
void detected_number(const struct detection *detection, const char *key, int64_t number);

/* The beginning of a file under the root, terminated, to be freed. NULL: there is none. */
char *detection_read(const struct detection *detection, const char *path, size_t *len);
bool detection_exists(const struct detection *detection, const char *path);

/* 64 hex digits that are a container's id, by /proc/self/cgroup and mountinfo. */
bool find_container_id(const struct detection *detection, char id[static CONTAINER_ID_BYTES + 1]);
/* A pod's uid, by the same files. */
bool find_pod_uid(const struct detection *detection, char uid[static UUID_BYTES + 1]);

#endif
