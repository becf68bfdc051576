/* What every SDK must do alike, in C. */
#define STEPCELL_IMPLEMENTATION
#include "stepcell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static stepcell_outcome echo(stepcell_json input) {
    return stepcell_complete_json(input);
}

static stepcell_outcome fails(stepcell_json input) {
    return stepcell_fail_execution("%s", stepcell_string(stepcell_get(input, "message")));
}

static stepcell_outcome invalid(stepcell_json input) {
    (void)input;
    stepcell_writer details = {0};
    stepcell_write_object(&details, NULL);
    stepcell_write_string(&details, "field", "x");
    stepcell_write_end(&details);
    return stepcell_with_details(stepcell_fail_validation("`x` is not valid"), &details);
}

static stepcell_outcome hint(stepcell_json input) {
    (void)input;
    return stepcell_with_retry_after(stepcell_fail_dependency("not there yet"), 1234);
}

static stepcell_outcome logs(stepcell_json input) {
    (void)input;
    stepcell_trace("a trace line");
    stepcell_debug("a debug line");
    stepcell_info("an info line");
    stepcell_warn("a warn line");
    stepcell_error("an error line");
    printf("a printed line\n");
    return stepcell_complete_null();
}

static stepcell_outcome spins(stepcell_json input) {
    (void)input;
    for (volatile unsigned turn = 0;; turn++) {}
}

static stepcell_outcome wrong(stepcell_json input) {
    const char *what = stepcell_string(stepcell_get(input, "what"));
    stepcell_writer answer = {0};
    if (strcmp(what, "nan") == 0) stepcell_write_number(&answer, NULL, NAN);
    if (strcmp(what, "bytes") == 0) stepcell_write_chars(&answer, NULL, "\xff\xfe", 2);
    // What never ends, as near as C comes to a circle.
    if (strcmp(what, "circular") == 0) stepcell_write_array(&answer, NULL);
    return stepcell_complete(&answer);
}

static stepcell_outcome phases(stepcell_json input) {
    (void)input;
    stepcell_writer json = {0};
    if (strcmp(stepcell_context()->phase, "second") == 0) {
        stepcell_write_int(&json, NULL, stepcell_int(stepcell_get(stepcell_state(), "n")) + 1);
        return stepcell_complete(&json);
    }
    stepcell_write_object(&json, NULL);
    stepcell_write_int(&json, "n", 1);
    stepcell_write_end(&json);
    return stepcell_sleep(5, "second", &json);
}

static stepcell_outcome waits(stepcell_json input) {
    (void)input;
    if (!stepcell_context()->phase[0]) return stepcell_await_signals(STEPCELL_NAMES("go"), "gone", NULL);
    size_t count;
    const stepcell_signal *signals = stepcell_awaited(&count);
    return count ? stepcell_complete_json(signals[0].payload) : stepcell_skip("nobody said go");
}

static stepcell_outcome sums(stepcell_json input) {
    double sum = 0;
    stepcell_each dep = stepcell_members(input);
    while (stepcell_step(&dep)) sum += stepcell_number(dep.value);
    stepcell_writer answer = {0};
    stepcell_write_number(&answer, NULL, sum);
    return stepcell_complete(&answer);
}

static stepcell_outcome context(stepcell_json input) {
    (void)input;
    const stepcell_task *task = stepcell_context();
    stepcell_writer answer = {0};
    stepcell_write_object(&answer, NULL);
    stepcell_write_string(&answer, "step", task->step);
    stepcell_write_uint(&answer, "attempt", task->attempt);
    stepcell_write_string(&answer, "idempotency_key", task->idempotency_key);
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}

#ifndef WITHOUT_SYSTEM
static stepcell_outcome tells_time(stepcell_json input) {
    (void)input;
    unsigned char bytes[8];
    char hex[2 * sizeof bytes + 1];
    stepcell_random(bytes, sizeof bytes);
    for (size_t at = 0; at < sizeof bytes; at++) snprintf(hex + 2 * at, 3, "%02x", bytes[at]);
    stepcell_writer answer = {0};
    stepcell_write_object(&answer, NULL);
    stepcell_write_uint(&answer, "now", stepcell_now_ms());
    stepcell_write_string(&answer, "random", hex);
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}
#define CLOCK , {"clock", tells_time}
#else
#define CLOCK
#endif

STEPCELL_HANDLERS({"echo", echo}, {"fails", fails}, {"invalid", invalid}, {"hint", hint}, {"logs", logs}, {"spins", spins},
                  {"wrong", wrong}, {"phases", phases}, {"waits", waits}, {"sums", sums}, {"context", context} CLOCK)
