/* What becomes of the headers and trailers of a gRPC call. */
#include <criterion/criterion.h>
#include <string.h>

#include "transport/grpc_reply.h"

static struct grpc_reply reply;

static void header(const char *name, const char *value)
{
    grpc_reply_header(&reply, name, strlen(name), value, strlen(value));
}

static void begin(void)
{
    grpc_reply_begin(&reply);
}

TestSuite(grpc_reply, .init = begin, .timeout = 30);

Test(grpc_reply, verdicts_are_the_specification_s)
{
    static const char retried[] = "CR..R.....RR..RR.";
    for (int status = 1; status <= 16; status++) {
        reply.status = status;
        cr_assert_eq(grpc_reply_verdict(&reply),
                     retried[status] == 'R' ? VERDICT_RETRY : VERDICT_REJECTED, "%d", status);
    }
    header("grpc-status", "0");
    cr_assert_eq(grpc_reply_verdict(&reply), VERDICT_DELIVERED);
    reply.status = 17;
    cr_assert_eq(grpc_reply_verdict(&reply), VERDICT_REJECTED);
    reply.status = 8;
    reply.retry_after_ms = 0;
    cr_assert_eq(grpc_reply_verdict(&reply), VERDICT_RETRY, "with a RetryInfo");
}

Test(grpc_reply, a_status_that_is_no_number_is_unknown)
{
    static const char *const bad[] = { "", "x", "1x", "-1", "99999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin();
        header("Grpc-Status", bad[i]);
        cr_assert_eq(grpc_reply_status(&reply), GRPC_UNKNOWN, "%s", bad[i]);
    }
}

Test(grpc_reply, messages_are_decoded_and_cannot_command_a_terminal)
{
    char longer[1024];
    header("grpc-message", "gr%C3%BCn %41%1b[31m\x01 100%");
    cr_assert_str_eq(reply.message, "gr\xc3\xbcn A [31m  100%");
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    header("grpc-message", longer);
    cr_assert_eq(strlen(reply.message), sizeof reply.message - 1);
}

Test(grpc_reply, retry_info_is_found_with_and_without_padding)
{
    unsigned char status[128];
    static const char type[] = "type.googleapis.com/google.rpc.RetryInfo";
    static const char info[] = "\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01";
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[256];
    size_t n = 0, out = 0, any = 2 + sizeof type - 1 + 2 + sizeof info - 1;
    status[n++] = 0x1a;
    status[n++] = (unsigned char)any;
    status[n++] = 0x0a;
    status[n++] = sizeof type - 1;
    memcpy(status + n, type, sizeof type - 1);
    n += sizeof type - 1;
    status[n++] = 0x12;
    status[n++] = sizeof info - 1;
    memcpy(status + n, info, sizeof info - 1);
    n += sizeof info - 1;
    memset(status + n, 0, 3);
    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = (unsigned)status[i] << 16 | (unsigned)status[i + 1] << 8 | status[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            text[out++] = letters[bits >> shift & 63];
    }
    out = (n * 8 + 5) / 6;
    text[out] = '\0';
    header("grpc-status-details-bin", text);
    cr_assert_eq(reply.retry_after_ms, 1500, "%s", text);
    begin();
    strcpy(text + out, "==");
    header("grpc-status-details-bin", text);
    cr_assert_eq(reply.retry_after_ms, 1500);
}

Test(grpc_reply, details_that_make_no_sense_say_nothing)
{
    static const char *const bad[] = { "", "=", "!!!!", "AAAA", "GgA", "/////w", "Gh8" };
    char huge[16384];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        header("grpc-status-details-bin", bad[i]);
        cr_assert_eq(reply.retry_after_ms, RETRY_AFTER_NONE, "%s", bad[i]);
    }
    memset(huge, 'A', sizeof huge);
    grpc_reply_header(&reply, "grpc-status-details-bin", 23, huge, sizeof huge);
    cr_assert_eq(reply.retry_after_ms, RETRY_AFTER_NONE);
}

Test(grpc_reply, http_stands_in_for_a_missing_status)
{
    static const struct {
        const char *http;
        int status;
    } rows[] = { { "200", 2 },  { "400", 13 }, { "401", 16 }, { "403", 7 },
                 { "404", 12 }, { "429", 14 }, { "503", 14 }, { "500", 2 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        header(":status", rows[i].http);
        cr_assert_eq(grpc_reply_status(&reply), rows[i].status, "%s", rows[i].http);
    }
}

Test(grpc_reply, frames_have_a_head_of_five_bytes)
{
    unsigned char frame[16] = { 0 };
    const unsigned char *message;
    size_t bytes;
    grpc_frame_head(frame, true, 0x01020304);
    cr_assert_arr_eq(frame, "\x01\x01\x02\x03\x04", 5);
    cr_assert_not(grpc_unframe(frame, 5, &message, &bytes), "compressed");
    grpc_frame_head(frame, false, 3);
    cr_assert(grpc_unframe(frame, 8, &message, &bytes));
    cr_assert(message == frame + 5 && bytes == 3);
    cr_assert_not(grpc_unframe(frame, 9, &message, &bytes), "bytes behind it");
    cr_assert_not(grpc_unframe(frame, 7, &message, &bytes), "cut");
    cr_assert_not(grpc_unframe(frame, 4, &message, &bytes), "no head");
}
