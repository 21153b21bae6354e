/*
 * Names of libcurl's result codes: what error.type says of a failed transfer.
 *
 * One list in the order of the numbers, so that codes younger than the header we
 * are built with have their names, too.
 */
#ifndef OTELSHIM_HOOKS_CURL_ERRORS_H
#define OTELSHIM_HOOKS_CURL_ERRORS_H

#include <stddef.h>

/* CODE(name): number 0 first, none left out. */
#define CURL_ERRORS(CODE) \
    CODE(OK) \
    CODE(UNSUPPORTED_PROTOCOL) \
    CODE(FAILED_INIT) CODE(URL_MALFORMAT) CODE(NOT_BUILT_IN) CODE(COULDNT_RESOLVE_PROXY) CODE( \
        COULDNT_RESOLVE_HOST) CODE(COULDNT_CONNECT) CODE(WEIRD_SERVER_REPLY) CODE(REMOTE_ACCESS_DENIED) \
        CODE(FTP_ACCEPT_FAILED) CODE(FTP_WEIRD_PASS_REPLY) CODE(FTP_ACCEPT_TIMEOUT) CODE( \
            FTP_WEIRD_PASV_REPLY) CODE(FTP_WEIRD_227_FORMAT) CODE(FTP_CANT_GET_HOST) CODE(HTTP2) \
            CODE(FTP_COULDNT_SET_TYPE) CODE(PARTIAL_FILE) CODE(FTP_COULDNT_RETR_FILE) CODE( \
                OBSOLETE20) CODE(QUOTE_ERROR) CODE(HTTP_RETURNED_ERROR) CODE(WRITE_ERROR) CODE(OBSOLETE24) \
                CODE(UPLOAD_FAILED) CODE(READ_ERROR) CODE(OUT_OF_MEMORY) CODE(OPERATION_TIMEDOUT) CODE( \
                    OBSOLETE29) CODE(FTP_PORT_FAILED) CODE(FTP_COULDNT_USE_REST) CODE(OBSOLETE32) \
                    CODE(RANGE_ERROR) CODE(HTTP_POST_ERROR) CODE(SSL_CONNECT_ERROR) CODE( \
                        BAD_DOWNLOAD_RESUME) CODE(FILE_COULDNT_READ_FILE) CODE(LDAP_CANNOT_BIND) \
                        CODE(LDAP_SEARCH_FAILED) CODE(OBSOLETE40) CODE(FUNCTION_NOT_FOUND) CODE( \
                            ABORTED_BY_CALLBACK) CODE(BAD_FUNCTION_ARGUMENT) CODE(OBSOLETE44) \
                            CODE(INTERFACE_FAILED) CODE(OBSOLETE46) CODE(TOO_MANY_REDIRECTS) CODE( \
                                UNKNOWN_OPTION) CODE(SETOPT_OPTION_SYNTAX) CODE(OBSOLETE50) \
                                CODE(OBSOLETE51) CODE(GOT_NOTHING) CODE(SSL_ENGINE_NOTFOUND) CODE( \
                                    SSL_ENGINE_SETFAILED) CODE(SEND_ERROR) CODE(RECV_ERROR) \
                                    CODE(OBSOLETE57) CODE(SSL_CERTPROBLEM) CODE(SSL_CIPHER) CODE( \
                                        PEER_FAILED_VERIFICATION) CODE(BAD_CONTENT_ENCODING) CODE(OBSOLETE62) \
                                        CODE(FILESIZE_EXCEEDED) CODE(USE_SSL_FAILED) CODE( \
                                            SEND_FAIL_REWIND) CODE(SSL_ENGINE_INITFAILED) \
                                            CODE(LOGIN_DENIED) CODE(TFTP_NOTFOUND) CODE(TFTP_PERM) CODE( \
                                                REMOTE_DISK_FULL) CODE(TFTP_ILLEGAL) CODE(TFTP_UNKNOWNID) \
                                                CODE(REMOTE_FILE_EXISTS) CODE(TFTP_NOSUCHUSER) CODE( \
                                                    OBSOLETE75) CODE(OBSOLETE76) CODE(SSL_CACERT_BADFILE) \
                                                    CODE(REMOTE_FILE_NOT_FOUND) CODE(SSH) CODE( \
                                                        SSL_SHUTDOWN_FAILED) CODE(AGAIN) \
                                                        CODE(SSL_CRL_BADFILE) CODE(SSL_ISSUER_ERROR) CODE( \
                                                            FTP_PRET_FAILED) CODE(RTSP_CSEQ_ERROR) \
                                                            CODE(RTSP_SESSION_ERROR) CODE( \
                                                                FTP_BAD_FILE_LIST) CODE(CHUNK_FAILED) \
                                                                CODE(NO_CONNECTION_AVAILABLE) CODE( \
                                                                    SSL_PINNEDPUBKEYNOTMATCH) \
                                                                    CODE(SSL_INVALIDCERTSTATUS) CODE( \
                                                                        HTTP2_STREAM) \
                                                                        CODE(RECURSIVE_API_CALL) CODE( \
                                                                            AUTH_ERROR) \
                                                                            CODE(HTTP3) CODE( \
                                                                                QUIC_CONNECT_ERROR) \
                                                                                CODE(PROXY) CODE( \
                                                                                    SSL_CLIENTCERT) \
                                                                                    CODE( \
                                                                                        UNRECOVERABLE_POLL) \
                                                                                        CODE( \
                                                                                            TOO_LARGE) \
                                                                                            CODE( \
                                                                                                ECH_REQUIRED)

/* "CURLE_OPERATION_TIMEDOUT"; "_OTHER" for a number that we do not know. */
static inline const char *curl_error_name(unsigned code)
{
    static const char *const names[] = {
#define X(name) "CURLE_" #name,
        CURL_ERRORS(X)
#undef X
    };
    return code < sizeof names / sizeof names[0] ? names[code] : "_OTHER";
}

#endif
