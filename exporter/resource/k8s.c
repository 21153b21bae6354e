/*
 * Kubernetes: the pod's uid by its cgroup or mounts, the namespace by the service
 * account's folder, names by variables that the downward API sets (K8S_POD_NAME …).
 */
#include <stdlib.h>
#include <string.h>

#include "detector.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

static void detect(const struct detection *d)
{
    static const char *const keys[K8S_VARIABLE_COUNT] = {
#define X(id, variable, key) [K8S_##id] = key,
        CONFIG_K8S_VARIABLES(X)
#undef X
    };
    char uid[UUID_BYTES + 1];
    size_t len;
    if (find_pod_uid(d, uid))
        detected_string(d, "k8s.pod.uid", uid);
    char *name = detection_read(d, ACCOUNT "/namespace", &len);
    if (name)
        detected_text(d, "k8s.namespace.name", name, strcspn(name, " \r\n"));
    free(name);
    if (d->config->hostname && detection_exists(d, ACCOUNT))
        detected_string(d, "k8s.pod.name", d->config->hostname);
    for (unsigned i = 0; i < K8S_VARIABLE_COUNT; i++)
        if (d->config->k8s[i])
            detected_string(d, keys[i], d->config->k8s[i]);
}

const struct detector detect_k8s = { "k8s", DETECT_K8S, detect };
