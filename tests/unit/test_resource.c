/* The resource: detectors over made-up roots, and who wins over whom. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resource/identity.h"
#include "resource/resource.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define UID "12345678-9abc-def0-1234-56789abcdef0"

static char root[] = "/tmp/otelshim-root-XXXXXX";
static struct config config_of_test;
static struct resource resource;

static void no_log(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

static void make_root(void)
{
    cr_assert_not_null(mkdtemp(root));
    memset(&config_of_test, 0, sizeof config_of_test);
    config_of_test.detectors = DETECT_ALL;
}

static void remove_root(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(resource, .init = make_root, .fini = remove_root, .timeout = 30);

static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    cr_assert_not_null(file, "%s", whole);
    fputs(text, file);
    fclose(file);
}

static void detect(void)
{
    const struct exporter_host host = {
        .log = no_log, .version = "1.2.3", .executable_name = "prog", .pid = 42
    };
    resource_detect(&resource, &config_of_test, &host, root);
}

static const struct resource_attribute *find(const char *key)
{
    for (unsigned i = 0; i < resource.nr; i++)
        if (strcmp(resource.attributes[i].key, key) == 0)
            return &resource.attributes[i];
    return NULL;
}

static void check(const char *key, const char *wanted)
{
    const struct resource_attribute *a = find(key);
    if (wanted == NULL) {
        cr_assert_null(a, "%s is %s", key, a ? a->text : "");
        return;
    }
    cr_assert_not_null(a, "%s", key);
    cr_assert_str_eq(a->text, wanted, "%s is %s", key, a->text);
}

Test(resource, without_any_file_there_is_what_is_known_anyhow)
{
    detect();
    check("service.name", "prog");
    check("telemetry.sdk.name", "otelshim");
    check("telemetry.sdk.version", "1.2.3");
    check("deployment.environment.name", "development");
    check("process.executable.name", "prog");
    cr_assert_eq(find("process.pid")->number, 42);
    check("os.type", "linux");
    check("os.name", NULL);
    check("host.id", NULL);
    check("container.id", NULL);
    check("k8s.pod.uid", NULL);
    check("process.executable.path", NULL);
}

Test(resource, os_release_is_read_with_and_without_quotes)
{
    put("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian'\n"
                           "VERSION_ID=12\nXNAME=no\nVERSION=\"12 (bookworm)\"\n");
    put("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    detect();
    check("os.description", "Debian GNU/Linux 12 (bookworm)");
    check("os.name", "Debian");
    check("os.version", "12");
    check("os.build_id", "6.1.0-18-amd64");
}

Test(resource, os_release_of_usr_lib_does_too)
{
    put("/usr/lib/os-release", "NAME=Alpine");
    detect();
    check("os.name", "Alpine");
}

Test(resource, machine_ids_have_32_digits)
{
    put("/etc/machine-id", "uninitialized\n");
    put("/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
    detect();
    check("host.id", "0123456789abcdef0123456789abcdef");
}

Test(resource, containers_are_known_by_cgroups_of_the_first_version)
{
    static const char *const lines[] = {
        "4:memory:/docker/" ID "\n",
        "4:memory:/kubepods/besteffort/pod" UID "/" ID "\n",
        "1:name=systemd:/system.slice/docker-" ID ".scope\n",
        "0::/kubepods.slice/kubepods-pod12345678_9abc_def0_1234_56789abcdef0.slice/"
        "cri-containerd-" ID ".scope\n",
        "3:cpu:/lxc/x\n4:memory:/ecs/task/" ID "\n5:pids:/\n",
        "0::/../" ID2 "/" ID,
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        put("/proc/self/cgroup", lines[i]);
        detect();
        check("container.id", ID);
        check("k8s.pod.uid", i == 1 || i == 3 ? UID : NULL);
    }
}

Test(resource, what_only_looks_like_a_container_is_none)
{
    static const char *const lines[] = { "0::/\n",
                                         "0::/user.slice/user-0.slice/session-1.scope\n",
                                         "4:memory:/docker/" ID "0\n",
                                         "4:memory:/docker/0" ID,
                                         "4:memory:/docker/0123\n",
                                         "" };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        put("/proc/self/cgroup", lines[i]);
        detect();
        check("container.id", NULL);
    }
}

#define MOUNT(from, at) "700 680 254:1 " from " " at " rw,relatime - ext4 /dev/vda1 rw\n"

Test(resource, containers_are_known_by_what_the_runtime_mounts)
{
    static const struct {
        const char *lines, *id, *uid;
    } rows[] = {
        { MOUNT("/", "/") MOUNT("/var/lib/docker/containers/" ID "/hostname", "/etc/hostname"), ID,
          NULL },
        { MOUNT("/containers/overlay-containers/" ID "/userdata/hosts", "/etc/hosts"), ID, NULL },
        { MOUNT("/var/lib/kubelet/pods/" UID "/etc-hosts", "/etc/hosts"), NULL, UID },
        /* a host on which containers run */
        { MOUNT("/", "/var/lib/docker/containers/" ID "/mounts/shm"), NULL, NULL },
        { MOUNT("/x/containers/" ID "/hostname", "/srv/hostname"), NULL, NULL },
        { "700 680\n700 680 254:1 /containers/" ID "/x", NULL, NULL },
    };
    put("/proc/self/cgroup", "0::/\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("/proc/self/mountinfo", rows[i].lines);
        detect();
        check("container.id", rows[i].id);
        check("k8s.pod.uid", rows[i].uid);
    }
}

Test(resource, kubernetes_names_come_by_variables_and_the_account)
{
    config_of_test.hostname = "shop-5f";
    detect();
    check("k8s.pod.name", NULL);
    put("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "prod\n");
    detect();
    check("k8s.namespace.name", "prod");
    check("k8s.pod.name", "shop-5f");
    config_of_test.k8s[K8S_POD_NAME] = "shop-5f-xyz";
    config_of_test.k8s[K8S_NAMESPACE_NAME] = "other";
    config_of_test.k8s[K8S_NODE_NAME] = "node-1";
    config_of_test.k8s[K8S_CLUSTER_NAME] = "eu";
    detect();
    check("k8s.pod.name", "shop-5f-xyz");
    check("k8s.namespace.name", "other");
    check("k8s.node.name", "node-1");
    check("k8s.cluster.name", "eu");
}

Test(resource, instances_have_ids_of_their_own)
{
    char first[64];
    detect();
    snprintf(first, sizeof first, "%s", find("service.instance.id")->text);
    cr_assert_eq(strlen(first), 36);
    cr_assert_eq(first[14], '4', "version 4: %s", first);
    cr_assert_not_null(strchr("89ab", first[19]), "%s", first);
    detect();
    cr_assert_str_neq(find("service.instance.id")->text, first);
}

Test(resource, the_moment_of_the_start_is_told)
{
    put("/proc/self/stat", "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 0 20 21\n");
    detect();
    const char *when = find("process.creation.time")->text;
    cr_assert_eq(strlen(when), strlen("2026-11-24T15:00:00.000Z"), "%s", when);
    cr_assert(strncmp(when, "20", 2) == 0 && when[10] == 'T' && when[23] == 'Z', "%s", when);
}

static const char *no_scope(unsigned scope)
{
    (void)scope;
    return NULL;
}

static void put_attribute(const char *key, enum attribute_kind kind, const char *value)
{
    config_of_test.resource_kind[config_of_test.nr_resource] = (uint8_t)kind;
    config_of_test.resource[config_of_test.nr_resource++] = (struct config_pair){ key, value };
}

/* A list's items, each in brackets. */
static const char *items(const char *key)
{
    static char text[256];
    struct resource_value value;
    const struct resource_attribute *a = find(key);
    cr_assert(a != NULL && resource_is_list(a), "%s", key);
    text[0] = '\0';
    for (const char *at = NULL; resource_item_next(a, &at, &value);)
        sprintf(text + strlen(text), "[%s]", value.text);
    return text;
}

static void check_types(void)
{
    cr_assert_str_eq(items("texts"), "[a][][b;c,%][\xef\xbf\xbd][%4][%zz]");
    cr_assert_str_eq(items("none"), "");
    cr_assert_str_eq(items("truths"), "[true][false]");
    cr_assert_eq(resource_value_of(find("number")).number, -5);
    cr_assert_eq(resource_value_of(find("number")).kind, ATTRIBUTE_INT);
    cr_assert_eq(resource_value_of(find("real")).real, 0.25);
    cr_assert(resource_value_of(find("truth")).truth);
    cr_assert_eq(resource_value_of(find("process.pid")).number, 42);
}

Test(resource, types_of_a_file_also_come_out_of_a_spool)
{
    static struct adopted adopted;
    unsigned char identity[4096];
    put_attribute("texts", ATTRIBUTE_TEXT_LIST, "a;;b%3Bc%2C%25;%ff;%4;%zz;");
    put_attribute("none", ATTRIBUTE_TEXT_LIST, "");
    put_attribute("truths", ATTRIBUTE_BOOL_LIST, "true;false;");
    put_attribute("number", ATTRIBUTE_INT, "-5");
    put_attribute("real", ATTRIBUTE_DOUBLE, "0.25");
    put_attribute("truth", ATTRIBUTE_BOOL, "true");
    detect();
    check_types();
    size_t bytes = identity_write(&resource, NULL, no_scope, identity, sizeof identity);
    cr_assert(identity_read(&adopted, identity, bytes));
    resource = adopted.resource;
    check_types();
}

Test(resource, the_user_has_the_last_word)
{
    config_of_test.resource[0] = (struct config_pair){ "host.name", "mine" };
    config_of_test.resource[1] = (struct config_pair){ "service.name", "" };
    config_of_test.resource[2] = (struct config_pair){ "service.instance.id", "one" };
    config_of_test.resource[3] = (struct config_pair){ "deployment.environment", "old" };
    config_of_test.nr_resource = 4;
    config_of_test.deployment_environment = "staging";
    detect();
    check("host.name", "mine");
    check("service.name", "prog");
    check("service.instance.id", "one");
    check("deployment.environment.name", "old");
    config_of_test.nr_resource = 3;
    config_of_test.service_name = "shop";
    detect();
    check("service.name", "shop");
    check("deployment.environment.name", "staging");
}

Test(resource, only_the_detectors_asked_for_run)
{
    static const struct {
        uint32_t bit;
        const char *key;
    } rows[] = { { DETECT_PROCESS, "process.pid" }, { DETECT_OS, "os.type" },
                 { DETECT_HOST, "host.name" },      { DETECT_CONTAINER, "container.id" },
                 { DETECT_K8S, "k8s.pod.uid" },     { DETECT_SERVICE, "service.instance.id" } };
    put("/proc/self/cgroup", "4:memory:/kubepods/besteffort/pod" UID "/" ID "\n");
    for (size_t i = 0; i < 6; i++) {
        config_of_test.detectors = rows[i].bit;
        detect();
        for (size_t k = 0; k < 6; k++)
            cr_assert_eq(find(rows[k].key) != NULL, k == i, "%s with %u", rows[k].key, rows[i].bit);
        check("telemetry.sdk.name", "otelshim");
    }
}

Test(resource, files_of_any_bytes_and_size_are_survived)
{
    static const char *const paths[] = {
        "/etc/os-release",      "/proc/self/cgroup",
        "/proc/self/mountinfo", "/proc/self/stat",
        "/etc/machine-id",      "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
    };
    static char text[200000];
    srand(7);
    for (int round = 0; round < 50; round++) {
        size_t len = (size_t)rand() % (sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = "NAME=\"'\n /:-_0123456789abcdefpod)containers\xff\x01"[rand() % 45];
        text[len] = '\0';
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
            put(paths[i], text);
        detect();
    }
}
