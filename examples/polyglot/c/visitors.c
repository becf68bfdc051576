// Estimates how many visitors there were, in a kilobyte however many there are, by counting zero bits (HyperLogLog): the
// sketches of two hours make that of both, so that each hour is counted by a task of its own.
#define STEPCELL_IMPLEMENTATION
#include "stepcell.h"

#include <math.h>
#include <string.h>

enum { INDEX_BITS = 10, REGISTERS = 1 << INDEX_BITS };
// A register is one printable character of the sketch, from one that JSON need not escape on.
enum { EMPTY = '#', LARGEST = 64 - INDEX_BITS + 1 };

typedef struct { unsigned char registers[REGISTERS]; } sketch_of;

static uint64_t hash_of(const char *client, const char *agent) {
    uint64_t hash = 0xcbf29ce484222325;
    for (; *client; client++) hash = (hash ^ (unsigned char)*client) * 0x100000001b3;
    hash *= 0x100000001b3; // as a NUL between the two
    for (; *agent; agent++) hash = (hash ^ (unsigned char)*agent) * 0x100000001b3;
    // FNV leaves the upper bits of short texts alike; this spreads them.
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
    return hash ^ hash >> 33;
}

static void add(sketch_of *sketch, uint64_t hash) {
    uint64_t rest = hash << INDEX_BITS | 1ull << (INDEX_BITS - 1);
    unsigned char rank = (unsigned char)(__builtin_clzll(rest) + 1);
    unsigned char *at = &sketch->registers[hash >> (64 - INDEX_BITS)];
    if (*at < rank) *at = rank;
}

static int64_t estimate(const sketch_of *sketch) {
    double sum = 0;
    int empty = 0;
    for (int at = 0; at < REGISTERS; at++) {
        sum += ldexp(1, -sketch->registers[at]);
        empty += sketch->registers[at] == 0;
    }
    double raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS * REGISTERS / sum;
    bool is_small = raw <= 2.5 * REGISTERS && empty > 0;
    return llround(is_small ? REGISTERS * log((double)REGISTERS / empty) : raw);
}

static stepcell_outcome sketch(stepcell_json hour) {
    sketch_of sketch = {0};
    stepcell_each each = stepcell_items(stepcell_get(hour, "requests"));
    while (stepcell_step(&each)) {
        const char *client = stepcell_string(stepcell_get(each.value, "client"));
        add(&sketch, hash_of(client, stepcell_string(stepcell_get(each.value, "agent"))));
    }
    char text[REGISTERS];
    for (int at = 0; at < REGISTERS; at++) text[at] = (char)(EMPTY + sketch.registers[at]);

    stepcell_writer answer = {0};
    stepcell_write_object(&answer, NULL);
    stepcell_write_int(&answer, "at", stepcell_int(stepcell_get(hour, "at")));
    stepcell_write_uint(&answer, "requests", each.index);
    stepcell_write_int(&answer, "visitors", estimate(&sketch));
    stepcell_write_chars(&answer, "sketch", text, sizeof text);
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}

// Takes the larger register of two hours: what either of them saw.
static bool merge(sketch_of *into, const char *text) {
    if (strlen(text) != REGISTERS) return false;
    for (int at = 0; at < REGISTERS; at++) {
        int rank = text[at] - EMPTY;
        if (rank < 0 || rank > LARGEST) return false;
        if (into->registers[at] < rank) into->registers[at] = (unsigned char)rank;
    }
    return true;
}

static stepcell_outcome visitors(stepcell_json deps) {
    sketch_of day = {0};
    stepcell_writer answer = {0};
    stepcell_write_object(&answer, NULL);
    stepcell_write_array(&answer, "hours");
    stepcell_each hour = stepcell_items(stepcell_get(deps, "sketch"));
    while (stepcell_step(&hour)) {
        if (!merge(&day, stepcell_string(stepcell_get(hour.value, "sketch"))))
            return stepcell_fail_validation("`sketch[%zu].sketch` is no sketch", hour.index);
        stepcell_write_object(&answer, NULL);
        stepcell_write_json(&answer, "at", stepcell_get(hour.value, "at"));
        stepcell_write_json(&answer, "requests", stepcell_get(hour.value, "requests"));
        stepcell_write_json(&answer, "visitors", stepcell_get(hour.value, "visitors"));
        stepcell_write_end(&answer);
    }
    stepcell_write_end(&answer);
    stepcell_write_int(&answer, "visitors", estimate(&day));
    // Two of three estimates are nearer than this.
    stepcell_write_number(&answer, "error", 1.04 / sqrt(REGISTERS));
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}

STEPCELL_HANDLERS({"sketch", sketch}, {"visitors", visitors})
