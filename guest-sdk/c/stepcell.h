/* Write Stepcell handlers in C: a function from JSON to an outcome, and a line that names it.
 *
 *     #define STEPCELL_IMPLEMENTATION   // in one source file
 *     #include "stepcell.h"
 *
 *     static stepcell_outcome hello(stepcell_json input) {
 *         const char *name = stepcell_string(stepcell_get(input, "name"));
 *         if (name[0] == '\0') return stepcell_fail_validation("`name` is empty");
 *         stepcell_writer answer = {0};
 *         stepcell_write_object(&answer, NULL);
 *         stepcell_write_string(&answer, "greeting", name);
 *         stepcell_write_end(&answer);
 *         return stepcell_complete(&answer);
 *     }
 *
 *     STEPCELL_HANDLERS({"hello", hello})
 *
 * What a handler is given: a root step the flow's input, a map step its element, a step with `needs` an object with the
 * output of each step it needs, where a skipped one is missing.
 *
 * How it ends: with the outcome it returns. Reading never crashes: what is missing or of another type reads as zero and
 * is remembered; an attempt that would complete with that on its mind ends as a validation error that names it.
 *
 * `printf` is the log's level info, `fprintf(stderr, ...)` is warn. Each attempt is a fresh instance, so that nothing needs
 * to be freed. A component imports what it calls; `stepcell_fetch`, `stepcell_kv_*` and `stepcell_secret*` must be granted.
 *
 * All of it is one file, so that it can be copied into a project. */
#ifndef STEPCELL_H
#define STEPCELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STEPCELL_FORMAT(at) __attribute__((format(printf, at, at + 1)))
/* An editor reads this for its own machine. */
#ifdef __wasm__
#define STEPCELL__EXPORT(name) __attribute__((export_name(name)))
#define STEPCELL__IMPORT(interface, name)                                                                              \
    __attribute__((import_module("stepcell:handler/" interface "@0.1.0"), import_name(name)))
#else
#define STEPCELL__EXPORT(name)
#define STEPCELL__IMPORT(interface, name)
#endif

/* ---- reading JSON ---- */

/* A place in a JSON text, or none. */
typedef struct stepcell_json {
    const char *at;
    const char *document;
    const char *what;
    const char *missing;
} stepcell_json;

typedef enum stepcell_type {
    STEPCELL_MISSING,
    STEPCELL_NULL,
    STEPCELL_BOOL,
    STEPCELL_NUMBER,
    STEPCELL_STRING,
    STEPCELL_ARRAY,
    STEPCELL_OBJECT,
} stepcell_type;

stepcell_type stepcell_type_of(stepcell_json value);

/* The member of an object, the element of an array; missing where there is none. */
stepcell_json stepcell_get(stepcell_json object, const char *name);
stepcell_json stepcell_at(stepcell_json array, size_t index);
/* How many elements or members. */
size_t stepcell_length(stepcell_json container);

/* The value; zero or "" where it is another type, which is then what `stepcell_misfit` says. */
int64_t stepcell_int(stepcell_json value);
uint64_t stepcell_uint(stepcell_json value);
double stepcell_number(stepcell_json value);
bool stepcell_bool(stepcell_json value);
const char *stepcell_string(stepcell_json value);

/* The value, or the other one where it is missing or null. */
int64_t stepcell_int_or(stepcell_json value, int64_t other);
uint64_t stepcell_uint_or(stepcell_json value, uint64_t other);
double stepcell_number_or(stepcell_json value, double other);
bool stepcell_bool_or(stepcell_json value, bool other);
const char *stepcell_string_or(stepcell_json value, const char *other);

/* Goes through an array or an object:
 *     stepcell_each item = stepcell_items(array);
 *     while (stepcell_step(&item)) use(item.index, item.value); */
typedef struct stepcell_each {
    stepcell_json value;
    const char *key; /* of a member */
    size_t index;
    const char *rest;
    bool begun;
} stepcell_each;

stepcell_each stepcell_items(stepcell_json array);
stepcell_each stepcell_members(stepcell_json object);
bool stepcell_step(stepcell_each *each);

/* The first thing that did not fit since the last call, as a sentence; NULL where all did. Who asks decides. */
const char *stepcell_misfit(void);

/* Reads a text that did not come as JSON: a body, a stored value. `what` names it in a misfit: "answer", "stored cart". */
stepcell_json stepcell_parse(const char *text, size_t length, const char *what);

/* The exact text of a value. */
const char *stepcell_text(stepcell_json value, size_t *length);

/* ---- writing JSON ---- */

/* Begins as `{0}`. `key` is a member's name in an object and NULL elsewhere. What cannot be JSON (NaN, bytes that are no UTF-8,
 * a key in an array, an object without end) makes the outcome it is used in a configuration error. */
typedef struct stepcell_writer {
    char *data;
    size_t length;
    size_t capacity;
    const char *wrong;
    uint64_t in_object;
    uint64_t filled;
    unsigned depth;
} stepcell_writer;

void stepcell_write_object(stepcell_writer *writer, const char *key);
void stepcell_write_array(stepcell_writer *writer, const char *key);
void stepcell_write_end(stepcell_writer *writer);
void stepcell_write_null(stepcell_writer *writer, const char *key);
void stepcell_write_bool(stepcell_writer *writer, const char *key, bool value);
void stepcell_write_int(stepcell_writer *writer, const char *key, int64_t value);
void stepcell_write_uint(stepcell_writer *writer, const char *key, uint64_t value);
void stepcell_write_number(stepcell_writer *writer, const char *key, double value);
void stepcell_write_string(stepcell_writer *writer, const char *key, const char *value);
void stepcell_write_chars(stepcell_writer *writer, const char *key, const char *value, size_t length);
void stepcell_write_json(stepcell_writer *writer, const char *key, stepcell_json value);

/* ---- outcomes ---- */

typedef enum stepcell_error_kind {
    STEPCELL_VALIDATION,
    STEPCELL_EXECUTION,
    STEPCELL_CONFIGURATION,
    STEPCELL_DEPENDENCY,
} stepcell_error_kind;

/* As they cross the line; use the functions. */
typedef struct stepcell__text { const char *data; size_t length; } stepcell__text;
typedef struct stepcell__maybe_text { uint8_t some; stepcell__text value; } stepcell__maybe_text;
typedef struct stepcell__maybe_u64 { uint8_t some; uint64_t value; } stepcell__maybe_u64;
typedef struct stepcell__error {
    uint8_t kind;
    stepcell__text message;
    stepcell__maybe_text details;
    uint8_t has_retry, retry;
    stepcell__maybe_u64 retry_after_ms;
} stepcell__error;
typedef struct stepcell__decided {
    uint8_t tag;
    union {
        stepcell__text text;
        struct { stepcell__text phase, state; uint64_t ms; } next;
        struct { stepcell__maybe_text state; stepcell__maybe_u64 after_ms; } retry;
        struct { stepcell__text names, phase, state; stepcell__maybe_u64 timeout_ms; } await;
        struct { stepcell__text children, phase, state; } spawn;
        stepcell__error error;
    } as;
} stepcell__decided;

/* What follows from an attempt. */
typedef struct stepcell_outcome {
    uint8_t is_error;
    union { stepcell__decided decided; stepcell__error error; } as;
} stepcell_outcome;

/* The task is done, with this output. */
stepcell_outcome stepcell_complete(stepcell_writer *output);
stepcell_outcome stepcell_complete_json(stepcell_json output);
stepcell_outcome stepcell_complete_null(void);

/* An error: validation is of the input and configuration of the set-up, neither is tried again; execution and dependency are. */
stepcell_outcome stepcell_fail_validation(const char *format, ...) STEPCELL_FORMAT(1);
stepcell_outcome stepcell_fail_execution(const char *format, ...) STEPCELL_FORMAT(1);
stepcell_outcome stepcell_fail_configuration(const char *format, ...) STEPCELL_FORMAT(1);
stepcell_outcome stepcell_fail_dependency(const char *format, ...) STEPCELL_FORMAT(1);

/* An error with more to it: whether to try again whatever its kind, when, and what a program may want to read. */
stepcell_outcome stepcell_with_retry(stepcell_outcome error, bool retry);
stepcell_outcome stepcell_with_retry_after(stepcell_outcome error, uint64_t ms);
stepcell_outcome stepcell_with_details(stepcell_outcome error, stepcell_writer *details);
/* The task failed for good with this error, whatever attempts are left. */
stepcell_outcome stepcell_fail(stepcell_outcome error);

/* Durable outcomes keep `state` (NULL: null) and go on at `phase`, which reads it with `stepcell_state`. */

stepcell_outcome stepcell_next(const char *phase, stepcell_writer *state);
stepcell_outcome stepcell_sleep(uint64_t ms, const char *phase, stepcell_writer *state);
/* Until any of the signals is there: stepcell_await_signals(STEPCELL_NAMES("paid", "refused"), "decided", &state). */
stepcell_outcome stepcell_await_signals(const char *const *names, const char *phase, stepcell_writer *state);
#define STEPCELL_NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
/* When to go on without a signal; only of an outcome that awaits. */
stepcell_outcome stepcell_with_timeout(stepcell_outcome outcome, uint64_t ms);

/* A child run to start; `key` may be NULL, and the same key twice is one child. */
typedef struct stepcell_start {
    const char *flow;
    stepcell_writer *input;
    const char *key;
} stepcell_start;
stepcell_outcome stepcell_spawn(const stepcell_start *children, size_t count, const char *phase, stepcell_writer *state);

/* Tries the phase again; `stepcell_with_retry_after` says when, `stepcell_with_state` what to keep instead. */
stepcell_outcome stepcell_retry(void);
stepcell_outcome stepcell_with_state(stepcell_outcome retry, stepcell_writer *state);
/* The step is skipped, for this reason. */
stepcell_outcome stepcell_skip(const char *format, ...) STEPCELL_FORMAT(1);

/* ---- handlers ---- */

typedef struct stepcell_handler {
    const char *name;
    stepcell_outcome (*run)(stepcell_json input);
} stepcell_handler;
extern const stepcell_handler stepcell_handlers[];
extern const size_t stepcell_handler_count;

/* Names the handlers of the component, once: STEPCELL_HANDLERS({"score", score}, {"ship", ship}) */
#define STEPCELL_HANDLERS(...)                                                                                         \
    const stepcell_handler stepcell_handlers[] = {__VA_ARGS__};                                                        \
    const size_t stepcell_handler_count = sizeof stepcell_handlers / sizeof *stepcell_handlers;

/* Has the component carry a flow, once: what flow.toml would say, as JSON. It is registered when the component is uploaded, which is
 * refused where this is not JSON or not a flow. A step that names no component calls this one. STEPCELL_TEXT spares the backslashes:
 *     STEPCELL_FLOW(STEPCELL_TEXT({"flow": "order", "step": [{"name": "score", "handler": "score"}]})) */
#define STEPCELL_FLOW(json)                                                                                            \
    const char stepcell__only_flow = 1;                                                                                \
    void stepcell__flow(stepcell_writer *said) { stepcell__carry(said, json); }
#define STEPCELL_TEXT(...) #__VA_ARGS__
void stepcell__flow(stepcell_writer *said) __attribute__((weak));
/* Not weak: with a second flow there are two, which do not link. */
extern const char stepcell__only_flow;
void stepcell__carry(stepcell_writer *said, const char *flow);

/* Why an attempt did not complete; `kind` is `trap`, `timeout`, `handler_error.execution`, ... */
typedef struct stepcell_failure {
    const char *kind;
    const char *message;
    stepcell_json details;
} stepcell_failure;

/* Has the function decide what follows from a failed attempt; `stepcell_leave` leaves the failure as it is. */
#define STEPCELL_ON_ERROR(function)                                                                                    \
    STEPCELL__EXPORT("on-error") void *stepcell__on_error(                                                             \
        int32_t tag, char *data, size_t length, char *kind, size_t kind_length, char *message,                         \
        size_t message_length, int32_t some, char *details, size_t details_length) {                                   \
        (void)kind_length, (void)message_length, (void)details_length;                                                 \
        stepcell_failure failure = stepcell__failure(kind, message, some ? details : NULL);                            \
        return stepcell__decide(function(stepcell__input(tag, data, length), failure));                                \
    }
stepcell_outcome stepcell_leave(void);

typedef struct stepcell_undo {
    const char *name;
    stepcell_outcome (*run)(stepcell_json input, stepcell_json output);
} stepcell_undo;

/* Has functions undo what a task of a handler did, once the run failed or was cancelled: STEPCELL_COMPENSATE({"book", cancel}).
 * They return `stepcell_complete_null()` or an error. */
#define STEPCELL_COMPENSATE(...)                                                                                       \
    const stepcell_undo stepcell__undos[] = {__VA_ARGS__};                                                             \
    const size_t stepcell__undo_count = sizeof stepcell__undos / sizeof *stepcell__undos;                              \
    STEPCELL__EXPORT("compensate") void *stepcell__compensate(                                                         \
        int32_t tag, char *data, size_t length, char *output, size_t output_length) {                                  \
        (void)output_length;                                                                                           \
        return stepcell__undone(stepcell__input(tag, data, length), output);                                           \
    }
extern const stepcell_undo stepcell__undos[] __attribute__((weak));
extern const size_t stepcell__undo_count __attribute__((weak));

stepcell_json stepcell__input(int32_t tag, char *data, size_t length);
stepcell_failure stepcell__failure(char *kind, char *message, char *details);
void *stepcell__decide(stepcell_outcome outcome);
void *stepcell__undone(stepcell_json input, char *output);

/* ---- the attempt ---- */

typedef struct stepcell_task {
    const char *tenant;
    const char *run_id;
    const char *flow;
    uint32_t flow_version;
    const char *step;
    const char *handler;
    uint32_t index;
    uint32_t attempt; /* 1-based */
    uint32_t max_attempts;
    const char *phase; /* "" at first */
    const char *idempotency_key;
    const char *traceparent; /* or NULL */
} stepcell_task;

/* Who is calling. */
const stepcell_task *stepcell_context(void);
/* The input the run was started with; it is transferred with this call. */
stepcell_json stepcell_flow_input(void);
/* What the phase before kept; missing at the first phase. */
stepcell_json stepcell_state(void);
/* True once the run was cancelled. */
bool stepcell_cancelled(void);
/* Until the deadline of this attempt. */
uint64_t stepcell_remaining_ms(void);

typedef struct stepcell_signal {
    uint64_t id;
    const char *name;
    stepcell_json payload;
} stepcell_signal;

/* The signals this attempt was woken for (none when the wait timed out), and all that nobody consumed yet. */
const stepcell_signal *stepcell_awaited(size_t *count);
const stepcell_signal *stepcell_inbox(size_t *count);

typedef enum stepcell_child_status { STEPCELL_COMPLETED, STEPCELL_FAILED, STEPCELL_CANCELLED } stepcell_child_status;

typedef struct stepcell_child {
    const char *run_id;
    const char *key; /* or NULL */
    stepcell_child_status status;
    stepcell_json output; /* missing unless it completed */
    const char *error;    /* or NULL */
} stepcell_child;

/* The children this task spawned, in order, all of them ended. */
const stepcell_child *stepcell_children(size_t *count);

/* ---- log ---- */

typedef enum stepcell_level {
    STEPCELL_TRACE,
    STEPCELL_DEBUG,
    STEPCELL_INFO,
    STEPCELL_WARN,
    STEPCELL_ERROR,
} stepcell_level;

void stepcell_log(stepcell_level level, const char *format, ...) STEPCELL_FORMAT(2);
/* With an object for programs. */
void stepcell_log_with(stepcell_level level, stepcell_writer *fields, const char *format, ...) STEPCELL_FORMAT(3);
#define stepcell_trace(...) stepcell_log(STEPCELL_TRACE, __VA_ARGS__)
#define stepcell_debug(...) stepcell_log(STEPCELL_DEBUG, __VA_ARGS__)
#define stepcell_info(...) stepcell_log(STEPCELL_INFO, __VA_ARGS__)
#define stepcell_warn(...) stepcell_log(STEPCELL_WARN, __VA_ARGS__)
#define stepcell_error(...) stepcell_log(STEPCELL_ERROR, __VA_ARGS__)

/* ---- what a step must be granted ---- */

/* Why a call was refused: a sentence, and the outcome `stepcell_fail_refused` makes of it. */
typedef struct stepcell_refusal {
    const char *message; /* NULL: it was not */
    stepcell_error_kind kind;
    bool final;
    uint64_t retry_after_ms;
} stepcell_refusal;
stepcell_outcome stepcell_fail_refused(stepcell_refusal refusal);

typedef struct stepcell_header {
    const char *name;
    const char *value;
} stepcell_header;

typedef struct stepcell_request {
    const char *method; /* NULL: GET */
    const char *url;
    const stepcell_header *headers;
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_length;
    uint64_t timeout_ms; /* 0: what is left of the attempt */
} stepcell_request;

typedef struct stepcell_response {
    stepcell_refusal refused; /* its message is NULL when there is an answer */
    uint16_t status;
    const stepcell_header *headers; /* names in lower case */
    size_t header_count;
    const char *body; /* with a NUL behind it */
    size_t body_length;
} stepcell_response;

/* Sends one request and waits for the whole answer. */
stepcell_response stepcell_fetch(const stepcell_request *request);
/* The first header of this name, or NULL. */
const char *stepcell_header_of(const stepcell_response *response, const char *name);

typedef struct stepcell_value {
    stepcell_refusal refused;
    bool found;
    const char *data; /* with a NUL behind it */
    size_t length;
} stepcell_value;

/* Values that outlive the run, kept for the tenant and the flow; a write is durable on return. */
stepcell_value stepcell_kv_get(const char *key);
stepcell_refusal stepcell_kv_set(const char *key, const void *data, size_t length);
/* Sets it where the value is the expected one (NULL: where there is none). `*done` is false where it is another one. */
stepcell_refusal stepcell_kv_compare_and_set(const char *key, const void *expected, size_t expected_length,
                                             const void *data, size_t length, bool *done);
stepcell_refusal stepcell_kv_delete(const char *key, bool *was_there);

typedef struct stepcell_names {
    stepcell_refusal refused;
    const char **names;
    size_t count;
} stepcell_names;
/* Keys that begin with the prefix, those after `after` (or NULL), at most `limit` and never more than 1,000. */
stepcell_names stepcell_kv_list(const char *prefix, const char *after, uint32_t limit);

/* The names of secrets the step was granted, and what stands for one in a header of this attempt's requests. */
stepcell_names stepcell_secret_names(void);
const char *stepcell_secret(const char *name, stepcell_refusal *refused);

/* ---- time and chance ---- */

/* Milliseconds since 1970-01-01T00:00:00Z. `time()` and `clock_gettime()` say the same. */
uint64_t stepcell_now_ms(void);
/* Random bytes. */
void stepcell_random(void *into, size_t length);

#ifdef __cplusplus
}
#endif
#endif /* STEPCELL_H */

#ifdef STEPCELL_IMPLEMENTATION
#undef STEPCELL_IMPLEMENTATION

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout of the canonical ABI is that of C. */
#if defined(__wasm__) && !defined(__cplusplus)
_Static_assert(sizeof(stepcell__error) == 48 && offsetof(stepcell__error, has_retry) == 24, "handler-error");
_Static_assert(sizeof(stepcell__decided) == 56 && offsetof(stepcell__decided, as) == 8, "outcome");
_Static_assert(sizeof(stepcell_outcome) == 64 && offsetof(stepcell_outcome, as) == 8, "result of handle");
#endif

/* ---- memory ---- */

static void *stepcell__new(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) __builtin_trap(); // The log needs memory, too; the host says what the attempt had.
    return memory;
}

/* What the host writes into: one more byte than it asks for, so that every text of its ends in NUL. */
STEPCELL__EXPORT("cabi_realloc") void *stepcell__realloc(void *old, size_t old_size, size_t align,
                                                                     size_t size) {
    (void)old_size, (void)align;
    char *memory = (char *)realloc(old, size + 1);
    if (!memory) __builtin_trap();
    memory[size] = '\0';
    return memory;
}

static const char *stepcell__string(stepcell__text text) {
    return text.length ? text.data : "";
}

static stepcell__text stepcell__of(const char *string) {
    stepcell__text text = {string, string ? strlen(string) : 0};
    return text;
}

static char *stepcell__vformat(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) length = 0;
    char *text = (char *)stepcell__new((size_t)length + 1);
    text[0] = '\0';
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

STEPCELL_FORMAT(1) static char *stepcell__format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = stepcell__vformat(format, arguments);
    va_end(arguments);
    return text;
}

/* The length of the UTF-8 character at `at`, 0 where there is none. */
static size_t stepcell__utf8(const unsigned char *at, size_t left) {
    unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || length > left) return 0;
    for (size_t byte = 1; byte < length; byte++)
        if ((at[byte] & 0xC0) != 0x80) return 0;
    bool overlong = (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xF0 && at[1] < 0x90);
    bool surrogate = lead == 0xED && at[1] > 0x9F;
    return overlong || surrogate || (lead == 0xF4 && at[1] > 0x8F) ? 0 : length;
}

/* Puts `?` in the place of what is no UTF-8: the host takes nothing else. */
static char *stepcell__clean(char *text) {
    size_t left = strlen(text);
    for (char *at = text; left;) {
        size_t length = stepcell__utf8((unsigned char *)at, left);
        if (!length) *at = '?', length = 1;
        at += length, left -= length;
    }
    return text;
}

/* ---- scanning: the host has checked the text, so that only its end must be feared ---- */

static const char *stepcell__blank(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
    return at;
}

static bool stepcell__is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Behind a number or a word. `strcspn` and the like may read all that follows, each time. */
static const char *stepcell__past_word(const char *at) {
    for (;; at++)
        switch (*at) {
        case '\0': case ',': case ':': case ']': case '}': case ' ': case '\t': case '\n': case '\r': return at;
        default: break;
        }
}

/* Behind the string that begins at `at`. */
static const char *stepcell__past_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
    return *at ? at + 1 : at;
}

/* Behind the value that begins at `at`. */
static const char *stepcell__past(const char *at) {
    int depth = 0;
    do {
        at = stepcell__blank(at);
        switch (*at) {
        case '\0': return at;
        case '"': at = stepcell__past_string(at); break;
        case '{': case '[': depth++, at++; break;
        case '}': case ']': depth--, at++; break;
        case ',': case ':': at++; break;
        default: at = stepcell__past_word(at); break;
        }
    } while (depth > 0);
    return at;
}

static unsigned stepcell__hex(const char *at) {
    unsigned code = 0;
    for (int digit = 0; digit < 4; digit++) {
        char c = at[digit];
        code = code << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return code;
}

static char *stepcell__put_utf8(char *into, unsigned code) {
    if (code < 0x80) {
        *into++ = (char)code;
        return into;
    }
    if (code < 0x800) {
        *into++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *into++ = (char)(0xE0 | code >> 12);
        } else {
            *into++ = (char)(0xF0 | code >> 18);
            *into++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *into++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *into++ = (char)(0x80 | (code & 0x3F));
    return into;
}

/* Reads `\uXXXX`, and its second half; half a pair is U+FFFD. `*at` is behind the `u`. */
static unsigned stepcell__escape(const char **at) {
    unsigned code = stepcell__hex(*at);
    *at += 4;
    if (code < 0xD800 || code > 0xDFFF) return code;
    if (code > 0xDBFF || (*at)[0] != '\\' || (*at)[1] != 'u') return 0xFFFD;
    unsigned low = stepcell__hex(*at + 2);
    if (low < 0xDC00 || low > 0xDFFF) return 0xFFFD;
    *at += 6;
    return 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
}

/* The string that begins at `at`, without its quotes and escapes. */
static char *stepcell__decode(const char *at) {
    const char *end = stepcell__past_string(at);
    char *text = (char *)stepcell__new((size_t)(end - at)), *into = text;
    for (at++; *at && *at != '"';) {
        if (*at != '\\') {
            *into++ = *at++;
            continue;
        }
        char escape = at[1];
        at += 2;
        switch (escape) {
        case 'b': *into++ = '\b'; break;
        case 'f': *into++ = '\f'; break;
        case 'n': *into++ = '\n'; break;
        case 'r': *into++ = '\r'; break;
        case 't': *into++ = '\t'; break;
        case 'u': into = stepcell__put_utf8(into, stepcell__escape(&at)); break;
        default: *into++ = escape; break;
        }
    }
    *into = '\0';
    return text;
}

static bool stepcell__key_is(const char *at, const char *name) {
    size_t length = strlen(name), raw = (size_t)(stepcell__past_string(at) - at) - 2;
    if (!memchr(at + 1, '\\', raw)) return raw == length && memcmp(at + 1, name, length) == 0;
    char *key = stepcell__decode(at);
    bool same = strcmp(key, name) == 0;
    free(key);
    return same;
}

/* ---- what did not fit ---- */

static char *stepcell__misfits;

/* The path from the document's root to the value: `items[3].count`; "" for the root. */
static char *stepcell__path(const char *document, const char *target) {
    char *path = stepcell__format("%s", "");
    for (const char *at = stepcell__blank(document); at != target && (*at == '[' || *at == '{');) {
        bool object = *at == '{';
        size_t index = 0;
        for (at = stepcell__blank(at + 1); *at && *at != ']' && *at != '}'; index++) {
            const char *key = at;
            if (object) at = stepcell__blank(stepcell__blank(stepcell__past_string(at)) + 1);
            const char *end = stepcell__past(at);
            if (target < end) {
                char *longer = object ? stepcell__format("%s%s%s", path, *path ? "." : "", stepcell__decode(key))
                                      : stepcell__format("%s[%zu]", path, index);
                free(path);
                path = longer;
                break;
            }
            at = stepcell__blank(end);
            if (*at == ',') at = stepcell__blank(at + 1);
        }
    }
    return path;
}

static void stepcell__misfit(stepcell_json value, const char *wanted) {
    static const char *const names[] = {"missing", "null", "a boolean", "a number", "a string", "an array", "an object"};
    if (stepcell__misfits) return;
    const char *what = value.what ? value.what : "value";
    if (!value.document) {
        stepcell__misfits = stepcell__format("there is no %s", what);
        return;
    }
    char *path = value.at ? stepcell__path(value.document, value.at) : stepcell__format("%s", "");
    if (value.missing) {
        const char *dot = *path && value.missing[0] != '[' ? "." : "";
        stepcell__misfits =
            stepcell__format("the %s does not fit the handler: `%s%s%s` is missing", what, path, dot, value.missing);
        return;
    }
    stepcell_type type = stepcell_type_of(value);
    char *is = stepcell__format("%s", names[type]);
    if (type == STEPCELL_NUMBER)
        is = stepcell__format("%.*s", (int)(stepcell__past(value.at) - value.at), value.at);
    stepcell__misfits = *path
        ? stepcell__format("the %s does not fit the handler: `%s` is %s, not %s", what, path, is, wanted)
        : stepcell__format("the %s does not fit the handler: it is %s, not %s", what, is, wanted);
}

const char *stepcell_misfit(void) {
    char *misfit = stepcell__misfits;
    stepcell__misfits = NULL;
    return misfit;
}

/* ---- reading ---- */

static stepcell_json stepcell__document(const char *text, const char *what) {
    stepcell_json value = {text ? stepcell__blank(text) : NULL, text, what, NULL};
    return value;
}

stepcell_type stepcell_type_of(stepcell_json value) {
    if (!value.at || value.missing) return STEPCELL_MISSING;
    switch (*value.at) {
    case '\0': return STEPCELL_MISSING;
    case 'n': return STEPCELL_NULL;
    case 't': case 'f': return STEPCELL_BOOL;
    case '"': return STEPCELL_STRING;
    case '[': return STEPCELL_ARRAY;
    case '{': return STEPCELL_OBJECT;
    default: return STEPCELL_NUMBER;
    }
}

static bool stepcell__is(stepcell_json value, stepcell_type type, const char *wanted) {
    if (stepcell_type_of(value) == type) return true;
    stepcell__misfit(value, wanted);
    return false;
}

static stepcell_each stepcell__each(stepcell_json container, stepcell_type type, const char *wanted) {
    stepcell_each each = {container, NULL, 0, NULL, false};
    if (stepcell__is(container, type, wanted)) each.rest = stepcell__blank(container.at + 1);
    return each;
}

stepcell_each stepcell_items(stepcell_json array) {
    return stepcell__each(array, STEPCELL_ARRAY, "an array");
}

stepcell_each stepcell_members(stepcell_json object) {
    return stepcell__each(object, STEPCELL_OBJECT, "an object");
}

/* Goes on without decoding the key; answers where it is. */
static const char *stepcell__step(stepcell_each *each) {
    if (!each->rest) return NULL;
    if (each->begun) {
        each->rest = stepcell__blank(stepcell__past(each->rest));
        each->rest = *each->rest == ',' ? stepcell__blank(each->rest + 1) : NULL;
        each->index++;
    } else {
        each->begun = true;
        if (*each->rest == ']' || *each->rest == '}') each->rest = NULL;
    }
    const char *key = each->rest;
    if (!key) return NULL;
    bool member = *key == '"' && *stepcell__blank(stepcell__past_string(key)) == ':';
    if (member) each->rest = stepcell__blank(stepcell__blank(stepcell__past_string(key)) + 1);
    each->value.at = each->rest;
    return key;
}

bool stepcell_step(stepcell_each *each) {
    const char *key = stepcell__step(each);
    each->key = key && key != each->rest ? stepcell__decode(key) : NULL;
    return key != NULL;
}

static stepcell_json stepcell__none(stepcell_json parent, const char *name) {
    // What is missing in what is missing: the first is what to say.
    if (parent.at && !parent.missing) parent.missing = name;
    return parent;
}

stepcell_json stepcell_get(stepcell_json object, const char *name) {
    if (!object.at || object.missing) return object;
    if (!stepcell__is(object, STEPCELL_OBJECT, "an object")) return stepcell__none(object, name);
    stepcell_each each = stepcell_members(object);
    for (const char *key; (key = stepcell__step(&each));)
        if (stepcell__key_is(key, name)) return each.value;
    return stepcell__none(object, name);
}

stepcell_json stepcell_at(stepcell_json array, size_t index) {
    if (!array.at || array.missing) return array;
    stepcell_each each = stepcell_items(array);
    while (stepcell__step(&each))
        if (each.index == index) return each.value;
    return stepcell__none(array, stepcell__format("[%zu]", index));
}

size_t stepcell_length(stepcell_json container) {
    bool object = stepcell_type_of(container) == STEPCELL_OBJECT;
    stepcell_each each = object ? stepcell_members(container) : stepcell_items(container);
    size_t count = 0;
    while (stepcell__step(&each)) count++;
    return count;
}

/* The digits of an integer; false where it is none or more than 2^64 - 1. */
static bool stepcell__digits(stepcell_json value, bool *negative, uint64_t *number) {
    if (stepcell_type_of(value) != STEPCELL_NUMBER) return false;
    const char *at = value.at;
    *negative = *at == '-';
    *number = 0;
    for (at += *negative; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return false;
    return *at != '.' && *at != 'e' && *at != 'E';
}

int64_t stepcell_int(stepcell_json value) {
    bool negative;
    uint64_t number;
    uint64_t most = INT64_MAX;
    if (stepcell__digits(value, &negative, &number) && number <= most + negative)
        return (int64_t)(negative ? 0 - number : number);
    stepcell__misfit(value, "an integer of 64 bits");
    return 0;
}

uint64_t stepcell_uint(stepcell_json value) {
    bool negative;
    uint64_t number;
    if (stepcell__digits(value, &negative, &number) && !(negative && number)) return number;
    stepcell__misfit(value, "an integer of 64 bits without sign");
    return 0;
}

double stepcell_number(stepcell_json value) {
    return stepcell__is(value, STEPCELL_NUMBER, "a number") ? strtod(value.at, NULL) : 0;
}

bool stepcell_bool(stepcell_json value) {
    return stepcell__is(value, STEPCELL_BOOL, "a boolean") && *value.at == 't';
}

const char *stepcell_string(stepcell_json value) {
    return stepcell__is(value, STEPCELL_STRING, "a string") ? stepcell__decode(value.at) : "";
}

static bool stepcell__absent(stepcell_json value) {
    return stepcell_type_of(value) <= STEPCELL_NULL;
}

int64_t stepcell_int_or(stepcell_json value, int64_t other) {
    return stepcell__absent(value) ? other : stepcell_int(value);
}

uint64_t stepcell_uint_or(stepcell_json value, uint64_t other) {
    return stepcell__absent(value) ? other : stepcell_uint(value);
}

double stepcell_number_or(stepcell_json value, double other) {
    return stepcell__absent(value) ? other : stepcell_number(value);
}

bool stepcell_bool_or(stepcell_json value, bool other) {
    return stepcell__absent(value) ? other : stepcell_bool(value);
}

const char *stepcell_string_or(stepcell_json value, const char *other) {
    return stepcell__absent(value) ? other : stepcell_string(value);
}

const char *stepcell_text(stepcell_json value, size_t *length) {
    if (stepcell_type_of(value) == STEPCELL_MISSING) {
        stepcell__misfit(value, "a value");
        *length = 4;
        return "null";
    }
    *length = (size_t)(stepcell__past(value.at) - value.at);
    return value.at;
}

/* ---- checking a text that the host has not ---- */

static const char *stepcell__check_string(const char *at) {
    for (at++; *at != '"';) {
        // The NUL at the end continues no character, so that nothing behind it is read.
        size_t length = stepcell__utf8((const unsigned char *)at, 4);
        if ((unsigned char)*at < 0x20 || !length) return NULL;
        if (*at != '\\') {
            at += length;
            continue;
        }
        if (at[1] != 'u') {
            if (!at[1] || !strchr("\"\\/bfnrt", at[1])) return NULL;
            at += 2;
            continue;
        }
        for (int digit = 2; digit < 6; digit++)
            if (!at[digit] || !strchr("0123456789abcdefABCDEF", at[digit])) return NULL;
        at += 6;
    }
    return at + 1;
}

/* Behind the digits, or NULL where there are none. */
static const char *stepcell__check_digits(const char *at) {
    if (!stepcell__is_digit(*at)) return NULL;
    while (stepcell__is_digit(*at)) at++;
    return at;
}

static const char *stepcell__check_number(const char *at) {
    if (*at == '-') at++;
    if (*at == '0' && stepcell__is_digit(at[1])) return NULL;
    at = stepcell__check_digits(at);
    if (at && *at == '.') at = stepcell__check_digits(at + 1);
    if (at && (*at == 'e' || *at == 'E')) at = stepcell__check_digits(at + (at[1] == '+' || at[1] == '-' ? 2 : 1));
    return at;
}

static const char *stepcell__check(const char *at, int depth);

static const char *stepcell__check_inside(const char *at, int depth) {
    char end = *at == '{' ? '}' : ']';
    at = stepcell__blank(at + 1);
    if (*at == end) return at + 1;
    for (;;) {
        if (end == '}') {
            if (*at != '"' || !(at = stepcell__check_string(at))) return NULL;
            at = stepcell__blank(at);
            if (*at++ != ':') return NULL;
        }
        if (!(at = stepcell__check(at, depth + 1))) return NULL;
        at = stepcell__blank(at);
        if (*at == end) return at + 1;
        if (*at++ != ',') return NULL;
        at = stepcell__blank(at);
    }
}

/* Behind the value, or NULL where it is none. */
static const char *stepcell__check(const char *at, int depth) {
    at = stepcell__blank(at);
    if (depth > 64) return NULL;
    if (*at == '"') return stepcell__check_string(at);
    if (*at == '{' || *at == '[') return stepcell__check_inside(at, depth);
    if (strncmp(at, "true", 4) == 0 || strncmp(at, "null", 4) == 0) return at + 4;
    if (strncmp(at, "false", 5) == 0) return at + 5;
    return stepcell__check_number(at);
}

stepcell_json stepcell_parse(const char *text, size_t length, const char *what) {
    char *copy = (char *)stepcell__new(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    const char *end = stepcell__check(copy, 1);
    if (end && stepcell__blank(end) == copy + length) return stepcell__document(copy, what);
    if (!stepcell__misfits) stepcell__misfits = stepcell__format("the %s is no JSON", what);
    return stepcell__document(NULL, what);
}

/* ---- writing ---- */

static void stepcell__put(stepcell_writer *writer, const char *bytes, size_t length) {
    if (writer->capacity - writer->length < length) {
        size_t capacity = writer->capacity * 2 > writer->length + length ? writer->capacity * 2 : writer->length + length + 64;
        writer->data = (char *)realloc(writer->data, capacity);
        if (!writer->data) __builtin_trap();
        writer->capacity = capacity;
    }
    memcpy(writer->data + writer->length, bytes, length);
    writer->length += length;
}

/* Remembers why the text is no JSON. */
static void stepcell__wrong(stepcell_writer *writer, const char *key, const char *why) {
    if (!writer->wrong) writer->wrong = key ? stepcell__format("`%s` %s", key, why) : stepcell__format("it %s", why);
}

static void stepcell__quote(stepcell_writer *writer, const char *key, const char *text, size_t length) {
    stepcell__put(writer, "\"", 1);
    for (size_t at = 0, from = 0; at <= length;) {
        unsigned char c = at < length ? (unsigned char)text[at] : '"';
        size_t step = at < length ? stepcell__utf8((const unsigned char *)text + at, length - at) : 1;
        if (!step) {
            stepcell__wrong(writer, key, "is not UTF-8");
            return;
        }
        if (c == '"' || c == '\\' || c < 0x20) {
            stepcell__put(writer, text + from, at - from);
            if (at == length) break;
            char escape[7] = {'\\', (char)c, 0};
            if (c < 0x20) snprintf(escape, sizeof escape, "\\u%04x", c);
            stepcell__put(writer, escape, strlen(escape));
            from = at + 1;
        }
        at += step;
    }
    stepcell__put(writer, "\"", 1);
}

/* What stands in front of a value; false when it must not be there. */
static bool stepcell__begin(stepcell_writer *writer, const char *key) {
    if (writer->wrong) return false;
    uint64_t bit = writer->depth ? 1ull << (writer->depth - 1) : 0;
    bool object = writer->in_object & bit;
    if (!writer->depth && writer->length) stepcell__wrong(writer, key, "follows a value that was complete");
    if (object && !key) stepcell__wrong(writer, NULL, "has a member without a key");
    if (!object && key) stepcell__wrong(writer, key, "is a key outside of an object");
    if (writer->wrong) return false;
    if (writer->filled & bit) stepcell__put(writer, ",", 1);
    writer->filled |= bit;
    if (object) {
        stepcell__quote(writer, key, key, strlen(key));
        stepcell__put(writer, ":", 1);
    }
    return !writer->wrong;
}

static void stepcell__open(stepcell_writer *writer, const char *key, bool object) {
    if (!stepcell__begin(writer, key)) return;
    if (writer->depth == 64) {
        stepcell__wrong(writer, key, "is more than 64 levels deep");
        return;
    }
    uint64_t bit = 1ull << writer->depth++;
    writer->filled &= ~bit;
    writer->in_object = object ? writer->in_object | bit : writer->in_object & ~bit;
    stepcell__put(writer, object ? "{" : "[", 1);
}

void stepcell_write_object(stepcell_writer *writer, const char *key) {
    stepcell__open(writer, key, true);
}

void stepcell_write_array(stepcell_writer *writer, const char *key) {
    stepcell__open(writer, key, false);
}

void stepcell_write_end(stepcell_writer *writer) {
    if (writer->wrong) return;
    if (!writer->depth) {
        stepcell__wrong(writer, NULL, "has an end without a beginning");
        return;
    }
    stepcell__put(writer, writer->in_object >> --writer->depth & 1 ? "}" : "]", 1);
}

static void stepcell__plain(stepcell_writer *writer, const char *key, const char *text) {
    if (stepcell__begin(writer, key)) stepcell__put(writer, text, strlen(text));
}

void stepcell_write_null(stepcell_writer *writer, const char *key) {
    stepcell__plain(writer, key, "null");
}

void stepcell_write_bool(stepcell_writer *writer, const char *key, bool value) {
    stepcell__plain(writer, key, value ? "true" : "false");
}

void stepcell_write_int(stepcell_writer *writer, const char *key, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    stepcell__plain(writer, key, text);
}

void stepcell_write_uint(stepcell_writer *writer, const char *key, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    stepcell__plain(writer, key, text);
}

void stepcell_write_number(stepcell_writer *writer, const char *key, double value) {
    if (isnan(value) || isinf(value)) {
        stepcell__wrong(writer, key, isnan(value) ? "is NaN, which is no JSON" : "is infinite, which is no JSON");
        return;
    }
    char text[32];
    // As few digits as bring the same number back.
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    stepcell__plain(writer, key, text);
}

void stepcell_write_chars(stepcell_writer *writer, const char *key, const char *value, size_t length) {
    if (memchr(value, '\0', length)) stepcell__wrong(writer, key, "has a NUL in it");
    if (stepcell__begin(writer, key)) stepcell__quote(writer, key, value, length);
}

void stepcell_write_string(stepcell_writer *writer, const char *key, const char *value) {
    value ? stepcell_write_chars(writer, key, value, strlen(value)) : stepcell_write_null(writer, key);
}

void stepcell_write_json(stepcell_writer *writer, const char *key, stepcell_json value) {
    size_t length;
    const char *text = stepcell_text(value, &length);
    if (stepcell__begin(writer, key)) stepcell__put(writer, text, length);
}

/* The text that was written, or NULL and why it is none. */
static stepcell__text stepcell__written(const stepcell_writer *writer, const char **wrong) {
    stepcell__text null = {"null", 4}, none = {NULL, 0};
    if (!writer) return null;
    *wrong = writer->wrong    ? writer->wrong
             : writer->depth   ? "an object or array has no end"
             : !writer->length ? "nothing was written"
                               : NULL;
    stepcell__text text = {writer->data, writer->length};
    return *wrong ? none : text;
}

/* ---- outcomes ---- */

enum { STEPCELL__COMPLETE, STEPCELL__NEXT, STEPCELL__RETRY, STEPCELL__SLEEP, STEPCELL__AWAIT, STEPCELL__SPAWN, STEPCELL__SKIP, STEPCELL__FAIL, STEPCELL__LEAVE };

static stepcell_outcome stepcell__decided_as(uint8_t tag) {
    stepcell_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.as.decided.tag = tag;
    return outcome;
}

static stepcell_outcome stepcell__fail(stepcell_error_kind kind, char *message) {
    stepcell_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.is_error = 1;
    outcome.as.error.kind = (uint8_t)kind;
    outcome.as.error.message = stepcell__of(stepcell__clean(message));
    return outcome;
}

#define STEPCELL__FAIL(kind)                                                                                           \
    va_list arguments;                                                                                                 \
    va_start(arguments, format);                                                                                       \
    char *message = stepcell__vformat(format, arguments);                                                              \
    va_end(arguments);                                                                                                 \
    return stepcell__fail(kind, message)

stepcell_outcome stepcell_fail_validation(const char *format, ...) { STEPCELL__FAIL(STEPCELL_VALIDATION); }
stepcell_outcome stepcell_fail_execution(const char *format, ...) { STEPCELL__FAIL(STEPCELL_EXECUTION); }
stepcell_outcome stepcell_fail_configuration(const char *format, ...) { STEPCELL__FAIL(STEPCELL_CONFIGURATION); }
stepcell_outcome stepcell_fail_dependency(const char *format, ...) { STEPCELL__FAIL(STEPCELL_DEPENDENCY); }

/* Puts what was written into the outcome; where it is no JSON, that is what the outcome says. */
static stepcell_outcome stepcell__keep(stepcell_outcome *outcome, stepcell__text *in, const stepcell_writer *writer,
                                       const char *what) {
    const char *wrong = NULL;
    *in = stepcell__written(writer, &wrong);
    return wrong ? stepcell_fail_configuration("the %s cannot be written as JSON: %s", what, wrong) : *outcome;
}

stepcell_outcome stepcell_complete(stepcell_writer *output) {
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__COMPLETE);
    return stepcell__keep(&outcome, &outcome.as.decided.as.text, output, "output");
}

stepcell_outcome stepcell_complete_json(stepcell_json output) {
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__COMPLETE);
    outcome.as.decided.as.text.data = stepcell_text(output, &outcome.as.decided.as.text.length);
    return outcome;
}

stepcell_outcome stepcell_complete_null(void) {
    return stepcell_complete(NULL);
}

stepcell_outcome stepcell_next(const char *phase, stepcell_writer *state) {
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__NEXT);
    outcome.as.decided.as.next.phase = stepcell__of(phase);
    return stepcell__keep(&outcome, &outcome.as.decided.as.next.state, state, "state");
}

stepcell_outcome stepcell_sleep(uint64_t ms, const char *phase, stepcell_writer *state) {
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__SLEEP);
    outcome.as.decided.as.next.phase = stepcell__of(phase);
    outcome.as.decided.as.next.ms = ms;
    return stepcell__keep(&outcome, &outcome.as.decided.as.next.state, state, "state");
}

stepcell_outcome stepcell_await_signals(const char *const *names, const char *phase, stepcell_writer *state) {
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__AWAIT);
    size_t count = 0;
    while (names[count]) count++;
    stepcell__text *list = (stepcell__text *)stepcell__new(count * sizeof *list);
    for (size_t at = 0; at < count; at++) list[at] = stepcell__of(names[at]);
    outcome.as.decided.as.await.names.data = (const char *)list;
    outcome.as.decided.as.await.names.length = count;
    outcome.as.decided.as.await.phase = stepcell__of(phase);
    return stepcell__keep(&outcome, &outcome.as.decided.as.await.state, state, "state");
}

stepcell_outcome stepcell_with_timeout(stepcell_outcome outcome, uint64_t ms) {
    if (!outcome.is_error && outcome.as.decided.tag == STEPCELL__AWAIT) {
        stepcell__maybe_u64 timeout = {1, ms};
        outcome.as.decided.as.await.timeout_ms = timeout;
    }
    return outcome;
}

typedef struct { stepcell__text flow, input; stepcell__maybe_text key; } stepcell__child_start;

stepcell_outcome stepcell_spawn(const stepcell_start *children, size_t count, const char *phase, stepcell_writer *state) {
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__SPAWN);
    stepcell__child_start *list = (stepcell__child_start *)stepcell__new(count * sizeof *list);
    for (size_t at = 0; at < count; at++) {
        const char *wrong = NULL;
        list[at].flow = stepcell__of(children[at].flow);
        list[at].input = stepcell__written(children[at].input, &wrong);
        list[at].key.some = children[at].key != NULL;
        list[at].key.value = stepcell__of(children[at].key);
        if (wrong) return stepcell_fail_configuration("the input of child %zu cannot be written as JSON: %s", at, wrong);
    }
    outcome.as.decided.as.spawn.children.data = (const char *)list;
    outcome.as.decided.as.spawn.children.length = count;
    outcome.as.decided.as.spawn.phase = stepcell__of(phase);
    return stepcell__keep(&outcome, &outcome.as.decided.as.spawn.state, state, "state");
}

stepcell_outcome stepcell_retry(void) {
    return stepcell__decided_as(STEPCELL__RETRY);
}

stepcell_outcome stepcell_with_state(stepcell_outcome retry, stepcell_writer *state) {
    if (retry.is_error || retry.as.decided.tag != STEPCELL__RETRY) return retry;
    retry.as.decided.as.retry.state.some = 1;
    return stepcell__keep(&retry, &retry.as.decided.as.retry.state.value, state, "state");
}

stepcell_outcome stepcell_skip(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__SKIP);
    outcome.as.decided.as.text = stepcell__of(stepcell__clean(stepcell__vformat(format, arguments)));
    va_end(arguments);
    return outcome;
}

static stepcell__error *stepcell__error_of(stepcell_outcome *outcome) {
    if (outcome->is_error) return &outcome->as.error;
    return outcome->as.decided.tag == STEPCELL__FAIL ? &outcome->as.decided.as.error : NULL;
}

stepcell_outcome stepcell_with_retry(stepcell_outcome outcome, bool retry) {
    stepcell__error *error = stepcell__error_of(&outcome);
    if (error) error->has_retry = 1, error->retry = retry;
    return outcome;
}

stepcell_outcome stepcell_with_retry_after(stepcell_outcome outcome, uint64_t ms) {
    stepcell__error *error = stepcell__error_of(&outcome);
    stepcell__maybe_u64 after = {1, ms};
    if (error) error->retry_after_ms = after;
    else if (outcome.as.decided.tag == STEPCELL__RETRY) outcome.as.decided.as.retry.after_ms = after;
    return outcome;
}

stepcell_outcome stepcell_with_details(stepcell_outcome outcome, stepcell_writer *details) {
    stepcell__error *error = stepcell__error_of(&outcome);
    const char *wrong = NULL;
    stepcell__text text = stepcell__written(details, &wrong);
    if (error && !wrong) error->details.some = 1, error->details.value = text;
    return outcome;
}

stepcell_outcome stepcell_fail(stepcell_outcome error) {
    if (!error.is_error) return error;
    stepcell_outcome outcome = stepcell__decided_as(STEPCELL__FAIL);
    outcome.as.decided.as.error = error.as.error;
    return outcome;
}

stepcell_outcome stepcell_leave(void) {
    return stepcell__decided_as(STEPCELL__LEAVE);
}

/* ---- the attempt ---- */

typedef struct {
    stepcell__text tenant, run_id, flow;
    uint32_t flow_version;
    stepcell__text step, handler;
    uint32_t index, attempt, max_attempts;
    stepcell__text phase, idempotency_key;
    stepcell__maybe_text traceparent;
} stepcell__task;

STEPCELL__IMPORT("context", "task") void stepcell__host_task(stepcell__task *into);
STEPCELL__IMPORT("context", "flow-input") void stepcell__host_flow_input(stepcell__text *into);
STEPCELL__IMPORT("context", "state") void stepcell__host_state(stepcell__maybe_text *into);
STEPCELL__IMPORT("context", "awaited") void stepcell__host_awaited(stepcell__text *into);
STEPCELL__IMPORT("context", "inbox") void stepcell__host_inbox(stepcell__text *into);
STEPCELL__IMPORT("context", "children") void stepcell__host_children(stepcell__text *into);
STEPCELL__IMPORT("context", "cancelled") int32_t stepcell__host_cancelled(void);
STEPCELL__IMPORT("context", "remaining-ms") uint64_t stepcell__host_remaining_ms(void);

const stepcell_task *stepcell_context(void) {
    static stepcell_task task;
    if (task.tenant) return &task;
    stepcell__task wire;
    stepcell__host_task(&wire);
    task.tenant = stepcell__string(wire.tenant);
    task.run_id = stepcell__string(wire.run_id);
    task.flow = stepcell__string(wire.flow);
    task.flow_version = wire.flow_version;
    task.step = stepcell__string(wire.step);
    task.handler = stepcell__string(wire.handler);
    task.index = wire.index;
    task.attempt = wire.attempt;
    task.max_attempts = wire.max_attempts;
    task.phase = stepcell__string(wire.phase);
    task.idempotency_key = stepcell__string(wire.idempotency_key);
    task.traceparent = wire.traceparent.some ? stepcell__string(wire.traceparent.value) : NULL;
    return &task;
}

stepcell_json stepcell_flow_input(void) {
    stepcell__text text;
    stepcell__host_flow_input(&text);
    return stepcell__document(stepcell__string(text), "flow's input");
}

stepcell_json stepcell_state(void) {
    stepcell__maybe_text text;
    stepcell__host_state(&text);
    return stepcell__document(text.some ? stepcell__string(text.value) : NULL, "state of the phase before");
}

bool stepcell_cancelled(void) {
    return stepcell__host_cancelled() != 0;
}

uint64_t stepcell_remaining_ms(void) {
    return stepcell__host_remaining_ms();
}

typedef struct { uint64_t id; stepcell__text name, payload; } stepcell__signal;

static const stepcell_signal *stepcell__signals(stepcell__text list, size_t *count) {
    const stepcell__signal *wire = (const stepcell__signal *)(const void *)list.data;
    stepcell_signal *signals = (stepcell_signal *)stepcell__new(list.length * sizeof *signals);
    for (size_t at = 0; at < list.length; at++) {
        signals[at].id = wire[at].id;
        signals[at].name = stepcell__string(wire[at].name);
        char *what = stepcell__format("payload of signal `%s`", signals[at].name);
        signals[at].payload = stepcell__document(stepcell__string(wire[at].payload), what);
    }
    *count = list.length;
    return signals;
}

const stepcell_signal *stepcell_awaited(size_t *count) {
    stepcell__text list;
    stepcell__host_awaited(&list);
    return stepcell__signals(list, count);
}

const stepcell_signal *stepcell_inbox(size_t *count) {
    stepcell__text list;
    stepcell__host_inbox(&list);
    return stepcell__signals(list, count);
}

typedef struct {
    stepcell__text run_id;
    stepcell__maybe_text key;
    uint8_t status;
    stepcell__maybe_text output, error;
} stepcell__child;

const stepcell_child *stepcell_children(size_t *count) {
    stepcell__text list;
    stepcell__host_children(&list);
    const stepcell__child *wire = (const stepcell__child *)(const void *)list.data;
    stepcell_child *children = (stepcell_child *)stepcell__new(list.length * sizeof *children);
    for (size_t at = 0; at < list.length; at++) {
        const stepcell__child *from = &wire[at];
        stepcell_child *child = &children[at];
        child->run_id = stepcell__string(from->run_id);
        child->key = from->key.some ? stepcell__string(from->key.value) : NULL;
        child->status = (stepcell_child_status)from->status;
        child->error = from->error.some ? stepcell__string(from->error.value) : NULL;
        char *what = stepcell__format("output of child run %s", child->run_id);
        child->output = stepcell__document(from->output.some ? stepcell__string(from->output.value) : NULL, what);
    }
    *count = list.length;
    return children;
}

/* ---- log ---- */

STEPCELL__IMPORT("log", "write")
void stepcell__host_log(int32_t level, const char *message, size_t length, int32_t some, const char *fields,
                        size_t fields_length);

void stepcell_log(stepcell_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *message = stepcell__clean(stepcell__vformat(format, arguments));
    va_end(arguments);
    stepcell__host_log(level, message, strlen(message), 0, NULL, 0);
    free(message);
}

void stepcell_log_with(stepcell_level level, stepcell_writer *fields, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *message = stepcell__clean(stepcell__vformat(format, arguments));
    va_end(arguments);
    const char *wrong = NULL;
    stepcell__text text = stepcell__written(fields, &wrong);
    stepcell__host_log(level, message, strlen(message), !wrong, text.data, text.length);
    free(message);
}

/* ---- handlers ---- */

/* One object of what the dependencies answered. */
static const char *stepcell__join(const char *data, size_t count) {
    const stepcell__text *pairs = (const stepcell__text *)(const void *)data;
    stepcell_writer object = {0};
    stepcell_write_object(&object, NULL);
    for (size_t at = 0; at < count; at++) {
        const char *name = stepcell__string(pairs[2 * at]);
        stepcell_write_json(&object, name, stepcell__document(stepcell__string(pairs[2 * at + 1]), name));
    }
    stepcell_write_end(&object);
    stepcell__put(&object, "", 1);
    return object.data;
}

stepcell_json stepcell__input(int32_t tag, char *data, size_t length) {
    stepcell__text text = {data, length};
    if (tag == 1) return stepcell__document(stepcell__join(data, length), "dependencies' output");
    return stepcell__document(stepcell__string(text), tag ? "element" : "flow's input");
}

static const stepcell_handler *stepcell__find(const char *name) {
    if (stepcell_handler_count == 1 && !name[0]) return stepcell_handlers;
    for (size_t at = 0; at < stepcell_handler_count; at++)
        if (strcmp(stepcell_handlers[at].name, name) == 0) return &stepcell_handlers[at];
    return NULL;
}

static stepcell_outcome stepcell__unknown(const char *name) {
    char *names = stepcell__format("%s", "");
    for (size_t at = 0; at < stepcell_handler_count; at++)
        names = stepcell__format("%s%s`%s`", names, at ? ", " : "", stepcell_handlers[at].name);
    if (name[0])
        return stepcell_fail_configuration(
            "the component has no handler `%s`, only %s; change the step's `handler`", name, names);
    return stepcell_fail_configuration(
        "the component carries several handlers (%s), and the step names none; add `handler = ...`", names);
}

/* What was printed without a line's end, once anything is printed. */
static void (*stepcell__end_of_console)(void);

static stepcell_outcome stepcell__settle(stepcell_outcome outcome) {
    fflush(NULL);
    if (stepcell__end_of_console) stepcell__end_of_console();
    bool completes = !outcome.is_error && outcome.as.decided.tag == STEPCELL__COMPLETE;
    if (completes && stepcell__misfits) return stepcell_fail_validation("%s", stepcell__misfits);
    if (completes && !outcome.as.decided.as.text.length)
        return stepcell_fail_configuration("the handler returned an outcome that no function of `stepcell.h` made");
    return outcome;
}

STEPCELL__EXPORT("handle") void *stepcell__handle(int32_t tag, char *data, size_t length) {
    static stepcell_outcome outcome;
    const char *name = stepcell_context()->handler;
    const stepcell_handler *handler = stepcell__find(name);
    outcome = handler ? stepcell__settle(handler->run(stepcell__input(tag, data, length))) : stepcell__unknown(name);
    if (!outcome.is_error && outcome.as.decided.tag == STEPCELL__LEAVE)
        outcome = stepcell_fail_configuration("`stepcell_leave` is an answer to `on-error` only");
    return &outcome;
}

/* What is no JSON is there as a text that says so, which the upload refuses; of a description that it cannot read it would only make a
 * note. */
void stepcell__carry(stepcell_writer *said, const char *flow) {
    stepcell_json value = stepcell_parse(flow, strlen(flow), "flow");
    if (value.at) stepcell_write_json(said, "flow", value);
    else stepcell_write_string(said, "flow", "STEPCELL_FLOW got no JSON");
}

STEPCELL__EXPORT("describe") stepcell__text *stepcell__describe(void) {
    static stepcell__text text;
    const char *wrong = NULL;
    stepcell_writer said = {0};
    stepcell_write_object(&said, NULL);
    stepcell_write_array(&said, "handlers");
    for (size_t at = 0; at < stepcell_handler_count; at++) stepcell_write_string(&said, NULL, stepcell_handlers[at].name);
    stepcell_write_end(&said);
    if (&stepcell__undo_count) {
        stepcell_write_array(&said, "compensates");
        for (size_t at = 0; at < stepcell__undo_count; at++) stepcell_write_string(&said, NULL, stepcell__undos[at].name);
        stepcell_write_end(&said);
    }
    if (stepcell__flow) stepcell__flow(&said);
    stepcell_write_end(&said);
    text = stepcell__written(&said, &wrong);
    return &text;
}

stepcell_failure stepcell__failure(char *kind, char *message, char *details) {
    stepcell_failure failure = {kind, message, stepcell__document(details, "details of the failure")};
    return failure;
}

void *stepcell__decide(stepcell_outcome outcome) {
    static struct {
        uint8_t is_error;
        union { stepcell__error error; struct { uint8_t some; stepcell__decided decided; } maybe; } as;
    } answer;
    outcome = stepcell__settle(outcome);
    answer.is_error = outcome.is_error;
    if (outcome.is_error) {
        answer.as.error = outcome.as.error;
    } else {
        answer.as.maybe.some = outcome.as.decided.tag != STEPCELL__LEAVE;
        answer.as.maybe.decided = outcome.as.decided;
    }
    return &answer;
}

void *stepcell__undone(stepcell_json input, char *output) {
    static stepcell_outcome outcome;
    const char *name = stepcell_context()->handler;
    const stepcell_undo *found = stepcell__undo_count == 1 && !name[0] ? stepcell__undos : NULL;
    for (size_t at = 0; !found && at < stepcell__undo_count; at++)
        if (strcmp(stepcell__undos[at].name, name) == 0) found = &stepcell__undos[at];
    // A handler without one has nothing to undo.
    if (found) outcome = stepcell__settle(found->run(input, stepcell__document(output, "task's output")));
    if (!outcome.is_error && outcome.as.decided.tag == STEPCELL__FAIL) {
        stepcell__error error = outcome.as.decided.as.error;
        outcome.is_error = 1;
        outcome.as.error = error;
    }
    return &outcome;
}

/* ---- what a step must be granted ---- */

stepcell_outcome stepcell_fail_refused(stepcell_refusal refusal) {
    const char *message = refusal.message ? refusal.message : "nothing was refused";
    stepcell_outcome error = stepcell__fail(refusal.kind, stepcell__format("%s", message));
    if (refusal.final) error = stepcell_with_retry(error, false);
    if (refusal.retry_after_ms) error = stepcell_with_retry_after(error, refusal.retry_after_ms);
    return error;
}

static stepcell_refusal stepcell__refused(stepcell_error_kind kind, const char *message) {
    stepcell_refusal refusal = {message, kind, false, 0};
    return refusal;
}

/* Refused by a number that another try does not change. */
static stepcell_refusal stepcell__refused_for_good(char *message) {
    stepcell_refusal refusal = {message, STEPCELL_EXECUTION, true, 0};
    return refusal;
}

typedef struct {
    uint8_t is_error;
    union {
        struct { uint16_t status; stepcell__text headers, body; } response;
        struct { uint8_t tag; union { stepcell__text why; uint64_t u64; uint32_t u32; } as; } error;
    } as;
} stepcell__fetched;

STEPCELL__IMPORT("fetch", "send")
void stepcell__host_send(const char *method, size_t method_length, const char *url, size_t url_length,
                         const stepcell__text *headers, size_t header_count, int32_t has_body, const void *body,
                         size_t body_length, int32_t has_timeout, uint64_t timeout_ms, stepcell__fetched *into);

/* The cases of `fetch-error`. */
enum {
    STEPCELL__FETCH_INVALID,
    STEPCELL__FETCH_DENIED,
    STEPCELL__FETCH_REFUSED_ADDRESS,
    STEPCELL__FETCH_DNS,
    STEPCELL__FETCH_CONNECT,
    STEPCELL__FETCH_TLS,
    STEPCELL__FETCH_TIMEOUT,
    STEPCELL__FETCH_TOO_LARGE,
    STEPCELL__FETCH_TOO_MANY,
    STEPCELL__FETCH_DEPENDENCY_UNAVAILABLE,
    STEPCELL__FETCH_LOST_CLAIM,
    STEPCELL__FETCH_OTHER,
};

static stepcell_refusal stepcell__fetch_refused(const stepcell__fetched *answer) {
    const char *why = answer->as.error.as.why.data;
    unsigned long long most = answer->as.error.as.u64;
    switch (answer->as.error.tag) {
    case STEPCELL__FETCH_INVALID: return stepcell__refused(STEPCELL_VALIDATION, why);
    case STEPCELL__FETCH_DENIED:
    case STEPCELL__FETCH_REFUSED_ADDRESS: return stepcell__refused(STEPCELL_CONFIGURATION, why);
    case STEPCELL__FETCH_TIMEOUT: return stepcell__refused(STEPCELL_DEPENDENCY, "the request took too long");
    case STEPCELL__FETCH_TOO_LARGE:
        return stepcell__refused_for_good(stepcell__format("a body has more than %llu bytes", most));
    case STEPCELL__FETCH_TOO_MANY:
        return stepcell__refused_for_good(
            stepcell__format("an attempt sends at most %u requests", (unsigned)answer->as.error.as.u32));
    case STEPCELL__FETCH_DEPENDENCY_UNAVAILABLE: {
        stepcell_refusal held = stepcell__refused(
            STEPCELL_DEPENDENCY,
            stepcell__format("requests are held back after failures in a row; the next one in %llu ms", most));
        held.retry_after_ms = most;
        return held;
    }
    case STEPCELL__FETCH_LOST_CLAIM: return stepcell__refused(STEPCELL_DEPENDENCY, "another worker has the task now");
    default: return stepcell__refused(STEPCELL_DEPENDENCY, why);
    }
}

stepcell_response stepcell_fetch(const stepcell_request *request) {
    stepcell_response response;
    memset(&response, 0, sizeof response);
    stepcell__text method = stepcell__of(request->method ? request->method : "GET"), url = stepcell__of(request->url);
    stepcell__text *sent = (stepcell__text *)stepcell__new(request->header_count * 2 * sizeof *sent);
    for (size_t at = 0; at < request->header_count; at++) {
        sent[2 * at] = stepcell__of(request->headers[at].name);
        sent[2 * at + 1] = stepcell__of(request->headers[at].value);
    }
    stepcell__fetched answer;
    stepcell__host_send(method.data, method.length, url.data, url.length, sent, request->header_count,
                        request->body != NULL, request->body, request->body_length, request->timeout_ms != 0,
                        request->timeout_ms, &answer);
    free(sent);
    if (answer.is_error) {
        response.refused = stepcell__fetch_refused(&answer);
        return response;
    }
    response.status = answer.as.response.status;
    response.header_count = answer.as.response.headers.length;
    const stepcell__text *came = (const stepcell__text *)(const void *)answer.as.response.headers.data;
    stepcell_header *headers = (stepcell_header *)stepcell__new(response.header_count * sizeof *headers);
    for (size_t at = 0; at < response.header_count; at++) {
        headers[at].name = stepcell__string(came[2 * at]);
        headers[at].value = stepcell__string(came[2 * at + 1]);
    }
    response.headers = headers;
    response.body = stepcell__string(answer.as.response.body);
    response.body_length = answer.as.response.body.length;
    return response;
}

const char *stepcell_header_of(const stepcell_response *response, const char *name) {
    for (size_t at = 0; at < response->header_count; at++)
        if (strcasecmp(response->headers[at].name, name) == 0) return response->headers[at].value;
    return NULL;
}

/* Any answer of `key-value`: the value's place depends on what was asked. */
typedef struct {
    uint8_t is_error;
    union {
        stepcell__maybe_text value;
        uint8_t done;
        stepcell__text keys;
        struct { uint8_t tag; union { stepcell__text why; uint64_t most; } as; } error;
    } as;
    // In an answer the union is aligned to 8: the error has a u64.
} stepcell__stored;

STEPCELL__IMPORT("key-value", "get") void stepcell__host_get(const char *, size_t, stepcell__stored *);
STEPCELL__IMPORT("key-value", "set") void stepcell__host_set(const char *, size_t, const void *, size_t, stepcell__stored *);
STEPCELL__IMPORT("key-value", "compare-and-set")
void stepcell__host_compare_and_set(const char *, size_t, int32_t, const void *, size_t, const void *, size_t, stepcell__stored *);
STEPCELL__IMPORT("key-value", "delete") void stepcell__host_delete(const char *, size_t, stepcell__stored *);
STEPCELL__IMPORT("key-value", "list-keys")
void stepcell__host_list_keys(const char *, size_t, int32_t, const char *, size_t, uint32_t, stepcell__stored *);

/* The cases of `store-error`. */
enum {
    STEPCELL__STORE_DENIED,
    STEPCELL__STORE_INVALID,
    STEPCELL__STORE_TOO_LARGE,
    STEPCELL__STORE_TOO_MANY,
    STEPCELL__STORE_FULL,
    STEPCELL__STORE_LOST_CLAIM,
    STEPCELL__STORE_OTHER,
};

static stepcell_refusal stepcell__store_refused(const stepcell__stored *answer) {
    stepcell_refusal none = {NULL, STEPCELL_EXECUTION, false, 0};
    if (!answer->is_error) return none;
    const char *why = answer->as.error.as.why.data;
    unsigned long long most = answer->as.error.as.most;
    switch (answer->as.error.tag) {
    case STEPCELL__STORE_DENIED: return stepcell__refused(STEPCELL_CONFIGURATION, why);
    case STEPCELL__STORE_INVALID: return stepcell__refused(STEPCELL_VALIDATION, why);
    case STEPCELL__STORE_TOO_LARGE:
        return stepcell__refused_for_good(stepcell__format("a value has at most %llu bytes", most));
    case STEPCELL__STORE_TOO_MANY:
        return stepcell__refused_for_good(stepcell__format("an attempt does no more than %llu of it", most));
    case STEPCELL__STORE_FULL:
        return stepcell__refused(STEPCELL_DEPENDENCY,
                                 stepcell__format("the values of a tenant have at most %llu bytes", most));
    case STEPCELL__STORE_LOST_CLAIM: return stepcell__refused(STEPCELL_DEPENDENCY, "another worker has the task now");
    default: return stepcell__refused(STEPCELL_DEPENDENCY, why);
    }
}

stepcell_value stepcell_kv_get(const char *key) {
    stepcell__stored answer;
    stepcell__host_get(key, strlen(key), &answer);
    stepcell_value value = {stepcell__store_refused(&answer), false, "", 0};
    if (!answer.is_error && answer.as.value.some) {
        value.found = true;
        value.data = stepcell__string(answer.as.value.value);
        value.length = answer.as.value.value.length;
    }
    return value;
}

stepcell_refusal stepcell_kv_set(const char *key, const void *data, size_t length) {
    stepcell__stored answer;
    stepcell__host_set(key, strlen(key), data, length, &answer);
    return stepcell__store_refused(&answer);
}

stepcell_refusal stepcell_kv_compare_and_set(const char *key, const void *expected, size_t expected_length,
                                             const void *data, size_t length, bool *done) {
    stepcell__stored answer;
    stepcell__host_compare_and_set(key, strlen(key), expected != NULL, expected, expected_length, data, length, &answer);
    *done = !answer.is_error && answer.as.done;
    return stepcell__store_refused(&answer);
}

stepcell_refusal stepcell_kv_delete(const char *key, bool *was_there) {
    stepcell__stored answer;
    stepcell__host_delete(key, strlen(key), &answer);
    *was_there = !answer.is_error && answer.as.done;
    return stepcell__store_refused(&answer);
}

static stepcell_names stepcell__names(stepcell__text list) {
    const stepcell__text *wire = (const stepcell__text *)(const void *)list.data;
    stepcell_names names = {{NULL, STEPCELL_EXECUTION, false, 0}, NULL, list.length};
    names.names = (const char **)stepcell__new(list.length * sizeof *names.names);
    for (size_t at = 0; at < list.length; at++) names.names[at] = stepcell__string(wire[at]);
    return names;
}

stepcell_names stepcell_kv_list(const char *prefix, const char *after, uint32_t limit) {
    stepcell__stored answer;
    stepcell__text from = stepcell__of(after), none = {NULL, 0};
    stepcell__host_list_keys(prefix, strlen(prefix), after != NULL, from.data, from.length, limit, &answer);
    stepcell_names names = stepcell__names(answer.is_error ? none : answer.as.keys);
    names.refused = stepcell__store_refused(&answer);
    return names;
}

typedef struct {
    uint8_t is_error;
    union { stepcell__text placeholder; struct { uint8_t tag; stepcell__text why; } error; } as;
} stepcell__placed;

STEPCELL__IMPORT("secrets", "names") void stepcell__host_secret_names(stepcell__text *into);
STEPCELL__IMPORT("secrets", "placeholder") void stepcell__host_placeholder(const char *, size_t, stepcell__placed *);

stepcell_names stepcell_secret_names(void) {
    stepcell__text list;
    stepcell__host_secret_names(&list);
    return stepcell__names(list);
}

const char *stepcell_secret(const char *name, stepcell_refusal *refused) {
    stepcell__placed answer;
    stepcell__host_placeholder(name, strlen(name), &answer);
    *refused = stepcell__refused(STEPCELL_CONFIGURATION, answer.is_error ? answer.as.error.why.data : NULL);
    return answer.is_error ? "" : stepcell__string(answer.as.placeholder);
}

/* ---- time and chance ---- */

STEPCELL__IMPORT("system", "now-ms") uint64_t stepcell__host_now_ms(void);
STEPCELL__IMPORT("system", "random-bytes") void stepcell__host_random_bytes(uint32_t length, stepcell__text *into);

uint64_t stepcell_now_ms(void) {
    return stepcell__host_now_ms();
}

void stepcell_random(void *into, size_t length) {
    enum { STEPCELL__MOST_RANDOM = 4096 };
    for (char *at = (char *)into; length;) {
        stepcell__text bytes;
        uint32_t asked = length < STEPCELL__MOST_RANDOM ? (uint32_t)length : (uint32_t)STEPCELL__MOST_RANDOM;
        stepcell__host_random_bytes(asked, &bytes);
        memcpy(at, bytes.data, asked);
        at += asked, length -= asked;
    }
}

/* ---- what libc would ask WASI for; STEPCELL_WASI leaves it to WASI, as files in /scratch need ---- */

#if defined(__wasm__) && !defined(STEPCELL_WASI)
enum { STEPCELL__OK = 0, STEPCELL__BADF = 8, STEPCELL__SPIPE = 70, STEPCELL__LINE = 1024 };

/* Lines of stdout and stderr that have no end yet. */
static struct { char text[STEPCELL__LINE]; size_t length; } stepcell__lines[2];

static void stepcell__end_line(int which) {
    size_t length = stepcell__lines[which].length;
    stepcell__lines[which].length = 0;
    if (!length) return;
    char *text = stepcell__clean(stepcell__format("%.*s", (int)length, stepcell__lines[which].text));
    stepcell__host_log(which ? STEPCELL_WARN : STEPCELL_INFO, text, strlen(text), 0, NULL, 0);
    free(text);
}

static void stepcell__end_console(void) {
    stepcell__end_line(0);
    stepcell__end_line(1);
}

typedef struct { const char *data; size_t length; } stepcell__vector;

int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t fd, int32_t vectors, int32_t count, int32_t written) {
    if (fd != 1 && fd != 2) return STEPCELL__BADF;
    const stepcell__vector *vector = (const stepcell__vector *)(uintptr_t)vectors;
    size_t *total = (size_t *)(uintptr_t)written;
    stepcell__end_of_console = stepcell__end_console;
    *total = 0;
    for (int32_t at = 0; at < count; at++) {
        for (size_t byte = 0; byte < vector[at].length; byte++) {
            char c = vector[at].data[byte];
            if (c != '\n') stepcell__lines[fd - 1].text[stepcell__lines[fd - 1].length++] = c;
            if (c == '\n' || stepcell__lines[fd - 1].length == STEPCELL__LINE) stepcell__end_line(fd - 1);
        }
        *total += vector[at].length;
    }
    return STEPCELL__OK;
}

/* A terminal: so that libc hands over each line when it ends. */
int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t fd, int32_t into) {
    if (fd < 0 || fd > 2) return STEPCELL__BADF;
    memset((void *)(uintptr_t)into, 0, 24);
    *(uint8_t *)(uintptr_t)into = 2;
    return STEPCELL__OK;
}

int32_t __imported_wasi_snapshot_preview1_fd_seek(int32_t fd, int64_t offset, int32_t whence, int32_t into) {
    (void)fd, (void)offset, (void)whence, (void)into;
    return STEPCELL__SPIPE;
}

/* Of libc itself: there, zig's imports without a name that could be defined. */
int close(int fd) {
    (void)fd;
    return 0;
}

int32_t __imported_wasi_snapshot_preview1_fd_read(int32_t fd, int32_t vectors, int32_t count, int32_t read) {
    (void)fd, (void)vectors, (void)count;
    *(size_t *)(uintptr_t)read = 0;
    return STEPCELL__OK;
}

int32_t __imported_wasi_snapshot_preview1_environ_sizes_get(int32_t count, int32_t bytes) {
    *(size_t *)(uintptr_t)count = *(size_t *)(uintptr_t)bytes = 0;
    return STEPCELL__OK;
}

int32_t __imported_wasi_snapshot_preview1_environ_get(int32_t names, int32_t bytes) {
    (void)names, (void)bytes;
    return STEPCELL__OK;
}

__attribute__((noreturn)) void __imported_wasi_snapshot_preview1_proc_exit(int32_t code) {
    stepcell__end_console();
    stepcell_log(STEPCELL_ERROR, "the handler called exit(%d)", code);
    __builtin_trap();
}

int32_t __imported_wasi_snapshot_preview1_clock_time_get(int32_t clock, int64_t precision, int32_t into) {
    (void)clock, (void)precision;
    *(uint64_t *)(uintptr_t)into = stepcell__host_now_ms() * 1000000;
    return STEPCELL__OK;
}

int32_t __imported_wasi_snapshot_preview1_clock_res_get(int32_t clock, int32_t into) {
    (void)clock;
    *(uint64_t *)(uintptr_t)into = 1000000;
    return STEPCELL__OK;
}

int32_t __imported_wasi_snapshot_preview1_random_get(int32_t into, int32_t length) {
    stepcell_random((void *)(uintptr_t)into, (size_t)length);
    return STEPCELL__OK;
}
#endif /* __wasm__ && !STEPCELL_WASI */

#ifdef __cplusplus
}
#endif
#endif /* STEPCELL_IMPLEMENTATION */
