// Scores an order: what it costs, and whether a person has to look at it.
#define STEPCELL_IMPLEMENTATION
#include "stepcell.h"

enum { MOST = 1000000 };

static stepcell_outcome score(stepcell_json input) {
    const char *customer = stepcell_string(stepcell_get(input, "customer"));
    bool express = stepcell_bool_or(stepcell_get(input, "express"), false);

    int64_t cents = 0;
    stepcell_each item = stepcell_items(stepcell_get(input, "items"));
    while (stepcell_step(&item)) {
        int64_t count = stepcell_int(stepcell_get(item.value, "count"));
        int64_t price = stepcell_int(stepcell_get(item.value, "cents"));
        const char *misfit = stepcell_misfit();
        if (misfit) return stepcell_fail_validation("%s", misfit);
        if (count < 1 || count > MOST || price < 0 || price > MOST)
            return stepcell_fail_validation("`items[%zu]` has a count or price that cannot be", item.index);
        cents += count * price;
    }
    stepcell_info("the order of %s has %zu items", customer, item.index);

    stepcell_writer answer = {0};
    stepcell_write_object(&answer, NULL);
    stepcell_write_string(&answer, "customer", customer);
    stepcell_write_int(&answer, "cents", cents);
    stepcell_write_bool(&answer, "review", express || cents > 100000);
    stepcell_write_end(&answer);
    return stepcell_complete(&answer);
}

STEPCELL_HANDLERS({"score", score})
