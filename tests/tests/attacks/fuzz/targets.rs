//! What is fed, and what must hold whatever comes.

use std::net::IpAddr;

use model::cron::{Cron, Moment};
use model::iso8601::IsoDuration;
use model::manifest::{Manifest, Problems};
use model::{FetchPattern, Gate, Grants, HttpMethod, HttpRequest, Origin};
use outbound::Outbound;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use reqwest::Url;
use sandbox::{Sandbox, Settings};
use stepcell_tests::host::compiler;

use super::{fuzz, seeds};

/// The most problems an upload is told of.
const MOST_REASONS: usize = 110;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn whatever_passes_the_gate_is_json_and_passes_again() {
    fuzz(seeds("gate"), 10_000, |bytes| {
        if let Ok(json) = Gate::default().check(bytes) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_ok());
            prop_assert!(Gate::default().check(json.as_str().as_bytes()).is_ok());
            prop_assert_eq!(json.as_str().as_bytes(), bytes);
        }
        Ok(())
    });
}

fn manifest(read: Result<Manifest, Problems>) -> Result<(), TestCaseError> {
    match read {
        Ok(manifest) => drop(manifest.components()),
        Err(problems) => {
            prop_assert!(!problems.problems.is_empty());
            prop_assert!(problems.to_string().len() < 64 * 1024);
        }
    }
    Ok(())
}

#[test]
fn a_manifest_in_toml_is_read_or_its_problems_are_said() {
    fuzz(seeds("manifest_toml"), 2_000, |bytes| manifest(Manifest::from_toml(&text(bytes))));
}

#[test]
fn a_manifest_in_json_is_read_or_its_problems_are_said() {
    fuzz(seeds("manifest_json"), 2_000, |bytes| manifest(Manifest::from_json(bytes)));
}

#[test]
fn an_upload_is_inspected_or_the_reasons_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path().to_owned(), [7; 32], compiler());
    let sandbox = Sandbox::new(Settings { slots: 1, ..settings }).unwrap();
    let modules = ["good", "echo", "describes", "durable", "wasi_prints", "on_error_traps"];
    let modules: Vec<Vec<u8>> = modules.iter().map(|name| attacks::module(name)).collect();
    let completed = |bytes: &Vec<u8>| sandbox.inspect(bytes).unwrap().component.to_vec();
    let components: Vec<Vec<u8>> = modules.iter().map(completed).collect();
    let seeds = [modules, components, seeds("component")].concat();
    fuzz(seeds, 1_000, |bytes| {
        match sandbox.inspect(bytes) {
            Ok(inspection) => prop_assert!(sandbox.inspect(&inspection.component).is_ok()),
            Err(reasons) => {
                prop_assert!((1..=MOST_REASONS).contains(&reasons.len()));
                prop_assert!(reasons.iter().all(|reason| !reason.detail.is_empty()));
            }
        }
        Ok(())
    });
}

/// Whether nothing but the wide world has this address, as the standard library knows it.
fn is_special(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
    }
}

#[test]
fn no_spelling_of_an_address_leads_inside() {
    let anywhere: Vec<FetchPattern> =
        ["*:*", "http://*:*"].map(|text| text.parse().unwrap()).into();
    let outbound =
        Outbound::new(outbound::Settings { allowed: anywhere.clone(), networks: Vec::new() });
    let grants = Grants { fetch: anywhere, ..Grants::default() };
    fuzz(seeds("url"), 10_000, |bytes| {
        let Ok(url) = Url::parse(&text(bytes)) else { return Ok(()) };
        let literal: Option<IpAddr> =
            url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        let request = HttpRequest {
            method: HttpMethod::Get,
            url: url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let Ok(call) = outbound.permit(&grants, request) else { return Ok(()) };
        prop_assert!(literal.is_none_or(|ip| !is_special(ip)), "{}", url);
        prop_assert_eq!(Some(call.origin().clone()), Origin::of(&url));
        Ok(())
    });
}

#[test]
fn a_pattern_of_origins_is_read_back_as_it_is_shown() {
    fuzz(seeds("pattern"), 10_000, |bytes| {
        if let Ok(pattern) = text(bytes).parse::<FetchPattern>() {
            prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
        Ok(())
    });
}

#[test]
fn a_duration_is_kept_as_it_was_written() {
    fuzz(seeds("iso8601"), 20_000, |bytes| {
        let text = text(bytes);
        if let Ok(duration) = text.parse::<IsoDuration>() {
            prop_assert_eq!(duration.to_string(), text);
        }
        Ok(())
    });
}

#[test]
fn a_cron_expression_names_moments_in_order() {
    fuzz(seeds("cron"), 2_000, |bytes| {
        let text = text(bytes);
        let (expression, zone) = text.split_once('\n').unwrap_or((&text, "UTC"));
        if let Ok(cron) = Cron::read(expression, zone) {
            let first = cron.next_after(Moment(1_800_000_000));
            let second = first.and_then(|first| cron.next_after(first));
            prop_assert!(second.is_none() || second > first, "{} {:?} {:?}", text, first, second);
        }
        Ok(())
    });
}
