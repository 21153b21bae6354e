/*
 * What the hooks use of <gnutls/gnutls.h>, ABI 30 (3.x): the build needs no GnuTLS.
 */
#ifndef OTELSHIM_HOOKS_GNUTLS_API_H
#define OTELSHIM_HOOKS_GNUTLS_API_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct gnutls_session_int *gnutls_session_t;
typedef struct mbuffer_st *gnutls_packet_t;
typedef struct {
    unsigned char *data;
    unsigned int size;
} gnutls_datum_t;
struct gnutls_range;

enum {
    GNUTLS_SERVER = 1, /* flag of gnutls_init */
    GNUTLS_E_AGAIN = -28,
    GNUTLS_E_INTERRUPTED = -52,
    GNUTLS_E_PULL_ERROR = -54,
    GNUTLS_E_INTERNAL_ERROR = -59,
    GNUTLS_E_PREMATURE_TERMINATION = -110,
    GNUTLS_TLS1_0 = 2, /* of gnutls_protocol_get_version */
    GNUTLS_TLS1_3 = 5,
};

int gnutls_init(gnutls_session_t *session, unsigned int flags);
void gnutls_deinit(gnutls_session_t session);
int gnutls_handshake(gnutls_session_t session);
ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size);
ssize_t gnutls_record_recv_seq(gnutls_session_t session, void *data, size_t size,
                               unsigned char *sequence);
ssize_t gnutls_record_recv_packet(gnutls_session_t session, gnutls_packet_t *packet);
ssize_t gnutls_record_recv_early_data(gnutls_session_t session, void *data, size_t size);
ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t size);
ssize_t gnutls_record_send2(gnutls_session_t session, const void *data, size_t size, size_t pad,
                            unsigned flags);
ssize_t gnutls_record_send_range(gnutls_session_t session, const void *data, size_t size,
                                 const struct gnutls_range *range);
ssize_t gnutls_record_send_file(gnutls_session_t session, int fd, off_t *offset, size_t count);

/* Called, not hooked: of the same library as the session. */
typedef void *gnutls_transport_get_ptr_fn(gnutls_session_t session);
typedef int gnutls_error_is_fatal_fn(int error);
typedef int gnutls_protocol_get_version_fn(gnutls_session_t session);
typedef int gnutls_alpn_get_selected_protocol_fn(gnutls_session_t session, gnutls_datum_t *name);
typedef void gnutls_packet_get_fn(gnutls_packet_t packet, gnutls_datum_t *data,
                                  unsigned char *sequence);

#endif
