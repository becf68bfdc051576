/* Everything that the SDK reaches of the host, in C: the same names and answers as the other folders beside this one. */
#define STEPCELL_IMPLEMENTATION
#include "stepcell.h"
#include "ports.h"

#include <stdio.h>
#include <string.h>

static const char *status_of(const stepcell_child *child) {
    switch (child->status) {
    case STEPCELL_COMPLETED: return "completed";
    case STEPCELL_FAILED: return "failed";
    case STEPCELL_CANCELLED: return "cancelled";
    }
    return "unknown";
}

static const stepcell_child *of_key(const stepcell_child *children, size_t count, const char *key) {
    for (size_t at = 0; at < count; at++)
        if (children[at].key && strcmp(children[at].key, key) == 0) return &children[at];
    return NULL;
}

static stepcell_outcome joined(void) {
    size_t count;
    const stepcell_child *children = stepcell_children(&count);
    stepcell_writer answer = {0};
    stepcell_write_array(&answer, NULL);
    const char *keys[] = {"a", "b"};
    for (size_t at = 0; at < 2; at++) {
        const stepcell_child *child = of_key(children, count, keys[at]);
        if (!child) return stepcell_fail_execution("there is no child `%s`", keys[at]);
        stepcell_write_object(&answer, NULL);
        stepcell_write_string(&answer, "key", child->key);
        stepcell_write_string(&answer, "status", status_of(child));
        if (child->status == STEPCELL_COMPLETED) stepcell_write_json(&answer, "output", child->output);
        else stepcell_write_null(&answer, "output");
        stepcell_write_end(&answer);
    }
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}

static stepcell_outcome spawns(stepcell_json input) {
    (void)input;
    if (stepcell_context()->phase[0]) return joined();
    stepcell_writer one = {0}, two = {0}, state = {0};
    stepcell_write_int(&one, NULL, 1);
    stepcell_write_int(&two, NULL, 2);
    stepcell_write_object(&state, NULL);
    stepcell_write_int(&state, "n", 2);
    stepcell_write_end(&state);
    const stepcell_start children[] = {{"child", &one, "a"}, {"child", &two, "b"}};
    return stepcell_spawn(children, 2, "joined", &state);
}

static stepcell_outcome skips(stepcell_json input) {
    (void)input;
    return stepcell_skip("nothing to do");
}

static stepcell_outcome nexts(stepcell_json input) {
    (void)input;
    const char *phase = stepcell_context()->phase;
    stepcell_writer number = {0};
    stepcell_write_int(&number, NULL, phase[0] ? stepcell_int(stepcell_state()) + 1 : 1);
    if (!phase[0]) return stepcell_next("two", &number);
    return strcmp(phase, "two") == 0 ? stepcell_next("three", &number) : stepcell_complete(&number);
}

static stepcell_outcome retries(stepcell_json input) {
    (void)input;
    stepcell_writer json = {0};
    stepcell_write_object(&json, NULL);
    bool first = stepcell_context()->attempt == 1;
    if (first) {
        stepcell_write_int(&json, "tries", 1);
    } else {
        stepcell_write_uint(&json, "attempt", stepcell_context()->attempt);
        stepcell_write_json(&json, "state", stepcell_state());
    }
    stepcell_write_end(&json);
    return first ? stepcell_with_retry_after(stepcell_with_state(stepcell_retry(), &json), 10) : stepcell_complete(&json);
}

static stepcell_outcome gives_up(stepcell_json input) {
    (void)input;
    stepcell_writer details = {0};
    stepcell_write_object(&details, NULL);
    stepcell_write_string(&details, "why", "no");
    stepcell_write_end(&details);
    return stepcell_fail(stepcell_with_details(stepcell_fail_validation("it gives up"), &details));
}

static stepcell_outcome breaks(stepcell_json input) {
    (void)input;
    return stepcell_fail_execution("broken");
}

static stepcell_outcome books(stepcell_json input) {
    stepcell_writer answer = {0};
    stepcell_write_object(&answer, NULL);
    stepcell_write_string(&answer, "seat", stepcell_string(stepcell_get(input, "seat")));
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}

/* Decides for all handlers: the failures of the others stay as they are. */
static stepcell_outcome mends(stepcell_json input, stepcell_failure failure) {
    (void)input;
    if (strcmp(stepcell_context()->handler, "breaks") != 0) return stepcell_leave();
    char mended[256];
    snprintf(mended, sizeof mended, "mended: %s: %s", failure.kind, failure.message);
    stepcell_writer answer = {0};
    stepcell_write_string(&answer, NULL, mended);
    return stepcell_complete(&answer);
}

static stepcell_outcome gives_back(stepcell_json input, stepcell_json output) {
    (void)input;
    stepcell_info("gave back %s", stepcell_string(stepcell_get(output, "seat")));
    return stepcell_complete_null();
}

STEPCELL_HANDLERS({"fetches", fetches}, {"reveals", reveals}, {"keeps", keeps}, {"exceeds", exceeds},
                  {"spawns", spawns}, {"skips", skips}, {"nexts", nexts}, {"retries", retries}, {"gives_up", gives_up},
                  {"breaks", breaks}, {"books", books})
STEPCELL_ON_ERROR(mends)
STEPCELL_COMPENSATE({"books", gives_back})
