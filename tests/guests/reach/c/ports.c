/* What the step must be granted, and the flow that grants it. */
#include "ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

STEPCELL_FLOW(STEPCELL_TEXT({
    "flow": "carried-c",
    "step": [{
        "name": "books",
        "handler": "books",
        "grants": {"fetch": ["127.0.0.1"], "key_value": true, "secrets": [{"name": "API_KEY", "to": ["127.0.0.1"]}]}
    }]
}))

/* A text, or null where there is none. */
static void write_maybe(stepcell_writer *writer, const char *key, const char *text) {
    if (text) stepcell_write_string(writer, key, text);
    else stepcell_write_null(writer, key);
}

stepcell_outcome fetches(stepcell_json input) {
    stepcell_json header = stepcell_get(input, "header");
    const char *body = stepcell_string_or(stepcell_get(input, "body"), NULL);
    stepcell_header sent = {stepcell_string(stepcell_at(header, 0)), stepcell_string(stepcell_at(header, 1))};
    stepcell_request request = {
        .method = stepcell_string(stepcell_get(input, "method")),
        .url = stepcell_string(stepcell_get(input, "url")),
        .headers = &sent,
        .header_count = 1,
        .body = body,
        .body_length = body ? strlen(body) : 0,
        .timeout_ms = stepcell_uint_or(stepcell_get(input, "timeout_ms"), 0),
    };
    stepcell_response answer = stepcell_fetch(&request);
    if (answer.refused.message) return stepcell_fail_dependency("%s", answer.refused.message);
    stepcell_writer said = {0};
    stepcell_write_object(&said, NULL);
    stepcell_write_uint(&said, "status", answer.status);
    write_maybe(&said, "type", stepcell_header_of(&answer, "content-type"));
    stepcell_write_chars(&said, "body", answer.body, answer.body_length);
    stepcell_write_end(&said);
    return stepcell_complete(&said);
}

stepcell_outcome reveals(stepcell_json input) {
    stepcell_refusal refused;
    const char *placeholder = stepcell_secret(stepcell_string(stepcell_get(input, "secret")), &refused);
    if (refused.message) return stepcell_fail_refused(refused);
    char value[512];
    snprintf(value, sizeof value, "Bearer %s", placeholder);
    stepcell_header sent = {"authorization", value};
    stepcell_request request = {.url = stepcell_string(stepcell_get(input, "url")), .headers = &sent, .header_count = 1};
    stepcell_response answer = stepcell_fetch(&request);
    if (answer.refused.message) return stepcell_fail_refused(answer.refused);
    stepcell_names granted = stepcell_secret_names();
    stepcell_writer said = {0};
    stepcell_write_object(&said, NULL);
    stepcell_write_uint(&said, "status", answer.status);
    stepcell_write_array(&said, "names");
    for (size_t at = 0; at < granted.count; at++) stepcell_write_string(&said, NULL, granted.names[at]);
    stepcell_write_end(&said);
    stepcell_write_end(&said);
    return stepcell_complete(&said);
}

/* Writes the value of a key, or null. */
static stepcell_refusal write_value(stepcell_writer *writer, const char *name, const char *key) {
    stepcell_value found = stepcell_kv_get(key);
    write_maybe(writer, name, found.found ? found.data : NULL);
    return found.refused;
}

/* Writes which of two values took the place of `one`. */
static stepcell_refusal write_swapped(stepcell_writer *writer, const char *key) {
    const char *values[] = {"two", "three"};
    stepcell_refusal refused = stepcell_kv_set(key, "one", 3);
    stepcell_write_array(writer, "swapped");
    for (size_t at = 0; at < 2 && !refused.message; at++) {
        bool done;
        refused = stepcell_kv_compare_and_set(key, "one", 3, values[at], strlen(values[at]), &done);
        stepcell_write_bool(writer, NULL, done);
    }
    stepcell_write_end(writer);
    return refused;
}

static stepcell_refusal write_keys(stepcell_writer *writer, const char *prefix) {
    stepcell_names keys = stepcell_kv_list(prefix, NULL, 1000);
    stepcell_write_array(writer, "keys");
    for (size_t at = 0; at < keys.count; at++) stepcell_write_string(writer, NULL, keys.names[at]);
    stepcell_write_end(writer);
    return keys.refused;
}

stepcell_outcome keeps(stepcell_json input) {
    const char *key = stepcell_string(stepcell_get(input, "key"));
    stepcell_writer said = {0};
    stepcell_write_object(&said, NULL);
    stepcell_refusal refused = write_value(&said, "before", key);
    if (!refused.message) refused = write_swapped(&said, key);
    if (!refused.message) refused = write_value(&said, "value", key);
    if (!refused.message) refused = write_keys(&said, key);
    bool deleted = false;
    if (!refused.message) refused = stepcell_kv_delete(key, &deleted);
    stepcell_write_bool(&said, "deleted", deleted);
    if (!refused.message) refused = write_value(&said, "after", key);
    if (refused.message) return stepcell_fail_refused(refused);
    stepcell_write_end(&said);
    return stepcell_complete(&said);
}

stepcell_outcome exceeds(stepcell_json input) {
    size_t length = 256 * 1024 + 1;
    stepcell_refusal value = stepcell_kv_set("much", calloc(length, 1), length);
    stepcell_request request = {.url = stepcell_string(stepcell_get(input, "url"))};
    stepcell_response answer;
    do answer = stepcell_fetch(&request);
    while (!answer.refused.message);
    stepcell_writer told = {0};
    stepcell_write_object(&told, NULL);
    write_maybe(&told, "value", value.message);
    stepcell_write_string(&told, "request", answer.refused.message);
    stepcell_write_end(&told);
    return stepcell_complete(&told);
}
