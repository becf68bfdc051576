//! Scores an order: what it costs, and whether a person has to look at it.

use serde::{Deserialize, Serialize};
use stepcell_guest::{Error, info};

const MOST: i64 = 1_000_000;

#[derive(Deserialize)]
struct Order {
    customer: String,
    #[serde(default)]
    express: bool,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    count: i64,
    cents: i64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Scored {
    customer: String,
    cents: i64,
    review: bool,
}

fn score(order: Order) -> Result<Scored, Error> {
    let mut cents = 0;
    for (at, Item { count, cents: each }) in order.items.iter().enumerate() {
        if !(1..=MOST).contains(count) || !(0..=MOST).contains(each) {
            let message = format!("`items[{at}]` has a count or price that cannot be");
            return Err(Error::validation(message));
        }
        cents += count * each;
    }
    info!(items = order.items.len(), customer = order.customer, "scored the order");
    let review = order.express || cents > 100_000;
    Ok(Scored { customer: order.customer, cents, review })
}

stepcell_guest::handlers! { score }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_costs_what_its_items_cost() {
        let items = vec![Item { count: 2, cents: 250 }, Item { count: 1, cents: 99 }];
        let order = Order { customer: "ada".to_owned(), express: false, items };
        let scored = Scored { customer: "ada".to_owned(), cents: 599, review: false };
        assert_eq!(score(order).unwrap(), scored);
    }
}
