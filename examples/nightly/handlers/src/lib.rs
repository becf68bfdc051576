//! The takings of every shop, asked for one by one and summed up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stepcell_guest::{Error, info};

/// What the schedule starts a run with.
#[derive(Deserialize)]
struct Night {
    shops: Vec<String>,
}

/// What a shop took in a day.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Takings {
    shop: String,
    cents: u64,
}

#[derive(Deserialize)]
struct Asked {
    ask: Vec<Takings>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Report {
    shops: usize,
    cents: u64,
    best: Option<String>,
}

/// The shops to ask, each of them once.
fn shops(night: Night) -> Result<BTreeSet<String>, Error> {
    Ok(night.shops.into_iter().collect())
}

/// Asks one shop. It stands for a call to the shop's till: what it took follows from its name.
fn ask(shop: String) -> Result<Takings, Error> {
    let cents = shop.bytes().map(u64::from).sum::<u64>() * 100;
    info!(shop = shop, cents = cents, "asked");
    Ok(Takings { shop, cents })
}

/// Sums up what the shops answered.
fn report(asked: Asked) -> Result<Report, Error> {
    let cents = asked.ask.iter().map(|takings| takings.cents).sum();
    let best = asked.ask.iter().max_by_key(|takings| takings.cents);
    let best = best.map(|takings| takings.shop.clone());
    Ok(Report { shops: asked.ask.len(), cents, best })
}

stepcell_guest::handlers! { shops, ask, report }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_that_is_named_twice_is_asked_once() {
        let night = Night { shops: ["b", "a", "b"].map(str::to_owned).to_vec() };
        let shops: Vec<String> = shops(night).unwrap().into_iter().collect();
        let ask: Vec<Takings> = shops.into_iter().map(|shop| ask(shop).unwrap()).collect();
        let report = report(Asked { ask }).unwrap();
        assert_eq!(report, Report { shops: 2, cents: 19_500, best: Some("b".to_owned()) });
    }
}
